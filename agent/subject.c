/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/subject.h"

#include "agent/subject_notary.h"

/* Every format that the agent understands, and so may sign. */
static const struct {
    const char *name;
    enum rc (*scan)(struct subject *subject, int64_t now, struct why *why);
} formats[] = {
    {"notary", subject_notary_scan},
};

enum rc
subject_new(
    struct subject **ret, const struct message_document *document, int64_t now, struct why *why)
{
    size_t i = 0;

    while (i < N_ELEMENTS(formats) && strcmp(formats[i].name, document->format) != 0)
        i++;
    if (i == N_ELEMENTS(formats))
        return fail(why, RC_UNSUPPORTED, "format '%s'", document->format);

    closing(subject_freep) struct subject *subject = calloc(1, sizeof *subject);
    if (!subject)
        return fail_memory(why);

    subject->format = document->format;
    subject->repository = document->repository;
    subject->role = document->role;
    subject->rank = role_rank(span_of(document->role));
    subject->message = bytes_span(&document->message);
    subject->keys = document->keys;
    subject->n_keys = document->n_keys;
    digest_of(&subject->digest, subject->message);

    enum rc rc = formats[i].scan(subject, now, why);
    if (rc)
        return rc;

    *ret = steal(subject);
    return RC_OK;
}

enum rc
subject_new_certificate(struct subject **ret, const char *repository, const struct keyid *key,
    int64_t expires_at, struct why *why)
{
    struct subject *subject = calloc(1, sizeof *subject);
    if (!subject)
        return fail_memory(why);

    subject->format = "certificate";
    subject->repository = repository;
    subject->role = "root";
    subject->rank = RANK_ROOT;
    subject->keys = key;
    subject->n_keys = 1;
    subject->expires_at = expires_at;
    subject->is_certificate = true;
    *ret = subject;
    return RC_OK;
}

void
subject_free(struct subject *subject)
{
    if (!subject)
        return;

    free(subject->listings);
    free(subject);
}
