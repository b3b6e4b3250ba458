/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/published.h"

#include <inttypes.h>
#include <stdarg.h>

#include "agent/base_state.h"
#include "agent/ledger_anchor.h"
#include "agent/ledger_past.h"
#include "proto/bounds.h"

/* The bytes of all files: as they were brought, or as they are held. Roots before the one to start
 * from are not looked at. */
static enum rc
find_files(struct span *ret, const struct message_chain *chain, int64_t from, struct seen *seen,
    struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];

    for (size_t i = 0; i < chain->n_files; i++) {
        const struct message_file *file = &chain->files[i];
        ret[i] = bytes_span(&file->message);
        if (ret[i].len > 0 || seen_find(&ret[i], seen, &file->digest) ||
            (bases_place(file) == BASES_ROOT && file->version < from))
            continue;

        digest_hex(hex, &file->digest);
        return fail(why, RC_NOT_FOUND, "%s", hex);
    }

    return RC_OK;
}

/* From where it is to be verified; both empty: nothing vouches for any root. */
static enum rc
find_anchor(struct base_request *request, struct ledger_anchor *ret, struct bytes *file,
    const struct published_sources *from, struct why *why)
{
    const char *repository = request->chain->repository;

    enum rc rc = ledger_anchor(ret, file, from->ledger, repository, why);
    if (!rc)
        request->anchor = bytes_span(file);
    if (rc != RC_NOT_FOUND)
        return rc;

    const struct policy_pin_root *pins = policy_find_root(from->policy, repository);
    if (pins) {
        request->pins = pins->keys;
        request->n_pins = pins->n_keys;
    }
    return RC_OK;
}

static bool
is_rekeyed(const struct tuf_root *was, const struct tuf_root *is, enum rank rank)
{
    const struct tuf_role *a = &was->roles[rank], *b = &is->roles[rank];
    bool is_same = a->n_keyids == b->n_keyids;

    for (size_t i = 0; is_same && i < a->n_keyids; i++)
        is_same = keyid_eq(&a->keyids[i], &b->keyids[i]);

    return !is_same;
}

/* TUF 1.0 §5.3.11: whoever had the keys of timestamp or snapshot may have shown versions so high
 * that nobody gets past them; new keys, by a newer root, begin both anew. */
static enum rc
find_rekeyed(bool *ret, const struct base *base, struct span anchor, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *was = NULL;

    if (anchor.len == 0)
        return RC_OK;

    enum rc rc = tuf_file_parse(&file, anchor, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&was, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "the root in the ledger");

    *ret = is_rekeyed(was, base_root(base), RANK_TIMESTAMP) ||
           is_rekeyed(was, base_root(base), RANK_SNAPSHOT);
    return RC_OK;
}

static enum rc
verify(struct published *ret, const struct published_sources *from,
    const struct message_chain *chain, struct why *why)
{
    closing(bytes_done) struct bytes anchor_file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(freep) struct span *files = calloc(chain->n_files + 1, sizeof *files);
    struct base_request request = {from->sign, chain, files, .now = from->now};
    struct ledger_anchor anchor = {0};

    if (!files)
        return fail_memory(why);

    enum rc rc = find_anchor(&request, &anchor, &anchor_file, from, why);
    if (rc || (request.anchor.len == 0 && request.n_pins == 0))
        return rc;

    rc = find_files(files, chain, anchor.version, from->seen, why);
    if (!rc)
        rc = base_new(&ret->base, &request, why);
    if (!rc)
        rc = find_rekeyed(&ret->is_rekeyed, ret->base, request.anchor, why);
    if (rc == RC_UNTRUSTED)
        ret->problem = *why;
    if (rc == RC_STALE && anchor.is_seen) { /* else it is not published yet */
        ret->stale = (struct published_stale){"root", anchor.version, {{0}}};
        digest_of(&ret->stale.file, bytes_span(&anchor_file));
    }

    return rc == RC_UNTRUSTED || rc == RC_STALE ? RC_OK : rc;
}

static const struct ledger_floor *
find_floor(const struct published *published, struct span role)
{
    for (size_t i = 0; i < published->n_floors; i++)
        if (span_is(role, published->floors[i].role))
            return &published->floors[i];

    return NULL;
}

/* A role that is delegated to no more, and comes back later, begins anew. */
static bool
is_gone(const struct published *published, struct span role)
{
    bool is_head = span_is(role, "timestamp") || span_is(role, "snapshot");

    return is_head ? published->is_rekeyed : base_is_orphan(published->base, role);
}

/* It verifies, and is not to be trusted all the same. */
like_printf(2, 3) static void distrust(struct published *published, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(published->problem.text, sizeof published->problem.text, fmt, ap);
    va_end(ap);
}

/* TUF 1.0 §5.4.4 and its likes: nothing goes back. The same version twice, with two contents, is
 * what a server does that shows different people different things. */
