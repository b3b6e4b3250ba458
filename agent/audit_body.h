/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * audit_body — the body of a record: canonical JSON, whose lists are bounded as audit.h says.
 */
#include "agent/audit.h"

void audit_body_put_request(
    struct bytes *b, const struct audit_request *request, const char *ledger_id);
void audit_body_put_foreign(
    struct bytes *b, const struct audit_foreign *foreign, const char *ledger_id);
