/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signer.h"

#include "client/agent_error.h"
#include "proto/bounds.h"
#include "proto/pattern.h"

struct signer {
    struct agent_call *call;
    json_t *reply; /* of ListKeys; owns the texts of the keys */
    struct signer_key *keys;
    size_t n_keys;
    bool is_restricted; /* the user named the keys to use */
};

static enum rc
read_texts(const char ***ret, size_t *ret_n, const json_t *array, struct why *why)
{
    closing(freep) const char **texts = calloc(json_array_size(array) + 1, sizeof *texts);
    if (!texts)
        return fail_memory(why);

    for (size_t i = 0; i < json_array_size(array); i++) {
        texts[i] = json_string_value(json_array_get(array, i));
        if (!texts[i])
            return fail(why, RC_MALFORMED, "a pattern that is no text");
    }

    *ret_n = json_array_size(array);
    *ret = steal(texts);
    return RC_OK;
}

/* The public forms of a key; without SPKI it has none, as its token was never there. */
static enum rc
read_public(struct signer_key *key, const char *id, const char *spki, const char *certificate,
    struct why *why)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (!*spki)
        return RC_OK;

    enum rc rc = keyid_parse(&key->id, span_of(id), why);
    if (!rc)
        rc = base64_parse(&der, span_of(spki), why);
    if (!rc)
        rc = pubkey_from_spki(&key->plain, bytes_span(&der), why);
    if (rc)
        return rc;

    if (!keyid_eq(pubkey_canonical_id(key->plain), &key->id))
        return fail(why, RC_MALFORMED, "its ID is not that of its public key");

    return certificate ? pubkey_from_pem(&key->certificate, span_of(certificate), why) : RC_OK;
}

static const char *
read_extractable(const json_t *object)
{
    const json_t *value = json_object_get(object, "extractable");

    return json_is_boolean(value) ? json_is_true(value) ? "yes" : "no" : NULL;
}

static enum rc
read_key(struct signer_key *key, const json_t *object, struct why *why)
{
    const char *id = "", *spki = "", *certificate = NULL;
    const json_t *repositories = NULL, *roles = NULL;
    bool needs_base = false;
    struct members m;

    members_open(&m, object, "key");
    members_text(&m, "name", &key->name);
    members_text(&m, "key", &id);
    members_text(&m, "spki", &spki);
    members_text_maybe(&m, "certificate", &certificate);
    members_text(&m, "algorithm", &key->algorithm);
    members_text(&m, "token", &key->token);
    members_text(&m, "state", &key->state);
    members_bool_maybe(&m, "usable", &key->is_usable);
    members_array(&m, "repositories", SIZE_MAX, &repositories);
    members_array(&m, "roles", SIZE_MAX, &roles);
    members_bool_maybe(&m, "needs_base", &needs_base);
    members_bool_maybe(&m, "needs_approval", &key->needs_approval);
    members_int(&m, "max_validity_s", 0, INTEGER_MAX, &key->max_validity_s);
    members_text_maybe(&m, "origin", &key->origin);
    members_text_maybe(&m, "last_used", &key->last_used);
    members_text_maybe(&m, "certificate_expires", &key->certificate_expires);
    enum rc rc = members_close_tolerant(&m, why);
    key->extractable = read_extractable(object);
    if (!rc)
        rc = read_texts(&key->repositories, &key->n_repositories, repositories, why);
    if (!rc)
        rc = read_texts(&key->roles, &key->n_roles, roles, why);
    if (rc)
        return rc;

    rc = read_public(key, id, spki, certificate, why);
    return rc ? within(why, rc, "key '%s'", key->name) : RC_OK;
}

