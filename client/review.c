/* SPDX-License-Identifier: Apache-2.0 */
#include "client/review.h"

#include <inttypes.h>

void
review_done(struct review *review)
{
    for (size_t i = 0; i < review->n; i++) {
        intent_done(&review->documents[i].intent);
        free(review->documents[i].listed);
        free(review->documents[i].former);
    }
    free(review->documents);
    *review = (struct review){0};
}

/* What is published of a role. */
struct published_file {
    struct span raw, message; /* empty: nothing */
    int64_t version;
};

/* What does not verify counts for nobody, unless the document was made to replace it. */
static bool
replaces_unverified(const struct cosignature_document *document, const struct trust_role *role)
{
    struct digest digest;

    if (!role || role->file || role->unverified.len == 0)
        return false;

    digest_of(&digest, bytes_span(&role->unverified));
    return digest_eq(&digest, &document->base);
}

static void
find_published(struct published_file *ret, struct review_document *one, const struct trust *trust)
{
    const char *name = one->document->role;
    const struct trust_role *role = trust_root(trust) ? trust_find(trust, name) : NULL;
    const struct tuf_file *file = role ? role->file : NULL;

    *ret = (struct published_file){.version = role ? role->version : 0};
    if (!strcmp(name, "root")) {
        file = trust_root_file(trust);
        ret->version = file ? trust_root(trust)->version : 0;
    }
    one->is_on_unverified = replaces_unverified(one->document, role);
    if (one->is_on_unverified)
        ret->raw = bytes_span(&role->unverified);
    if (!file)
        return;

    ret->raw = bytes_span(&file->raw);
    ret->message = bytes_span(&file->message);
}

/* Who may sign a role: as a document of the same cosignature says, else as it is published. */
static enum rc
find_listing(const struct tuf_role **ret, const struct tuf_keys **ret_keys,
    const struct cosignature *cosignature, const struct trust *trust, const char *name,
    struct why *why)
{
    const struct trust_role *role = trust_root(trust) ? trust_find(trust, name) : NULL;
    const struct cosignature_document *root = cosignature_find(cosignature, "root");
    closing(freep) char *above = span_dup(role_parent(span_of(name)));

    const struct cosignature_document *parent =
        above && *above ? cosignature_find(cosignature, above) : NULL;
    *ret = NULL;
    if (parent) {
        *ret = tuf_targets_find_role(parent->targets, span_of(name));
        *ret_keys = &parent->targets->keys;
    } else if (root && !strcmp(name, "targets")) {
        *ret = &root->root->roles[RANK_TARGETS];
        *ret_keys = &root->root->keys;
    } else if (role) {
        *ret = role->listed;
        *ret_keys = role->listed_keys;
    }

    return *ret ? RC_OK : fail(why, RC_NOT_FOUND, "nobody delegates to it");
}

/* The keys of a root are its own and those of the root that it replaces. */
static enum rc
find_root_keys(struct review_document *ret, const struct trust *trust, struct why *why)
{
    const struct tuf_root *root = ret->document->root, *before = trust_root(trust);

    enum rc rc = tuf_role_keys(
        &ret->listed, &ret->quorum.n_listed, &root->roles[RANK_ROOT], &root->keys, why);
    ret->quorum.threshold = root->roles[RANK_ROOT].threshold;
    if (rc || !before)
        return rc;

    ret->quorum.former_threshold = before->roles[RANK_ROOT].threshold;
    return tuf_role_keys(
        &ret->former, &ret->quorum.n_former, &before->roles[RANK_ROOT], &before->keys, why);
}

static enum rc
find_keys(struct review_document *ret, const struct cosignature *cosignature,
    const struct trust *trust, struct why *why)
{
    const struct tuf_role *listing = NULL;
    const struct tuf_keys *keys = NULL;

    if (ret->document->root)
        return find_root_keys(ret, trust, why);

    enum rc rc = find_listing(&listing, &keys, cosignature, trust, ret->document->role, why);
    if (rc)
        return rc;

    ret->quorum.threshold = listing->threshold;
    return tuf_role_keys(&ret->listed, &ret->quorum.n_listed, listing, keys, why);
}

static enum rc
find_changes(struct review_document *ret, const struct trust *trust,
    const struct published_file *published, struct why *why)
{
    return ret->document->root ? intent_of_root(&ret->intent, trust_root(trust),
                                     ret->document->root, INTENT_WHOLE, why)
                               : intent_of_targets(&ret->intent, published->raw,
                                     ret->document->targets, INTENT_WHOLE, why);
}

