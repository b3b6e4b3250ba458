/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <unistd.h>

#include "agent/policy_files.h"
#include "agent/policy_grant.h"
#include "agent/policy_people.h"
#include "agent/policy_read.h"
#include "agent/policy_roots.h"
#include "agent/policy_sockets.h"
#include "agent/policy_who.h"
#include "agent/policy_yaml.h"
#include "proto/bounds.h"

enum { TOKENS, KEYS, GRANTS, ADMINS, SOCKETS, ROOTS, N_SECTIONS };

/* What a file of the policy has at its top. */
struct part {
    struct policy_node *root;
    const struct policy_node *sections[N_SECTIONS];
};

struct parts {
    struct part *parts;
    size_t n;
};

struct entries {
    struct policy_entry *entries;
    size_t n;
};

static void
parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        policy_node_free(parts->parts[i].root);
    free(parts->parts);
}

static void
entries_done(struct entries *entries)
{
    free(entries->entries);
}

static enum rc
read_part(struct part *part, const struct policy_file *file, bool is_main, struct why *why)
{
    static const char elsewhere[] = "belongs into the policy's own file, not into policy.d";
    const char *refusal = is_main ? NULL : elsewhere;
    struct policy_member m[N_SECTIONS] = {
        [TOKENS] = {"tokens", refusal},
        [KEYS] = {"keys"},
        [GRANTS] = {"grants"},
        [ADMINS] = {"admins", refusal},
        [SOCKETS] = {"sockets", refusal},
        [ROOTS] = {"roots", refusal},
    };

    enum rc rc = policy_yaml_parse(&part->root, file->name, bytes_span(&file->text), why);
    if (!rc)
        rc = policy_node_members(m, N_SECTIONS, part->root, "a policy", why);
    if (rc)
        return rc;

    for (size_t i = 0; i < N_SECTIONS; i++)
        part->sections[i] = m[i].value;

    return RC_OK;
}

static enum rc
read_parts(struct parts *ret, const struct policy_files *files, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < policy_files_n(files); i++) {
        struct part *part = mem_grow(&ret->parts, ret->n, sizeof *part, POLICY_FILES_MAX + 1);
        if (!part)
            return fail_memory(why);

        ret->n++;
        rc = read_part(part, policy_files_get(files, i), i == 0, why);
    }

    return rc;
}

static enum rc
add_entry(struct entries *entries, const struct policy_node *name, const struct policy_node *value,
    struct why *why)
{
    const char *text = NULL;

    enum rc rc = policy_node_name(&text, name, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < entries->n; i++) {
        const struct policy_node *other = entries->entries[i].name;
        if (!strcmp(other->text, text))
            return policy_node_fail(name, why, "'%s' is already there, at %s:%d:%d", text,
                other->file, other->line, other->column);
    }

    if (entries->n >= POLICY_ENTRIES_MAX)
        return policy_node_fail(name, why, "more than %d entries in all files", POLICY_ENTRIES_MAX);

    struct policy_entry *entry =
        mem_grow(&entries->entries, entries->n, sizeof *entry, POLICY_ENTRIES_MAX);
    if (!entry)
        return fail_memory(why);

    *entry = (struct policy_entry){name, value};
    entries->n++;
    return RC_OK;
}

