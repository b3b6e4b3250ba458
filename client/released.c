/* SPDX-License-Identifier: Apache-2.0 */
#include "client/released.h"

#include "client/natural.h"

void
released_done(struct released *released)
{
    for (size_t i = 0; i < released->n; i++) {
        free(released->rows[i].name);
        free(released->rows[i].signers);
    }
    free(released->rows);
    *released = (struct released){0};
}

const char *
released_signer(const struct trust_role *role)
{
    static const char prefix[] = "targets/";

    return strncmp(role->name, prefix, strlen(prefix)) ? role->name : role->name + strlen(prefix);
}

static const struct trust_role *
find_role(const struct trust_role *roles, size_t n_roles, struct span name)
{
    for (size_t i = 0; i < n_roles; i++)
        if (span_is(name, roles[i].name))
            return &roles[i];

    return NULL;
}

/*
 * From the top down: a path counts only where one of the level above is a prefix of it. All
 * prefixes of one name nest, so the length of the shortest one that counts is all that the next
 * level needs.
 */
static bool
admits_from(size_t *ret_len, const struct trust_role *roles, size_t n_roles,
    const struct trust_role *role, struct span name)
{
    const struct trust_role *parent = find_role(roles, n_roles, role_parent(span_of(role->name)));
    size_t least = 0;

    if (!parent) {
        *ret_len = 0;
        return true;
    }

    return admits_from(&least, roles, n_roles, parent, name) &&
           tuf_role_admits_from(ret_len, role->listed, name, least);
}

bool
released_admits(
    const struct trust_role *roles, size_t n_roles, const struct trust_role *role, struct span name)
{
    size_t len;

    return admits_from(&len, roles, n_roles, role, name);
}

/* Room for all targets of all roles, that many times. */
static enum rc
make_room(struct released *ret, const struct trust_role *roles, size_t n_roles, size_t times,
    struct why *why)
{
    size_t n = 0;

    for (size_t i = 0; i < n_roles; i++)
        n += roles[i].document ? roles[i].document->n_targets : 0;

    ret->rows = reallocarray(NULL, n * times + 1, sizeof *ret->rows);
    return ret->rows ? RC_OK : fail_memory(why);
}

static enum rc
add(struct released *released, const struct trust_role *role, const struct tuf_target *target,
    struct why *why)
{
    closing(bytes_done) struct bytes decoded = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&decoded, target->name);
    char *name = span_dup(bytes_span(&decoded));
    if (!name || decoded.failed) {
        free(name);
        return fail_memory(why);
    }

    released->rows[released->n] =
        (struct released_row){.name = name, .target = target, .role = role, .order = released->n};
    released->n++;
    return RC_OK;
}

static void
drop_last(struct released *released)
{
    free(released->rows[--released->n].name);
}

/* What docker was asked for. */
struct reading {
    const struct trust_role *roles;
    size_t n_roles;
    const char *tag; /* NULL: all */
};

/* Docker knows a digest by its SHA-256 only, and one that is missing as an empty one. */
static bool
is_same_digest(const struct tuf_target *a, const struct tuf_target *b)
{
    if (!a->hashes.has_sha256 || !b->hashes.has_sha256)
        return a->hashes.has_sha256 == b->hashes.has_sha256;

    return digest_eq(&a->hashes.sha256, &b->hashes.sha256);
}

/* Whether role holds the target of row. Docker looks at paths only where it is asked for a tag. */
static bool
holds(const struct reading *reading, const struct trust_role *role, const struct released_row *row)
{
    struct span name = span_of(row->name);
    const struct tuf_target *target =
        role->document ? tuf_targets_find(role->document, name) : NULL;

    return target && is_same_digest(target, row->target) &&
           (!reading->tag || released_admits(reading->roles, reading->n_roles, role, name));
}

static bool
is_releasing(const struct trust_role *role)
{
    return !strcmp(role->name, "targets") || !strcmp(role->name, "targets/releases");
}

static enum rc
add_all(struct released *released, const struct reading *reading, const struct trust_role *role,
    struct why *why)
{
    const struct trust_role *first =
        find_role(reading->roles, reading->n_roles, SPAN("targets/releases"));

    for (size_t i = 0; i < role->document->n_targets; i++) {
        enum rc rc = add(released, role, &role->document->targets[i], why);
        if (rc)
            return rc;

        if (first && first != role && holds(reading, first, &released->rows[released->n - 1]))
            drop_last(released);
    }

    return RC_OK;
}

static enum rc
add_tag(struct released *released, const struct reading *reading, const struct trust_role *role,
    struct why *why)
{
    const struct tuf_target *target = tuf_targets_find(role->document, span_of(reading->tag));