enum rc
signer_new(struct signer **ret, struct agent_call *call, struct why *why)
{
    closing(signer_freep) struct signer *signer = calloc(1, sizeof *signer);
    const json_t *keys = NULL;
    struct members m;

    if (!signer)
        return fail_memory(why);

    signer->call = call;
    enum rc rc = agent_call(&signer->reply, call, "ListKeys", NULL, why);
    if (rc == RC_DENIED)
        return within(why, rc, "keys of the agent");
    if (rc)
        return rc;

    members_open(&m, signer->reply, "ListKeys");
    members_array(&m, "keys", SIZE_MAX, &keys);
    rc = members_close_tolerant(&m, why);
    for (size_t i = 0; !rc && i < json_array_size(keys); i++) {
        struct signer_key *key = mem_grow(&signer->keys, signer->n_keys, sizeof *key, SIZE_MAX);
        if (!key)
            return fail_memory(why);

        signer->n_keys++;
        rc = read_key(key, json_array_get(keys, i), why);
    }
    if (rc)
        return agent_error_of_reply(rc, why);

    *ret = steal(signer);
    return RC_OK;
}

void
signer_free(struct signer *signer)
{
    if (!signer)
        return;

    for (size_t i = 0; i < signer->n_keys; i++) {
        pubkey_unref(signer->keys[i].plain);
        pubkey_unref(signer->keys[i].certificate);
        free(signer->keys[i].repositories);
        free(signer->keys[i].roles);
    }
    free(signer->keys);
    json_decref(signer->reply);
    free(signer);
}

struct agent_call *
signer_call(const struct signer *signer)
{
    return signer->call;
}

size_t
signer_n_keys(const struct signer *signer)
{
    return signer->n_keys;
}

const struct signer_key *
signer_key_at(const struct signer *signer, size_t i)
{
    return &signer->keys[i];
}

const struct signer_key *
signer_find(const struct signer *signer, const char *name)
{
    for (size_t i = 0; i < signer->n_keys; i++)
        if (!strcmp(signer->keys[i].name, name))
            return &signer->keys[i];

    return NULL;
}

const struct signer_key *
signer_find_id(const struct signer *signer, const struct keyid *canonical_id)
{
    for (size_t i = 0; i < signer->n_keys; i++)
        if (signer->keys[i].plain && keyid_eq(&signer->keys[i].id, canonical_id))
            return &signer->keys[i];

    return NULL;
}

static bool
any_matches(const char *const *patterns, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (pattern_matches(patterns[i], text))
            return true;

    return false;
}

bool
signer_may(const struct signer_key *key, const char *repository, const char *role)
{
    return key->is_usable && signer_is_for(key, repository, role);
}

bool
signer_is_for(const struct signer_key *key, const char *repository, const char *role)
{
    return any_matches(key->repositories, key->n_repositories, repository) &&
           any_matches(key->roles, key->n_roles, role);
}

struct pubkey *
signer_public(const struct signer_key *key)
{
    return key->certificate ? key->certificate : key->plain;
}

/* The agent's key for a listed one, if the caller may use it there. */
static const struct signer_key *
find_listed(const struct signer *signer, const char *repository, const char *role,
    const struct pubkey *listed)
{
    const struct signer_key *key = signer_find_id(signer, pubkey_canonical_id(listed));

    return key && signer_may(key, repository, role) ? key : NULL;
}

bool
signer_can_sign(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed)
{
    for (size_t i = 0; i < n_listed; i++)
        if (find_listed(signer, repository, role, listed[i]))
            return true;

    return false;
}

/* The agent never saw its public key: no token, no such key on it, or a kind that nobody verifies.
 */
static enum rc
fail_unseen(const struct signer_key *key, struct why *why)
{
    return fail(why, RC_TOKEN,
        "key '%s' cannot be used: its state on token '%s' is '%s'; 'countersign status' says why",
        key->name, key->token, key->state);
}

static enum rc
choose_named(const struct signer_key **ret, const struct signer *signer, const char *name,
    const char *repository, const char *role, struct why *why)
{
    if (strncmp(name, "agent:", strlen("agent:")) != 0)
        return fail(why, RC_NOT_FOUND, "'%s' is no key of the agent: want agent:NAME", name);

    const struct signer_key *key = signer_find(signer, name + strlen("agent:"));
    if (!key)
        return fail(why, RC_NOT_FOUND,
            "the agent has no key '%s'; 'countersign key list' shows those that it has",
            name + strlen("agent:"));

    if (!key->plain)
        return fail_unseen(key, why);

    if (!signer_may(key, repository, role))
        return fail(why, RC_DENIED,
            "key '%s' is not yours to use for %s of '%s'; ask an administrator of the agent for a "
            "grant",
            key->name, role, repository);

    *ret = key;
    return RC_OK;
}

