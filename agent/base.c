/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base.h"

#include <inttypes.h>

#include "agent/next_root.h"
#include "agent/subject_notary.h"
#include "proto/bounds.h"

/* One verification on its way. */
struct trip {
    const struct base_request *request;
    struct base *base;
    struct walk *walk; /* the base's */
};

static enum bases_place
place_at(const struct trip *t, size_t i)
{
    return i < t->request->chain->n_files ? bases_place(&t->request->chain->files[i]) : BASES_NONE;
}

/* The root to start from is ours. Its file may be published with more signatures than we made, so
 * that of the chain is taken if it has the same document. *ret_next: the first file after it. */
static enum rc
take_own_root(const struct trip *t, size_t *ret_next, struct why *why)
{
    const struct message_chain *chain = t->request->chain;
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *ours = NULL;
    size_t i = 0;

    enum rc rc = tuf_file_parse(&file, t->request->anchor, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&ours, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "the root in the ledger");

    while (place_at(t, i) == BASES_ROOT && chain->files[i].version < ours->version)
        i++;
    bool is_there = place_at(t, i) == BASES_ROOT && chain->files[i].version == ours->version;
    if (i > 0 && place_at(t, i) != BASES_ROOT)
        return fail(why, RC_STALE, "the newest root is older than version %" PRId64, ours->version);

    rc = walk_anchor(t->walk, is_there ? t->request->files[i] : t->request->anchor, why);
    if (rc)
        return rc;

    if (!span_eq(bytes_span(&walk_root_file(t->walk)->message), bytes_span(&file->message)))
        return fail(why, RC_UNTRUSTED,
            "root version %" PRId64 " is another than the one known here", ours->version);

    *ret_next = is_there ? i + 1 : i;
    return RC_OK;
}

static bool
is_pin(const struct base_request *request, const struct pubkey *key)
{
    for (size_t i = 0; i < request->n_pins; i++)
        if (keyid_eq(&request->pins[i], pubkey_canonical_id(key)))
            return true;

    return false;
}

/* Whether the file is a root that lists a pinned key and is signed by it. */
static enum rc
check_pinned(bool *ret, const struct base_request *request, struct span raw, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(freep) struct pubkey **keys = NULL;
    size_t n = 0;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&file->message), why);
    if (!rc)
        rc = tuf_role_keys(&keys, &n, &root->roles[RANK_ROOT], &root->keys, why);
    if (rc)
        return rc == RC_NO_MEMORY ? rc : RC_UNTRUSTED;

    *ret = false;
    for (size_t i = 0; i < n && !*ret; i++)
        *ret =
            is_pin(request, keys[i]) && !verify_threshold(&keys[i], 1, 1, file->signatures,
                                            file->n_signatures, bytes_span(&file->message), NULL);
    return RC_OK;
}

static enum rc
take_pinned_root(const struct trip *t, size_t *ret_next, struct why *why)
{
    bool is_pinned = false;

    for (size_t i = 0; place_at(t, i) == BASES_ROOT; i++) {
        enum rc rc = check_pinned(&is_pinned, t->request, t->request->files[i], why);
        if (rc)
            return within(why, rc, "root");

        *ret_next = i + 1;
        if (is_pinned)
            return walk_anchor(t->walk, t->request->files[i], why);
    }

    return fail(why, RC_UNTRUSTED,
        "no root of the chain lists, and is signed by, a key that 'roots' of the policy pins");
}

/* Whether all keys of the listing are such as could sign: if not, who signed is not to be told. */
static bool
is_listed_well(const struct tuf_role *listing, const struct tuf_keys *keys)
{
    if (tuf_role_check(listing, keys, NULL))
        return false;

    for (size_t i = 0; i < listing->n_keyids; i++)
        if (pubkey_check(tuf_keys_find(keys, &listing->keyids[i]), NULL))
            return false;

    return true;
}

