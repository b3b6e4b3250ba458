/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/subject_notary.h"

#include <stdarg.h>

#include "proto/certificate.h"
#include "proto/tuf_root.h"
#include "proto/tuf_snapshot.h"

static const enum reason reasons[] = {
    [TUF_SOUND] = REASON_NONE,
    [TUF_FLAW_DUPLICATE_KEY] = REASON_DUPLICATE_KEY,
    [TUF_FLAW_KEY_ID] = REASON_KEY_ID,
    [TUF_FLAW_KEY_MISSING] = REASON_KEY_ID,
    [TUF_FLAW_THRESHOLD] = REASON_THRESHOLD,
    [TUF_FLAW_ROLE_NAME] = REASON_ROLE_NAME,
    [TUF_FLAW_DUPLICATE_ROLE] = REASON_ROLE_NAME,
    [TUF_FLAW_HASHES] = REASON_HASHES,
    [TUF_FLAW_CUSTOM] = REASON_CUSTOM,
    [TUF_FLAW_UNLISTED_KEY] = REASON_KEY_ID,
};

like_printf(3, 4) static void flaw(
    struct subject *subject, enum reason reason, const char *fmt, ...)
{
    va_list ap;

    if (subject->flaw != REASON_NONE)
        return;

    subject->flaw = reason;
    va_start(ap, fmt);
    vsnprintf(subject->flaw_why.text, sizeof subject->flaw_why.text, fmt, ap);
    va_end(ap);
}

/* Remember that the document lists the keys of role. An ID without a key counts as it stands. */
static enum rc
list_role(struct subject *subject, const struct tuf_role *role, struct span name,
    const struct tuf_keys *keys, struct why *why)
{
    for (size_t i = 0; i < role->n_keyids; i++) {
        struct subject_listing *listing = mem_grow((void **)&subject->listings, subject->n_listings,
            sizeof *listing, DELEGATIONS_MAX * KEYS_MAX);
        if (!listing)
            return fail_memory(why);

        const struct pubkey *key = tuf_keys_find(keys, &role->keyids[i]);
        if (key && !pubkey_evp(key)) /* others may read one of our own keys there */
            flaw(subject, REASON_KEY_ID, "key '%s' of role '%.*s' is of no form that we read",
                role->keyids[i].hex, (int)name.len, (const char *)name.p);
        listing->role = name;
        listing->key = key ? *pubkey_canonical_id(key) : role->keyids[i];
        subject->n_listings++;
    }

    return RC_OK;
}

/* The certificates are all that binds a root document to its repository. */
static void
check_certificates(struct subject *subject, const struct tuf_root *root, int64_t now)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        struct why why;
        if (key && certificate_check_root(key, subject->repository, now, &why))
            flaw(subject, REASON_ROOT_CERTIFICATE, "%s", why.text);
    }
}

static enum rc
scan_root(struct subject *subject, int64_t now, struct why *why)
{
    static const char *const names[] = {"root", "targets", "snapshot", "timestamp"};
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    struct why flaw_why;

    enum rc rc = tuf_root_parse(&root, subject->message, why);
    if (rc)
        return rc;

    enum tuf_flaw found = tuf_root_check(root, &flaw_why);
    if (found != TUF_SOUND)
        flaw(subject, reasons[found], "%s", flaw_why.text);
    check_certificates(subject, root, now);

    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        rc = list_role(subject, &root->roles[i], span_of(names[i]), &root->keys, why);
        if (rc)
            return rc;
    }

    subject->version = root->version;
    subject->expires_at = root->expires_at;
    return RC_OK;
}

void
subject_notary_delegations(struct digest *ret, const struct tuf_targets *targets)
{
    *ret = (struct digest){0};
    if (targets->n_roles > 0 || targets->keys.n > 0)
        digest_of(ret, targets->delegations);
}