enum rc
signer_choose(const struct signer_key **ret, const struct signer *signer, const char *name,
    const char *repository, const char *role, struct why *why)
{
    const struct signer_key *chosen = NULL, *unseen = NULL;

    if (name)
        return choose_named(ret, signer, name, repository, role, why);

    for (size_t i = 0; i < signer->n_keys; i++) {
        const struct signer_key *key = &signer->keys[i];
        if (!signer_may(key, repository, role))
            continue;

        if (!key->plain) {
            unseen = key;
            continue;
        }

        if (chosen)
            return fail(why, RC_NOT_FOUND,
                "more than one key may sign %s of '%s', among them '%s' and '%s': say which with "
                "--root-key or --targets-key",
                role, repository, chosen->name, key->name);
        chosen = key;
    }

    if (!chosen && unseen)
        return fail_unseen(unseen, why);

    if (!chosen)
        return fail(why, RC_DENIED,
            "the agent gives you no key for %s of '%s'; ask an administrator of it for a grant",
            role, repository);

    *ret = chosen;
    return RC_OK;
}

int64_t
signer_validity_s(const struct signer *signer, const char *repository, const char *role,
    struct pubkey *const *listed, size_t n_listed, int64_t default_s)
{
    int64_t validity_s = default_s;

    for (size_t i = 0; i < n_listed; i++) {
        const struct signer_key *key = find_listed(signer, repository, role, listed[i]);
        if (key && key->max_validity_s > 0 && key->max_validity_s < validity_s)
            validity_s = key->max_validity_s;
    }

    return validity_s;
}

enum rc
signer_root_certificate(struct pubkey **ret, struct signer *signer, const char *repository,
    const struct signer_key *key, bool is_new, struct why *why)
{
    /* Agents of earlier versions do not know "renew". */
    closing(json_decrefp) json_t *parameters = json_pack("{s:s,s:s,s:o*}", "repository", repository,
        "key", key->id.hex, "renew", is_new ? json_true() : NULL);
    closing(json_decrefp) json_t *reply = NULL;
    const char *pem = "";
    struct members m;

    if (!parameters)
        return fail_memory(why);

    enum rc rc = agent_call(&reply, signer->call, "IssueRootCertificate", parameters, why);
    if (rc)
        return rc;

    members_open(&m, reply, "IssueRootCertificate");
    members_text(&m, "certificate", &pem);
    rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = pubkey_from_pem(ret, span_of(pem), why);
    return rc ? agent_error_of_reply(rc, why) : RC_OK;
}

enum rc
signer_restrict(struct signer *signer, const char *const *names, size_t n, struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        const struct signer_key *key = signer_find(signer, names[i]);
        if (!key)
            return fail(why, RC_NOT_FOUND, "the agent has no key '%s'; see 'countersign key list'",
                names[i]);
        if (!key->is_usable)
            return fail(why, RC_DENIED,
                "the agent does not let you use key '%s'; ask an administrator of it for a grant",
                names[i]);
    }

    signer->is_restricted = true;
    for (size_t i = 0; i < signer->n_keys; i++) {
        bool is_named = false;
        for (size_t k = 0; k < n; k++)
            is_named = is_named || !strcmp(signer->keys[i].name, names[k]);
        signer->keys[i].is_usable = signer->keys[i].is_usable && is_named;
    }

    return RC_OK;
}

bool
signer_may_need_approval(const struct signer *signer)
{
    for (size_t i = 0; i < signer_n_keys(signer); i++)
        if (signer_key_at(signer, i)->needs_approval)
            return true;

    return false;
}

bool
signer_is_restricted(const struct signer *signer)
{
    return signer->is_restricted;
}