/* A file of a delegation that was not taken: if it is not by those who may sign the role now, there
 * is none, as keys come and go. RC_UNTRUSTED: it is theirs, or cannot be read; why stays. */
static enum rc
leave_out(const struct trip *t, struct span role, struct span raw, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    const struct tuf_keys *keys = NULL;
    struct base *base = t->base;

    enum rc rc = tuf_file_parse(&file, raw, TUF_STRICT, NULL);
    const struct tuf_role *listing = walk_role(t->walk, role, &keys);
    if (!rc && (!listing || is_listed_well(listing, keys)))
        rc = listing ? tuf_role_verify(listing, keys, file, NULL) : RC_UNTRUSTED;
    if (rc != RC_UNTRUSTED)
        return rc == RC_NO_MEMORY ? fail_memory(why) : RC_UNTRUSTED;

    char **name = mem_grow(&base->left_out, base->n_left_out, sizeof *name, CHAIN_FILES_MAX);
    if (name)
        *name = span_dup(role);
    if (!name || !*name)
        return fail_memory(why);

    base->n_left_out++;
    return RC_OK;
}

/* A file that nothing lists does not belong to the chain. */
static enum rc
take_role(const struct trip *t, int64_t *ret_version, size_t i, struct why *why)
{
    struct span role = span_of(t->request->chain->files[i].role), raw = t->request->files[i];

    const struct tuf_listed *listed = walk_listed(t->walk, role);
    enum rc rc = listed ? tuf_listed_check(listed, raw, why)
                        : fail(why, RC_UNTRUSTED, "the snapshot lists no such file");
    if (rc)
        return within(why, rc, "%s", t->request->chain->files[i].role);

    rc = walk_targets(t->walk, role, raw, why);
    if ((rc == RC_UNTRUSTED || rc == RC_NOT_FOUND) && role_rank(role) == RANK_DELEGATION)
        return leave_out(t, role, raw, why);
    if (!rc)
        *ret_version = walk_targets_document(t->walk, role)->version;
    return rc;
}

/* Comes after the newest root, which may have expired where the request replaces it. */
static enum rc
take_timestamp(const struct trip *t, struct span raw, struct why *why)
{
    const struct base_request *request = t->request;
    const char *repository = request->chain->repository;
    const struct tuf_root *root = walk_root_document(t->walk);
    bool is_replaced = false;

    if (root->expires_at < request->now) {
        enum rc rc =
            next_root_is_wanted(&is_replaced, request->sign, repository, root, request->now, why);
        if (rc)
            return rc;
        if (is_replaced)
            walk_allow_expired_root(t->walk);
    }

    enum rc rc = walk_timestamp(t->walk, raw, why);
    return rc == RC_UNTRUSTED && root->expires_at < request->now && !is_replaced
               ? fail(why, rc, "%s; 'countersign witness %s root' renews it", why ? why->text : "",
                     repository)
               : rc;
}

/* One more file; *ret_version: what its document says; untouched where it is left out. */
static enum rc
take_file(const struct trip *t, int64_t *ret_version, size_t i, struct why *why)
{
    struct span raw = t->request->files[i];
    struct walk *w = t->walk;
    enum rc rc = RC_UNTRUSTED;

    switch (place_at(t, i)) {
    case BASES_ROOT:
        rc = root_keys_add(&t->base->root_keys, walk_root_document(w), why);
        if (!rc)
            rc = walk_root(w, raw, why);
        *ret_version = rc ? 0 : walk_root_document(w)->version;
        break;
    case BASES_TIMESTAMP:
        rc = take_timestamp(t, raw, why);
        *ret_version = rc ? 0 : walk_timestamp_document(w)->version;
        break;
    case BASES_SNAPSHOT:
        rc = walk_snapshot(w, raw, why);
        *ret_version = rc ? 0 : walk_snapshot_document(w)->version;
        break;
    case BASES_TARGETS:
    case BASES_DELEGATION:
        return take_role(t, ret_version, i, why);
    case BASES_NONE:
        return fail(
            why, RC_UNTRUSTED, "'%s' is no file of a chain", t->request->chain->files[i].role);
    }

    return rc;
}