/* The entries of one section of all files. */
static enum rc
collect(struct entries *ret, const struct parts *parts, int section, struct why *why)
{
    for (size_t i = 0; i < parts->n; i++) {
        const struct policy_node *node = parts->parts[i].sections[section];
        if (!node)
            continue;

        enum rc rc = policy_node_want_map(node, why);
        for (size_t j = 0; !rc && j < node->n; j++)
            rc = add_entry(ret, &node->names[j], &node->values[j], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
read_tokens(
    struct policy *policy, const struct parts *parts, struct policy_files *files, struct why *why)
{
    closing(entries_done) struct entries entries = {0};

    enum rc rc = collect(&entries, parts, TOKENS, why);
    for (size_t i = 0; !rc && i < entries.n; i++) {
        const struct policy_entry *entry = &entries.entries[i];
        if (policy->n_tokens >= TOKENS_MAX)
            return policy_node_fail(entry->name, why, "more than %d tokens", TOKENS_MAX);

        struct policy_token *token =
            mem_grow(&policy->tokens, policy->n_tokens, sizeof *token, TOKENS_MAX);
        if (!token)
            return fail_memory(why);

        policy->n_tokens++;
        rc = policy_node_dup(&token->name, entry->name, why);
        if (!rc)
            rc = policy_read_token(token, entry, files, why);
    }

    return rc;
}

/* Two keys in one place are one key with two names, and two scopes. */
static enum rc
check_places(const struct policy *policy, const struct policy_key *key,
    const struct policy_entry *entry, struct why *why)
{
    for (size_t i = 0; i < key->n_at; i++) {
        const struct policy_place *place = &key->at[i];
        for (size_t k = 0; k < policy->n_keys; k++) {
            const struct policy_key *other = &policy->keys[k];
            size_t n = other == key ? i : other->n_at;
            for (size_t j = 0; j < n; j++)
                if (other->at[j].token == place->token && !strcmp(other->at[j].uri, place->uri))
                    return policy_node_fail(entry->name, why,
                        "'%s' is at '%s' of token '%s', and so is '%s'", key->name, place->uri,
                        place->token->name, other->name);
        }
    }

    return RC_OK;
}

static enum rc
read_keys(
    struct policy *policy, const struct parts *parts, struct policy_files *files, struct why *why)
{
    closing(entries_done) struct entries entries = {0};

    enum rc rc = collect(&entries, parts, KEYS, why);
    for (size_t i = 0; !rc && i < entries.n; i++) {
        const struct policy_entry *entry = &entries.entries[i];
        struct policy_key *key =
            mem_grow(&policy->keys, policy->n_keys, sizeof *key, POLICY_ENTRIES_MAX);
        if (!key)
            return fail_memory(why);

        policy->n_keys++;
        rc = policy_node_dup(&key->name, entry->name, why);
        if (!rc)
            rc = policy_read_key(key, entry, policy, files, why);
        if (!rc)
            rc = check_places(policy, key, entry, why);
    }

    return rc;
}

static enum rc
read_sockets(struct policy *policy, const struct parts *parts, struct why *why)
{
    closing(entries_done) struct entries entries = {0};

    enum rc rc = collect(&entries, parts, SOCKETS, why);
    for (size_t i = 0; !rc && i < entries.n; i++) {
        const struct policy_entry *entry = &entries.entries[i];
        if (policy->n_sockets >= SOCKETS_MAX)
            return policy_node_fail(entry->name, why, "more than %d sockets", SOCKETS_MAX);

        struct policy_socket *socket =
            mem_grow(&policy->sockets, policy->n_sockets, sizeof *socket, SOCKETS_MAX);
        if (!socket)
            return fail_memory(why);

        policy->n_sockets++;
        rc = policy_node_dup(&socket->name, entry->name, why);
        if (!rc)
            rc = policy_sockets_read(socket, entry, policy, why);
    }

    return rc;
}

static enum rc
read_grants(struct policy *policy, const struct parts *parts, struct why *why)
{
    closing(entries_done) struct entries entries = {0};

    enum rc rc = collect(&entries, parts, GRANTS, why);
    for (size_t i = 0; !rc && i < entries.n; i++) {
        const struct policy_entry *entry = &entries.entries[i];
        struct policy_grant *grant =
            mem_grow(&policy->grants, policy->n_grants, sizeof *grant, POLICY_ENTRIES_MAX);
        if (!grant)
            return fail_memory(why);

        policy->n_grants++;
        rc = policy_node_dup(&grant->name, entry->name, why);
        if (!rc)
            rc = policy_grant_read(grant, entry, policy, why);
    }

    return rc;
}

static enum rc
read_admins(struct policy *policy, const struct parts *parts, const struct policy_files *files,
    struct why *why)
{
    const struct policy_node *admins = parts->parts[0].sections[ADMINS];

    if (admins)
        return policy_people_read_admins(&policy->admins, admins, why);

    if (policy_files_are_own(files))
        return policy_who_add_id(&policy->admins, POLICY_WHO_USER, geteuid(), why);

    return RC_OK;
}

/* Tokens, then keys and sockets, then grants: each refers to those before, which are at their final
 * place. */
static enum rc
read_policy(struct policy **ret, struct policy_files *files, struct why *why)
{
    closing(parts_done) struct parts parts = {0};

    closing(policy_unrefp) struct policy *policy = calloc(1, sizeof *policy);
    if (!policy)
        return fail_memory(why);

    policy->n_refs = 1;
    enum rc rc = read_parts(&parts, files, why);
    if (!rc)
        rc = read_tokens(policy, &parts, files, why);
    if (!rc)
        rc = read_keys(policy, &parts, files, why);
    if (!rc)
        rc = read_sockets(policy, &parts, why);
    if (!rc)
        rc = read_grants(policy, &parts, why);
    if (!rc && parts.parts[0].sections[ROOTS])
        rc = policy_roots_read(policy, parts.parts[0].sections[ROOTS], why);
    if (!rc)
        rc = read_admins(policy, &parts, files, why);
    if (!rc)
        rc = policy_files_digest(&policy->digest, files, why);
    if (rc)
        return rc;

    *ret = steal(policy);
    return RC_OK;
}

/* One reading. RC_BUSY: the files changed meanwhile. */
static enum rc
load_once(struct policy **ret, const char *path, struct why *why)
{
    closing(policy_files_freep) struct policy_files *files = NULL;
    closing(policy_unrefp) struct policy *policy = NULL;

    enum rc rc = policy_files_new(&files, path, why);
    if (rc)
        return rc;

    rc = read_policy(&policy, files, why);
    if (policy_files_have_changed(files))
        return fail(why, RC_BUSY, "%s changed while it was read", path);
    if (rc)
        return rc;

    *ret = steal(policy);
    return RC_OK;
}

enum rc
policy_load(struct policy **ret, const char *path, struct why *why)
{
    for (int i = 1; i < POLICY_READ_TRIES; i++) {
        enum rc rc = load_once(ret, path, why);
        if (rc != RC_BUSY)
            return rc;
    }

    enum rc rc = load_once(ret, path, why);
    return rc == RC_BUSY ? fail(why, RC_SYSTEM, "%s changes whenever it is read", path) : rc;
}
