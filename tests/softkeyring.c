/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/softkeyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "tests/fault.h"
#include "tests/softkey.h"

#define KEYS_HERE 16

struct keyring_job {
    char key[32], token[64]; /* what the order has does not outlive a reload */
    struct keyring_order order;
    struct digest digest;
    enum rc rc; /* how it ends */
    bool is_due;
    TAILQ_ENTRY(keyring_job) next;
};

struct keyring {
    struct policy *policy;
    struct keyring_key *keys; /* freed with a reload, as those of the real one are */
    struct keyring_token *tokens;
    sd_event_source *work;
};

/* One keyring at a time; the order of a job does not say of which. */
static struct {
    struct {
        char name[32], detail[200];
        struct forge_key key;
        struct pubkey *pubkey;
        enum keyring_state state;
    } keys[KEYS_HERE];
    size_t n_keys;
    bool is_holding;
    sd_event_source *work;
    TAILQ_HEAD(, keyring_job) jobs;
    struct keyring_unlock unlock; /* its callback is NULL where there is none */
    enum rc refusal;
    size_t n_locks, n_asked;
} all = {.jobs = TAILQ_HEAD_INITIALIZER(all.jobs)};

/* RSA keys take a tenth of a second to make: one of a place serves all keyrings of a process. */
static void
make_key(struct forge_key *key, size_t i, const char *name)
{
    static EVP_PKEY *rsa[KEYS_HERE];

    if (strncmp(name, "rsa", 3) != 0) {
        forge_key_init(key, "P-256");
        return;
    }

    if (!rsa[i])
        rsa[i] = softkey_new("RSA-2048");
    assert_int_equal(EVP_PKEY_up_ref(rsa[i]), 1);
    key->evp = rsa[i];
    key->key = softkey_pubkey(key->evp);
}

static size_t
find(const char *name)
{
    for (size_t i = 0; i < all.n_keys; i++)
        if (!strcmp(all.keys[i].name, name))
            return i;

    size_t i = all.n_keys++;
    assert_true(i < KEYS_HERE);
    snprintf(all.keys[i].name, sizeof all.keys[i].name, "%s", name);
    make_key(&all.keys[i].key, i, name);
    all.keys[i].pubkey = softkey_pubkey(all.keys[i].key.evp);
    all.keys[i].state = KEYRING_READY;
    return i;
}

struct forge_key *
softkeyring_key(const char *name)
{
    return &all.keys[find(name)].key;
}

const char *
softkeyring_id(const char *name)
{
    return pubkey_canonical_id(all.keys[find(name)].pubkey)->hex;
}

void
softkeyring_set_state(const char *name, enum keyring_state state, const char *detail)
{
    size_t i = find(name);

    all.keys[i].state = state;
    snprintf(all.keys[i].detail, sizeof all.keys[i].detail, "%s", detail);
}

void
softkeyring_hold(bool is_holding)
{
    all.is_holding = is_holding;
}

size_t
softkeyring_n_waiting(void)
{
    const struct keyring_job *job;
    size_t n = 0;

    TAILQ_FOREACH(job, &all.jobs, next)
        n += !job->is_due;
    return n;
}

static void
finish(struct keyring_job *job, enum rc rc)
{
    job->rc = rc;
    job->is_due = true;
    assert_true(sd_event_source_set_enabled(all.work, SD_EVENT_ONESHOT) >= 0);
}

/* name: NULL is any. */
static void
finish_oldest(const char *name, enum rc rc)
{
    struct keyring_job *job;

    TAILQ_FOREACH(job, &all.jobs, next)
        if (!job->is_due && (!name || !strcmp(job->key, name))) {
            finish(job, rc);
            return;
        }
    fail_msg("no such signature is wanted");
}

void
softkeyring_finish(enum rc rc)
{
    finish_oldest(NULL, rc);
}

void
softkeyring_finish_of(const char *name, enum rc rc)
{
    finish_oldest(name, rc);
}

size_t
softkeyring_n_asked(void)
{
    return all.n_asked;
}

void
softkeyring_reset(void)
{
    assert_true(TAILQ_EMPTY(&all.jobs));
    while (all.n_keys > 0) {
        all.n_keys--;
        forge_key_done(&all.keys[all.n_keys].key);
        pubkey_unref(all.keys[all.n_keys].pubkey);
    }
    all.is_holding = false;
    all.refusal = RC_OK;
    all.n_locks = 0;
}

