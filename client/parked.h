/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * parked — a request that waits for the approval of others, as Pending tells it and people look at
 * it before they agree.
 */
#include "client/agent_call.h"

#define PARKED_ID_TYPED_BYTES 64 /* more than any id has */

struct parked {
    json_t *reply; /* owns all of it */
    const json_t *request;
    const char *id, *created, *expires;
    int64_t uid;
    char digest[DIGEST_HEX_LEN + 1]; /* of what is shown: computed here */
    const json_t *approvals, *documents, *valid_in;
};

/* One request with all that it has. What agent_call() says; RC_MALFORMED: the answer;
 * RC_UNTRUSTED: the agent's digest is not that of the documents. parked_done(). */
must_check enum rc parked_new(
    struct parked *ret, struct agent_call *agent, const char *id, struct why *why);
/* One of a list, without messages; borrows from it. */
must_check enum rc parked_read(struct parked *ret, const json_t *request, struct why *why);
void parked_done(struct parked *parked); /* zeros are fine */

/* "alice", or the number where there is no account. */
void parked_name_uid(struct bytes *b, int64_t uid);
/* "1 of 2 (group security)", for each grant. */
void parked_put_votes(struct bytes *b, const json_t *approvals);
/* Append it for people, in lines: who asks for what, what it changes, where it is valid. */
must_check enum rc parked_format(struct bytes *b, const struct parked *parked, struct why *why);
/* An id as people type it: *ret is what it is meant to be, without the characters that none has. */
void parked_read_id(char ret[PARKED_ID_TYPED_BYTES], const char *typed);
