/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <signal.h>
#include <unistd.h>

#include "agent/token/frame.h"
#include "tests/softhsm.h"

#define PATIENCE_US 20000000 /* for what takes milliseconds on a machine that is not busy */
#define KEYS_MAX_   8
#define JOBS_MAX_   64

/* An agent's keyring on a token of its own, with a policy by hand. */
struct world {
    sd_event *event;
    struct ledger *ledger;
    struct keyring *keyring;
    struct policy policy;
    struct policy_token tokens[2];
    struct policy_key keys[KEYS_MAX_];
    struct policy_place places[KEYS_MAX_][2];
    bool is_settled;
    size_t n_done;
    enum rc rcs[JOBS_MAX_];
    uid_t order[JOBS_MAX_]; /* whose jobs were done, in order */
};

struct want {
    struct world *world;
    const struct pubkey *pubkey;
    enum verify_method method;
    struct digest digest;
    struct keyring_job *job;
    uid_t uid;
};

static struct softhsm softhsm;
static struct why why;

static void
open_world(struct world *w)
{
    *w = (struct world){.policy = {.n_tokens = 1, .n_refs = 1}};
    w->tokens[0] = w->tokens[1] = softhsm_policy(&softhsm);
    w->tokens[1].name = (char *)"spare";
    w->tokens[1].uri = (char *)"pkcs11:token=spare";
    w->policy.tokens = w->tokens;
    w->policy.keys = w->keys;
    assert_true(sd_event_new(&w->event) >= 0);
    assert_int_equal(ledger_open(&w->ledger, softhsm.dir, &why), RC_OK);
}

static size_t
add_key(struct world *w, const char *name, const char *uri)
{
    size_t i = w->policy.n_keys++;

    w->places[i][0] = (struct policy_place){&w->tokens[0], (char *)uri};
    w->keys[i] = (struct policy_key){.name = (char *)name, .at = w->places[i], .n_at = 1};
    return i;
}

static void
on_settled(void *userdata)
{
    struct world *w = userdata;

    assert_false(w->is_settled);
    w->is_settled = true;
}

static void
start(struct world *w)
{
    assert_int_equal(keyring_new(&w->keyring, w->event, w->ledger, &w->policy,
                         getenv("COUNTERSIGN_TOKEN"), &why),
        RC_OK);
    keyring_on_settled(w->keyring, on_settled, w);
}

static void
turn(struct world *w)
{
    assert_true(sd_event_run(w->event, PATIENCE_US) > 0);
}

static void
settle(struct world *w)
{
    start(w);
    while (!w->is_settled)
        turn(w);
    assert_true(keyring_is_settled(w->keyring));
}

static void
stop(struct world *w)
{
    keyring_free(steal(w->keyring));
    w->is_settled = false;
}

static void
close_world(struct world *w)
{
    stop(w);
    ledger_close(w->ledger);
    sd_event_unref(w->event);
}

static void
assert_state(struct world *w, size_t i, enum keyring_state state)
{
    const struct keyring_key *key = keyring_key(w->keyring, i);

    if (key->state != state)
        print_message("%s: %s\n", key->policy->name, key->detail);
    assert_int_equal(key->state, state);
    assert_true((key->detail[0] == 0) == (state == KEYRING_READY));
}

static void
await_state(struct world *w, size_t i, enum keyring_state state)
{
    while (keyring_key(w->keyring, i)->state != state)
        turn(w);
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *reason)
{
    struct want *want = userdata;
    struct world *w = want->world;

    want->job = NULL;
    if (rc == RC_OK)
        assert_int_equal(
            verify_digest(want->pubkey, want->method, &want->digest, signature, &why), RC_OK);
    else
        assert_true(signature.len == 0 && reason->text[0]);
    w->rcs[w->n_done] = rc;
    w->order[w->n_done++] = want->uid;
}

static enum rc
ask(struct world *w, struct want *want, size_t i, enum verify_method method, uid_t uid)
{
    const struct keyring_key *key = keyring_key(w->keyring, i);

    *want = (struct want){w, key->pubkey, method, {{(uint8_t)uid, (uint8_t)i}}, NULL, uid};
    return keyring_sign(
        &want->job, w->keyring, key, method, &want->digest, uid, on_signed, want, &why);
}

static enum rc
sign(struct world *w, size_t i, enum verify_method method)
{
    struct want want;
    size_t n = w->n_done;

    enum rc rc = ask(w, &want, i, method, 1);
    if (rc)
        return rc;

    while (w->n_done == n)
        turn(w);
    return w->rcs[n];
}

