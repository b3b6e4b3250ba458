/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push_report.h"

#include <inttypes.h>
#include <stdio.h>

/* As docker has it, then as sign does. */
static void
print_repository(const struct push_repository *repository, FILE *results)
{
    char hex[DIGEST_HEX_LEN + 1];

    printf("The push refers to repository [%s]\n", repository->repository->name);
    fputs(bytes_text(&repository->lines), results);
    for (size_t i = 0; i < repository->n_tags; i++) {
        const struct push_tag *tag = &repository->tags[i];

        if (!tag->is_put)
            continue;

        digest_hex(hex, &tag->manifest.digest);
        printf("%s: digest: sha256:%s size: %" PRId64 "\n", tag->tag, hex, tag->manifest.size);
        fprintf(results, "%s@sha256:%s\n", tag->name, hex);
    }
}

/* A publication that failed for such a reason may have reached the server all the same. */
static enum push_stage
stage_of(const struct push_repository *repository)
{
    bool is_known = repository->rc != RC_NETWORK && repository->rc != RC_TIMEOUT &&
                    repository->rc != RC_UNTRUSTED && repository->rc != RC_SYSTEM &&
                    repository->rc != RC_INTERRUPTED;

    return repository->stage == PUSH_PUBLISHING && is_known ? PUSH_BEFORE : repository->stage;
}

/* A tag of which nobody knows that it was put. Where it is signed, trust data and registry may
 * disagree: who pulls with content trust gets the new image, by its digest; who does not, maybe the
 * old one. */
static void
note_tag(const struct push_tag *tag, enum push_stage stage, const struct progress *progress)
{
    char hex[DIGEST_HEX_LEN + 1];

    digest_hex(hex, &tag->manifest.digest);
    switch (stage) {
    case PUSH_BEFORE:
        progress_note(progress, "%s was neither signed nor moved", tag->name);
        break;
    case PUSH_PUBLISHING:
        progress_note(progress,
            "%s was not moved; whether it was signed as sha256:%s is not known: push it again, or "
            "see 'countersign inspect'",
            tag->name, hex);
        break;
    case PUSH_PUBLISHED:
    case PUSH_DONE:
        progress_note(progress,
            "%s is signed as sha256:%s, which the registry has, but has not confirmed for the tag: "
            "push it again, or see 'countersign inspect'",
            tag->name, hex);
        break;
    case PUSH_STAGE_MAX_:
        break;
    }
}

static void
note_tags(const struct push_repository *repository, const struct progress *progress)
{
    enum push_stage stage = stage_of(repository);

    if (stage == PUSH_BEFORE && repository->n_tags > 1) {
        progress_note(progress, "%s: none of its %zu tags was signed or moved",
            repository->repository->name, repository->n_tags);
        return;
    }

    for (size_t i = 0; i < repository->n_tags; i++)
        if (!repository->tags[i].is_put)
            note_tag(&repository->tags[i], stage, progress);
}

static void
note_uploads(const struct transfer_result *uploaded, const struct progress *progress)
{
    bool is_one = uploaded->n_uploaded == 1;

    if (uploaded->n_uploaded > 0)
        progress_note(progress,
            "%zu %s (%" PRId64 " bytes) %s there; the next push need not upload %s again",
            uploaded->n_uploaded, is_one ? "blob" : "blobs", uploaded->uploaded_bytes,
            is_one ? "was uploaded and stays" : "were uploaded and stay", is_one ? "it" : "them");
}

/* The first failure; those of other repositories are notes. */
static enum rc
gather(const struct push_plan *plan, const struct progress *progress, struct why *why)
{
    enum rc first = RC_OK;

    for (size_t i = 0; i < plan->n_repositories; i++) {
        const struct push_repository *repository = &plan->repositories[i];

        if (repository->rc && first && strcmp(repository->why.text, why->text) != 0)
            progress_note(progress, "%s", repository->why.text);
        else if (repository->rc && !first)
            first = fail(why, repository->rc, "%s", repository->why.text);
    }

    return first;
}

enum rc
push_report_rehearsal(const struct push_plan *plan, struct session *session, struct why *why)
{
    const struct progress *progress = session_progress(session);

    enum rc rc = gather(plan, progress, why);
    if (rc)
        progress_note(progress, "nothing was uploaded, and no tag was signed or moved");
    return rc;
}

static void
tell_next(struct push_plan *plan, struct session *session)
{
    const struct push_repository *repository = &plan->repositories[plan->n_told++];

    if (repository->stage >= PUSH_PUBLISHED)
        print_repository(repository, session_results(session));
}

void
push_report_progress(struct push_plan *plan, struct session *session)
{
    while (plan->n_told < plan->n_repositories && plan->repositories[plan->n_told].is_over)
        tell_next(plan, session);
    (void)fflush(stdout); /* what cannot be written is found at the end */
}

enum rc
push_report(struct push_plan *plan, const struct transfer_result *uploaded, struct session *session,
    struct why *why)
{
    const struct progress *progress = session_progress(session);

    while (plan->n_told < plan->n_repositories)
        tell_next(plan, session);
    for (size_t i = 0; i < plan->n_repositories; i++)
        if (plan->repositories[i].rc)
            note_tags(&plan->repositories[i], progress);

    enum rc rc = gather(plan, progress, why);
    if (rc)
        note_uploads(uploaded, progress);
    return rc;
}
