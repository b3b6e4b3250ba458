/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keystate.h"

#include <stdarg.h>

/* A key in one of its places. */
struct sight {
    struct key *key;
    const struct pool *pool;
    const struct place *place;
    const struct policy_place *at;
    enum keyring_state state;
    char detail[200];
};

enum keyring_state
keyring_state_of(enum token_state state)
{
    switch (state) {
    case TOKEN_READY:
        return KEYRING_READY;
    case TOKEN_ABSENT:
        return KEYRING_ABSENT;
    case TOKEN_LOCKED:
    case TOKEN_PIN_WRONG:
    case TOKEN_PIN_LOCKED:
        return KEYRING_LOCKED;
    case TOKEN_FAILING:
    case TOKEN_STATE_MAX_:
        break;
    }
    return KEYRING_FAILING;
}

static enum rc
load_pin(struct pubkey **ret, struct ledger *ledger, const char *name, struct why *why)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    enum rc rc = ledger_pinned_key(&spki, ledger, name, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;

    if (rc == RC_OK)
        rc = pubkey_from_spki(ret, bytes_span(&spki), why);
    return rc ? within(why, rc, "pinned key '%s'", name) : RC_OK;
}

enum rc
key_init(struct key *key, const struct policy *policy, size_t index, struct pool **pools,
    struct ledger *ledger, struct why *why)
{
    const struct policy_key *entry = &policy->keys[index];
    closing(pubkey_unrefp) struct pubkey *expected = NULL;

    *key = (struct key){.shown.policy = entry};
    key->pools = calloc(entry->n_at, sizeof(struct pool *));
    key->places = calloc(entry->n_at, sizeof *key->places);
    if (!key->pools || !key->places)
        return fail_memory(why);

    enum rc rc = load_pin(&key->shown.pubkey, ledger, entry->name, why);
    if (rc)
        return rc;

    expected = pubkey_ref(key->shown.pubkey);
    if (!expected && entry->certificate)
        rc = pubkey_from_spki(&expected, pubkey_spki(entry->certificate), why);

    for (size_t i = 0; rc == RC_OK && i < entry->n_at; i++) {
        key->pools[i] = pools[entry->at[i].token - policy->tokens];
        rc = pool_add_place(&key->places[i], key->pools[i], entry->at[i].uri, expected, why);
    }

    return rc ? within(why, rc, "key '%s'", entry->name) : RC_OK;
}

void
key_done(struct key *key)
{
    pubkey_unref(key->shown.pubkey);
    free(key->pools);
    free(key->places);
}

like_printf(3, 4) static void see(struct sight *s, enum keyring_state state, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(s->detail, sizeof s->detail, fmt, ap);
    va_end(ap);
    s->state = state;
}

static bool
is_same(const struct pubkey *a, const struct pubkey *b)
{
    return keyid_eq(pubkey_canonical_id(a), pubkey_canonical_id(b));
}

/* Another key of the policy with that public key, which has it by rights: it had it before, or
 * stands before this one. */
static const struct key *
find_twin(const struct key *key, const struct pubkey *pubkey, const struct key *keys, size_t n)
{
    for (size_t i = 0; i < n && (&keys[i] < key || !key->shown.pubkey); i++)
        if (&keys[i] != key && keys[i].shown.pubkey && is_same(keys[i].shown.pubkey, pubkey))
            return &keys[i];

    return NULL;
}

/* The key that is there was never seen before: from now on it must be this one. */
static void
pin(struct sight *s, struct ledger *ledger)
{
    const char *name = s->key->shown.policy->name;
    struct why why;

    enum rc rc = ledger_begin(ledger, &why);
    if (rc == RC_OK) {
        rc =
            ledger_pin_key(ledger, name, pubkey_spki(s->place->pubkey), pool_serial(s->pool), &why);
        if (rc)
            ledger_rollback(ledger);
        else
            rc = ledger_commit(ledger, &why);
    }

    if (rc)
        see(s, KEYRING_FAILING, "its public key cannot be pinned: %s", why.text);
    else
        s->key->shown.pubkey = pubkey_ref(s->place->pubkey);
}