/* Processes that this one started. */
static size_t
list_workers(pid_t *ret, size_t max)
{
    size_t n = 0;
    char path[64];

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (n < max && fscanf(file, "%d", &ret[n]) == 1)
        n++;
    fclose(file);
    return n;
}

static void
test_signs_with_the_keys_of_the_policy(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    size_t p256 = add_key(&w, "developer", "pkcs11:object=p256");
    size_t rsa = add_key(&w, "rsa", "pkcs11:object=rsa");
    start(&w);
    assert_int_equal(keyring_key(w.keyring, p256)->state, KEYRING_STARTING);
    assert_int_equal(sign(&w, p256, VERIFY_ECDSA), RC_TOKEN);
    while (!w.is_settled)
        turn(&w);

    assert_state(&w, p256, KEYRING_READY);
    assert_state(&w, rsa, KEYRING_READY);
    assert_int_equal(sign(&w, p256, VERIFY_ECDSA), RC_OK);
    assert_int_equal(sign(&w, rsa, VERIFY_RSAPSS), RC_OK);
    assert_int_equal(sign(&w, rsa, VERIFY_RSAPKCS1V15), RC_OK);
    assert_int_equal(sign(&w, p256, VERIFY_RSAPSS), RC_UNSUPPORTED);

    const struct keyring_key *key = keyring_key(w.keyring, rsa);
    assert_ptr_equal(keyring_find(w.keyring, pubkey_canonical_id(key->pubkey)), key);
    assert_int_equal(keyring_n_keys(w.keyring), 2);
    assert_int_equal(keyring_n_tokens(w.keyring), 1);
    assert_int_equal(keyring_token(w.keyring, 0)->state, KEYRING_READY);
    assert_int_equal(keyring_token(w.keyring, 0)->n_workers, 1);
    close_world(&w);
}

static void
test_says_which_keys_cannot_sign(void **state)
{
    static const struct {
        const char *name, *uri;
        enum keyring_state want;
        const char *detail;
    } cases[] = {
        {"none", "pkcs11:object=nobody", KEYRING_NO_KEY, "no private key"},
        {"two", "pkcs11:object=twin", KEYRING_NO_KEY, "2 private keys"},
        {"ed", "pkcs11:object=ed", KEYRING_UNSUITABLE, "Ed25519"},
        {"first", "pkcs11:object=p256", KEYRING_READY, ""},
        {"second", "pkcs11:id=%01", KEYRING_UNSUITABLE, "'first'"},
    };
    struct world w;

    (void)state;
    open_world(&w);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        add_key(&w, cases[i].name, cases[i].uri);
    settle(&w);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].name);
        assert_state(&w, i, cases[i].want);
        assert_non_null(strstr(keyring_key(w.keyring, i)->detail, cases[i].detail));
        if (cases[i].want != KEYRING_READY)
            assert_int_equal(sign(&w, i, VERIFY_ECDSA), RC_TOKEN);
    }
    assert_null(keyring_key(w.keyring, 4)->pubkey);
    close_world(&w);
}

static void
test_refuses_another_key_than_the_pinned_one(void **state)
{
    struct world w;
    struct keyid id;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "swapped", "pkcs11:object=swapped");
    softhsm_make_key(&softhsm, "EC:secp256r1", "swapped", "20");
    settle(&w);
    assert_state(&w, key, KEYRING_READY);
    id = *pubkey_canonical_id(keyring_key(w.keyring, key)->pubkey);
    stop(&w);

    softhsm_tool(&softhsm, "--delete-object --type privkey --label swapped");
    softhsm_tool(&softhsm, "--delete-object --type pubkey --label swapped");
    softhsm_make_key(&softhsm, "EC:secp256r1", "swapped", "20");
    settle(&w);
    assert_state(&w, key, KEYRING_CHANGED);
    assert_true(keyid_eq(pubkey_canonical_id(keyring_key(w.keyring, key)->pubkey), &id));
    close_world(&w);
}

static void
test_wants_the_key_of_the_certificate(void **state)
{
    closing(pubkey_unrefp) struct pubkey *other = NULL;
    struct world w;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    size_t rsa = add_key(&w, "rsa", "pkcs11:object=rsa");
    settle(&w);
    other = pubkey_ref(keyring_key(w.keyring, rsa)->pubkey);
    stop(&w);

    w.keys[key].certificate = other;
    settle(&w);
    assert_state(&w, key, KEYRING_UNSUITABLE);
    stop(&w);

    w.keys[key].name = (char *)"never seen";
    settle(&w);
    assert_state(&w, key, KEYRING_CHANGED);
    close_world(&w);
}

