/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <ctype.h>

#include "agent/policy_who.h"
#include "proto/bounds.h"
#include "proto/pattern.h"

struct policy *
policy_ref(struct policy *policy)
{
    policy->n_refs++;
    return policy;
}

static void
free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);

    free(texts);
}

static void
token_done(struct policy_token *token)
{
    free(token->name);
    free(token->module);
    free(token->uri);
    free(token->serial);
    free(token->pin_source);
    free(token->worker);
    for (char **variable = token->environment; variable && *variable; variable++)
        free(*variable);
    free(token->environment);
}

static void
key_done(struct policy_key *key)
{
    free(key->name);
    for (size_t i = 0; i < key->n_at; i++)
        free(key->at[i].uri);
    free(key->at);

    pubkey_unref(key->certificate);
    for (size_t i = 0; i < key->n_scope; i++) {
        free_texts(key->scope[i].repositories, key->scope[i].n_repositories);
        free_texts(key->scope[i].roles, key->scope[i].n_roles);
    }
    free(key->scope);
}

static void
grant_done(struct policy_grant *grant)
{
    free(grant->name);
    policy_who_done(&grant->who);
    free(grant->keys);
    free_texts(grant->repositories, grant->n_repositories);
}

void
policy_unref(struct policy *policy)
{
    if (!policy || --policy->n_refs > 0)
        return;

    for (size_t i = 0; i < policy->n_tokens; i++)
        token_done(&policy->tokens[i]);
    for (size_t i = 0; i < policy->n_keys; i++)
        key_done(&policy->keys[i]);
    for (size_t i = 0; i < policy->n_grants; i++)
        grant_done(&policy->grants[i]);

    policy_who_done(&policy->admins);
    free(policy->tokens);
    free(policy->keys);
    free(policy->grants);
    free(policy);
}

bool
policy_resolve(struct policy *policy)
{
    bool is_new = policy_who_resolve(&policy->admins);

    for (size_t i = 0; i < policy->n_grants; i++)
        if (policy_who_resolve(&policy->grants[i].who))
            is_new = true;

    return is_new;
}

bool
policy_is_admin(const struct policy *policy, const struct peer *peer)
{
    return policy_who_has(&policy->admins, peer);
}

bool
policy_knows(const struct policy *policy, const struct peer *peer)
{
    if (policy_is_admin(policy, peer))
        return true;

    for (size_t i = 0; i < policy->n_grants; i++)
        if (policy_who_has(&policy->grants[i].who, peer))
            return true;

    return false;
}

bool
policy_is_name(const char *text)
{
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    return isalnum((unsigned char)text[0]) && !text[strspn(text, characters)] &&
           strlen(text) <= POLICY_NAME_MAX_BYTES;
}

const char *
policy_pin_name(enum policy_pin pin)
{
    static const char *const names[] = {
        [POLICY_PIN_NONE] = "none",
        [POLICY_PIN_CREDENTIAL] = "credential",
        [POLICY_PIN_FILE] = "file",
        [POLICY_PIN_PROMPT] = "prompt",
    };

    return names[pin];
}

const struct policy_token *
policy_find_token(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_tokens; i++)
        if (!strcmp(policy->tokens[i].name, name))
            return &policy->tokens[i];

    return NULL;
}

const struct policy_key *
policy_find_key(const struct policy *policy, const char *name)
{
    for (size_t i = 0; i < policy->n_keys; i++)
        if (!strcmp(policy->keys[i].name, name))
            return &policy->keys[i];

    return NULL;
}

bool
policy_grant_has_key(const struct policy_grant *grant, const struct policy_key *key)
{
    for (size_t i = 0; i < grant->n_keys; i++)
        if (grant->keys[i] == key)
            return true;

    return false;
}

static bool
one_matches(char *const *patterns, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (pattern_matches(patterns[i], text))
            return true;

    return false;
}

bool
policy_key_covers(const struct policy_key *key, const char *repository, const char *role)
{
    /* No pattern of a delegation may reach a name that is no delegation. */
    if (role_rank(span_of(role)) != key->rank)
        return false;

    for (size_t i = 0; i < key->n_scope; i++) {
        const struct policy_scope *scope = &key->scope[i];
        if (one_matches(scope->repositories, scope->n_repositories, repository) &&
            one_matches(scope->roles, scope->n_roles, role))
            return true;
    }

    return false;
}

bool
policy_grant_admits(const struct policy_grant *grant, const char *repository)
{
    return !grant->repositories ||
           one_matches(grant->repositories, grant->n_repositories, repository);
}

int64_t
policy_grant_validity_s(const struct policy_grant *grant, enum rank rank)
{
    if (grant->max_validity_s > 0)
        return grant->max_validity_s;

    switch (rank) {
    case RANK_ROOT:
        return ROOT_VALIDITY_S;
    case RANK_SNAPSHOT:
        return SNAPSHOT_VALIDITY_S;
    case RANK_TARGETS:
    case RANK_DELEGATION:
        return TARGETS_VALIDITY_S;
    case RANK_TIMESTAMP:
    case RANK_MAX_:
        break;
    }

    return 0; /* never signed */
}