static void
compare_role(struct published *published, const struct base_role *role)
{
    const struct ledger_floor *floor = find_floor(published, span_of(role->name));

    if (!floor || role->version > floor->version || is_gone(published, span_of(role->name)))
        return;

    if (role->version < floor->version) {
        if (!published->stale.role)
            published->stale = (struct published_stale){floor->role, floor->version, floor->file};
    } else if (!digest_eq(&role->message, &floor->message)) {
        distrust(published,
            "%s: another version %" PRId64 " was seen before: the repository was forked",
            role->name, role->version);
    }
}

static enum rc
find_gone(struct published *published, struct why *why)
{
    published->gone = calloc(published->n_floors + 1, sizeof *published->gone);
    if (!published->gone)
        return fail_memory(why);

    for (size_t i = 0; i < published->n_floors; i++)
        if (is_gone(published, span_of(published->floors[i].role)))
            published->gone[published->n_gone++] = published->floors[i].role;

    return RC_OK;
}

/* A root of a repository that was retired came back. */
static enum rc
check_retired(struct published *published, struct ledger *ledger, struct why *why)
{
    closing(root_keys_done) struct root_keys keys = {0};

    enum rc rc = root_keys_add(&keys, base_root(published->base), why);
    for (size_t i = 0; !rc && i < keys.n; i++) {
        rc = ledger_retired(ledger, published->repository, &keys.ids[i], why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;

        if (!rc)
            distrust(published,
                "root: lists a root key of the repository of that name that was retired");
        rc = RC_OK;
    }

    return rc;
}

enum rc
published_read(struct published *ret, const struct published_sources *from,
    const struct message_chain *chain, struct why *why)
{
    ret->repository = chain->repository;
    enum rc rc = verify(ret, from, chain, why);
    if (rc || !ret->base)
        return rc;

    rc = ledger_floors(&ret->floors, &ret->n_floors, from->ledger, chain->repository, why);
    if (!rc)
        rc = check_retired(ret, from->ledger, why);
    for (size_t i = 0; !rc && i < ret->base->n_roles; i++)
        compare_role(ret, &ret->base->roles[i]);

    return rc ? rc : find_gone(ret, why);
}

void
published_done(struct published *published)
{
    base_free(published->base);
    ledger_floors_free(published->floors, published->n_floors);
    free(published->gone);
    *published = (struct published){0};
}

bool
published_is_missing(
    struct published_stale *ret, const struct published *published, const char *role)
{
    struct span name = span_of(role);

    for (; name.len > 0; name = role_parent(name)) {
        const struct ledger_floor *floor = find_floor(published, name);
        if (!floor || !base_is_missing(published->base, name))
            continue;

        *ret = (struct published_stale){floor->role, floor->version, floor->file};
        return true;
    }

    return false;
}

enum rc
published_pin_of(enum published_pin *ret, struct ledger *ledger, const struct policy *policy,
    const char *repository, struct why *why)
{
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct ledger_anchor anchor;

    enum rc rc = ledger_anchor(&anchor, &file, ledger, repository, why);
    if (rc && rc != RC_NOT_FOUND)
        return rc;

    if (!rc)
        *ret = anchor.is_seen ? PUBLISHED_SEEN : PUBLISHED_FREE;
    else
        *ret = policy_find_root(policy, repository) ? PUBLISHED_PINNED : PUBLISHED_FREE;
    return RC_OK;
}

bool
published_is_sound(const struct published *published)
{
    return published->base && !published->problem.text[0];
}

enum rc
published_put(const struct published *published, struct ledger *ledger, struct why *why)
{
    const struct base *base = published->base;
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < published->n_gone; i++)
        rc = ledger_floor_forget(ledger, published->repository, published->gone[i], why);
    for (size_t i = 0; !rc && i < base->n_roles; i++) {
        const struct base_role *role = &base->roles[i];
        rc = ledger_floor_raise(ledger, published->repository,
            &(struct ledger_floor){role->name, role->version, role->message, role->file}, why);
    }

    return rc ? rc
              : ledger_anchor_see(ledger, published->repository, base_find(base, "root")->version,
                    bytes_span(&base->root_file), why);
}

/* What was skipped, or left out, was not verified. */
static bool
is_verified(const struct base *base, const struct digest *file)
{
    for (size_t i = 0; i < base->n_roles; i++)
        if (digest_eq(&base->roles[i].file, file))
            return true;

    return false;
}

void
published_hold(
    const struct published *published, const struct message_chain *chain, struct seen *seen)
{
    for (size_t i = 0; published_is_sound(published) && i < chain->n_files; i++) {
        const struct message_file *file = &chain->files[i];
        if (file->message.len > 0 && is_verified(published->base, &file->digest))
            seen_put(seen, &file->digest, bytes_span(&file->message));
    }
}
