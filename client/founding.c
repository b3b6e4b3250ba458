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

static enum rc
founding_draft(struct founding *founding, struct why *why)
{
    const struct publication *publication = founding->publication;
    int64_t validity_s = signer_validity_s(publication->signer, publication->repository, "root",
        publication->root_keys, 1, ROOT_VALIDITY_S);

    enum rc rc = draft_root(
        &founding->message, publication->root_keys, 1, publication->now + validity_s, why);
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

    founding->publication = publication;
    founding->message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    founding->document = BATCH_DOCUMENT_INIT;
    enum rc rc = founding_draft(founding, why);
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
