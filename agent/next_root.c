/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/next_root.h"

enum rc
next_root_is_wanted(bool *ret, const struct message_sign *sign, const char *repository,
    const struct tuf_root *root, int64_t now, struct why *why)
{
    *ret = false;
    for (size_t i = 0; i < sign->n_documents && !*ret; i++) {
        const struct message_document *document = &sign->documents[i];
        closing(tuf_root_freep) struct tuf_root *next = NULL;

        if (strcmp(document->role, "root") != 0 || strcmp(document->repository, repository) != 0)
            continue;

        enum rc rc = tuf_root_parse(&next, bytes_span(&document->message), why);
        if (rc == RC_NO_MEMORY)
            return rc;

        *ret = !rc && next->version == root->version + 1 && next->expires_at >= now;
    }

    return RC_OK;
}
