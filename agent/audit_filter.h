/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * audit_filter — which records somebody asked for, and may see: by what their bodies say.
 */
#include <sys/types.h>

#include "proto/bytes.h"
#include "proto/rc.h"

/* Texts are borrowed; NULL: any. Repository and role are those of one document, or of a signature
 * of others. */
struct audit_filter {
    bool has_uid;
    uid_t uid;
    const char *door; /* through which it was asked */
    const char *repository, *role, *outcome, *reason;
};

/* RC_MALFORMED: an outcome or a reason that no record ever has, and would only find nothing. */
must_check enum rc audit_filter_check(const struct audit_filter *filter, struct why *why);
/* body: of a record, canonical JSON; anything else is admitted only where nothing is asked for. */
bool audit_filter_admits(const struct audit_filter *filter, struct span body);
