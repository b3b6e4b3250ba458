/* SPDX-License-Identifier: Apache-2.0 */
#include "client/founding.h"

#include <inttypes.h>

struct founding {
    const struct publication *publication;
    struct bytes message; /* of the draft, or of what was released */
    struct tuf_root *root;
    bool is_signed;
    struct batch_document document;
};

/* The trust server makes new keys whenever it is asked, until the repository is published, and
 * signs with any of them. */
static struct pubkey *
key_of(const struct founding *founding, enum rank rank, const struct tuf_root *like)
{
    const struct tuf_role *role = like ? &like->roles[rank] : NULL;
    bool is_of_server = rank == RANK_SNAPSHOT || rank == RANK_TIMESTAMP;
    struct pubkey *key = is_of_server && role && role->n_keyids == 1
                             ? tuf_keys_find(&like->keys, &role->keyids[0])
                             : NULL;

    return key ? key : founding->publication->root_keys[rank];
}

enum rc
founding_redraft(
    struct founding *founding, int64_t expires_at, const struct tuf_root *like, struct why *why)
{
    const struct publication *publication = founding->publication;
    struct pubkey *keys[RANK_DELEGATION];

    for (size_t rank = 0; rank < RANK_DELEGATION; rank++)
        keys[rank] = key_of(founding, (enum rank)rank, like);

    tuf_root_free(steal(founding->root));
    bytes_clear(&founding->message);
    enum rc rc = draft_root(&founding->message, keys, 1, expires_at, why);
    if (!rc)
        rc = tuf_root_parse(&founding->root, bytes_span(&founding->message), why);
    if (rc)
        return within(why, rc, "root of '%s'", publication->repository);

    founding->document.repository = publication->repository;
    founding->document.role = "root";
    founding->document.message = bytes_span(&founding->message);
    founding->document.listed = &publication->root_keys[RANK_ROOT];
    founding->document.n_listed = 1;
    founding->document.threshold = 1;
    return RC_OK;
}

enum rc
founding_new(struct founding **ret, const struct publication *publication, struct why *why)
{
    closing(founding_freep) struct founding *founding = calloc(1, sizeof *founding);
    if (!founding)
        return fail_memory(why);

    int64_t validity_s = signer_validity_s(publication->signer, publication->repository, "root",
        publication->root_keys, 1, ROOT_VALIDITY_S);

    founding->publication = publication;
    founding->message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    founding->document = BATCH_DOCUMENT_INIT;
    enum rc rc = founding_redraft(founding, publication->now + validity_s, NULL, why);
    if (rc)
        return rc;

    *ret = steal(founding);
    return RC_OK;
}

void
founding_free(struct founding *founding)
{
    if (!founding)
        return;

    tuf_root_free(founding->root);
    bytes_done(&founding->message);
    batch_document_done(&founding->document);
    free(founding);
}

const struct tuf_root *
founding_root(const struct founding *founding)
{
    return founding->root;
}

struct batch_document *
founding_document(struct founding *founding)
{
    return founding->is_signed ? NULL : &founding->document;
}

void
founding_signed(struct founding *founding)
{
    founding->is_signed = true;
}

struct span
founding_file(const struct founding *founding)
{
    return bytes_span(&founding->document.file);
}

const char *
founding_signed_by(const struct founding *founding)
{
    return bytes_text(&founding->document.signed_by);
}

const char *
founding_left_out(const struct founding *founding)
{
    return bytes_text(&founding->document.left_out);
}

enum rc
founding_resume(struct founding *founding, const struct batch_mark *mark, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    const char *repository = founding->publication->repository;

    if (mark->version != 1)
        return fail(why, RC_CONFLICT,
            "'%s' is no new repository: its root was released up to version %" PRId64, repository,
            mark->version);

    if (mark->file.len == 0)
        return fail(why, RC_ROLLBACK,
            "another root of '%s' was released before, and the agent does not have it any more",
            repository);

    enum rc rc = tuf_file_parse(&file, bytes_span(&mark->file), TUF_STRICT, why);
    if (rc)
        return within(why, rc, "root of '%s', as it was released before", repository);

    tuf_root_free(founding->root);
    founding->root = NULL;
    bytes_clear(&founding->message);
    bytes_clear(&founding->document.file);
    bytes_put(&founding->message, bytes_span(&file->message));
    bytes_put(&founding->document.file, bytes_span(&mark->file));
    rc = bytes_check(&founding->message, why);
    if (!rc)
        rc = bytes_check(&founding->document.file, why);
    if (!rc)
        rc = tuf_root_parse(&founding->root, bytes_span(&founding->message), why);

    founding->is_signed = !rc;
    return rc;
}
