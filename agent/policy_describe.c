/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy.h"

#include <inttypes.h>

#include "proto/bounds.h"
#include "proto/pattern.h"

static void
put_list(struct bytes *b, char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", texts[i]);
}

static void
put_duration(struct bytes *b, int64_t seconds)
{
    bool is_days = seconds % 86400 == 0;
    int64_t n = seconds / (is_days ? 86400 : 3600);

    bytes_printf(b, "%" PRId64 " %s%s", n, is_days ? "day" : "hour", n == 1 ? "" : "s");
}

static void
put_name(struct bytes *b, const struct policy_name *name)
{
    const char *kind = name->is_group ? "group" : "user";
    const char *id_kind = name->is_group ? "gid" : "uid";
    char id[16];

    snprintf(id, sizeof id, "%" PRIu32, name->id);
    if (!name->is_resolved)
        bytes_printf(b, "%s %s (matches nobody)", kind, name->name);
    else if (!strcmp(name->name, id))
        bytes_printf(b, "%s %s", id_kind, id);
    else
        bytes_printf(b, "%s %s (%s %s)", kind, name->name, id_kind, id);
}

static void
put_who(struct bytes *b, const struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++) {
        bytes_puts(b, i > 0 ? ", " : "");
        put_name(b, &who->names[i]);
    }
}

static void
describe_token(struct bytes *b, const struct policy_token *token)
{
    bytes_printf(b, "  %s: %s\n    module %s, %zu worker%s", token->name, token->uri, token->module,
        token->workers, token->workers == 1 ? "" : "s");

    if (token->timeout_s != TOKEN_CALL_TIMEOUT_S)
        bytes_printf(b, ", %u s for a call", token->timeout_s);
    switch (token->pin) {
    case POLICY_PIN_NONE:
        bytes_puts(b, ", no PIN");
        break;
    case POLICY_PIN_CREDENTIAL:
        bytes_printf(b, ", PIN from credential %s", token->pin_source);
        break;
    case POLICY_PIN_FILE:
        bytes_printf(b, ", PIN from file %s", token->pin_source);
        break;
    case POLICY_PIN_PROMPT:
        bytes_printf(b, ", PIN from an admin: countersign unlock %s", token->name);
        break;
    }

    if (token->worker)
        bytes_printf(b, ", in the unit at %s", token->worker);
    if (token->network)
        bytes_printf(b, ", may connect to the network");
    if (token->serial)
        bytes_printf(b, ", only with serial %s", token->serial);
    bytes_puts(b, "\n");
}

static void
describe_key(struct bytes *b, const struct policy_key *key)
{
    bytes_printf(b, "  %s:", key->name);
    for (size_t i = 0; i < key->n_at; i++)
        bytes_printf(
            b, "%s %s in %s", i > 0 ? ", else" : "", key->at[i].uri, key->at[i].token->name);

    if (key->certificate)
        bytes_printf(b, ", delegated as %s", pubkey_id(key->certificate)->hex);
    bytes_puts(b, "\n");
}

static void
describe_scope(
    struct bytes *b, const struct policy_grant *grant, const struct policy_key *key, size_t i)
{
    const struct policy_scope *scope = &key->scope[i];

    bytes_printf(b, "    signs with %s: role ", key->name);
    put_list(b, scope->roles, scope->n_roles);
    bytes_puts(b, " of ");
    put_list(b, scope->repositories, scope->n_repositories);
    if (grant->repositories) {
        bytes_puts(b, ", but only of ");
        put_list(b, grant->repositories, grant->n_repositories);
    }

    bytes_puts(b, ", for at most ");
    put_duration(b, policy_grant_validity_s(grant, key->rank));
    bytes_puts(b, "\n");
}

static void
describe_grant(struct bytes *b, const struct policy_grant *grant)
{
    bytes_printf(b, "  %s: ", grant->name);
    put_who(b, &grant->who);
    bytes_puts(b, "\n");

    for (size_t i = 0; i < grant->n_keys; i++)
        for (size_t j = 0; j < grant->keys[i]->n_scope; j++)
            describe_scope(b, grant, grant->keys[i], j);

    bytes_puts(
        b, grant->delegate ? "    may change delegations\n" : "    may not change delegations\n");
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
warn_about_key(struct bytes *b, const struct policy *policy, const struct policy_key *key)
{
    if (!is_granted(policy, key))
        bytes_printf(b, "  key %s: no grant has it, so nobody may use it\n", key->name);

    /* Root documents are bound to their repository by their certificates. */
    if (key->rank != RANK_ROOT && !policy_key_is_single(key))
        bytes_printf(b,
            "  key %s: valid in more than one repository or role, so third parties can carry one"
            " role's file to the other\n",
            key->name);

    for (size_t i = 0; i < key->n_scope; i++)
        for (size_t j = 0; j < key->scope[i].n_repositories; j++)
            if (lacks_host(key->scope[i].repositories[j]))
                bytes_printf(b,
                    "  key %s: '%s' has no registry's host in front, so it admits no image; those"
                    " of Docker Hub begin with docker.io/\n",
                    key->name, key->scope[i].repositories[j]);
}

static void
warn_about_who(struct bytes *b, const char *what, const struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++) {
        const struct policy_name *name = &who->names[i];
        const char *kind = name->is_group ? "group" : "user";

        if (!name->is_resolved)
            bytes_printf(b,
                "  %s: %s '%s' matches nobody: this system does not know it, or it has the"
                " overflow ID\n",
                what, kind, name->name);
        else if (name->id == 0)
            bytes_printf(b,
                name->is_group ? "  %s: names gid 0; root itself is in no group here\n"
                               : "  %s: names uid 0, which root of a container is as well\n",
                what);
    }
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
warn(struct bytes *b, const struct policy *policy)
{
    for (size_t i = 0; i < policy->n_tokens; i++)
        if (!is_used(policy, &policy->tokens[i]))
            bytes_printf(b, "  token %s: no key is in it\n", policy->tokens[i].name);

    for (size_t i = 0; i < policy->n_keys; i++)
        warn_about_key(b, policy, &policy->keys[i]);

    for (size_t i = 0; i < policy->n_grants; i++) {
        char what[sizeof "grant " + POLICY_NAME_MAX_BYTES];
        snprintf(what, sizeof what, "grant %s", policy->grants[i].name);
        warn_about_who(b, what, &policy->grants[i].who);
    }

    warn_about_who(b, "admins", &policy->admins);
    if (policy->admins.n_names == 0)
        bytes_puts(b, "  admins: there are none\n");
}

void
policy_describe(struct bytes *b, const struct policy *policy)
{
    closing(bytes_done) struct bytes warnings = BYTES_INIT(b->max);
    char digest[DIGEST_HEX_LEN + 1];

    digest_hex(digest, &policy->digest);
    bytes_printf(b, "digest %s\n", digest);

    bytes_puts(b, "tokens\n");
    for (size_t i = 0; i < policy->n_tokens; i++)
        describe_token(b, &policy->tokens[i]);

    bytes_puts(b, "keys\n");
    for (size_t i = 0; i < policy->n_keys; i++)
        describe_key(b, &policy->keys[i]);

    bytes_puts(b, "grants\n");
    for (size_t i = 0; i < policy->n_grants; i++)
        describe_grant(b, &policy->grants[i]);

    if (policy->admins.n_names > 0) {
        bytes_puts(b, "admins\n  ");
        put_who(b, &policy->admins);
        bytes_puts(b, "\n");
    }

    warn(&warnings, policy);
    if (warnings.len > 0) {
        bytes_puts(b, "warnings\n");
        bytes_put(b, bytes_span(&warnings));
    }
}