static enum rc
look_at(struct review_document *ret, const struct cosignature *cosignature,
    const struct trust *trust, struct why *why)
{
    const struct cosignature_document *document = ret->document;
    struct published_file published;

    find_published(&published, ret, trust);
    ret->is_published = span_eq(published.message, bytes_span(&document->message));
    if (ret->is_published)
        return RC_OK;

    enum rc rc = cosignature_check_base(document, published.raw, published.version, why);
    if (!rc)
        rc = find_keys(ret, cosignature, trust, why);
    if (rc)
        return rc;

    ret->quorum.listed = ret->listed;
    ret->quorum.former = ret->former;
    ret->quorum.signatures = document->signatures.signatures;
    ret->quorum.n_signatures = document->signatures.n;
    rc = quorum_verify(&ret->quorum, bytes_span(&document->message), why);
    return rc ? rc : find_changes(ret, trust, &published, why);
}

enum rc
review_make(struct review *ret, const struct cosignature *cosignature, const struct trust *trust,
    struct why *why)
{
    *ret = (struct review){.is_met = true, .is_published = true};
    ret->documents = calloc(cosignature->n, sizeof *ret->documents);
    if (!ret->documents)
        return fail_memory(why);

    ret->n = cosignature->n;
    for (size_t i = 0; i < ret->n; i++) {
        struct review_document *one = &ret->documents[i];

        one->document = &cosignature->documents[i];
        enum rc rc = look_at(one, cosignature, trust, why);
        if (rc)
            return within(why, rc, "%s of '%s'", one->document->role, cosignature->repository);

        ret->is_published = ret->is_published && one->is_published;
        ret->is_met = ret->is_met && (one->is_published || quorum_is_met(&one->quorum));
    }

    return RC_OK;
}

static void
put_document(struct bytes *b, const struct review_document *one, const struct signer *signer)
{
    bytes_printf(
        b, "%s: version %" PRId64, one->document->role, cosignature_version(one->document));
    if (one->is_published) {
        bytes_puts(b, ", published already\n");
        return;
    }

    if (one->document->base_version > 0)
        bytes_printf(b, " after %" PRId64 "%s", one->document->base_version,
            one->is_on_unverified ? ", which does not verify and comes back to life" : "");
    bytes_puts(b, ", signed by ");
    quorum_put_signed(b, &one->quorum, signer);
    if (!quorum_is_met(&one->quorum)) {
        bytes_puts(b, "; wanted: ");
        quorum_put_missing(b, &one->quorum, signer);
    }
    bytes_puts(b, "\n");
    for (size_t i = 0; i < json_array_size(one->intent.changes); i++) {
        bytes_puts(b, "  ");
        intent_put_change(b, json_array_get(one->intent.changes, i));
        bytes_puts(b, "\n");
    }
}

void
review_put(struct bytes *b, const struct review *review, const struct signer *signer)
{
    for (size_t i = 0; i < review->n; i++)
        put_document(b, &review->documents[i], signer);
}

static enum rc
format_document(json_t **ret, const struct review_document *one, struct why *why)
{
    closing(bytes_done) struct bytes missing = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct cosignature_document *document = one->document;
    json_auto_t *signatures = json_array();

    for (size_t i = 0; i < document->signatures.n; i++)
        json_array_append_new(
            signatures, json_string(document->signatures.signatures[i].keyid.hex));
    quorum_put_missing(&missing, &one->quorum, NULL);
    enum rc rc = bytes_check(&missing, why);
    if (rc)
        return rc;

    *ret = json_pack("{s:s,s:I,s:I,s:b,s:O,s:I,s:s,s:O*}", "role", document->role, "version",
        (json_int_t)cosignature_version(document), "base", (json_int_t)document->base_version,
        "published", one->is_published, "signed_by", signatures, "threshold",
        (json_int_t)one->quorum.threshold, "missing", bytes_text(&missing), "changes",
        one->intent.changes);
    return *ret ? RC_OK : fail_memory(why);
}

enum rc
review_format(json_t **ret, const struct review *review, const struct cosignature *cosignature,
    struct why *why)
{
    json_auto_t *documents = json_array();

    for (size_t i = 0; i < review->n; i++) {
        json_t *one = NULL;
        enum rc rc = format_document(&one, &review->documents[i], why);
        if (rc)
            return rc;

        if (json_array_append_new(documents, one) < 0)
            return fail_memory(why);
    }

    *ret = json_pack("{s:s,s:b,s:O}", "repository", cosignature->repository, "complete",
        review->is_met, "documents", documents);
    return *ret ? RC_OK : fail_memory(why);
}
