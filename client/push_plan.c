/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push_plan.h"

#include <stdio.h>

#include "proto/bounds.h"

static void
push_tag_done(struct push_tag *tag)
{
    free(tag->tag);
    free(tag->name);
}

void
push_plan_done(struct push_plan *plan)
{
    for (size_t i = 0; i < plan->n_repositories; i++) {
        struct push_repository *repository = &plan->repositories[i];

        for (size_t k = 0; k < repository->n_tags; k++)
            push_tag_done(&repository->tags[k]);
        free(repository->tags);
        free(repository->path);
        bytes_done(&repository->lines);
    }
    free(plan->repositories);
    *plan = (struct push_plan){0};
}

static enum rc
find_or_add(struct push_repository **ret, struct push_plan *plan, struct repository *repository,
    const char *path, struct why *why)
{
    for (size_t i = 0; i < plan->n_repositories; i++)
        if (plan->repositories[i].repository == repository) {
            *ret = &plan->repositories[i];
            return RC_OK;
        }

    closing(freep) char *copy = strdup(path);
    struct push_repository *entry =
        !copy ? NULL : mem_grow(&plan->repositories, plan->n_repositories, sizeof *entry, SIZE_MAX);
    if (!entry)
        return fail_memory(why);

    *entry = (struct push_repository){.repository = repository,
        .path = steal(copy),
        .lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES)};
    plan->n_repositories++;
    *ret = entry;
    return RC_OK;
}

static enum rc
add_tag(
    struct push_plan *plan, struct push_repository *repository, const char *tag, struct why *why)
{
    for (size_t i = 0; i < repository->n_tags; i++)
        if (!strcmp(repository->tags[i].tag, tag))
            return RC_OK;

    struct push_tag *entry =
        mem_grow(&repository->tags, repository->n_tags, sizeof *entry, TARGETS_MAX);
    if (!entry)
        return fail_memory(why);

    repository->n_tags++;
    plan->n_tags++;
    entry->tag = strdup(tag);
    if (!entry->tag || asprintf(&entry->name, "%s:%s", repository->repository->name, tag) < 0)
        return fail_memory(why);

    return RC_OK;
}

static enum rc
add_reference(struct push_plan *plan, struct session *session, const struct reference *reference,
    struct why *why)
{
    struct push_repository *entry = NULL;
    struct repository *repository = NULL;

    if (reference->digest)
        return fail(why, RC_MALFORMED, "cannot push a digest reference: want HOST/NAME[:TAG]");

    if (!reference->tag)
        progress_note(
            session_progress(session), "%s: using default tag: latest", reference->repository);

    enum rc rc = session_repository(&repository, session, reference->repository, why);
    if (!rc)
        rc = find_or_add(&entry, plan, repository, reference->path, why);
    return rc ? rc : add_tag(plan, entry, reference->tag ? reference->tag : "latest", why);
}

enum rc
push_plan_read(
    struct push_plan *ret, struct session *session, char **references, size_t n, struct why *why)
{
    enum rc rc = RC_OK;

    *ret = (struct push_plan){0};
    for (size_t i = 0; !rc && i < n; i++) {
        closing(reference_done) struct reference reference = {0};

        rc = reference_parse(&reference, references[i], why);
        if (!rc)
            rc = add_reference(ret, session, &reference, why);
        if (rc)
            rc = within(why, rc, "'%s'", references[i]);
    }

    return rc;
}

enum rc
push_plan_edits(struct edit **ret, const struct push_repository *repository, struct why *why)
{
    struct edit *edits = calloc(repository->n_tags + 1, sizeof *edits);
    if (!edits)
        return fail_memory(why);

    for (size_t i = 0; i < repository->n_tags; i++) {
        const struct push_tag *tag = &repository->tags[i];
        edits[i] = (struct edit){
            .kind = EDIT_SET_TARGET,
            .name = span_of(tag->tag),
            .hashes = {.sha256 = tag->manifest.digest, .has_sha256 = true},
            .length = tag->manifest.size,
        };
    }

    *ret = edits;
    return RC_OK;
}
