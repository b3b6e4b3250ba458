/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/walk.h"

#include <inttypes.h>

#include "proto/certificate.h"
#include "proto/floors.h"
#include "proto/utc.h"

/* A document of targets or a delegation; its spans point into file. */
struct trusted {
    char *role;
    struct tuf_file *file;
    struct tuf_targets *document;
};

struct walk {
    char *repository;
    enum tuf_reading reading;
    int64_t now;
    bool allows_expired, allows_expired_root, ignores_expiry;
    enum walk_cause cause;
    struct floors floors;

    struct tuf_file *root_file;
    struct tuf_root *root;
    struct tuf_file *timestamp_file;
    struct tuf_snapshot *timestamp;
    struct tuf_file *snapshot_file;
    struct tuf_snapshot *snapshot;
    struct trusted *targets;
    size_t n_targets;
};

static void
trusted_done(struct trusted *targets)
{
    free(targets->role);
    tuf_targets_free(targets->document);
    tuf_file_free(targets->file);
    *targets = (struct trusted){0};
}

/* Forget role and all below it. */
static void
forget_targets(struct walk *w, struct span role)
{
    size_t kept = 0;

    for (size_t i = 0; i < w->n_targets; i++) {
        struct span name = span_of(w->targets[i].role);
        if (span_starts(name, role) && (name.len == role.len || name.p[role.len] == '/'))
            trusted_done(&w->targets[i]);
        else
            w->targets[kept++] = w->targets[i];
    }

    w->n_targets = kept;
}

static void
forget_snapshot(struct walk *w)
{
    forget_targets(w, SPAN("targets"));
    tuf_snapshot_free(steal(w->snapshot));
    tuf_file_free(steal(w->snapshot_file));
}

static void
forget_timestamp(struct walk *w)
{
    forget_snapshot(w);
    tuf_snapshot_free(steal(w->timestamp));
    tuf_file_free(steal(w->timestamp_file));
}

static void
forget_root(struct walk *w)
{
    forget_timestamp(w);
    tuf_root_free(steal(w->root));
    tuf_file_free(steal(w->root_file));
}

enum rc
walk_new(struct walk **ret, const char *repository, enum tuf_reading reading, int64_t now,
    struct why *why)
{
    closing(walk_freep) struct walk *w = calloc(1, sizeof *w);
    closing(freep) char *name = strdup(repository);
    if (!w || !name)
        return fail_memory(why);

    *w = (struct walk){.repository = steal(name), .reading = reading, .now = now};
    *ret = steal(w);
    return RC_OK;
}

void
walk_free(struct walk *w)
{
    if (!w)
        return;

    forget_root(w);
    free(w->targets);
    floors_done(&w->floors);
    free(w->repository);
    free(w);
}

enum rc
walk_floor(struct walk *w, struct span role, int64_t version, struct why *why)
{
    return floors_raise(&w->floors, role, version, why);
}

void
walk_allow_expired(struct walk *w)
{
    w->allows_expired = true;
}

void
walk_allow_expired_root(struct walk *w)
{
    w->allows_expired_root = true;
}

void
walk_ignore_expiry(struct walk *w)
{
    w->ignores_expiry = true;
}

enum walk_cause
walk_cause(const struct walk *w)
{
    return w->cause;
}

/* Every refusal of a file is one kind; what is no fault of the file stays what it is. */
static enum rc
refusal(enum rc rc)
{
    return rc == RC_MALFORMED || rc == RC_TOO_LARGE || rc == RC_UNSUPPORTED ? RC_UNTRUSTED : rc;
}

static enum rc
check_expiry(struct walk *w, int64_t expires_at, struct why *why)
{
    if (expires_at >= w->now || w->ignores_expiry)
        return RC_OK;

    w->cause = WALK_CAUSE_EXPIRED;

    closing(bytes_done) struct bytes when = BYTES_INIT(64), now = BYTES_INIT(64);
    utc_format(&when, expires_at);
    utc_format(&now, w->now);
    return fail(why, RC_UNTRUSTED, "expired at %s, the clock here says %s", bytes_text(&when),
        bytes_text(&now));
}

static enum rc
check_floor(struct walk *w, struct span role, int64_t version, struct why *why)
{
    enum rc rc = floors_check(&w->floors, role, version, why);

    if (rc)
        w->cause = WALK_CAUSE_ROLLBACK;
    return rc;
}

static enum rc
check_certificates(const struct walk *w, const struct tuf_root *root, struct why *why)
{
    closing(freep) struct pubkey **keys = NULL;
    size_t n = 0;

    enum rc rc = tuf_role_keys(&keys, &n, &root->roles[RANK_ROOT], &root->keys, why);
    for (size_t i = 0; !rc && i < n; i++)
        rc = w->reading == TUF_STRICT
                 ? certificate_check_root(keys[i], w->repository, w->now, why)
                 : certificate_check_root_tolerant(keys[i], w->repository, w->now, why);

    return rc;
}

