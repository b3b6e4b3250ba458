/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_words.h"

#include <inttypes.h>

#include "agent/policy_who.h"
#include "proto/bounds.h"

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void
policy_words_list(struct bytes *b, char *const *texts, size_t n)
{
    closing(freep) char **sorted = n > 0 ? reallocarray(NULL, n, sizeof *sorted) : NULL;
    if (n > 0 && !sorted) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    for (size_t i = 0; i < n; i++)
        sorted[i] = texts[i];
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, compare_texts);

    for (size_t i = 0; i < n; i++)
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", sorted[i]);
}

void
policy_words_duration(struct bytes *b, int64_t seconds)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"day", 86400}, {"hour", 3600}, {"minute", 60}};
    size_t i = 0;

    while (i + 1 < N_ELEMENTS(units) && seconds % units[i].seconds != 0)
        i++;

    int64_t n = seconds / units[i].seconds;
    bytes_printf(b, "%" PRId64 " %s%s", n, units[i].unit, n == 1 ? "" : "s");
}

static bool
is_number(const struct policy_name *name)
{
    return !name->name[strspn(name->name, "0123456789")];
}

void
policy_words_name(struct bytes *b, const struct policy_name *name)
{
    const char *kind = name->is_group ? "group" : "user";
    const char *id_kind = name->is_group ? "gid" : "uid";

    bytes_printf(b, "%s %s", is_number(name) ? id_kind : kind, name->name);
}

void
policy_words_resolved(struct bytes *b, const struct policy_name *name)
{
    policy_words_name(b, name);
    if (!name->is_resolved)
        bytes_puts(b, " (matches nobody)");
    else if (!is_number(name))
        bytes_printf(b, " (%s %" PRIu32 ")", name->is_group ? "gid" : "uid", name->id);
}

static int
compare_names(const void *a, const void *b)
{
    return policy_who_compare(
        *(const struct policy_name *const *)a, *(const struct policy_name *const *)b);
}

void
policy_words_who(struct bytes *b, const struct policy_who *who, policy_words_namer *namer)
{
    size_t n = who->n_names;
    closing(freep) const struct policy_name **sorted =
        n > 0 ? reallocarray(NULL, n, sizeof *sorted) : NULL;
    if (n > 0 && !sorted) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    for (size_t i = 0; i < n; i++)
        sorted[i] = &who->names[i];
    if (n > 1)
        qsort(sorted, n, sizeof *sorted, compare_names);

    for (size_t i = 0; i < n; i++) {
        bytes_puts(b, i > 0 ? ", " : "");
        namer(b, sorted[i]);
    }
}

static void
put_pin(struct bytes *b, const struct policy_token *token)
{
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
}

void
policy_words_token(struct bytes *b, const struct policy_token *token)
{
    bytes_printf(b, "%s, module %s, %zu worker%s", token->uri, token->module, token->workers,
        token->workers == 1 ? "" : "s");
    if (token->timeout_s != TOKEN_CALL_TIMEOUT_S)
        bytes_printf(b, ", %u s for a call", token->timeout_s);

    put_pin(b, token);
    if (token->worker)
        bytes_printf(b, ", in the unit at %s", token->worker);
    if (token->network)
        bytes_puts(b, ", may connect to the network");
    if (token->serial)
        bytes_printf(b, ", only with serial %s", token->serial);
    for (size_t i = 0; token->environment[i]; i++)
        bytes_printf(b, "%s%.*s", i > 0 ? ", " : ", environment ",
            (int)strcspn(token->environment[i], "="), token->environment[i]);
}

void
policy_words_key(struct bytes *b, const struct policy_key *key)
{
    for (size_t i = 0; i < key->n_at; i++)
        bytes_printf(
            b, "%s%s in %s", i > 0 ? ", else " : "", key->at[i].uri, key->at[i].token->name);
    if (key->certificate)
        bytes_printf(b, ", delegated as %s", pubkey_id(key->certificate)->hex);
}

void
policy_words_socket(struct bytes *b, const struct policy_socket *socket)
{
    bytes_printf(b, "%s, mode %04o", socket->path, (unsigned)socket->mode);
}

static int
compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct keyid *)a)->hex, ((const struct keyid *)b)->hex);
}

void
policy_words_root(struct bytes *b, const struct policy_pin_root *root)
{
    closing(freep) struct keyid *sorted = reallocarray(NULL, root->n_keys, sizeof *sorted);
    if (!sorted) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    memcpy(sorted, root->keys, root->n_keys * sizeof *sorted);
    qsort(sorted, root->n_keys, sizeof *sorted, compare_ids);
    for (size_t i = 0; i < root->n_keys; i++)
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", sorted[i].hex);
}

void
policy_words_limits(struct bytes *b, const struct policy_grant *grant, enum rank rank)
{
    bytes_puts(b, "for at most ");
    policy_words_duration(b, policy_grant_validity_s(grant, rank));

    if (rank == RANK_TARGETS || rank == RANK_DELEGATION)
        bytes_puts(b,
            grant->delegate ? ", with changes of delegations" : ", without changes of delegations");
    if (grant->repositories) {
        bytes_puts(b, ", only where the repository is ");
        policy_words_list(b, grant->repositories, grant->n_repositories);
    }
    if (grant->tags) {
        bytes_puts(b, ", changing only tags ");
        policy_words_list(b, grant->tags, grant->n_tags);
    }
    if (grant->unit)
        bytes_printf(b, ", only in unit %s", grant->unit);
    if (grant->quota.n > 0) {
        /* Each grant has a count of its own, so two with one quota are not one. */
        bytes_printf(b, ", at most %" PRId64 " document%s in ", grant->quota.n,
            grant->quota.n == 1 ? "" : "s");
        policy_words_duration(b, grant->quota.window_s);
        bytes_printf(b, " under grant %s", grant->name);
    }
    if (grant->approvals.count > 0) {
        bytes_printf(b, ", after %zu approval%s of ", grant->approvals.count,
            grant->approvals.count == 1 ? "" : "s");
        policy_words_who(b, &grant->approvals.who, policy_words_name);
    }
}