void
softkeyring_end_unlock(enum rc rc)
{
    struct keyring_unlock unlock = all.unlock;
    struct why why = {"the token refused the PIN"};

    assert_non_null(unlock.callback);
    all.unlock = (struct keyring_unlock){.fd = -1};
    unlock.callback(unlock.userdata, rc, &why);
}

int
softkeyring_pin_fd(void)
{
    assert_non_null(all.unlock.callback);
    return all.unlock.fd;
}

size_t
softkeyring_n_locks(void)
{
    return all.n_locks;
}

void
softkeyring_refuse_unlock(enum rc rc)
{
    all.refusal = rc;
}

/* One job per turn of the loop. */
static int
on_work(sd_event_source *source, void *userdata)
{
    closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES);
    struct why why = {"the token said no"};
    struct keyring_job *job;

    (void)userdata;
    TAILQ_FOREACH(job, &all.jobs, next)
        if (job->is_due)
            break;
    if (!job)
        return 0;

    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    if (job->order.may_go && !job->order.may_go(job->order.userdata))
        return 0;

    TAILQ_REMOVE(&all.jobs, job, next);
    all.n_asked++;
    fault_suspend();
    if (!job->rc)
        softkey_sign_digest(
            &signature, softkeyring_key(job->key)->evp, job->order.method, &job->digest);
    fault_resume();
    job->order.callback(job->order.userdata, job->rc, bytes_span(&signature), &why);
    free(job);
    return 0;
}

const char *
keyring_state_name(enum keyring_state state)
{
    static const char *const names[KEYRING_STATE_MAX_] = {
        "starting", "ready", "absent", "locked", "failing", "no-key", "key-changed", "unsuitable"};

    return names[state];
}

static void
fill(struct keyring *keyring, struct policy *policy)
{
    fault_suspend();
    keyring->policy = policy_ref(policy);
    keyring->keys = calloc(policy->n_keys + 1, sizeof *keyring->keys);
    keyring->tokens = calloc(policy->n_tokens + 1, sizeof *keyring->tokens);
    assert_true(keyring->keys && keyring->tokens);

    for (size_t i = 0; i < policy->n_keys; i++) {
        struct keyring_key *key = &keyring->keys[i];
        size_t at = find(policy->keys[i].name);
        key->policy = &policy->keys[i];
        key->pubkey = all.keys[at].pubkey;
        key->token = policy->keys[i].at[0].token;
        key->state = all.keys[at].state;
        snprintf(key->detail, sizeof key->detail, "%s", all.keys[at].detail);
    }
    for (size_t i = 0; i < policy->n_tokens; i++)
        keyring->tokens[i] = (struct keyring_token){
            .policy = &policy->tokens[i], .state = KEYRING_READY, .n_workers = 1};
    fault_resume();
}

static void
empty(struct keyring *keyring)
{
    free(keyring->keys);
    free(keyring->tokens);
    policy_unref(keyring->policy);
}

enum rc
keyring_new(struct keyring **ret, sd_event *event, struct ledger *ledger, struct policy *policy,
    const struct worker_form *form, struct why *why)
{
    struct keyring *keyring = calloc(1, sizeof *keyring);

    (void)ledger;
    (void)form;
    (void)why;
    assert_non_null(keyring);
    assert_true(sd_event_add_defer(event, &keyring->work, on_work, NULL) >= 0);
    sd_event_source_set_enabled(keyring->work, SD_EVENT_OFF);
    all.work = keyring->work;
    fill(keyring, policy);
    *ret = keyring;
    return RC_OK;
}

void
keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;

    assert_true(TAILQ_EMPTY(&all.jobs)); /* whoever wanted them is gone, and has said so */
    sd_event_source_disable_unref(keyring->work);
    empty(keyring);
    free(keyring);
}

enum rc
keyring_reload(struct keyring *keyring, struct policy *policy, struct why *why)
{
    (void)why;
    empty(keyring);
    fill(keyring, policy);
    return RC_OK;
}

bool
keyring_is_settled(const struct keyring *keyring)
{
    (void)keyring;
    return true;
}

void
keyring_on_settled(struct keyring *keyring, void (*callback)(void *userdata), void *userdata)
{
    (void)keyring;
    (void)callback;
    (void)userdata;
}

