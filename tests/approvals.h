/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * approvals — an agent whose Alice signs targets/qa only if others agree, and what they say to it.
 * Whatever fails, fails the test.
 */
#include "agent/ledger_parked.h"
#include "tests/daemon.h"

#define UID_CAROL 10005 /* approves, as Bob does */

/* Set-up of a test; daemon_close() is its tear-down. One vote of Bob or Carol is wanted; Alice is
 * an approver, too. */
int approvals_open(void **state);
/* Who may approve from now on, and how many must: 'approvals' of the grant, behind a comma. */
void approvals_set(struct daemon *d, const char *approvals);

/* Parameters of Sign for a document of that version of targets/qa; the same one each time. */
json_t *approvals_order(int64_t version);
json_t *approvals_order_of(const char *role, int64_t version, const char *const *keys);
/* Ask for a version that has to wait; its id and the first digits of its digest. */
void approvals_park(
    struct daemon *d, uid_t uid, int64_t version, char id[PARKED_ID_LEN + 1], char digits[9]);
/* Ask with "more", as a client that waits for votes, or not. parameters are consumed. */
void approvals_ask_more(struct daemon *d, int fd, json_t *parameters, bool waits);
/* Alice has that version signed. */
void approvals_sign_well(struct daemon *d, int64_t version);

/* Answers of Approve and Deny. reason may be NULL. */
json_t *approvals_vote(struct daemon *d, uid_t uid, const char *id, const char *digits);
void approvals_vote_well(struct daemon *d, uid_t uid, const char *id, const char *digits);
json_t *approvals_deny(struct daemon *d, uid_t uid, const char *id, const char *reason);
/* How many requests uid is told of. */
size_t approvals_count(struct daemon *d, uid_t uid);
