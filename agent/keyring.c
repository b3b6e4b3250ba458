/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyring.h"

#include "agent/dispatch.h"
#include "agent/keystate.h"

/* The tokens and keys of one policy. */
struct view {
    struct policy *policy;
    struct pool **pools; /* in the order of policy's tokens */
    bool *is_borrowed;   /* the pool belongs to another view */
    struct key *keys;
    size_t n_keys;
    struct keyring_token *tokens;
};

struct keyring {
    struct pool_setup setup;
    struct view *view;
    struct pool **retired; /* still finishing what they have */
    size_t n_retired;
    sd_event_source *update; /* enabled when a token or place is not what it was */
    bool is_settled;
    void (*on_settled)(void *userdata);
    void *userdata;
    void (*on_news)(void *userdata, const struct keyring_token *token);
    void *news_userdata;
    void (*on_moved)(const struct keyring_key *key);
};

const char *
keyring_state_name(enum keyring_state state)
{
    static const char *const names[KEYRING_STATE_MAX_] = {
        [KEYRING_STARTING] = "starting",
        [KEYRING_READY] = "ready",
        [KEYRING_ABSENT] = "absent",
        [KEYRING_LOCKED] = "locked",
        [KEYRING_FAILING] = "failing",
        [KEYRING_NO_KEY] = "no-key",
        [KEYRING_CHANGED] = "key-changed",
        [KEYRING_UNSUITABLE] = "unsuitable",
    };

    return names[state];
}

static void
view_free(struct view *view)
{
    if (!view)
        return;

    for (size_t i = 0; i < view->n_keys; i++)
        key_done(&view->keys[i]);
    for (size_t i = 0; view->pools && view->is_borrowed && i < view->policy->n_tokens; i++)
        if (!view->is_borrowed[i])
            pool_free(view->pools[i]);
    free(view->pools);
    free(view->is_borrowed);
    free(view->keys);
    free(view->tokens);
    policy_unref(view->policy);
    free(view);
}
DEFINE_CLEANUP(struct view, view_free);

/* The pool that serves such a token already; NULL: none. One that has looked for many keys that the
 * policy does not name any more is not taken over. */
static struct pool *
find_pool(const struct view *view, const struct policy_token *token, size_t n_keys)
{
    for (size_t i = 0; view && i < view->policy->n_tokens; i++)
        if (policy_token_eq(&view->policy->tokens[i], token) &&
            pool_n_places(view->pools[i]) + n_keys <= TOKEN_KEYS_MAX)
            return view->pools[i];

    return NULL;
}

static enum rc
add_pools(struct view *view, const struct keyring *keyring, struct why *why)
{
    const struct policy *policy = view->policy;

    for (size_t i = 0; i < policy->n_tokens; i++) {
        const struct policy_token *token = &policy->tokens[i];

        view->pools[i] = find_pool(keyring->view, token, policy->n_keys);
        view->is_borrowed[i] = view->pools[i];
        view->tokens[i].policy = token;
        if (view->pools[i])
            continue;

        enum rc rc = pool_new(&view->pools[i], &keyring->setup, view->policy, i, why);
        if (rc)
            return within(why, rc, "token '%s'", token->name);
    }

    return RC_OK;
}

static enum rc
view_new(struct view **ret, struct keyring *keyring, struct policy *policy, struct why *why)
{
    closing(view_freep) struct view *view = calloc(1, sizeof *view);
    if (!view)
        return fail_memory(why);

    view->policy = policy_ref(policy);
    view->pools = calloc(policy->n_tokens + 1, sizeof(struct pool *));
    view->is_borrowed = calloc(policy->n_tokens + 1, sizeof *view->is_borrowed);
    view->tokens = calloc(policy->n_tokens + 1, sizeof *view->tokens);
    view->keys = calloc(policy->n_keys + 1, sizeof *view->keys);
    if (!view->pools || !view->is_borrowed || !view->tokens || !view->keys)
        return fail_memory(why);

    enum rc rc = add_pools(view, keyring, why);
    if (rc)
        return rc;

    while (view->n_keys < policy->n_keys) {
        size_t i = view->n_keys++;
        rc = key_init(&view->keys[i], policy, i, view->pools, keyring->setup.ledger, why);
        view->keys[i].keyring = keyring;
        if (rc)
            return rc;
    }

    *ret = steal(view);
    return RC_OK;
}

static void
tell_news(struct keyring *keyring, struct keyring_token *token)
{
    bool is_told = token->state == token->told_state && !strcmp(token->detail, token->told_detail);

    if (is_told || token->state == KEYRING_STARTING || !keyring->on_news)
        return;

    token->told_state = token->state;
    memcpy(token->told_detail, token->detail, sizeof token->told_detail);
    keyring->on_news(keyring->news_userdata, token);
}

