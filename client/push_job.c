/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push_job.h"

#include "client/referrers.h"
#include "client/rehearsal.h"
#include "client/signing.h"
#include "proto/bounds.h"

#define DIGEST_TEXT_BYTES (sizeof "sha256:" + DIGEST_HEX_LEN)

static const char *
digest_text(char ret[DIGEST_TEXT_BYTES], const struct digest *digest)
{
    memcpy(ret, "sha256:", strlen("sha256:"));
    digest_hex(ret + strlen("sha256:"), digest);
    return ret;
}

static enum rc
open_registry(struct registry **ret, const struct push_job *job, struct why *why)
{
    return session_registry(ret, job->session, job->repository->repository->host, why);
}

/* A tag that names what it is to name need not be moved. */
static enum rc
check_is_free(const struct push_job *job, struct registry *registry, const struct push_tag *tag,
    struct why *why)
{
    struct registry_manifest found;
    char text[DIGEST_TEXT_BYTES];

    enum rc rc = registry_manifest(&found, registry, job->repository->path, tag->tag, why);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc || digest_eq(&found.digest, &tag->manifest.digest))
        return rc;

    return fail(why, RC_CONFLICT, "%s exists already, as %s, and is not moved (--immutable)",
        tag->name, digest_text(text, &found.digest));
}

static enum rc
check_all_are_free(const struct push_job *job, struct registry *registry, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && job->options->is_immutable && i < job->repository->n_tags; i++)
        rc = check_is_free(job, registry, &job->repository->tags[i], why);
    return rc;
}

static enum rc
rehearse_registry(const struct push_job *job, struct why *why)
{
    const struct push_repository *repository = job->repository;
    struct registry *registry = NULL;

    enum rc rc = open_registry(&registry, job, why);
    if (!rc)
        rc = registry_check_push(registry, repository->path, why);
    return rc ? within(why, rc, "%s", repository->repository->name)
              : check_all_are_free(job, registry, why);
}

static enum rc
plan_signing(
    struct signing *ret, struct edit **ret_edits, const struct push_job *job, struct why *why)
{
    const struct push_repository *repository = job->repository;

    enum rc rc = push_plan_edits(ret_edits, repository, why);
    return rc ? rc
              : signing_plan(
                    ret, job->session, repository->repository, *ret_edits, repository->n_tags, why);
}

static enum rc
rehearse_signing(const struct push_job *job, struct why *why)
{
    closing(signing_done) struct signing signing = {.n_roles = 0};
    closing(freep) struct edit *edits = NULL;
    struct publication publication;

    enum rc rc = plan_signing(&signing, &edits, job, why);
    if (!rc)
        rc = session_publication(&publication, job->session, job->repository->repository,
            signing.roles, signing.n_roles, why);
    if (!rc)
        rc = rehearse(&publication, why);
    if (rc != RC_PENDING)
        return rc;

    progress_note(session_progress(job->session),
        "%s: others must agree before it is signed; they are asked once it is uploaded",
        job->repository->repository->name);
    return RC_OK;
}

enum rc
push_job_rehearse(const struct push_job *job, struct why *why)
{
    enum rc rc = rehearse_signing(job, why);

    return rc ? rc : rehearse_registry(job, why);
}

static enum rc
put_by_digest(const struct push_job *job, struct registry *registry,
    const struct image_manifest *manifest, struct why *why)
{
    const char *path = job->repository->path;
    struct span bytes = bytes_span(&manifest->bytes);
    char text[DIGEST_TEXT_BYTES];

    return manifest->parsed->subject
               ? referrers_put(registry, path, manifest->media_type, bytes, why)
               : registry_put_manifest(NULL, registry, path, digest_text(text, &manifest->digest),
                     manifest->media_type, bytes, why);
}

/* Whether a tag before i has the same image. */
static bool
is_repeated(const struct push_repository *repository, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (repository->tags[k].image == repository->tags[i].image)
            return true;

    return false;
}

static enum rc
put_manifests(const struct push_job *job, struct registry *registry, struct why *why)
{
    const struct push_repository *repository = job->repository;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < repository->n_tags; i++) {
        const struct image *image = repository->tags[i].image;

        if (!image || is_repeated(repository, i))
            continue;

        for (size_t k = 0; !rc && k < image->n_manifests; k++)
            rc = put_by_digest(job, registry, &image->manifests[k], why);
        if (rc)
            return within(why, rc, "%s", repository->tags[i].name);
    }

    return RC_OK;
}