/* Its tokens are what the test makes them; there is no news. */
void
keyring_on_moved(struct keyring *keyring, void (*callback)(const struct keyring_key *key))
{
    (void)keyring;
    (void)callback;
}

void
keyring_on_news(struct keyring *keyring,
    void (*callback)(void *userdata, const struct keyring_token *token), void *userdata)
{
    (void)keyring;
    (void)callback;
    (void)userdata;
}

size_t
keyring_n_keys(const struct keyring *keyring)
{
    return keyring->policy->n_keys;
}

const struct keyring_key *
keyring_key(const struct keyring *keyring, size_t i)
{
    return &keyring->keys[i];
}

const struct keyring_key *
keyring_find(const struct keyring *keyring, const struct keyid *canonical)
{
    for (size_t i = 0; i < keyring->policy->n_keys; i++)
        if (keyid_eq(pubkey_canonical_id(keyring->keys[i].pubkey), canonical))
            return &keyring->keys[i];

    return NULL;
}

size_t
keyring_n_tokens(const struct keyring *keyring)
{
    return keyring->policy->n_tokens;
}

const struct keyring_token *
keyring_token(const struct keyring *keyring, size_t i)
{
    return &keyring->tokens[i];
}

enum rc
keyring_sign(struct keyring_job **ret, const struct keyring_order *order, struct why *why)
{
    struct keyring_job *job = calloc(1, sizeof *job);
    if (!job)
        return fail_memory(why);

    assert_int_equal(order->key->state, KEYRING_READY);
    job->order = *order;
    job->digest = *order->digest;
    snprintf(job->key, sizeof job->key, "%s", order->key->policy->name);
    snprintf(job->token, sizeof job->token, "%s", order->key->token->name);
    TAILQ_INSERT_TAIL(&all.jobs, job, next);
    if (!all.is_holding)
        finish(job, RC_OK);
    *ret = job;
    return RC_OK;
}

uint64_t
keyring_retry_ms(const struct keyring *keyring, const char *token)
{
    (void)keyring;
    (void)token;
    return BUSY_RETRY_MIN_MS;
}

/* As if one token with one worker had all of them. */
struct keyring_wait
keyring_wait(const struct keyring_job *job)
{
    struct keyring_wait wait = {.token = job->token, .wants_touch = true};
    const struct keyring_job *other;

    TAILQ_FOREACH(other, &all.jobs, next) {
        if (other == job)
            break;
        wait.n_ahead += wait.is_queued;
        wait.is_queued = true;
    }
    return wait;
}

void
keyring_cancel(struct keyring_job *job)
{
    if (!job)
        return;

    TAILQ_REMOVE(&all.jobs, job, next);
    free(job);
}

/* These are about tokens, which it has not. */
enum rc
keyring_run(
    struct keyring *keyring, const char *token, const struct errand_order *order, struct why *why)
{
    (void)keyring;
    (void)token;
    (void)order;
    *why = (struct why){"there are no tokens"};
    return RC_TOKEN;
}

enum rc
keyring_check_unlock(enum keyring_need *ret, const struct keyring *keyring,
    const struct keyring_unlock *order, struct why *why)
{
    const struct policy_token *token = &keyring->policy->tokens[order->token];

    if (all.refusal) {
        snprintf(why->text, sizeof why->text, "it may not be unlocked");
        return all.refusal;
    }

    *ret = token->pin == POLICY_PIN_PROMPT ? KEYRING_NEEDS_PIN
           : token->pin == POLICY_PIN_NONE ? KEYRING_NEEDS_NOTHING
                                           : KEYRING_NEEDS_LOGIN;
    return RC_OK;
}

enum rc
keyring_unlock(struct keyring *keyring, const struct keyring_unlock *order, struct why *why)
{
    (void)keyring;
    (void)why;
    assert_null(all.unlock.callback);
    all.unlock = *order;
    return RC_OK;
}

enum rc
keyring_lock(struct keyring *keyring, size_t token, struct why *why)
{
    (void)why;
    assert_true(token < keyring->policy->n_tokens);
    all.n_locks++;
    return RC_OK;
}

void
keyring_end_unlocks(struct keyring *keyring)
{
    if (keyring && all.unlock.callback)
        softkeyring_end_unlock(RC_TOKEN);
}

enum rc
keyring_attest(const struct keyring_key *key, const struct errand_order *order, struct why *why)
{
    (void)key;
    (void)order;
    *why = (struct why){"there are no tokens"};
    return RC_TOKEN;
}