/* That it signs on its first token, from the beginning, is no news. */
static void
tell_moved(const struct keyring *keyring, struct key *key)
{
    const struct keyring_key *shown = &key->shown;

    if (shown->state != KEYRING_READY || shown->token == key->told)
        return;

    if (keyring->on_moved && (key->told || shown->stand_in[0]))
        keyring->on_moved(shown);
    key->told = shown->token;
}

static void
show(struct keyring *keyring, struct ledger *ledger)
{
    struct view *view = keyring->view;

    for (size_t i = 0; i < view->policy->n_tokens; i++) {
        const char *detail;
        view->tokens[i].state = pool_state(view->pools[i], &detail);
        snprintf(view->tokens[i].detail, sizeof view->tokens[i].detail, "%s", detail);
    }
    keystate_update(view->keys, view->n_keys, ledger);
    for (size_t i = 0; i < view->policy->n_tokens; i++)
        tell_news(keyring, &view->tokens[i]);
}

static int
on_update(sd_event_source *source, void *userdata)
{
    struct keyring *keyring = userdata;
    bool is_settled = true;

    (void)source;
    show(keyring, keyring->setup.ledger);
    for (size_t i = 0; i < keyring->view->policy->n_tokens; i++)
        is_settled &= pool_is_settled(keyring->view->pools[i]);
    keyring->is_settled = is_settled;
    /* Which token answers first, at the start, is no news. */
    for (size_t i = 0; i < keyring->view->n_keys && is_settled; i++)
        tell_moved(keyring, &keyring->view->keys[i]);

    void (*callback)(void *userdata) = is_settled ? keyring->on_settled : NULL;
    if (callback) {
        keyring->on_settled = NULL;
        callback(keyring->userdata);
    }
    return 0;
}

static void
on_changed(void *userdata)
{
    struct keyring *keyring = userdata;

    (void)sd_event_source_set_enabled(keyring->update, SD_EVENT_ONESHOT);
}

enum rc
keyring_new(struct keyring **ret, sd_event *event, struct ledger *ledger, struct policy *policy,
    const struct worker_form *form, struct why *why)
{
    closing(keyring_freep) struct keyring *keyring = calloc(1, sizeof *keyring);
    if (!keyring)
        return fail_memory(why);

    keyring->setup = (struct pool_setup){event, ledger, *form, on_changed, keyring};
    int r = sd_event_add_defer(event, &keyring->update, on_update, keyring);
    if (r < 0)
        return fail(why, RC_SYSTEM, "cannot watch the tokens: %s", strerror(-r));

    enum rc rc = view_new(&keyring->view, keyring, policy, why);
    if (rc)
        return rc;

    show(keyring, NULL);
    *ret = steal(keyring);
    return RC_OK;
}

void
keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;

    view_free(keyring->view);
    for (size_t i = 0; i < keyring->n_retired; i++)
        pool_free(keyring->retired[i]);
    free(keyring->retired);
    sd_event_source_disable_unref(keyring->update);
    free(keyring);
}

/* Forget the pools that are over, and make room for n more. */
static enum rc
make_room(struct keyring *keyring, size_t n, struct why *why)
{
    size_t n_left = 0;

    for (size_t i = 0; i < keyring->n_retired; i++)
        if (pool_is_over(keyring->retired[i]))
            pool_free(keyring->retired[i]);
        else
            keyring->retired[n_left++] = keyring->retired[i];
    keyring->n_retired = n_left;

    struct pool **grown = reallocarray(keyring->retired, n_left + n + 1, sizeof(struct pool *));
    if (!grown)
        return fail_memory(why);

    keyring->retired = grown;
    return RC_OK;
}

/* The new view takes over what it borrowed; what else the old one had is retired. */
static void
take_over(struct keyring *keyring, struct view *view)
{
    struct view *old = keyring->view;

    for (size_t i = 0; i < old->policy->n_tokens; i++) {
        bool is_wanted = false;
        for (size_t k = 0; k < view->policy->n_tokens; k++) {
            if (view->pools[k] != old->pools[i])
                continue;

            pool_move(old->pools[i], view->policy, k);
            view->is_borrowed[k] = false;
            view->tokens[k].told_state = old->tokens[i].told_state;
            memcpy(view->tokens[k].told_detail, old->tokens[i].told_detail,
                sizeof view->tokens[k].told_detail);
            is_wanted = true;
        }
        if (!is_wanted) {
            pool_retire(old->pools[i]);
            keyring->retired[keyring->n_retired++] = old->pools[i];
        }
        old->is_borrowed[i] = true;
    }
    keyring->view = view;
    view_free(old);
}

enum rc
keyring_reload(struct keyring *keyring, struct policy *policy, struct why *why)
{
    closing(view_freep) struct view *view = NULL;

    enum rc rc = make_room(keyring, keyring->view->policy->n_tokens, why);
    if (rc)
        return rc;

    rc = view_new(&view, keyring, policy, why);
    if (rc)
        return rc;

    take_over(keyring, steal(view));
    keyring->is_settled = false;
    show(keyring, NULL);
    on_changed(keyring);
    return RC_OK;
}