/* Whether there is one private key, of use. */
static void
judge_place(struct sight *s, enum keyring_state token_state, const char *token_detail)
{
    const struct place *place = s->place;
    const char *token = s->at->token->name;

    if (token_state != KEYRING_READY)
        see(s, token_state, "token '%s': %s", token, token_detail);
    else if (!place->is_known)
        see(s, KEYRING_STARTING, "it is looked for on token '%s'", token);
    else if (place->n_matches == 0)
        see(s, KEYRING_NO_KEY, "no private key on token '%s' fits '%s'%s%s", token, place->uri,
            place->detail[0] ? ": " : "", place->detail);
    else if (place->n_matches > 1)
        see(s, KEYRING_NO_KEY, "%u private keys on token '%s' fit '%s', want 1", place->n_matches,
            token, place->uri);
    else if (place->is_other)
        see(s, KEYRING_CHANGED, "the key on token '%s' is another one than the pinned one", token);
    else if (place->methods == 0)
        see(s, KEYRING_UNSUITABLE, "%s", place->detail);
    else
        see(s, KEYRING_READY, "%s", "");
}

/* Whether it is the right one. */
static void
judge_key(struct sight *s, const struct key *keys, size_t n, struct ledger *ledger)
{
    const struct pubkey *there = s->place->pubkey;
    const struct pubkey *pinned = s->key->shown.pubkey;
    const struct pubkey *certificate = s->key->shown.policy->certificate;
    const struct key *twin = find_twin(s->key, there, keys, n);

    if (pinned && !is_same(pinned, there))
        see(s, KEYRING_CHANGED, "the key on token '%s' is another one than the pinned one",
            s->at->token->name);
    else if (certificate && !is_same(certificate, there))
        see(s, KEYRING_UNSUITABLE, "its certificate is for another key than the one on token '%s'",
            s->at->token->name);
    else if (twin)
        see(s, KEYRING_UNSUITABLE, "it has the same public key as '%s'", twin->shown.policy->name);
    else if (!(s->place->methods & 1u << verify_method_of(there)))
        see(s, KEYRING_UNSUITABLE, "the token does not sign by '%s'",
            verify_method_name(verify_method_of(there)));
    else if (!pinned && ledger)
        pin(s, ledger);
    else if (!pinned)
        see(s, KEYRING_STARTING, "it was not seen before");
}

static void
update(struct key *key, const struct key *keys, size_t n, struct ledger *ledger)
{
    const struct policy_key *entry = key->shown.policy;
    struct sight first = {0};

    key->at = 0;
    key->shown.stand_in[0] = 0;
    for (size_t i = 0; i < entry->n_at; i++) {
        struct sight s = {.key = key, .pool = key->pools[i], .at = &entry->at[i]};
        const char *detail;

        enum keyring_state state = pool_state(key->pools[i], &detail);
        s.place = pool_place(key->pools[i], key->places[i]);
        judge_place(&s, state, detail);
        if (s.state == KEYRING_READY)
            judge_key(&s, keys, n, ledger);
        if (i > 0 && s.state == KEYRING_READY)
            memcpy(key->shown.stand_in, first.detail, sizeof key->shown.stand_in);
        if (i == 0 || s.state == KEYRING_READY) {
            first = s;
            key->at = i;
        }
        if (s.state == KEYRING_READY)
            break;
    }

    key->shown.token = first.at->token;
    key->shown.provenance = first.place->provenance;
    key->shown.state = first.state;
    memcpy(key->shown.detail, first.detail, sizeof key->shown.detail);
}

bool
key_is_ready_at(const struct key *key, size_t at)
{
    const struct place *place = pool_place(key->pools[at], key->places[at]);
    const char *detail;
    struct sight s = {.place = place, .at = &key->shown.policy->at[at]};

    enum keyring_state state = pool_state(key->pools[at], &detail);
    judge_place(&s, state, detail);
    return s.state == KEYRING_READY && key->shown.state == KEYRING_READY && place->pubkey &&
           is_same(key->shown.pubkey, place->pubkey);
}

void
keystate_update(struct key *keys, size_t n, struct ledger *ledger)
{
    for (size_t i = 0; i < n; i++)
        update(&keys[i], keys, n, ledger);
}