static enum rc
walk_chain(const struct trip *t, struct why *why)
{
    const struct message_chain *chain = t->request->chain;
    size_t next = 0;

    enum rc rc =
        t->request->anchor.len > 0 ? take_own_root(t, &next, why) : take_pinned_root(t, &next, why);
    for (size_t i = next; !rc && i < chain->n_files; i++) {
        int64_t version = chain->files[i].version;
        rc = take_file(t, &version, i, why);
        if (!rc && version != chain->files[i].version)
            rc = fail(why, RC_UNTRUSTED, "%s: version is %" PRId64 ", want %" PRId64,
                chain->files[i].role, version, chain->files[i].version);
    }
    if (rc)
        return rc;

    return walk_snapshot_document(t->walk)
               ? RC_OK
               : fail(why, RC_UNTRUSTED, "the chain ends before the snapshot");
}

/* All of them, where the threshold was content with some. Verifying is what costs. */
static enum rc
find_signers(
    struct base_role *ret, const struct walk *w, const struct tuf_file *file, struct why *why)
{
    closing(freep) struct pubkey **keys = NULL;
    const struct tuf_keys *listed = NULL;
    size_t n = 0;

    const struct tuf_role *role = walk_role(w, span_of(ret->name), &listed);
    enum rc rc = tuf_role_keys(&keys, &n, role, listed, why);
    if (rc)
        return rc;

    ret->signers = calloc(n, sizeof *ret->signers);
    if (!ret->signers)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++)
        if ((int64_t)n == role->threshold ||
            !verify_threshold(&keys[i], 1, 1, file->signatures, file->n_signatures,
                bytes_span(&file->message), NULL))
            ret->signers[ret->n_signers++] = *pubkey_canonical_id(keys[i]);

    return RC_OK;
}

static enum rc
add_role(const struct trip *t, const char *name, const struct tuf_file *file, int64_t version,
    struct why *why)
{
    struct base *base = t->base;
    struct base_role *role =
        mem_grow(&base->roles, base->n_roles, sizeof *role, CHAIN_FILES_MAX + 1);
    if (!role)
        return fail_memory(why);

    role->name = strdup(name);
    if (!role->name)
        return fail_memory(why);

    base->n_roles++;
    role->version = version;
    digest_of(&role->message, bytes_span(&file->message));
    digest_of(&role->file, bytes_span(&file->raw));
    return find_signers(role, t->walk, file, why);
}

static bool
is_wanted_key(const struct message_sign *sign, const struct keyid *id)
{
    for (size_t i = 0; i < sign->n_documents; i++)
        for (size_t k = 0; k < sign->documents[i].n_keys; k++)
            if (keyid_eq(&sign->documents[i].keys[k], id))
                return true;

    return false;
}

static enum rc
add_listing(const struct trip *t, struct span role, const struct keyid *id, struct why *why)
{
    struct base *base = t->base;
    struct subject_listing *listing = mem_grow(
        &base->listings, base->n_listings, sizeof *listing, CHAIN_FILES_MAX * DELEGATIONS_MAX);
    char *name = span_dup(role);

    if (!listing || !name) {
        free(name);
        return fail_memory(why);
    }

    *listing = (struct subject_listing){span_of(name), *id};
    base->n_listings++;
    return RC_OK;
}

static enum rc
add_listings(const struct trip *t, const struct tuf_role *role, struct span name,
    const struct tuf_keys *keys, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < role->n_keyids; i++) {
        const struct pubkey *key = tuf_keys_find(keys, &role->keyids[i]);
        if (key && is_wanted_key(t->request->sign, pubkey_canonical_id(key)))
            rc = add_listing(t, name, pubkey_canonical_id(key), why);
    }

    return rc;
}

