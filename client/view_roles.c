/* SPDX-License-Identifier: Apache-2.0 */
/* Targets and delegations of a view. */
#include "client/listed.h"
#include "client/seen.h"
#include "client/view_inside.h"
#include "proto/role.h"

/* A role whose file is not listed has not signed yet. Or who signs the snapshot, without a key of
 * the role, hides what it says: TUF 1.0 5.5.5. */
static void
check_unlisted(const struct view *view, struct trust_role *role, const struct view_sources *from)
{
    role->version = view_seen_before(view, role->name, SPAN(""), from);
    role->cause = TRUST_CAUSE_ROLLBACK;
    if (role->version > 0)
        role->problem = fail(&role->why, RC_UNTRUSTED,
            "%s: the snapshot lists it no more, version %" PRId64 " was seen before", role->name,
            role->version);
}

/*
 * The file that is listed is not to be had: take the one that is. It is judged like any other, and
 * stays out of the cache and out of chains, as nothing says that it is the newest.
 */
static enum rc
take_mislisted(
    struct view *view, struct trust_role *role, const struct view_sources *from, struct why *why)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);

    enum rc rc = repo_get(&raw, from->repo, role->name, DOCUMENT_MAX_BYTES, why);
    if (!rc)
        rc = view_set_floor(view, role->name, bytes_span(&raw), from, why);
    if (!rc)
        rc = walk_targets_mislisted(view->walk, span_of(role->name), bytes_span(&raw), why);
    role->is_mislisted = !rc;
    return rc == RC_NOT_FOUND ? RC_UNTRUSTED : rc;
}

/* Fetch and verify one role. Where the fault is the file's, it is noted in the role. */
static enum rc
load_role(
    struct view *view, struct trust_role *role, const struct view_sources *from, struct why *why)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct span name = span_of(role->name);

    const struct tuf_listed *listed = walk_listed(view->walk, name);
    if (!listed) {
        check_unlisted(view, role, from);
        return RC_OK;
    }

    enum rc rc = listed_load(&raw, listed, role->name, from, &role->why);
    if (!rc)
        rc = view_set_floor(view, role->name, bytes_span(&raw), from, &role->why);
    if (!rc)
        rc = walk_targets(view->walk, name, bytes_span(&raw), &role->why);
    if (rc == RC_UNTRUSTED && raw.len == 0 && from->allows_mislisted)
        rc = take_mislisted(view, role, from, &role->why);
    if (rc == RC_UNTRUSTED) {
        role->problem = rc;
        role->cause = view_cause(view->walk);
        role->version = seen_claim(bytes_span(&raw));
        if (!tuf_listed_check(listed, bytes_span(&raw), NULL)) {
            role->unverified = raw;
            raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
        }
        return RC_OK;
    }
    if (rc)
        return fail(why, rc, "%s of '%s': %s", role->name, from->repository, role->why.text);

    role->document = walk_targets_document(view->walk, name);
    role->file = walk_file(view->walk, name);
    role->version = role->document->version;
    return RC_OK;
}

static enum rc
add_role(struct view *view, struct span name, struct why *why)
{
    const struct tuf_keys *keys = NULL;

    for (size_t i = 0; i < view->n_roles; i++)
        if (span_is(name, view->roles[i].name))
            return RC_OK;

    struct trust_role *role =
        mem_grow(&view->roles, view->n_roles, sizeof *role, SNAPSHOT_FILES_MAX);
    if (!role)
        return fail_memory(why);

    role->name = span_dup(name);
    if (!role->name)
        return fail_memory(why);

    view->n_roles++;
    role->listed = walk_role(view->walk, name, &keys);
    role->listed_keys = keys;
    return RC_OK;
}

/* What a document lists beyond its own children is nobody's role. */
static enum rc
add_children(struct view *view, size_t parent, struct why *why)
{
    const struct tuf_targets *document = view->roles[parent].document;

    for (size_t i = 0; document && i < document->n_roles; i++) {
        struct span name = document->roles[i].name;
        if (!role_is_child(name, span_of(view->roles[parent].name)))
            continue;

        enum rc rc = add_role(view, name, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
view_complete(struct view *view, const struct view_sources *from, struct why *why)
{
    enum rc rc = add_role(view, SPAN("targets"), why);

    for (size_t i = 0; !rc && i < view->n_roles; i++) {
        rc = load_role(view, &view->roles[i], from, why);
        if (!rc)
            rc = add_children(view, i, why);
    }
    if (rc)
        return rc;

    const struct trust_role *targets = &view->roles[0];
    view_blame(from, targets->cause);
    if (targets->problem)
        return view_distrust(from, targets->why.text, why);
    if (!targets->document)
        return view_distrust(from, "the snapshot lists no targets", why);

    view->is_complete = true;
    return RC_OK;
}