static enum rc
scan_targets(struct subject *subject, int64_t now, struct why *why)
{
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    struct why flaw_why;

    (void)now;
    enum rc rc = tuf_targets_parse(&targets, subject->message, why);
    if (rc)
        return rc;

    enum tuf_flaw found = tuf_targets_check(targets, span_of(subject->role), &flaw_why);
    if (found != TUF_SOUND)
        flaw(subject, reasons[found], "%s", flaw_why.text);

    for (size_t i = 0; i < targets->n_roles; i++) {
        const struct tuf_role *role = &targets->roles[i];
        rc = list_role(subject, role, role->name, &targets->keys, why);
        if (rc)
            return rc;
    }

    subject_notary_delegations(&subject->delegations, targets);
    subject->version = targets->version;
    subject->expires_at = targets->expires_at;
    return RC_OK;
}

static enum rc
scan_snapshot(struct subject *subject, int64_t now, struct why *why)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;

    (void)now;
    enum rc rc = tuf_snapshot_parse(&snapshot, subject->message, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < snapshot->n_files; i++) {
        const struct tuf_hashes *hashes = &snapshot->files[i].hashes;
        if (!hashes->has_sha256 || hashes->has_others)
            flaw(subject, REASON_HASHES, "file %zu: wants sha256, and sha512 at most", i);
    }

    subject->version = snapshot->version;
    subject->expires_at = snapshot->expires_at;
    return RC_OK;
}

/* What documents of a rank call themselves, and how they are read. */
static const struct {
    const char *type;
    enum rc (*scan)(struct subject *subject, int64_t now, struct why *why);
} ranks[RANK_MAX_ + 1] = {
    [RANK_ROOT] = {"Root", scan_root},
    [RANK_TARGETS] = {"Targets", scan_targets},
    [RANK_SNAPSHOT] = {"Snapshot", scan_snapshot},
    [RANK_DELEGATION] = {"Targets", scan_targets},
};

enum rc
subject_notary_scan(struct subject *subject, int64_t now, struct why *why)
{
    struct span type;

    enum rc rc = tuf_type_of(&type, subject->message, why);
    if (rc)
        return rc;

    if (subject->rank == RANK_MAX_) {
        flaw(subject, REASON_ROLE_NAME, "'%s' is no role name", subject->role);
        return RC_OK;
    }

    if (!ranks[subject->rank].scan) {
        flaw(subject, REASON_NEVER_SIGNED, "role '%s'", subject->role);
        return RC_OK;
    }

    if (!span_is(type, ranks[subject->rank].type)) {
        flaw(subject, REASON_TYPE, "a document of type '%.*s' for role '%s', which takes '%s'",
            (int)type.len, (const char *)type.p, subject->role, ranks[subject->rank].type);
        return RC_OK;
    }

    return ranks[subject->rank].scan(subject, now, why);
}

/* The key of the root role with that canonical ID, under the ID that the document gives it. */
static const struct keyid *
find_listed(const struct tuf_root *root, const struct keyid *canonical)
{
    const struct tuf_role *role = &root->roles[RANK_ROOT];

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(&root->keys, &role->keyids[i]);
        if (key && keyid_eq(pubkey_canonical_id(key), canonical))
            return &role->keyids[i];
    }

    return NULL;
}

enum rc
subject_notary_publish_root(struct bytes *ret, struct span message,
    const struct subject_signature *signatures, size_t n, struct why *why)
{
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(freep) struct verify_signature *published = calloc(n, sizeof *published);
    size_t n_published = 0;

    if (!published)
        return fail_memory(why);

    enum rc rc = tuf_root_parse(&root, message, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < n; i++) {
        const struct keyid *id = find_listed(root, signatures[i].key);
        if (!id) /* a former root key, which signs the rotation to a new one */
            id = signatures[i].key;

        const struct pubkey *key = tuf_keys_find(&root->keys, id);
        published[n_published++] = (struct verify_signature){
            *id, key ? verify_method_of(key) : VERIFY_ECDSA, signatures[i].signature};
    }

    tuf_file_format(ret, message, published, n_published);
    return bytes_check(ret, why);
}
