/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <unistd.h>

#define PATIENCE_US 20000000 /* for what takes milliseconds on a machine that is not busy */

void
world_open(struct world *w, struct softhsm *softhsm)
{
    *w = (struct world){.policy = {.n_tokens = 1, .n_refs = 1}};
    w->tokens[0] = w->tokens[1] = softhsm_policy(softhsm);
    w->tokens[1].name = (char *)"spare";
    w->tokens[1].uri = (char *)"pkcs11:token=spare";
    w->policy.tokens = w->tokens;
    w->policy.keys = w->keys;
    assert_true(sd_event_new(&w->event) >= 0);
    assert_int_equal(ledger_open(&w->ledger, softhsm->dir, NULL), RC_OK);
}

size_t
world_add_key(struct world *w, const char *name, const char *uri)
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

void
world_start(struct world *w)
{
    const struct worker_form form = {.program = getenv("COUNTERSIGN_TOKEN")};

    assert_int_equal(keyring_new(&w->keyring, w->event, w->ledger, &w->policy, &form, NULL), RC_OK);
    keyring_on_settled(w->keyring, on_settled, w);
}

void
world_turn(struct world *w)
{
    assert_true(sd_event_run(w->event, PATIENCE_US) > 0);
}

void
world_settle(struct world *w)
{
    world_start(w);
    while (!w->is_settled)
        world_turn(w);
    assert_true(keyring_is_settled(w->keyring));
}

void
world_stop(struct world *w)
{
    keyring_free(steal(w->keyring));
    w->is_settled = false;
}

void
world_close(struct world *w)
{
    world_stop(w);
    ledger_close(w->ledger);
    sd_event_unref(w->event);
}

void
world_assert_state(struct world *w, size_t i, enum keyring_state state)
{
    const struct keyring_key *key = keyring_key(w->keyring, i);

    if (key->state != state)
        print_message("%s: %s\n", key->policy->name, key->detail);
    assert_int_equal(key->state, state);
    assert_true((key->detail[0] == 0) == (state == KEYRING_READY));
}

void
world_await_state(struct world *w, size_t i, enum keyring_state state)
{
    while (keyring_key(w->keyring, i)->state != state)
        world_turn(w);
}

static void
on_signed(void *userdata, enum rc rc, struct span signature, const struct why *reason)
{
    struct want *want = userdata;
    struct world *w = want->world;

    want->job = NULL;
    if (rc == RC_OK)
        assert_int_equal(
            verify_message(want->pubkey, want->method, span_of(want->message), signature, NULL),
            RC_OK);
    else
        assert_true(signature.len == 0 && reason->text[0]);
    w->rcs[w->n_done] = rc;
    w->order[w->n_done++] = want->uid;
}

enum rc
world_ask(struct world *w, struct want *want, size_t i, enum verify_method method, uid_t uid)
{
    const struct keyring_key *key = keyring_key(w->keyring, i);

    *want = (struct want){.world = w, .pubkey = key->pubkey, .method = method, .uid = uid};
    snprintf(want->message, sizeof want->message, "key %zu for uid %u", i, uid);
    digest_of(&want->digest, span_of(want->message));
    struct keyring_order order = {
        key, method, span_of(want->message), &want->digest, uid, on_signed, want};
    return keyring_sign(&want->job, &order, NULL);
}

enum rc
world_sign(struct world *w, size_t i, enum verify_method method)
{
    struct want want;
    size_t n = w->n_done;

    enum rc rc = world_ask(w, &want, i, method, 1);
    if (rc)
        return rc;

    while (w->n_done == n)
        world_turn(w);
    return w->rcs[n];
}

size_t
world_list_workers(pid_t *ret, size_t max)
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