bool
keyring_is_settled(const struct keyring *keyring)
{
    return keyring->is_settled;
}

void
keyring_on_settled(struct keyring *keyring, void (*callback)(void *userdata), void *userdata)
{
    keyring->on_settled = callback;
    keyring->userdata = userdata;
    on_changed(keyring);
}

void
keyring_on_news(struct keyring *keyring,
    void (*callback)(void *userdata, const struct keyring_token *token), void *userdata)
{
    keyring->on_news = callback;
    keyring->news_userdata = userdata;
}

void
keyring_on_moved(struct keyring *keyring, void (*callback)(const struct keyring_key *key))
{
    keyring->on_moved = callback;
}

size_t
keyring_n_keys(const struct keyring *keyring)
{
    return keyring->view->n_keys;
}

const struct keyring_key *
keyring_key(const struct keyring *keyring, size_t i)
{
    return &keyring->view->keys[i].shown;
}

const struct keyring_key *
keyring_find(const struct keyring *keyring, const struct keyid *canonical)
{
    for (size_t i = 0; i < keyring->view->n_keys; i++) {
        const struct keyring_key *key = &keyring->view->keys[i].shown;
        if (key->pubkey && keyid_eq(pubkey_canonical_id(key->pubkey), canonical))
            return key;
    }

    return NULL;
}

size_t
keyring_n_tokens(const struct keyring *keyring)
{
    return keyring->view->policy->n_tokens;
}

const struct keyring_token *
keyring_token(const struct keyring *keyring, size_t i)
{
    struct keyring_token *token = &keyring->view->tokens[i];

    token->n_queued = pool_n_queued(keyring->view->pools[i]);
    token->n_workers = pool_n_ready(keyring->view->pools[i]);
    token->meter = pool_meter(keyring->view->pools[i]);
    return token;
}

enum rc
keyring_sign(struct keyring_job **ret, const struct keyring_order *order, struct why *why)
{
    return dispatch_order(ret, order, why);
}

uint64_t
keyring_retry_ms(const struct keyring *keyring, const char *token)
{
    const struct policy *policy = keyring->view->policy;
    const struct policy_token *entry = policy_find_token(policy, token);

    return entry ? pool_retry_ms(keyring->view->pools[entry - policy->tokens]) : BUSY_RETRY_MIN_MS;
}

struct keyring_wait
keyring_wait(const struct keyring_job *job)
{
    return pool_wait(job->pool, job);
}

void
keyring_cancel(struct keyring_job *job)
{
    job_cancel(job);
}

/* Take it from a copy of the order; place: of the key that it is about. */
static enum rc
run(struct pool *pool, const struct errand_order *order, uint32_t place, struct why *why)
{
    closing(errand_freep) struct errand *errand = NULL;
    struct errand_order placed = *order;

    placed.place = place;
    enum rc rc = errand_new(&errand, &placed, why);
    return rc ? rc : pool_run_take(pool, &errand, why);
}

enum rc
keyring_run(
    struct keyring *keyring, const char *token, const struct errand_order *order, struct why *why)
{
    const struct policy *policy = keyring->view->policy;
    const struct policy_token *entry = policy_find_token(policy, token);

    if (!entry)
        return fail(why, RC_NOT_FOUND, "%s", token);

    return run(keyring->view->pools[entry - policy->tokens], order, 0, why);
}

enum rc
keyring_attest(const struct keyring_key *key, const struct errand_order *order, struct why *why)
{
    const struct key *entry = (const struct key *)key; /* shown is its first member */

    if (key->state != KEYRING_READY)
        return fail(why, RC_TOKEN, "key '%s': %s", key->policy->name, key->detail);

    return run(entry->pools[entry->at], order, entry->places[entry->at], why);
}

enum rc
keyring_check_unlock(enum keyring_need *ret, const struct keyring *keyring,
    const struct keyring_unlock *order, struct why *why)
{
    return pool_check_unlock(ret, keyring->view->pools[order->token], order->force, why);
}

enum rc
keyring_unlock(struct keyring *keyring, const struct keyring_unlock *order, struct why *why)
{
    return pool_unlock(keyring->view->pools[order->token], order, why);
}

enum rc
keyring_lock(struct keyring *keyring, size_t token, struct why *why)
{
    return pool_lock(keyring->view->pools[token], why);
}

void
keyring_end_unlocks(struct keyring *keyring)
{
    if (!keyring)
        return;

    for (size_t i = 0; i < keyring->view->policy->n_tokens; i++)
        pool_end_unlock(keyring->view->pools[i]);
    for (size_t i = 0; i < keyring->n_retired; i++)
        pool_end_unlock(keyring->retired[i]);
}