static enum rc
keep_root(const struct trip *t, struct why *why)
{
    const struct tuf_root *root = walk_root_document(t->walk);
    const struct tuf_file *file = walk_root_file(t->walk);

    enum rc rc = add_role(t, "root", file, root->version, why);
    for (size_t i = 0; !rc && i < N_ELEMENTS(root->roles); i++)
        rc = add_listings(t, &root->roles[i], root->roles[i].name, &root->keys, why);
    if (!rc && root->version > 1 && (t->base->root_keys.n > 0 || t->request->anchor.len == 0))
        rc = root_keys_add(&t->base->root_keys, root, why);
    if (rc)
        return rc;

    bytes_put(&t->base->root_file, bytes_span(&file->raw));
    return bytes_check(&t->base->root_file, why);
}

static enum rc
keep_head(const struct trip *t, struct why *why)
{
    enum rc rc = add_role(t, "timestamp", walk_file(t->walk, SPAN("timestamp")),
        walk_timestamp_document(t->walk)->version, why);

    return rc ? rc
              : add_role(t, "snapshot", walk_file(t->walk, SPAN("snapshot")),
                    walk_snapshot_document(t->walk)->version, why);
}

static enum rc
keep_targets(const struct trip *t, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < t->request->chain->n_files; i++) {
        const char *name = t->request->chain->files[i].role;
        const struct tuf_targets *document = walk_targets_document(t->walk, span_of(name));
        if (!document)
            continue;

        rc = add_role(t, name, walk_file(t->walk, span_of(name)), document->version, why);
        if (!rc)
            subject_notary_delegations(&t->base->roles[t->base->n_roles - 1].delegations, document);
        for (size_t k = 0; !rc && k < document->n_roles; k++)
            rc =
                add_listings(t, &document->roles[k], document->roles[k].name, &document->keys, why);
    }

    return rc;
}

enum rc
base_new(struct base **ret, const struct base_request *request, struct why *why)
{
    closing(base_freep) struct base *base = calloc(1, sizeof *base);
    if (!base)
        return fail_memory(why);

    base->root_file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    enum rc rc = walk_new(&base->walk, request->chain->repository, TUF_STRICT, request->now, why);
    if (rc)
        return rc;

    struct trip trip = {request, base, base->walk};
    walk_allow_expired(base->walk);
    rc = walk_chain(&trip, why);
    if (!rc)
        rc = keep_root(&trip, why);
    if (!rc)
        rc = keep_head(&trip, why);
    if (!rc)
        rc = keep_targets(&trip, why);
    if (rc)
        return rc;

    *ret = steal(base);
    return RC_OK;
}

void
base_free(struct base *base)
{
    if (!base)
        return;

    for (size_t i = 0; i < base->n_roles; i++) {
        free(base->roles[i].name);
        free(base->roles[i].signers);
    }
    for (size_t i = 0; i < base->n_listings; i++)
        free((char *)base->listings[i].role.p);
    for (size_t i = 0; i < base->n_left_out; i++)
        free(base->left_out[i]);
    free(base->roles);
    free(base->listings);
    free(base->left_out);
    bytes_done(&base->root_file);
    root_keys_done(&base->root_keys);
    walk_free(base->walk);
    free(base);
}

const struct base_role *
base_find(const struct base *base, const char *role)
{
    for (size_t i = 0; i < base->n_roles; i++)
        if (!strcmp(base->roles[i].name, role))
            return &base->roles[i];

    return NULL;
}

const struct tuf_targets *
base_targets(const struct base *base, const char *role)
{
    return walk_targets_document(base->walk, span_of(role));
}

const struct tuf_root *
base_root(const struct base *base)
{
    return walk_root_document(base->walk);
}

void
base_settle(struct base *base)
{
    if (base)
        walk_free(steal(base->walk));
}
