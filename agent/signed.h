/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signed — what a request for signatures gives: the reply to Sign, and the file of a root that was
 * just signed.
 */
#include "agent/signatures.h"

/* The parameters of the reply; NULL: no memory. signatures: NULL: a dry run. record: 0: none. */
json_t *signed_format(
    const struct judgment *judgment, const struct signatures *signatures, int64_t record);
/* Keep the published form of a root document of the request, in the open transaction: a client that
 * comes back finishes with it, and chains are verified from the first one. RC_STORAGE,
 * RC_NO_MEMORY. */
must_check enum rc signed_put_root(struct ledger *ledger, const struct judgment *judgment,
    const struct signatures *signatures, size_t document, struct why *why);