static void
test_never_tries_a_refused_pin_again(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    softhsm_write_pin(&softhsm, "4321\n");
    settle(&w);
    assert_state(&w, key, KEYRING_LOCKED);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_LOCKED);

    /* Now it would be right, but nobody knows; not the next worker, and not the next agent. */
    softhsm_change_pin(&softhsm, SOFTHSM_PIN, "4321");
    for (pid_t pid = 0; list_workers(&pid, 1) == 1;)
        turn(&w); /* the worker that was refused ends */
    for (pid_t pid = 0; list_workers(&pid, 1) == 0;)
        turn(&w);
    stop(&w);
    settle(&w);
    assert_state(&w, key, KEYRING_LOCKED);
    assert_non_null(strstr(keyring_key(w.keyring, key)->detail, "refused the PIN"));

    softhsm_write_pin(&softhsm, "4321\n");
    await_state(&w, key, KEYRING_READY);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);
    stop(&w);

    softhsm_change_pin(&softhsm, "4321", SOFTHSM_PIN);
    softhsm_write_pin(&softhsm, SOFTHSM_PIN);
    close_world(&w);
}

static void
test_fails_at_once_while_the_token_is_away(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    settle(&w);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);

    softhsm_unplug(&softhsm);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_TOKEN);
    while (keyring_key(w.keyring, key)->state == KEYRING_READY)
        turn(&w);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_TOKEN);

    softhsm_plug(&softhsm);
    await_state(&w, key, KEYRING_READY);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);
    close_world(&w);
}

static void
test_replaces_a_worker_that_died(void **state)
{
    struct world w;
    struct want want;
    pid_t pid = 0;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    settle(&w);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);

    assert_int_equal(list_workers(&pid, 1), 1);
    assert_int_equal(ask(&w, &want, key, VERIFY_ECDSA, 1), RC_OK);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (w.n_done == 1)
        turn(&w);
    assert_int_equal(w.rcs[1], RC_OK);
    assert_state(&w, key, KEYRING_READY);
    close_world(&w);
}

static void
test_takes_turns_between_users(void **state)
{
    struct want wants[JOBS_MAX_];
    struct world w;
    size_t n = 0, n_second = 0;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    settle(&w);
    while (n < 40)
        assert_int_equal(ask(&w, &wants[n++], key, VERIFY_ECDSA, 1), RC_OK);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(ask(&w, &wants[n++], key, VERIFY_ECDSA, 2), RC_OK);
    assert_int_equal(keyring_token(w.keyring, 0)->n_queued, n);
    while (w.n_done < n)
        turn(&w);

    /* The second user's eight are all in the first batch. */
    for (size_t i = 0; i < WORKER_BATCH_MAX; i++)
        n_second += w.order[i] == 2;
    assert_int_equal(n_second, 8);
    close_world(&w);
}

static void
test_runs_as_many_workers_as_the_policy_says(void **state)
{
    struct want wants[JOBS_MAX_];
    pid_t pids[4];
    struct world w;

    (void)state;
    open_world(&w);
    w.tokens[0].workers = 3;
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    start(&w);
    while (keyring_token(w.keyring, 0)->n_workers == 0) {
        assert_true(list_workers(pids, N_ELEMENTS(pids)) <= 1); /* the first one alone */
        turn(&w);
    }
    while (keyring_token(w.keyring, 0)->n_workers < 3)
        turn(&w);
    assert_int_equal(list_workers(pids, N_ELEMENTS(pids)), 3);

    for (size_t i = 0; i < JOBS_MAX_; i++)
        assert_int_equal(ask(&w, &wants[i], key, VERIFY_ECDSA, 1), RC_OK);
    while (w.n_done < JOBS_MAX_)
        turn(&w);
    for (size_t i = 0; i < JOBS_MAX_; i++)
        assert_int_equal(w.rcs[i], RC_OK);
    close_world(&w);
}