    if (!target || !released_admits(reading->roles, reading->n_roles, role, span_of(reading->tag)))
        return RC_OK;

    enum rc rc = add(released, role, target, why);
    if (!rc && released->n > 1 && is_same_digest(target, released->rows[0].target))
        drop_last(released);
    return rc;
}

static enum rc
add_signers(struct released_row *row, const struct reading *reading, struct why *why)
{
    row->signers = calloc(reading->n_roles + 1, sizeof *row->signers);
    if (!row->signers)
        return fail_memory(why);

    for (size_t i = 0; i < reading->n_roles; i++)
        if (!is_releasing(&reading->roles[i]) && holds(reading, &reading->roles[i], row))
            row->signers[row->n_signers++] = &reading->roles[i];

    return RC_OK;
}

static int
order_cmp(const struct released_row *a, const struct released_row *b)
{
    return (a->order > b->order) - (a->order < b->order);
}

static int
docker_cmp(const void *a, const void *b)
{
    const struct released_row *x = a, *y = b;
    int order = natural_cmp(span_of(x->name), span_of(y->name));

    return order ? order : order_cmp(x, y);
}

enum rc
released_for_docker(struct released *ret, const struct trust_role *roles, size_t n_roles,
    const char *tag, struct why *why)
{
    static const char *const releasing[] = {"targets/releases", "targets"};
    closing(released_done) struct released released = {0};
    const struct reading reading = {roles, n_roles, tag};

    enum rc rc = make_room(&released, roles, n_roles, 1, why);
    for (size_t i = 0; !rc && i < N_ELEMENTS(releasing); i++) {
        const struct trust_role *role = find_role(roles, n_roles, span_of(releasing[i]));
        if (role && role->document)
            rc = tag ? add_tag(&released, &reading, role, why)
                     : add_all(&released, &reading, role, why);
    }
    for (size_t i = 0; !rc && i < released.n; i++)
        rc = add_signers(&released.rows[i], &reading, why);
    if (rc)
        return rc;

    qsort(released.rows, released.n, sizeof *released.rows, docker_cmp);
    *ret = released;
    released = (struct released){0};
    return RC_OK;
}

static bool
is_one_of(const char *const *names, size_t n, struct span name)
{
    for (size_t i = 0; i < n; i++)
        if (span_is(name, names[i]))
            return true;

    return false;
}

/* Whether the walk from start comes to role: it does not go through the other starts. */
static bool
is_reached(
    const struct trust_role *role, const char *start, const char *const *starts, size_t n_starts)
{
    for (struct span at = span_of(role->name); at.len > 0; at = role_parent(at)) {
        if (span_is(at, start))
            return true;
        if (is_one_of(starts, n_starts, at))
            return false;
    }

    return false;
}

static enum rc
add_admitted(struct released *released, const struct trust_role *roles, size_t n_roles,
    const struct trust_role *role, struct why *why)
{
    for (size_t i = 0; role->document && i < role->document->n_targets; i++) {
        enum rc rc = add(released, role, &role->document->targets[i], why);
        if (rc)
            return rc;

        const char *name = released->rows[released->n - 1].name;
        if (!released_admits(roles, n_roles, role, span_of(name)))
            drop_last(released);
    }

    return RC_OK;
}

static int
notary_cmp(const void *a, const void *b)
{
    const struct released_row *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : order_cmp(x, y);
}

/* Of the rows with one name the first one stays. */
static void
drop_shadowed(struct released *released)
{
    size_t n = 0;

    for (size_t i = 0; i < released->n; i++) {
        if (n > 0 && !strcmp(released->rows[n - 1].name, released->rows[i].name))
            free(released->rows[i].name);
        else
            released->rows[n++] = released->rows[i];
    }
    released->n = n;
}

enum rc
released_for_notary(struct released *ret, const struct trust_role *roles, size_t n_roles,
    const char *const *starts, size_t n_starts, struct why *why)
{
    static const char *const whole_tree[] = {"targets"};
    closing(released_done) struct released released = {0};

    if (n_starts == 0) {
        starts = whole_tree;
        n_starts = N_ELEMENTS(whole_tree);
    }

    enum rc rc = make_room(&released, roles, n_roles, n_starts, why);
    for (size_t i = 0; !rc && i < n_starts; i++)
        for (size_t k = 0; !rc && k < n_roles; k++)
            if (is_reached(&roles[k], starts[i], starts, n_starts))
                rc = add_admitted(&released, roles, n_roles, &roles[k], why);
    if (rc)
        return rc;

    qsort(released.rows, released.n, sizeof *released.rows, notary_cmp);
    drop_shadowed(&released);
    *ret = released;
    released = (struct released){0};
    return RC_OK;
}
