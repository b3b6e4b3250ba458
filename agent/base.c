/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/base.h"

#include <inttypes.h>

#include "agent/subject_notary.h"
#include "proto/bounds.h"

/* Kinds of files, in the order in which they stand in a chain. */
enum place {
    PLACE_ROOT, /* "N.root" */
    PLACE_TIMESTAMP,
    PLACE_SNAPSHOT,
    PLACE_TARGETS,
    PLACE_DELEGATION,
    PLACE_NONE,
};

/* "3.root" → 3. */
static bool
is_root(const char *role, int64_t *ret_version)
{
    const char *dot = strchr(role, '.');

    if (!dot || strcmp(dot, ".root") != 0)
        return false;

    struct span digits = {(const uint8_t *)role, (size_t)(dot - role)};
    return !integer_parse(ret_version, digits, 1, INTEGER_MAX, NULL);
}

static enum place
place_of(const struct message_file *file)
{
    int64_t version;

    if (is_root(file->role, &version))
        return version == file->version ? PLACE_ROOT : PLACE_NONE;

    switch (role_rank(span_of(file->role))) {
    case RANK_TIMESTAMP:
        return PLACE_TIMESTAMP;
    case RANK_SNAPSHOT:
        return PLACE_SNAPSHOT;
    case RANK_TARGETS:
        return PLACE_TARGETS;
    case RANK_DELEGATION:
        return PLACE_DELEGATION;
    case RANK_ROOT:
    case RANK_MAX_:
        break;
    }

    return PLACE_NONE;
}

static bool
follows(const struct message_file *file, const struct message_file *before)
{
    enum place place = place_of(file);

    if (place != place_of(before))
        return place > place_of(before);

    if (place == PLACE_ROOT)
        return file->version == before->version + 1;

    /* A role's name is the beginning of those below it, so parents come first. */
    return place == PLACE_DELEGATION && strcmp(file->role, before->role) > 0;
}

static bool
has_document(const struct message_sign *request, const char *repository)
{
    for (size_t i = 0; i < request->n_documents; i++)
        if (!strcmp(request->documents[i].repository, repository))
            return true;

    return false;
}

/* Whether a document of the repository is of the role or of one below it. */
static bool
is_wanted(const struct message_sign *request, const char *repository, const char *role)
{
    size_t len = strlen(role);

    for (size_t i = 0; i < request->n_documents; i++) {
        const struct message_document *document = &request->documents[i];
        if (!strcmp(document->repository, repository) && !strncmp(document->role, role, len) &&
            (document->role[len] == 0 || document->role[len] == '/'))
            return true;
    }

    return false;
}

static enum rc
check_file(const struct message_sign *request, const struct message_chain *chain, size_t i,
    struct why *why)
{
    const struct message_file *file = &chain->files[i];
    enum place place = place_of(file);
    struct digest digest;

    if (file->message.len == 0)
        return fail(why, RC_UNSUPPORTED, "a file without its message");

    digest_of(&digest, bytes_span(&file->message));
    if (!digest_eq(&digest, &file->digest))
        return fail(why, RC_MALFORMED, "'%s' is not the file of that digest", file->role);

    if (place == PLACE_NONE)
        return fail(why, RC_MALFORMED, "'%s' of version %" PRId64 " is no file of a chain",
            file->role, file->version);

    if (i > 0 && !follows(file, &chain->files[i - 1]))
        return fail(
            why, RC_MALFORMED, "'%s' cannot follow '%s'", file->role, chain->files[i - 1].role);

    if (place == PLACE_DELEGATION && !is_wanted(request, chain->repository, file->role))
        return fail(why, RC_MALFORMED, "'%s' concerns no document", file->role);

    return RC_OK;
}

static enum rc
check_chain(const struct message_sign *request, size_t i, struct why *why)
{
    const struct message_chain *chain = &request->bases[i];

    if (!has_document(request, chain->repository))
        return fail(why, RC_MALFORMED, "no document is for '%s'", chain->repository);

    for (size_t k = 0; k < i; k++)
        if (!strcmp(chain->repository, request->bases[k].repository))
            return fail(why, RC_MALFORMED, "'%s' is there twice", chain->repository);

    for (size_t k = 0; k < chain->n_files; k++) {
        enum rc rc = check_file(request, chain, k, why);
        if (rc)
            return within(why, rc, "files[%zu]", k);
    }

    return RC_OK;
}

enum rc
base_check(const struct message_sign *request, struct why *why)
{
    for (size_t i = 0; i < request->n_bases; i++) {
        enum rc rc = check_chain(request, i, why);
        if (rc)
            return within(why, rc, "bases[%zu]", i);
    }

    return RC_OK;
}

/* The root to start from is ours. Its file may be published with more signatures than we made, so
 * that of the chain is taken if it has the same document. *ret_next: the first file after it. */
static enum rc
take_own_root(struct walk *w, size_t *ret_next, const struct message_chain *chain, struct span root,
    struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_root_freep) struct tuf_root *ours = NULL;
    size_t i = 0;

    enum rc rc = tuf_file_parse(&file, root, TUF_STRICT, why);
    if (!rc)
        rc = tuf_root_parse(&ours, bytes_span(&file->message), why);
    if (rc)
        return within(why, rc == RC_NO_MEMORY ? rc : RC_STORAGE, "the root in the ledger");

    while (i < chain->n_files && place_of(&chain->files[i]) == PLACE_ROOT &&
           chain->files[i].version < ours->version)
        i++;
    bool is_there = i < chain->n_files && place_of(&chain->files[i]) == PLACE_ROOT &&
                    chain->files[i].version == ours->version;

    rc = walk_anchor(w, is_there ? bytes_span(&chain->files[i].message) : root, why);
    if (rc)
        return rc;

    if (!span_eq(bytes_span(&walk_root_file(w)->message), bytes_span(&file->message)))
        return fail(why, RC_UNTRUSTED,
            "root version %" PRId64 " is another than the one known here", ours->version);

    *ret_next = is_there ? i + 1 : i;
    return RC_OK;
}