static void
test_tells_nobody_who_has_canceled(void **state)
{
    struct want wants[3];
    struct world w;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    settle(&w);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(ask(&w, &wants[i], key, VERIFY_ECDSA, (uid_t)i), RC_OK);
    keyring_cancel(wants[0].job); /* while it waits */
    while (keyring_token(w.keyring, 0)->n_queued > 0)
        turn(&w);
    keyring_cancel(wants[1].job); /* while it is signed */
    while (w.n_done == 0)
        turn(&w);
    assert_int_equal(w.n_done, 1);
    assert_int_equal(w.order[0], 2);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);
    close_world(&w);
}

static void
test_signs_with_the_first_place_that_is_ready(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.policy.n_tokens = 2;
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    w.places[key][0] = (struct policy_place){&w.tokens[1], (char *)"pkcs11:object=p256"};
    w.places[key][1] = (struct policy_place){&w.tokens[0], (char *)"pkcs11:object=p256"};
    w.keys[key].n_at = 2;
    settle(&w);
    assert_int_equal(keyring_token(w.keyring, 1)->state, KEYRING_ABSENT);
    assert_state(&w, key, KEYRING_READY);
    assert_ptr_equal(keyring_key(w.keyring, key)->token, &w.tokens[0]);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);
    close_world(&w);
}

static void
test_keeps_workers_of_unchanged_tokens_over_a_reload(void **state)
{
    struct policy_token token;
    struct policy policy;
    struct want want;
    pid_t before = 0, after = 0;
    struct world w;

    (void)state;
    open_world(&w);
    size_t key = add_key(&w, "developer", "pkcs11:object=p256");
    settle(&w);
    assert_int_equal(list_workers(&before, 1), 1);

    /* The same token in another policy with one more key. */
    size_t rsa = add_key(&w, "rsa", "pkcs11:object=rsa");
    policy = w.policy;
    policy.n_refs = 1;
    assert_int_equal(keyring_reload(w.keyring, &policy, &why), RC_OK);
    assert_state(&w, key, KEYRING_READY);
    await_state(&w, rsa, KEYRING_READY);
    assert_int_equal(list_workers(&after, 1), 1);
    assert_int_equal(before, after);
    assert_int_equal(sign(&w, rsa, VERIFY_RSAPSS), RC_OK);

    /* Another entry: what waits fails, and another worker takes over. */
    token = w.tokens[0];
    token.workers = 2;
    w.policy.tokens = &token;
    w.places[key][0].token = w.places[rsa][0].token = &token;
    assert_int_equal(ask(&w, &want, key, VERIFY_ECDSA, 1), RC_OK);
    assert_int_equal(keyring_reload(w.keyring, &w.policy, &why), RC_OK);
    while (w.n_done < 2)
        turn(&w);
    assert_int_equal(w.rcs[1], RC_TOKEN);
    await_state(&w, key, KEYRING_READY);
    assert_int_equal(sign(&w, key, VERIFY_ECDSA), RC_OK);
    close_world(&w);
}

static void
test_is_settled_without_tokens(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.policy.n_tokens = 0;
    settle(&w);
    close_world(&w);
}

static int
make_keys(void **state)
{
    (void)state;
    softhsm_open(&softhsm);
    softhsm_make_key(&softhsm, "EC:secp256r1", "p256", "01");
    softhsm_make_key(&softhsm, "rsa:2048", "rsa", "02");
    softhsm_make_key(&softhsm, "EC:edwards25519", "ed", "03");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "04");
    softhsm_make_key(&softhsm, "EC:secp256r1", "twin", "05");
    return 0;
}

static int
remove_keys(void **state)
{
    (void)state;
    softhsm_close(&softhsm);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_with_the_keys_of_the_policy),
        cmocka_unit_test(test_says_which_keys_cannot_sign),
        cmocka_unit_test(test_refuses_another_key_than_the_pinned_one),
        cmocka_unit_test(test_wants_the_key_of_the_certificate),
        cmocka_unit_test(test_never_tries_a_refused_pin_again),
        cmocka_unit_test(test_fails_at_once_while_the_token_is_away),
        cmocka_unit_test(test_replaces_a_worker_that_died),
        cmocka_unit_test(test_takes_turns_between_users),
        cmocka_unit_test(test_runs_as_many_workers_as_the_policy_says),
        cmocka_unit_test(test_tells_nobody_who_has_canceled),
        cmocka_unit_test(test_signs_with_the_first_place_that_is_ready),
        cmocka_unit_test(test_keeps_workers_of_unchanged_tokens_over_a_reload),
        cmocka_unit_test(test_is_settled_without_tokens),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
