/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * answer — the errors of the interface with their parameters filled in, and the words for a
 * decision.
 */
#include "agent/conn.h"
#include "agent/judgment.h"

/* Put what is consumed into an array or object, *ret. NULL afterwards, and for good: no memory. So
 * a reply is built without checks, and conn_reply() says that it failed. */
void answer_add(json_t **ret, json_t *element);
void answer_set(json_t **ret, const char *name, json_t *value);
/* The same for a time, seconds UTC, as the interface writes it. */
void answer_set_time(json_t **ret, const char *name, int64_t at);

/* For methods without parameters. False: there are some, and the call is answered already. */
must_check bool answer_no_parameters(struct conn *conn, const json_t *parameters);

/* Any error for which why says all there is: each kind puts it into the parameter it has for that.
 */
void answer_error(struct conn *conn, enum rc rc, const struct why *why);
/* Over that bound; come back after so many milliseconds. */
void answer_busy(struct conn *conn, const char *bound, uint64_t retry_ms);
/* The token that failed at the work, by its name. rc: RC_TOKEN, RC_LOCKED or RC_TIMEOUT. */
void answer_token(struct conn *conn, enum rc rc, const char *token, const char *remedy);
/* What a judgment fails with. document: the index of the one at fault, or -1 for the request
 * itself. RC_NOT_FOUND: a file of a chain that is not held, and why is its digest. */
void answer_bad_document(struct conn *conn, enum rc rc, int document, const struct why *why);
/* The reason alone, for callers who are to learn no more. record: where admins find more; 0:
 * nowhere. */
void answer_reason(struct conn *conn, enum reason reason, int64_t record);
/* What the decision, which is no RC_OK, says: Denied, TokenUnavailable, Stale, Rollback, or
 * NeedsApproval, where the request is parked. record:
 * its sequence; 0: it is not recorded. */
void answer_decision(
    struct conn *conn, struct agent *agent, const struct judgment *judgment, int64_t record);
/* The verdict of one document as Explain returns it. NULL: no memory. */
json_t *answer_verdict(const struct judgment *judgment, size_t document);