/* One more file; *ret_version: what its document says. */
static enum rc
walk_file(struct walk *w, int64_t *ret_version, const struct message_file *file, struct why *why)
{
    struct span raw = bytes_span(&file->message), role = span_of(file->role);
    enum rc rc = RC_UNTRUSTED;

    switch (place_of(file)) {
    case PLACE_ROOT:
        rc = walk_root(w, raw, why);
        *ret_version = rc ? 0 : walk_root_document(w)->version;
        break;
    case PLACE_TIMESTAMP:
        rc = walk_timestamp(w, raw, why);
        *ret_version = rc ? 0 : walk_timestamp_document(w)->version;
        break;
    case PLACE_SNAPSHOT:
        rc = walk_snapshot(w, raw, why);
        *ret_version = rc ? 0 : walk_snapshot_document(w)->version;
        break;
    case PLACE_TARGETS:
    case PLACE_DELEGATION:
        rc = walk_targets(w, role, raw, why);
        *ret_version = rc ? 0 : walk_targets_document(w, role)->version;
        break;
    case PLACE_NONE:
        return fail(why, RC_UNTRUSTED, "'%s' is no file of a chain", file->role);
    }

    /* A file that nothing lists does not belong to the chain. */
    return rc == RC_NOT_FOUND ? RC_UNTRUSTED : rc;
}

static enum rc
walk_chain(struct walk *w, int64_t *ret_own_version, const struct message_chain *chain,
    struct span root, struct why *why)
{
    size_t next = 0;

    enum rc rc = take_own_root(w, &next, chain, root, why);
    *ret_own_version = rc ? 0 : walk_root_document(w)->version;
    for (size_t i = next; !rc && i < chain->n_files; i++) {
        const struct message_file *file = &chain->files[i];
        int64_t version = 0;
        rc = walk_file(w, &version, file, why);
        if (!rc && version != file->version)
            rc = fail(why, RC_UNTRUSTED, "%s: version is %" PRId64 ", want %" PRId64, file->role,
                version, file->version);
    }
    if (rc)
        return rc;

    if (!walk_snapshot_document(w))
        return fail(why, RC_UNTRUSTED, "the chain ends before the snapshot");

    if (walk_listed(w, SPAN("targets")) && !walk_targets_document(w, SPAN("targets")))
        return fail(why, RC_UNTRUSTED, "the chain lacks targets, which the snapshot lists");

    return RC_OK;
}

/* All of them, where the threshold was content with some. */
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
        if (!verify_threshold(&keys[i], 1, 1, file->signatures, file->n_signatures,
                bytes_span(&file->message), NULL))
            ret->signers[ret->n_signers++] = *pubkey_canonical_id(keys[i]);

    return RC_OK;
}

static enum rc
add_role(struct base *base, const struct walk *w, const char *name, const struct tuf_file *file,
    int64_t version, struct why *why)
{
    struct base_role *role = mem_grow(&base->roles, base->n_roles, sizeof *role, CHAIN_FILES_MAX);
    if (!role)
        return fail_memory(why);

    role->name = strdup(name);
    if (!role->name)
        return fail_memory(why);

    base->n_roles++;
    role->version = version;
    digest_of(&role->digest, bytes_span(&file->message));
    return find_signers(role, w, file, why);
}

static enum rc
keep_root(struct base *base, const struct walk *w, int64_t own_version, struct why *why)
{
    const struct tuf_file *file = walk_root_file(w);
    int64_t version = walk_root_document(w)->version;

    enum rc rc = add_role(base, w, "root", file, version, why);
    if (rc || version == own_version)
        return rc;

    bytes_put(&base->root_file, bytes_span(&file->raw));
    return bytes_check(&base->root_file, why);
}

static enum rc
keep_targets(
    struct base *base, const struct walk *w, const struct message_chain *chain, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < chain->n_files; i++) {
        struct span name = span_of(chain->files[i].role);
        const struct tuf_targets *document = walk_targets_document(w, name);
        const struct tuf_file *file = walk_targets_file(w, name);
        if (!document)
            continue;

        rc = add_role(base, w, chain->files[i].role, file, document->version, why);
        if (!rc)
            subject_notary_delegations(&base->roles[base->n_roles - 1].delegations, document);
    }

    return rc;
}

enum rc
base_new(struct base **ret, const struct message_chain *chain, struct span root, int64_t now,
    struct why *why)
{
    closing(walk_freep) struct walk *w = NULL;
    closing(base_freep) struct base *base = calloc(1, sizeof *base);
    int64_t own_version = 0;

    if (!base)
        return fail_memory(why);

    base->root_file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    enum rc rc = walk_new(&w, chain->repository, TUF_STRICT, now, why);
    if (rc)
        return rc;

    walk_allow_expired(w);
    rc = walk_chain(w, &own_version, chain, root, why);
    if (!rc)
        rc = keep_root(base, w, own_version, why);
    if (!rc)
        rc = keep_targets(base, w, chain, why);
    if (rc)
        return rc;

    base->walk = steal(w);
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
    free(base->roles);
    bytes_done(&base->root_file);
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