/* What a root must be in itself. */
static enum rc
root_read(struct tuf_root **ret, struct tuf_file **ret_file, const struct walk *w, struct span raw,
    struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;

    enum rc rc = tuf_file_parse(&file, raw, w->reading, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (rc)
        return rc;

    if (tuf_root_check(root, why))
        return RC_UNTRUSTED;

    rc = tuf_role_verify(&root->roles[RANK_ROOT], &root->keys, file, why);
    if (rc)
        return within(why, rc, "by its own keys");

    rc = check_certificates(w, root, why);
    if (rc)
        return rc;

    *ret = steal(root);
    *ret_file = steal(file);
    return RC_OK;
}

static enum rc
check_successor(const struct tuf_root *was, const struct tuf_root *is, const struct tuf_file *file,
    struct why *why)
{
    /* TUF 1.0 §5.3.5: version must be exactly N+1 */
    if (is->version != was->version + 1)
        return fail(why, RC_UNTRUSTED, "version is %" PRId64 ", want %" PRId64, is->version,
            was->version + 1);

    enum rc rc = tuf_role_verify(&was->roles[RANK_ROOT], &was->keys, file, why);
    return rc ? within(why, rc, "by the keys of version %" PRId64, was->version) : RC_OK;
}

/* was: the root before, which must have signed too; NULL for the first one. */
static enum rc
root_take(struct walk *w, const struct tuf_root *was, struct span raw, struct why *why)
{
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    w->cause = WALK_CAUSE_OTHER;
    enum rc rc = root_read(&root, &file, w, raw, why);
    if (!rc && was)
        rc = check_successor(was, root, file, why);
    if (rc)
        return within(why, refusal(rc), was ? "next root" : "root");

    forget_root(w);
    w->root = steal(root);
    w->root_file = steal(file);
    return RC_OK;
}

enum rc
walk_anchor(struct walk *w, struct span file, struct why *why)
{
    return root_take(w, NULL, file, why);
}

enum rc
walk_root(struct walk *w, struct span file, struct why *why)
{
    return w->root ? root_take(w, w->root, file, why)
                   : fail(why, RC_UNTRUSTED, "next root: there is none to go on from");
}

enum rc
walk_roots_done(struct walk *w, struct why *why)
{
    w->cause = WALK_CAUSE_OTHER;
    if (!w->root)
        return fail(why, RC_UNTRUSTED, "root: there is none");

    enum rc rc = w->allows_expired_root ? RC_OK : check_expiry(w, w->root->expires_at, why);
    if (!rc)
        rc = check_floor(w, SPAN("root"), w->root->version, why);

    return rc ? within(why, rc, "root version %" PRId64, w->root->version) : RC_OK;
}

/* Timestamp and snapshot have one form. */
static enum rc
snapshot_read(struct tuf_snapshot **ret, struct tuf_file **ret_file, struct walk *w, enum rank rank,
    struct span raw, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_snapshot_freep) struct tuf_snapshot *document = NULL;
    const struct tuf_role *role = &w->root->roles[rank];

    enum rc rc = tuf_file_parse(&file, raw, w->reading, why);
    if (!rc)
        rc = tuf_role_verify(role, &w->root->keys, file, why);
    if (!rc && rank == RANK_TIMESTAMP)
        rc = tuf_timestamp_parse(&document, bytes_span(&file->message), why);
    if (!rc && rank == RANK_SNAPSHOT)
        rc = tuf_snapshot_parse(&document, bytes_span(&file->message), why);
    if (!rc)
        rc = check_expiry(w, document->expires_at, why);
    if (!rc)
        rc = check_floor(w, role->name, document->version, why);
    if (rc)
        return rc;

    *ret = steal(document);
    *ret_file = steal(file);
    return RC_OK;
}

enum rc
walk_timestamp(struct walk *w, struct span file, struct why *why)
{
    struct tuf_snapshot *timestamp = NULL;
    struct tuf_file *timestamp_file = NULL;

    enum rc rc = walk_roots_done(w, why);
    if (rc)
        return rc;

    rc = snapshot_read(&timestamp, &timestamp_file, w, RANK_TIMESTAMP, file, why);
    if (rc)
        return within(why, refusal(rc), "timestamp");

    forget_timestamp(w);
    w->timestamp = timestamp;
    w->timestamp_file = timestamp_file;
    return RC_OK;
}

/* Notary, too, takes no snapshot that lists another root than the one that verifies it. */
static enum rc
check_root_listed(const struct walk *w, const struct tuf_snapshot *snapshot, struct why *why)
{
    const struct tuf_listed *listed = tuf_snapshot_find(snapshot, SPAN("root"));
    if (!listed)
        return fail(why, RC_UNTRUSTED, "lists no root");

    enum rc rc = tuf_listed_check(listed, bytes_span(&w->root_file->raw), why);
    return rc ? within(why, rc, "lists another root than version %" PRId64, w->root->version)
              : RC_OK;
}

