/* SPDX-License-Identifier: Apache-2.0 */
#include "client/view.h"

#include <inttypes.h>

#include "client/exact.h"
#include "client/listed.h"
#include "client/seen.h"
#include "client/view_inside.h"
#include "proto/role.h"

#define ROOT_NAME_MAX  32
#define ROOT_RACES_MAX 8 /* where a new root comes each time that we look */

static void
role_done(struct trust_role *role)
{
    bytes_done(&role->unverified);
    free(role->name);
}

void
view_free(struct view *view)
{
    if (!view)
        return;

    for (size_t i = 0; i < view->n_roles; i++)
        role_done(&view->roles[i]);
    free(view->roles);
    bytes_done(&view->timestamp);
    bytes_done(&view->snapshot);
    walk_free(view->walk);
    free(view);
}

static int64_t
version_before(const struct view_sources *from, const char *role)
{
    const struct walk *walk = from->before->walk;
    const struct tuf_targets *targets = walk_targets_document(walk, span_of(role));

    if (!strcmp(role, "timestamp"))
        return walk_timestamp_document(walk)->version;
    if (!strcmp(role, "snapshot"))
        return walk_snapshot_document(walk)->version;

    return targets ? targets->version : 0;
}

/* The version of role that this machine saw before file, which comes now; 0: none, or file. */
int64_t
view_seen_before(
    const struct view *view, const char *role, struct span file, const struct view_sources *from)
{
    const struct tuf_keys *keys = NULL;
    const struct tuf_role *listed = walk_role(view->walk, span_of(role), &keys);
    int64_t version = from->before ? version_before(from, role) : 0;

    return version > 0 ? version : seen_version(from->cache, role, file, listed, keys);
}

/* What this machine saw before must not be newer than file. */
enum rc
view_set_floor(struct view *view, const char *role, struct span file,
    const struct view_sources *from, struct why *why)
{
    int64_t version = view_seen_before(view, role, file, from);

    return version > 0 ? walk_floor(view->walk, span_of(role), version, why) : RC_OK;
}

/* For what is RC_UNTRUSTED. */
void
view_blame(const struct view_sources *from, enum trust_cause cause)
{
    *from->cause = cause;
}

enum trust_cause
view_cause(const struct walk *walk)
{
    return walk_cause(walk) == WALK_CAUSE_EXPIRED    ? TRUST_CAUSE_EXPIRED
           : walk_cause(walk) == WALK_CAUSE_ROLLBACK ? TRUST_CAUSE_ROLLBACK
                                                     : TRUST_CAUSE_OTHER;
}

/* What the server has does not verify; the cause may be the sentence that is there. */
enum rc
view_distrust(const struct view_sources *from, const char *cause, struct why *why)
{
    return fail(why, RC_UNTRUSTED,
        "%s has trust data of '%s' that does not verify: %s; nothing of it is used: whoever "
        "publishes there must look into it",
        repo_url(from->repo), from->repository, cause);
}

static enum rc
fail_cached_root(enum rc rc, const struct view_sources *from, struct why *why)
{
    if (rc == RC_NO_MEMORY)
        return rc;

    view_blame(from, TRUST_CAUSE_ROOT);
    if (rc == RC_SYSTEM)
        return fail(why, RC_UNTRUSTED,
            "the root that this machine trusts for '%s': %s; let all of '%s' belong to who runs "
            "countersign: sudo may have left it to root",
            from->repository, why ? why->text : "", cache_dir(from->cache));

    return fail(why, RC_UNTRUSTED,
        "the root that this machine trusts for '%s' cannot be used: %s; ask its owner what "
        "happened, and only then remove '%s'",
        from->repository, why ? why->text : "", cache_dir(from->cache));
}

/*
 * The root to start from. *ret_is_first_use: nothing vouches for it.
 * RC_NOT_FOUND: there is none anywhere.
 */
static enum rc
load_anchor(
    struct bytes *ret, bool *ret_is_first_use, const struct view_sources *from, struct why *why)
{
    *ret_is_first_use = false;
    if (from->before || from->adopted.len > 0) {
        bytes_put(ret,
            from->before ? bytes_span(&walk_root_file(from->before->walk)->raw) : from->adopted);
        return bytes_check(ret, why);
    }

