/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keylist.h"

#include "agent/answer.h"
#include "agent/ledger_anchor.h"
#include "proto/bounds.h"
#include "proto/certificate.h"
#include "proto/pattern.h"

static json_t *
format_scope(const struct policy_key *key, bool is_roles)
{
    json_t *names = json_array();

    for (size_t i = 0; i < key->n_scope; i++) {
        const struct policy_scope *scope = &key->scope[i];
        size_t n = is_roles ? scope->n_roles : scope->n_repositories;
        for (size_t k = 0; k < n; k++)
            answer_add(&names, json_string(is_roles ? scope->roles[k] : scope->repositories[k]));
    }

    return names;
}

/* The longest validity that any grant of the peer on that key gives; 0: no grant does. */
static int64_t
longest_validity_s(
    const struct policy *policy, const struct policy_key *key, const struct peer *peer)
{
    int64_t longest = 0;

    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        if (policy_grant_is_for(grant, peer) && policy_grant_has_key(grant, key) &&
            policy_grant_validity_s(grant, key->rank) > longest)
            longest = policy_grant_validity_s(grant, key->rank);
    }

    return longest;
}

/* Some grant of the peer on that key wants others to agree. */
static bool
wants_votes(const struct policy *policy, const struct policy_key *key, const struct peer *peer)
{
    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        if (grant->approvals.count > 0 && policy_grant_is_for(grant, peer) &&
            policy_grant_has_key(grant, key))
            return true;
    }

    return false;
}

/* Some grant of the peer on that key judges tags, for which it has to see what is published. */
static bool
judges_tags(const struct policy *policy, const struct policy_key *key, const struct peer *peer)
{
    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        if (grant->tags && policy_grant_is_for(grant, peer) && policy_grant_has_key(grant, key))
            return true;
    }

    return false;
}

/* Of a pattern it is not known which of its repositories exist, so any that was seen counts. */
static bool
is_pinned(const struct agent *agent, const char *pattern)
{
    enum published_pin pin = PUBLISHED_FREE;

    if (pattern_is_literal(pattern))
        return published_pin_of(&pin, agent->ledger, agent->policy, pattern, NULL) ||
               pin != PUBLISHED_FREE;

    for (size_t i = 0; i < agent->policy->n_roots; i++)
        if (pattern_meets(pattern, agent->policy->roots[i].repositories))
            return true;

    return ledger_anchor_any(agent->ledger, NULL) != RC_NOT_FOUND;
}

static bool
needs_base(const struct agent *agent, const struct policy_key *key, const struct peer *peer)
{
    if (judges_tags(agent->policy, key, peer))
        return true;

    for (size_t i = 0; i < key->n_scope; i++)
        for (size_t k = 0; k < key->scope[i].n_repositories; k++)
            if (is_pinned(agent, key->scope[i].repositories[k]))
                return true;

    return false;
}

static const char *
origin_name(enum key_origin origin)
{
    static const char *const names[KEY_ORIGIN_MAX_] = {
        [KEY_ORIGIN_UNKNOWN] = "unknown",
        [KEY_ORIGIN_GENERATED] = "generated",
        [KEY_ORIGIN_IMPORTED] = "imported",
    };

    return names[origin];
}

/* What is known of the key itself. */
static json_t *
format(const char *name, const char *token, const char *state, const struct pubkey *pubkey)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (pubkey)
        bytes_put_base64(&spki, pubkey_spki(pubkey));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "name", name, "key",
        pubkey ? pubkey_canonical_id(pubkey)->hex : "", "spki", bytes_text(&spki), "algorithm",
        pubkey ? pubkey_algorithm(pubkey) : "unknown", "token", token, "state", state);
}

/* What the policy makes of it for the caller. */
static void
set_rights(json_t **ret, int64_t validity_s, json_t *repositories, json_t *roles)
{
    answer_set(ret, "usable", json_boolean(validity_s > 0));
    answer_set(ret, "repositories", repositories);
    answer_set(ret, "roles", roles);
    answer_set(ret, "needs_base", json_false());
    answer_set(ret, "needs_approval", json_false());
    answer_set(ret, "max_validity_s", json_integer(validity_s));
}

static void
set_provenance(json_t **ret, const struct key_provenance *provenance)
{
    answer_set(ret, "origin", json_string(origin_name(provenance->origin)));
    if (provenance->is_extractable_known)
        answer_set(ret, "extractable", json_boolean(provenance->is_extractable));
}

static json_t *
format_key(const struct agent *agent, const struct keyring_key *key, const struct peer *peer)
{
    const struct policy_token *token = key->token ? key->token : key->policy->at[0].token;
    int64_t validity_s = longest_validity_s(agent->policy, key->policy, peer);
    bool is_shown = validity_s > 0 || policy_is_admin(agent->policy, peer);
    int64_t expires_at, used_at_us;

    json_t *ret =
        format(key->policy->name, token->name, keyring_state_name(key->state), key->pubkey);
    set_rights(&ret, validity_s, is_shown ? format_scope(key->policy, false) : json_array(),
        is_shown ? format_scope(key->policy, true) : json_array());
    answer_set(&ret, "needs_base", json_boolean(is_shown && needs_base(agent, key->policy, peer)));
    answer_set(&ret, "needs_approval", json_boolean(wants_votes(agent->policy, key->policy, peer)));
    set_provenance(&ret, &key->provenance);
    if (key->pubkey &&
        !ledger_key_use(&used_at_us, agent->ledger, pubkey_canonical_id(key->pubkey)->hex, NULL))
        answer_set_time(&ret, "last_used", used_at_us / 1000000);
    if (key->policy->certificate) {
        struct span pem = pubkey_public(key->policy->certificate);
        answer_set(&ret, "certificate", json_stringn((const char *)pem.p, pem.len));
        if (!certificate_expires_at(&expires_at, key->policy->certificate, NULL))
            answer_set_time(&ret, "certificate_expires", expires_at);
    }
    return ret;
}

void
keylist_call(struct agent *agent, struct conn *conn, const json_t *parameters)
{
    if (!answer_no_parameters(conn, parameters))
        return;

    json_t *keys = json_array();
    for (size_t i = 0; i < keyring_n_keys(agent->keyring); i++)
        answer_add(&keys, format_key(agent, keyring_key(agent->keyring, i), conn_peer(conn)));
    conn_reply(conn, json_pack("{s:o}", "keys", keys));
}

json_t *
keylist_format_new(const char *name, const char *token, const struct pubkey *pubkey,
    const struct key_provenance *provenance)
{
    json_t *ret = format(name, token, "new", pubkey);

    set_rights(&ret, 0, json_array(), json_array());
    set_provenance(&ret, provenance);
    return ret;
}

const struct keyring_key *
keylist_find(const struct keyring *keyring, const char *name)
{
    for (size_t i = 0; i < keyring_n_keys(keyring); i++)
        if (!strcmp(keyring_key(keyring, i)->policy->name, name))
            return keyring_key(keyring, i);

    return NULL;
}
