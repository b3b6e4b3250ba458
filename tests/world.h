/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * world — a keyring on a SoftHSM token, with a policy by hand and a ledger in the token's
 * directory, for tests. What does not come as awaited fails the test.
 */
#include <sys/types.h>

#include "agent/keyring.h"
#include "tests/softhsm.h"

#define WORLD_KEYS_MAX 8
#define WORLD_JOBS_MAX 64

/* An agent's keyring on a token of its own, with a policy by hand. */
struct world {
    sd_event *event;
    struct ledger *ledger;
    struct keyring *keyring;
    struct policy policy;
    struct policy_token tokens[2];
    struct policy_key keys[WORLD_KEYS_MAX];
    struct policy_place places[WORLD_KEYS_MAX][2];
    bool is_settled;
    size_t n_done;
    enum rc rcs[WORLD_JOBS_MAX];
    uid_t order[WORLD_JOBS_MAX]; /* whose jobs were done, in order */
};

struct want {
    struct world *world;
    const struct pubkey *pubkey;
    enum verify_method method;
    char message[32];
    struct digest digest;
    struct keyring_job *job;
    uid_t uid;
};

void world_open(struct world *w, struct softhsm *softhsm);
void world_close(struct world *w);
/* A key on the first token; returns its index. */
size_t world_add_key(struct world *w, const char *name, const char *uri);

void world_start(struct world *w);  /* the keyring */
void world_settle(struct world *w); /* the same, and wait until all tokens have answered */
void world_stop(struct world *w);
void world_turn(struct world *w); /* of the event loop */

void world_assert_state(struct world *w, size_t i, enum keyring_state state);
void world_await_state(struct world *w, size_t i, enum keyring_state state);

/* Ask for a signature, whose end w->rcs and w->order tell; a good one is verified. */
must_check enum rc world_ask(
    struct world *w, struct want *want, size_t i, enum verify_method method, uid_t uid);
/* The same, and wait for it. */
enum rc world_sign(struct world *w, size_t i, enum verify_method method);

/* Processes that this one started; at most max. */
size_t world_list_workers(pid_t *ret, size_t max);