    enum rc rc = cache_load(ret, from->cache, "root", why);
    if (!rc)
        return RC_OK;
    if (rc != RC_NOT_FOUND)
        return fail_cached_root(rc, from, why);

    if (from->is_offline)
        return fail(why, RC_NETWORK, "'%s' was never seen by this machine", from->repository);

    *ret_is_first_use = true;
    return repo_get(ret, from->repo, "root", DOCUMENT_MAX_BYTES, why);
}

/* A walk that stands on the root that this machine trusts. */
static enum rc
start_walk(struct view *view, const struct view_sources *from, struct why *why)
{
    closing(bytes_done) struct bytes anchor = BYTES_INIT(DOCUMENT_MAX_BYTES);

    enum rc rc = load_anchor(&anchor, &view->is_first_use, from, why);
    if (!rc && from->is_rewriting)
        rc = exact_rewrite(&anchor, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_NETWORK,
            "%s has a timestamp of '%s' but no root; whoever runs it must look into it",
            repo_url(from->repo), from->repository);
    if (rc)
        return rc;

    view_blame(from, TRUST_CAUSE_ROOT);
    if (view->is_first_use && !from->pin && from->options->is_first_use_refused)
        return fail(why, RC_UNTRUSTED,
            "nothing on this machine vouches for the root of '%s', and first use is refused",
            from->repository);

    rc = walk_new(&view->walk, from->repository, TUF_TOLERANT, from->options->now, why);
    if (rc)
        return rc;

    if (from->allows_expired)
        walk_allow_expired(view->walk);
    if (from->allows_unreadable_root)
        walk_allow_expired_root(view->walk);
    if (from->is_offline)
        walk_ignore_expiry(view->walk);

    rc = walk_anchor(view->walk, bytes_span(&anchor), why);
    if (rc && !view->is_first_use && !from->before && from->adopted.len == 0)
        return fail_cached_root(rc, from, why);
    if (rc == RC_UNTRUSTED)
        return view_distrust(from, why ? why->text : "", why);
    if (rc)
        return within(why, rc, "root of '%s'", from->repository);

    view->is_first_use = view->is_first_use || (from->before && from->before->is_first_use);
    return RC_OK;
}

/* Append the root after the one that the walk has come to. ret_name: "5.root". What repo_get()
 * says.
 */
static enum rc
get_next_root(struct bytes *ret, char ret_name[ROOT_NAME_MAX], const struct view *view,
    const struct view_sources *from, struct why *why)
{
    snprintf(
        ret_name, ROOT_NAME_MAX, "%" PRId64 ".root", walk_root_document(view->walk)->version + 1);
    enum rc rc = repo_get(ret, from->repo, ret_name, DOCUMENT_MAX_BYTES, why);
    return rc || !from->is_rewriting ? rc : exact_rewrite(ret, why);
}

/* Follow N+1.root.json until there is none. */
static enum rc
walk_roots(struct view *view, const struct view_sources *from, struct why *why)
{
    for (size_t i = 0; i < ROOT_CHAIN_MAX; i++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
        char name[ROOT_NAME_MAX];

        enum rc rc = get_next_root(&file, name, view, from, why);
        if (rc == RC_NOT_FOUND)
            return RC_OK;
        if (rc)
            return rc;

        progress_note(
            from->options->progress, "root of '%s': following to %s.json", from->repository, name);
        rc = walk_root(view->walk, bytes_span(&file), why);
        if (rc)
            return within(why, rc, "%s.json", name);
    }

    return fail(why, RC_UNTRUSTED, "'%s' has more than %d roots that this machine has not seen",
        from->repository, ROOT_CHAIN_MAX);
}

/* Timestamp and snapshot under the root of the walk, which the snapshot must list. */
static enum rc
walk_head(struct view *view, const struct view_sources *from, struct why *why)
{
    enum rc rc = view_set_floor(view, "timestamp", bytes_span(&view->timestamp), from, why);
    if (!rc)
        rc = walk_timestamp(view->walk, bytes_span(&view->timestamp), why);
    if (rc)
        return rc;

    bytes_clear(&view->snapshot);
    rc = listed_load(
        &view->snapshot, walk_listed(view->walk, SPAN("snapshot")), "snapshot", from, why);
    if (!rc)
        rc = view_set_floor(view, "snapshot", bytes_span(&view->snapshot), from, why);
    return rc ? rc : walk_snapshot(view->walk, bytes_span(&view->snapshot), why);
}