enum rc
walk_snapshot(struct walk *w, struct span file, struct why *why)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;
    closing(tuf_file_freep) struct tuf_file *snapshot_file = NULL;

    w->cause = WALK_CAUSE_OTHER;
    if (!w->timestamp)
        return fail(why, RC_UNTRUSTED, "snapshot: no timestamp says which");

    enum rc rc = tuf_listed_check(&w->timestamp->files[0], file, why);
    if (!rc)
        rc = snapshot_read(&snapshot, &snapshot_file, w, RANK_SNAPSHOT, file, why);
    if (!rc)
        rc = check_root_listed(w, snapshot, why);
    if (rc)
        return within(why, refusal(rc), "snapshot");

    forget_snapshot(w);
    w->snapshot = steal(snapshot);
    w->snapshot_file = steal(snapshot_file);
    return RC_OK;
}

static const struct trusted *
find_targets(const struct walk *w, struct span role)
{
    for (size_t i = 0; i < w->n_targets; i++)
        if (span_is(role, w->targets[i].role))
            return &w->targets[i];

    return NULL;
}

/* is_mislisted: the snapshot lists another file of the role, and that does not matter. */
static enum rc
targets_read(struct trusted *ret, struct walk *w, struct span role, struct span raw,
    bool is_mislisted, struct why *why)
{
    closing(trusted_done) struct trusted targets = {0};
    const struct tuf_keys *keys = NULL;

    const struct tuf_role *listing = walk_role(w, role, &keys);
    if (!listing)
        return fail(why, RC_NOT_FOUND, "no trusted document delegates to it");

    const struct tuf_listed *listed = walk_listed(w, role);
    if (!listed)
        return fail(why, RC_NOT_FOUND, "the snapshot lists no such file");

    enum rc rc = is_mislisted ? RC_OK : tuf_listed_check(listed, raw, why);
    if (!rc)
        rc = tuf_file_parse(&targets.file, raw, w->reading, why);
    if (!rc)
        rc = tuf_role_verify(listing, keys, targets.file, why);
    if (!rc)
        rc = tuf_targets_parse(&targets.document, bytes_span(&targets.file->message), why);
    if (!rc && !w->allows_expired)
        rc = check_expiry(w, targets.document->expires_at, why);
    if (!rc)
        rc = check_floor(w, role, targets.document->version, why);
    if (rc)
        return refusal(rc);

    targets.role = span_dup(role);
    if (!targets.role)
        return fail_memory(why);

    *ret = targets;
    targets = (struct trusted){0};
    return RC_OK;
}

static enum rc
take_targets(struct walk *w, struct span role, struct span file, bool is_mislisted, struct why *why)
{
    closing(trusted_done) struct trusted targets = {0};

    enum rank rank = role_rank(role);
    w->cause = WALK_CAUSE_OTHER;
    if (rank != RANK_TARGETS && rank != RANK_DELEGATION)
        return fail(
            why, RC_NOT_FOUND, "'%.*s' is no role of targets", (int)role.len, (const char *)role.p);

    enum rc rc = targets_read(&targets, w, role, file, is_mislisted, why);
    if (rc)
        return within(why, rc, "%.*s", (int)role.len, (const char *)role.p);

    /* Room first: what is forgotten cannot be brought back. */
    if (!mem_grow((void **)&w->targets, w->n_targets, sizeof *w->targets, SNAPSHOT_FILES_MAX))
        return fail_memory(why);

    forget_targets(w, role);
    w->targets[w->n_targets++] = targets;
    targets = (struct trusted){0};
    return RC_OK;
}

enum rc
walk_targets(struct walk *w, struct span role, struct span file, struct why *why)
{
    return take_targets(w, role, file, false, why);
}

enum rc
walk_targets_mislisted(struct walk *w, struct span role, struct span file, struct why *why)
{
    return take_targets(w, role, file, true, why);
}

const struct tuf_root *
walk_root_document(const struct walk *w)
{
    return w->root;
}

const struct tuf_file *
walk_root_file(const struct walk *w)
{
    return w->root_file;
}

const struct tuf_snapshot *
walk_timestamp_document(const struct walk *w)
{
    return w->timestamp;
}

const struct tuf_snapshot *
walk_snapshot_document(const struct walk *w)
{
    return w->snapshot;
}

const struct tuf_targets *
walk_targets_document(const struct walk *w, struct span role)
{
    const struct trusted *targets = find_targets(w, role);

    return targets ? targets->document : NULL;
}

const struct tuf_file *
walk_file(const struct walk *w, struct span role)
{
    const struct trusted *targets = find_targets(w, role);

    return span_is(role, "timestamp")  ? w->timestamp_file
           : span_is(role, "snapshot") ? w->snapshot_file
           : targets                   ? targets->file
                                       : NULL;
}

const struct tuf_listed *
walk_listed(const struct walk *w, struct span role)
{
    if (role_rank(role) == RANK_SNAPSHOT)
        return w->timestamp ? &w->timestamp->files[0] : NULL;

    return w->snapshot ? tuf_snapshot_find(w->snapshot, role) : NULL;
}
