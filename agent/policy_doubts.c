/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_doubts.h"

#include <stdarg.h>

#include "proto/bounds.h"
#include "proto/pattern.h"

void
policy_doubts_done(struct policy_doubts *doubts)
{
    for (size_t i = 0; i < doubts->n; i++)
        free(doubts->doubts[i]);
    free(doubts->doubts);
    *doubts = (struct policy_doubts){0};
}

void
policy_doubt(struct policy_doubter *doubter, const char *fmt, ...)
{
    struct policy_doubts *doubts = doubter->doubts;
    va_list ap;

    if (doubts->n == POLICY_DOUBTS_MAX) {
        doubts->n_more++;
        return;
    }

    char **place = mem_grow(&doubts->doubts, doubts->n, sizeof *place, POLICY_DOUBTS_MAX);
    if (!place) {
        doubter->lacks_memory = true;
        return;
    }

    va_start(ap, fmt);
    int len = vasprintf(place, fmt, ap);
    va_end(ap);
    if (len < 0)
        doubter->lacks_memory = true;
    else
        doubts->n++;
}

static bool
is_granted(const struct policy *policy, const struct policy_key *key)
{
    for (size_t i = 0; i < policy->n_grants; i++)
        if (policy_grant_has_key(&policy->grants[i], key))
            return true;

    return false;
}

/*
 * docker takes "shop/web" for "docker.io/shop/web": what stands before the first '/' is a host only
 * if it has a '.' or ':' or is "localhost". So a pattern without one admits no image.
 */
static bool
lacks_host(const char *pattern)
{
    size_t len = strcspn(pattern, "/");
    struct span first = {(const uint8_t *)pattern, len};

    for (size_t i = 0; i < len; i++)
        if (strchr("*?.:", pattern[i]))
            return false;

    return !span_is(first, "localhost");
}

static void
doubt_key(struct policy_doubter *doubter, const struct policy_key *key)
{
    if (!is_granted(doubter->policy, key))
        policy_doubt(doubter, "key %s: no grant has it, so nobody may use it", key->name);

    /* Root documents are bound to their repository by their certificates. */
    if (key->rank != RANK_ROOT && !policy_key_is_single(key))
        policy_doubt(doubter,
            "key %s: valid in more than one repository or role, so third parties can carry one"
            " role's file to the other",
            key->name);

    for (size_t i = 0; i < key->n_scope; i++)
        for (size_t j = 0; j < key->scope[i].n_repositories; j++)
            if (lacks_host(key->scope[i].repositories[j]))
                policy_doubt(doubter,
                    "key %s: '%s' has no registry's host in front, so it admits no image; those of"
                    " Docker Hub begin with docker.io/",
                    key->name, key->scope[i].repositories[j]);
}

static bool
is_used(const struct policy *policy, const struct policy_token *token)
{
    for (size_t i = 0; i < policy->n_keys; i++)
        for (size_t j = 0; j < policy->keys[i].n_at; j++)
            if (policy->keys[i].at[j].token == token)
                return true;

    return false;
}

static void
doubt_socket(struct policy_doubter *doubter, const struct policy_socket *socket)
{
    bool is_named = false;

    for (size_t i = 0; i < doubter->policy->n_grants; i++) {
        const struct policy_grant *grant = &doubter->policy->grants[i];
        for (size_t k = 0; k < grant->n_sockets; k++) {
            if (grant->sockets[k] != socket)
                continue;

            is_named = true;
            if (socket->mode == 0666 && grant->who.n_names == 0)
                policy_doubt(doubter,
                    "socket %s: has mode 0666, and grant %s names nobody, so whoever reaches its"
                    " directory has that grant",
                    socket->name, grant->name);
        }
    }

    if (!is_named)
        policy_doubt(
            doubter, "socket %s: no grant names it, so nobody may do anything there", socket->name);
}

static void
doubt_roots(struct policy_doubter *doubter, const struct policy_pin_root *root)
{
    for (size_t i = 0; i < doubter->policy->n_keys; i++) {
        const struct policy_key *key = &doubter->policy->keys[i];
        for (size_t j = 0; j < key->n_scope; j++)
            for (size_t k = 0; k < key->scope[j].n_repositories; k++)
                if (pattern_meets(key->scope[j].repositories[k], root->repositories))
                    return;
    }

    policy_doubt(
        doubter, "roots of %s: no key of this policy is for such a repository", root->repositories);
}

static void
doubt_admins(struct policy_doubter *doubter)
{
    const struct policy_who *admins = &doubter->policy->admins;
    bool is_anybody = false;

    for (size_t i = 0; i < admins->n_names; i++)
        is_anybody = is_anybody || admins->names[i].is_resolved;

    policy_doubt_who(doubter, "admins", admins);
    if (admins->n_names == 0)
        policy_doubt(doubter, "admins: there are none");
    else if (!is_anybody)
        policy_doubt(doubter, "admins: nobody whom this system knows");
}

static int
compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum rc
policy_doubts_of(struct policy_doubts *ret, const struct policy *policy, struct why *why)
{
    closing(policy_doubts_done) struct policy_doubts doubts = {0};
    struct policy_doubter doubter = {policy, &doubts, false};

    for (size_t i = 0; i < policy->n_tokens; i++)
        if (!is_used(policy, &policy->tokens[i]))
            policy_doubt(&doubter, "token %s: no key is in it", policy->tokens[i].name);

    for (size_t i = 0; i < policy->n_keys; i++)
        doubt_key(&doubter, &policy->keys[i]);
    for (size_t i = 0; i < policy->n_sockets; i++)
        doubt_socket(&doubter, &policy->sockets[i]);
    for (size_t i = 0; i < policy->n_roots; i++)
        doubt_roots(&doubter, &policy->roots[i]);
    for (size_t i = 0; i < policy->n_grants; i++)
        policy_doubt_grant(&doubter, &policy->grants[i]);
    doubt_admins(&doubter);
    /* At last, as these can be many: they are about pairs. */
    for (size_t i = 0; i < policy->n_grants; i++)
        policy_doubt_overlaps(&doubter, &policy->grants[i]);

    if (doubter.lacks_memory)
        return fail_memory(why);

    if (doubts.n > 1)
        qsort(doubts.doubts, doubts.n, sizeof *doubts.doubts, compare);
    *ret = doubts;
    doubts = (struct policy_doubts){0};
    return RC_OK;
}