/*
 * RC_NOT_FOUND of the timestamp: there is no repository, unless this machine knows better.
 */
static enum rc
fail_vanished(const struct view_sources *from, struct why *why)
{
    closing(bytes_done) struct bytes anchor = BYTES_INIT(DOCUMENT_MAX_BYTES);
    bool is_first_use = false;

    view_blame(from, TRUST_CAUSE_ABSENT);
    enum rc rc = load_anchor(&anchor, &is_first_use, from, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, rc, "the trust server has no repository '%s'", from->repository);
    if (rc)
        return rc;

    if (is_first_use)
        return fail(why, RC_NETWORK,
            "%s has a root of '%s' but no timestamp; whoever runs it must look into it",
            repo_url(from->repo), from->repository);

    view_blame(from, TRUST_CAUSE_ROLLBACK);
    return fail(why, RC_UNTRUSTED,
        "'%s' vanished from the trust server %s; if it was deleted on purpose, remove '%s'",
        from->repository, repo_url(from->repo), cache_dir(from->cache));
}

static enum rc
fetch_timestamp(struct view *view, const struct view_sources *from, struct why *why)
{
    bytes_clear(&view->timestamp);
    if (from->is_offline)
        return cache_load(&view->timestamp, from->cache, "timestamp", NULL)
                   ? fail(why, RC_NETWORK, "'%s' was never seen by this machine", from->repository)
                   : RC_OK;

    enum rc rc = repo_get(&view->timestamp, from->repo, "timestamp", HTTP_TIMESTAMP_MAX_BYTES, why);

    return rc == RC_NOT_FOUND ? fail_vanished(from, why) : rc;
}

static struct view *
view_alloc(void)
{
    struct view *view = calloc(1, sizeof *view);

    if (view) {
        view->timestamp = BYTES_INIT(HTTP_TIMESTAMP_MAX_BYTES);
        view->snapshot = BYTES_INIT(DOCUMENT_MAX_BYTES);
    }
    return view;
}

/* The server lists the form in which it would have written the root, and not the one that it has.
 */
static bool
is_rewritten_root(const struct view *view)
{
    const struct tuf_file *root = walk_root_file(view->walk);

    return root && exact_is_listed(bytes_span(&root->raw), bytes_span(&view->snapshot));
}

/* Everything below the newest root is there, and nobody reads it any more. */
static bool
is_expired_root(const struct view *view, const struct view_sources *from)
{
    const struct tuf_root *root = walk_root_document(view->walk);

    return view_cause(view->walk) == TRUST_CAUSE_EXPIRED && root && !from->allows_unreadable_root &&
           root->expires_at < from->options->now;
}

static enum rc
fail_unreadable_root(const struct view_sources *from, const char *cause, struct why *why)
{
    return fail(why, RC_UNTRUSTED,
        "%s has trust data of '%s' that does not verify: %s; nothing of it is used: whoever "
        "publishes there must look into it; who may sign the root replaces it with: countersign "
        "witness %s root",
        repo_url(from->repo), from->repository, cause, from->repository);
}

/*
 * What the server has does not follow from the root that this machine trusts. Where its root is
 * another one, that is the reason, and the rest only follows from it.
 */
static enum rc
fail_unrelated(const struct view *view, const struct view_sources *from, struct why *why)
{
    closing(bytes_done) struct bytes root = BYTES_INIT(DOCUMENT_MAX_BYTES);

    if (view->is_first_use || !walk_root_file(view->walk) ||
        repo_get(&root, from->repo, "root", DOCUMENT_MAX_BYTES, NULL) ||
        span_eq(bytes_span(&root), bytes_span(&walk_root_file(view->walk)->raw))) {
        const char *text = why ? why->text : "";
        return is_expired_root(view, from) || is_rewritten_root(view)
                   ? fail_unreadable_root(from, text, why)
                   : view_distrust(from, text, why);
    }

    struct why cause = why ? *why : (struct why){0};
    view_blame(from, TRUST_CAUSE_ROOT);
    return fail(why, RC_UNTRUSTED,
        "%s; the trust server has a root that does not follow from the one that this machine "
        "trusts: the repository was made anew, or it is not the same server; ask its owner, and "
        "only then remove '%s'",
        cause.text, cache_dir(from->cache));
}