static enum rc
publish_it(const struct push_job *job, const struct push_listener *listener, struct why *why)
{
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    closing(signing_done) struct signing signing = {.n_roles = 0};
    closing(freep) struct edit *edits = NULL;

    enum rc rc = plan_signing(&signing, &edits, job, why);
    if (rc)
        return rc;

    listener->on_stage(listener->data, PUSH_PUBLISHING);
    rc = session_publish_lines(
        &lines, job->session, job->repository->repository, signing.roles, signing.n_roles, why);
    if (rc)
        return rc;

    listener->on_lines(listener->data, bytes_span(&lines));
    listener->on_stage(listener->data, PUSH_PUBLISHED);
    return RC_OK;
}

/* Images of the engine were pushed by it; what its manifest is, the registry knows. */
static enum rc
put_tag(const struct push_job *job, struct registry *registry, const struct push_tag *tag,
    struct why *why)
{
    closing(bytes_done) struct bytes fetched = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(freep) char *fetched_type = NULL;
    const char *path = job->repository->path;
    char text[DIGEST_TEXT_BYTES];

    enum rc rc = job->options->is_immutable ? check_is_free(job, registry, tag, why) : RC_OK;
    if (rc)
        return rc;

    if (tag->image) {
        const struct image_manifest *top = &tag->image->manifests[tag->image->top];
        return registry_put_manifest(
            NULL, registry, path, tag->tag, top->media_type, bytes_span(&top->bytes), why);
    }

    rc = registry_get_manifest(
        &fetched, &fetched_type, registry, path, digest_text(text, &tag->manifest.digest), why);
    return rc ? rc
              : registry_put_manifest(
                    NULL, registry, path, tag->tag, fetched_type, bytes_span(&fetched), why);
}

static enum rc
put_tags(const struct push_job *job, struct registry *registry,
    const struct push_listener *listener, struct why *why)
{
    enum rc first = RC_OK;

    for (size_t i = 0; i < job->repository->n_tags; i++) {
        const struct push_tag *tag = &job->repository->tags[i];
        struct why one;

        enum rc rc = put_tag(job, registry, tag, &one);
        if (!rc)
            listener->on_tag(listener->data, i);
        else if (!first)
            first = fail(why, rc, "%s: %s", tag->name, one.text);
    }

    return first;
}

/*
 * Somebody else may have signed the same tag while ours was put, and moved it before us: then it
 * names what is signed no more. Where the trust server does not answer any more, all is done that
 * was to be done.
 */
static enum rc
check_is_newest(const struct push_job *job, struct why *why)
{
    closing(signing_done) struct signing signing = {.n_roles = 0};
    closing(freep) struct edit *edits = NULL;

    enum rc rc = plan_signing(&signing, &edits, job, why);
    if (rc)
        return rc == RC_NETWORK ? RC_OK : rc;

    for (size_t i = 0; i < signing.n_roles; i++) {
        const struct publish_role *role = &signing.roles[i];
        const struct trust_role *found = trust_find(job->repository->repository->trust, role->role);

        for (size_t k = 0; k < role->n_edits; k++)
            if (!found || edit_changes(&role->edits[k], found->document))
                return fail(why, RC_CONFLICT,
                    "%s:%.*s was signed as another image by others meanwhile, in %s, and whose the "
                    "tag is now is a matter of chance: see who pushes it too, then push it again",
                    job->repository->repository->name, (int)role->edits[k].name.len,
                    (const char *)role->edits[k].name.p, role->role);
    }

    return RC_OK;
}

enum rc
push_job_publish(const struct push_job *job, const struct push_listener *listener, struct why *why)
{
    struct registry *registry = NULL;

    enum rc rc = open_registry(&registry, job, why);
    if (!rc)
        rc = put_manifests(job, registry, why);
    if (!rc)
        rc = check_all_are_free(job, registry, why); /* once more, as uploads take their time */
    if (!rc)
        rc = publish_it(job, listener, why);
    if (!rc)
        rc = put_tags(job, registry, listener, why);
    return rc ? rc : check_is_newest(job, why);
}
