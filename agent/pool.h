/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pool — the workers of one token, kept running, and what waits for them.
 *
 * A worker that loses its token looks for it again, and one that ends is replaced: at once if it
 * was logged in and this is the first time since its last signature, else after a time that
 * doubles. The first one logs in alone; the others are started after it succeeded. What a worker
 * was asked for when it lost the token is asked of it again, and when it ended of another one,
 * once; what hung is not asked again.
 */
#include "agent/keyring.h"
#include "agent/place.h"

struct pool;

/* changed: called from the event loop when the state or a place is not what it was. All pointers
 * are borrowed for life, but policy is counted. */
struct pool_setup {
    sd_event *event;
    struct ledger *ledger;
    struct worker_form form;
    void (*changed)(void *userdata);
    void *userdata;
};

/* index: of the token in policy. Workers start with the next turn of the loop. */
must_check enum rc pool_new(struct pool **ret, const struct pool_setup *setup,
    struct policy *policy, size_t index, struct why *why);
void pool_free(struct pool *pool); /* jobs are dropped without a call */
DEFINE_CLEANUP(struct pool, pool_free);

/* Have the workers look for a key; the same URI gives the same place. pubkey: the only one that may
 * be there; NULL: any, and then the one that is found. RC_TOO_LARGE: TOKEN_KEYS_MAX. */
must_check enum rc pool_add_place(
    uint32_t *ret, struct pool *pool, const char *uri, struct pubkey *pubkey, struct why *why);
size_t pool_n_places(const struct pool *pool);
const struct place *pool_place(const struct pool *pool, uint32_t place);

const char *pool_serial(const struct pool *pool); /* as the policy or the ledger pins it */
enum keyring_state pool_state(const struct pool *pool, const char **ret_detail);
bool pool_is_settled(const struct pool *pool); /* ready with all keys known, or not ready */
size_t pool_n_queued(const struct pool *pool);
/* In how many milliseconds what waits now is likely to be signed, within BUSY_RETRY_MIN_MS and
 * BUSY_RETRY_MAX_MS. */
uint64_t pool_retry_ms(const struct pool *pool);
size_t pool_n_ready(const struct pool *pool); /* workers that are logged in */

const struct meter *pool_meter(const struct pool *pool);

/* As keyring_sign(). */
must_check enum rc pool_sign(struct pool *pool, struct keyring_job *job, struct why *why);

/* As those of the keyring. */
must_check enum rc pool_check_unlock(
    enum keyring_need *ret, const struct pool *pool, bool force, struct why *why);
must_check enum rc pool_unlock(
    struct pool *pool, const struct keyring_unlock *order, struct why *why);
must_check enum rc pool_lock(struct pool *pool, struct why *why);
void pool_end_unlock(struct pool *pool);

/* As keyring_run(); takes the errand, and NULLs it. */
must_check enum rc pool_run_take(struct pool *pool, struct errand **errand, struct why *why);

/* As keyring_wait(), for a job of this pool. */
struct keyring_wait pool_wait(const struct pool *pool, const struct keyring_job *job);

/* The token's entry is the same in another policy. Its keys are looked for anew. */
void pool_move(struct pool *pool, struct policy *policy, size_t index);
/* Finish what the workers have, fail what waits, and end them; no call of changed comes any more.
 */
void pool_retire(struct pool *pool);
bool pool_is_over(const struct pool *pool); /* retired, and all workers are gone */
