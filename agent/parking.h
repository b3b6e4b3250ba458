/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * parking — a judged request that others must agree to first becomes a parked one.
 *
 * What is parked is all that they are shown, and that the same uid needs to ask for the same again:
 * a summary with what a list tells, and a body with messages and differences.
 *
 *     summary: {"documents":[{format, repository, role, version, digest, keys}…],
 *               "grants":[those that ask for votes], "valid_in":[…]}
 *     body:    {"messages":[base64…], "differences":[array or null…]}, one for each document
 */
#include "agent/judgment.h"

/* Park the request, whose decision is RC_PENDING, within the open transaction, and note its id in
 * judgment->votes. What ledger_park() says. */
must_check enum rc parking_put(
    struct judgment *judgment, struct ledger *ledger, uid_t uid, struct why *why);

/* Whether it is parked and waits for votes, as it was judged last. */
bool parking_is_parked(const struct judgment *judgment);
/* The parameters of NeedsApproval for a parked request, as it was judged last. NULL: no memory. */
json_t *parking_format_error(const struct judgment *judgment, uid_t uid);
/* The same for people, in one sentence. */
void parking_describe(char *ret, size_t room, const struct judgment *judgment, uid_t uid);
/* Bytes of documents and bases that a call holds while it waits. */
size_t parking_n_bytes(const struct judgment *judgment);
