/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_rights.h"

#include "agent/policy_who.h"
#include "agent/policy_words.h"
#include "proto/bounds.h"

#define LIMITS_MAX_BYTES ((size_t)4 * 1024 * 1024) /* of one grant: its lists are its file's */

static int
compare_names(const struct policy_name *a, const struct policy_name *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);

    return policy_who_compare(a, b);
}

static int
compare_doors(const struct policy_socket *a, const struct policy_socket *b)
{
    if (!a || !b)
        return (a != NULL) - (b != NULL);

    return strcmp(a->name, b->name);
}

int
policy_right_compare_people(const struct policy_right *a, const struct policy_right *b)
{
    int order = compare_names(a->name, b->name);

    return order ? order : compare_doors(a->door, b->door);
}

/* All but repository, role and grant. */
static int
compare_heads(const struct policy_right *a, const struct policy_right *b)
{
    int order = policy_right_compare_people(a, b);

    if (!order)
        order = strcmp(a->key->name, b->key->name);
    return order ? order : strcmp(a->limits, b->limits);
}

int
policy_right_compare(const struct policy_right *a, const struct policy_right *b)
{
    int order = compare_heads(a, b);

    if (!order)
        order = strcmp(a->role, b->role);
    return order ? order : strcmp(a->repository, b->repository);
}

static int
compare(const void *a, const void *b)
{
    const struct policy_right *one = a, *other = b;
    int order = policy_right_compare(one, other);

    return order ? order : strcmp(one->grant->name, other->grant->name);
}

static enum rc
add(struct policy_rights *rights, const struct policy_right *right, struct why *why)
{
    if (rights->n >= POLICY_RIGHTS_MAX)
        return fail(why, RC_TOO_LARGE,
            "more than %d rights: user by door by key by repository by role", POLICY_RIGHTS_MAX);

    struct policy_right *place =
        mem_grow(&rights->rights, rights->n, sizeof *place, POLICY_RIGHTS_MAX);
    if (!place)
        return fail_memory(why);

    *place = *right;
    rights->n++;
    return RC_OK;
}

static enum rc
add_scope(struct policy_rights *rights, const struct policy_scope *scope,
    struct policy_right *right, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < scope->n_roles; i++)
        for (size_t k = 0; !rc && k < scope->n_repositories; k++) {
            right->role = scope->roles[i];
            right->repository = scope->repositories[k];
            rc = add(rights, right, why);
        }

    return rc;
}

/* For each who may come, at each door where they may. */
static enum rc
add_people(struct policy_rights *rights, const struct policy_scope *scope,
    const struct policy_right *of, struct why *why)
{
    const struct policy_grant *grant = of->grant;
    size_t n_names = grant->who.n_names > 0 ? grant->who.n_names : 1;
    size_t n_doors = grant->n_sockets > 0 ? grant->n_sockets : 1;
    struct policy_right right = *of;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < n_names; i++)
        for (size_t k = 0; !rc && k < n_doors; k++) {
            right.name = grant->who.n_names > 0 ? &grant->who.names[i] : NULL;
            right.door = grant->n_sockets > 0 ? grant->sockets[k] : NULL;
            rc = add_scope(rights, scope, &right, why);
        }

    return rc;
}

static enum rc
add_key(struct policy_rights *rights, const struct policy_grant *grant,
    const struct policy_key *key, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(LIMITS_MAX_BYTES);

    policy_words_limits(&text, grant, key->rank);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    char **limits = mem_grow(&rights->limits, rights->n_limits, sizeof *limits, POLICY_RIGHTS_MAX);
    if (!limits)
        return fail_memory(why);

    *limits = span_dup(bytes_span(&text));
    if (!*limits)
        return fail_memory(why);

    rights->n_limits++;
    struct policy_right right = {.key = key, .limits = *limits, .grant = grant};
    for (size_t i = 0; !rc && i < key->n_scope; i++)
        rc = add_people(rights, &key->scope[i], &right, why);

    return rc;
}

enum rc
policy_rights_of(struct policy_rights *ret, const struct policy *policy, struct why *why)
{
    closing(policy_rights_done) struct policy_rights rights = {0};
    enum rc rc = RC_OK;

    for (size_t i = 0; i < policy->n_grants; i++)
        for (size_t k = 0; !rc && k < policy->grants[i].n_keys; k++)
            rc = add_key(&rights, &policy->grants[i], policy->grants[i].keys[k], why);
    if (rc)
        return rc;

    if (rights.n > 1)
        qsort(rights.rights, rights.n, sizeof *rights.rights, compare);
    *ret = rights;
    rights = (struct policy_rights){0};
    return RC_OK;
}

void
policy_rights_done(struct policy_rights *rights)
{
    for (size_t i = 0; i < rights->n_limits; i++)
        free(rights->limits[i]);
    free(rights->limits);
    free(rights->rights);
    *rights = (struct policy_rights){0};
}

size_t
policy_rights_run(const struct policy_right *rights, size_t n)
{
    size_t len = 1;

    while (len < n && !compare_heads(&rights[0], &rights[len]))
        len++;
    return len;
}

/* Those with the role of the first. */
static size_t
role_run(const struct policy_right *rights, size_t n)
{
    size_t len = 1;

    while (len < n && !strcmp(rights[0].role, rights[len].role))
        len++;
    return len;
}

static bool
has_same_repositories(
    const struct policy_right *a, size_t n_a, const struct policy_right *b, size_t n_b)
{
    if (n_a != n_b)
        return false;

    for (size_t i = 0; i < n_a; i++)
        if (strcmp(a[i].repository, b[i].repository) != 0)
            return false;

    return true;
}

static void
put_repositories(struct bytes *b, const struct policy_right *rights, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(rights[i - 1].repository, rights[i].repository) != 0)
            bytes_printf(b, "%s%s", i > 0 ? ", " : "", rights[i].repository);
}

void
policy_rights_put_reach(struct bytes *b, const struct policy_right *rights, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t len = role_run(&rights[i], n - i), next = i + len, n_roles = 1;

        /* Roles with the same repositories are said together. */
        for (; next < n; n_roles++) {
            size_t other = role_run(&rights[next], n - next);
            if (!has_same_repositories(&rights[i], len, &rights[next], other))
                break;
            next += other;
        }

        bytes_printf(b, "%s%s ", i > 0 ? "; " : "", n_roles > 1 ? "roles" : "role");
        for (size_t k = 0; k < n_roles; k++)
            bytes_printf(b, "%s%s", k > 0 ? ", " : "", rights[i + k * len].role);
        bytes_puts(b, " of ");
        put_repositories(b, &rights[i], len);
        i = next;
    }
}

void
policy_right_put_who(struct bytes *b, const struct policy_right *right)
{
    if (right->name)
        policy_words_name(b, right->name);
    else
        bytes_puts(b, "everybody");
    if (right->door)
        bytes_printf(b, " at door %s", right->door->name);
}