/* The root that the walk has come to, where it is new to us, must be one that the agent vouches
 * for, and not only one that follows from what this machine trusts. */
static enum rc
check_pin(struct view *view, const struct view_sources *from, struct why *why)
{
    const struct tuf_file *root = walk_root_file(view->walk);

    view->is_pinned =
        from->pin && from->before && from->before->is_pinned &&
        span_eq(bytes_span(&root->raw), bytes_span(&walk_root_file(from->before->walk)->raw));
    if (!from->pin || view->is_pinned)
        return RC_OK;

    enum rc rc =
        root_pin_check(from->pin, from->repo, from->repository, root, from->options->now, why);
    view_blame(from, TRUST_CAUSE_ROOT);
    if (rc == RC_UNTRUSTED && !view->is_first_use)
        return fail(why, rc,
            "%s; this machine trusted that root before: if it was misled, remove '%s'",
            why ? why->text : "", cache_dir(from->cache));

    view->is_pinned = !rc;
    view->is_first_use = false;
    return rc;
}

/* Whether one more root was published while we looked at the rest. */
static bool
is_outrun(const struct view *view, const struct view_sources *from)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    char name[ROOT_NAME_MAX];

    return !get_next_root(&file, name, view, from, NULL);
}

static enum rc
walk_new_roots(
    struct view *view, bool *ret_is_outrun, const struct view_sources *from, struct why *why)
{
    *ret_is_outrun = false;
    enum rc rc = walk_roots(view, from, why);
    if (rc)
        return rc;

    rc = fetch_timestamp(view, from, why);
    if (!rc)
        rc = walk_head(view, from, why);
    *ret_is_outrun = rc == RC_UNTRUSTED && is_outrun(view, from);
    return rc;
}

/* Start anew, ask for newer roots first. */
static enum rc
view_new_roots(struct view **ret, const struct view_sources *from, struct why *why)
{
    closing(view_freep) struct view *view = NULL;
    bool is_again = true;
    enum rc rc = RC_OK;

    for (int n = 0; is_again && n < ROOT_RACES_MAX; n++) {
        view_free(steal(view));
        view = view_alloc();
        if (!view)
            return fail_memory(why);

        rc = start_walk(view, from, why);
        if (rc)
            return rc;

        rc = walk_new_roots(view, &is_again, from, why);
    }
    if (rc == RC_UNTRUSTED && from->allows_unreadable_root && !from->is_rewriting) {
        struct view_sources again = *from;
        again.is_rewriting = true;
        if (!view_new_roots(ret, &again, NULL))
            return RC_OK;
    }
    view_blame(from, view_cause(view->walk));
    if (rc)
        return rc == RC_UNTRUSTED ? fail_unrelated(view, from, why) : rc;

    rc = check_pin(view, from, why);
    if (!rc)
        *ret = steal(view);
    return rc;
}

enum rc
view_new(struct view **ret, const struct view_sources *from, struct why *why)
{
    closing(view_freep) struct view *view = view_alloc();
    if (!view)
        return fail_memory(why);

    enum rc rc = fetch_timestamp(view, from, why);
    if (rc)
        return rc;

    if (from->before && from->before->is_complete && (!from->pin || from->before->is_pinned) &&
        span_eq(bytes_span(&view->timestamp), bytes_span(&from->before->timestamp))) {
        *ret = NULL;
        return RC_OK;
    }

    rc = start_walk(view, from, why);
    if (rc)
        return rc;

    /* As notary does: newer roots are asked for only where the head does not fit the known one.
     * A server that hides them could hide them either way. */
    rc = walk_head(view, from, why);
    if (rc == RC_UNTRUSTED && !from->is_offline)
        return view_new_roots(ret, from, why);
    if (!rc)
        rc = check_pin(view, from, why);
    if (!rc)
        *ret = steal(view);
    return rc;
}
