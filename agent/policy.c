/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <ctype.h>

#include "agent/policy_who.h"
#include "proto/bounds.h"
#include "proto/pattern.h"

#define NO_UID ((uid_t)-1) /* nobody has it */

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
socket_done(struct policy_socket *socket)
{
    free(socket->name);
    free(socket->path);
}

static void
grant_done(struct policy_grant *grant)
{
    free(grant->name);
    free(grant->sockets);
    policy_who_done(&grant->who);
    free(grant->keys);
    free_texts(grant->repositories, grant->n_repositories);
    free_texts(grant->tags, grant->n_tags);
    free(grant->unit);
    policy_who_done(&grant->approvals.who);
}

static void
root_done(struct policy_pin_root *root)
{
    free(root->repositories);
    free(root->keys);
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
    for (size_t i = 0; i < policy->n_sockets; i++)
        socket_done(&policy->sockets[i]);
    for (size_t i = 0; i < policy->n_grants; i++)
        grant_done(&policy->grants[i]);
    for (size_t i = 0; i < policy->n_roots; i++)
        root_done(&policy->roots[i]);

    policy_who_done(&policy->admins);
    free(policy->tokens);
    free(policy->keys);
    free(policy->sockets);
    free(policy->grants);
    free(policy->roots);
    free(policy);
}

enum rc
policy_check_main_socket(const struct policy *policy, const char *path, struct why *why)
{
    for (size_t i = 0; i < policy->n_sockets; i++)
        if (!strcmp(policy->sockets[i].path, path))
            return fail(why, RC_MALFORMED, "socket '%s' is at '%s', where the main socket is",
                policy->sockets[i].name, path);

    return RC_OK;
}

bool
policy_resolve(struct policy *policy)
{
    bool is_new = policy_who_resolve(&policy->admins);

    for (size_t i = 0; i < policy->n_grants; i++) {
        struct policy_grant *grant = &policy->grants[i];
        is_new = policy_who_resolve(&grant->who) || is_new;
        is_new = policy_who_resolve(&grant->approvals.who) || is_new;
    }

    return is_new;
}

/* The admins, then of each grant its people and its approvers; NULL behind the last. */
static const struct policy_who *
who_at(const struct policy *policy, size_t i)
{
    if (i == 0)
        return &policy->admins;

    size_t grant = (i - 1) / 2;
    if (grant >= policy->n_grants)
        return NULL;

    return i % 2 ? &policy->grants[grant].who : &policy->grants[grant].approvals.who;
}

static int
compare_names(const void *a, const void *b)
{
    return policy_who_compare(
        *(const struct policy_name *const *)a, *(const struct policy_name *const *)b);
}

enum rc
policy_unresolved(
    const struct policy_name ***ret, size_t *ret_n, const struct policy *policy, struct why *why)
{
    closing(freep) const struct policy_name **names = NULL;
    const struct policy_who *who;
    size_t n = 0, n_different = 0;

    for (size_t i = 0; (who = who_at(policy, i)); i++)
        for (size_t k = 0; k < who->n_names; k++) {
            if (who->names[k].is_resolved)
                continue;

            const struct policy_name **place = mem_grow(&names, n, sizeof *place, SIZE_MAX);
            if (!place)
                return fail_memory(why);

            *place = &who->names[k];
            n++;
        }

    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || policy_who_compare(names[i - 1], names[i]) != 0)
            names[n_different++] = names[i];

    *ret = steal(names);
    *ret_n = n_different;
    return RC_OK;
}

bool
policy_is_admin(const struct policy *policy, const struct peer *peer)
{
    return !peer->door && policy_who_has(&policy->admins, peer);
}

bool
policy_grant_is_for(const struct policy_grant *grant, const struct peer *peer)
{
    if (!peer->door)
        return grant->n_sockets == 0 && policy_who_has(&grant->who, peer);

    for (size_t i = 0; i < grant->n_sockets && !peer->is_shut_out; i++)
        if (!strcmp(grant->sockets[i]->name, peer->door))
            return grant->who.n_names == 0 || policy_who_has(&grant->who, peer);

    return false;
}

bool
policy_grant_may_approve(const struct policy_grant *grant, const struct peer *peer, uid_t requester)
{
    return grant->approvals.count > 0 && !peer->door && peer->uid != 0 && peer->uid != requester &&
           policy_who_has(&grant->approvals.who, peer);
}

bool
policy_wants_approvals(const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_grants; i++)
        if (policy->grants[i].approvals.count > 0)
            return true;

    return false;
}

bool
policy_knows(const struct policy *policy, const struct peer *peer)
{
    if (policy_is_admin(policy, peer))
        return true;

    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        if (policy_grant_is_for(grant, peer) || policy_grant_may_approve(grant, peer, NO_UID))
            return true;
    }

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

static bool
is_same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

bool
policy_token_eq(const struct policy_token *a, const struct policy_token *b)
{
    size_t i = 0;

    while (a->environment[i] && is_same_text(a->environment[i], b->environment[i]))
        i++;
    return !a->environment[i] && !b->environment[i] && is_same_text(a->name, b->name) &&
           is_same_text(a->module, b->module) && is_same_text(a->uri, b->uri) &&
           is_same_text(a->serial, b->serial) && a->pin == b->pin &&
           is_same_text(a->pin_source, b->pin_source) && a->workers == b->workers &&
           is_same_text(a->worker, b->worker) && a->network == b->network &&
           a->timeout_s == b->timeout_s;
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
policy_key_is_single(const struct policy_key *key)
{
    const struct policy_scope *scope = &key->scope[0];

    return key->n_scope == 1 && scope->n_repositories == 1 && scope->n_roles == 1 &&
           pattern_is_literal(scope->repositories[0]) && pattern_is_literal(scope->roles[0]);
}

bool
policy_grant_admits(const struct policy_grant *grant, const char *repository)
{
    return !grant->repositories ||
           one_matches(grant->repositories, grant->n_repositories, repository);
}

bool
policy_grant_admits_tag(const struct policy_grant *grant, const char *tag)
{
    return !grant->tags || one_matches(grant->tags, grant->n_tags, tag);
}

bool
policy_limits_tags(const struct policy *policy, const char *repository, const char *role)
{
    for (size_t i = 0; i < policy->n_grants; i++) {
        const struct policy_grant *grant = &policy->grants[i];
        for (size_t k = 0; grant->tags && k < grant->n_keys; k++)
            if (policy_key_covers(grant->keys[k], repository, role))
                return true;
    }

    return false;
}

/* Characters that a text must have to match. */
static size_t
n_literal(const char *pattern)
{
    size_t n = 0;

    for (const char *p = pattern; *p; p++)
        n += *p != '*' && *p != '?';

    return n;
}

/* Whether a, of two different patterns that match one text, says more about it than b does. */
static bool
is_closer(const char *a, const char *b)
{
    if (n_literal(a) != n_literal(b))
        return n_literal(a) > n_literal(b);

    if (strlen(a) != strlen(b))
        return strlen(a) < strlen(b);

    return strcmp(a, b) < 0;
}

const struct policy_pin_root *
policy_find_root(const struct policy *policy, const char *repository)
{
    const struct policy_pin_root *best = NULL;

    for (size_t i = 0; i < policy->n_roots; i++) {
        const struct policy_pin_root *root = &policy->roots[i];
        if (pattern_matches(root->repositories, repository) &&
            (!best || is_closer(root->repositories, best->repositories)))
            best = root;
    }

    return best;
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
