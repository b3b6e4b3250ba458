/* SPDX-License-Identifier: Apache-2.0 */
#include "client/image_args.h"

#include <assert.h>

#include "client/crew.h"
#include "proto/bounds.h"

#define AT_ONCE 8 /* images that one job reads; as few are not worth a crew */

void
image_args_done(struct image_args *images)
{
    for (size_t i = 0; i < images->n; i++)
        image_arg_done(&images->list[i]);
    free(images->list);
    free(images->repositories);
}

static void
add_repository(struct image_args *images, struct repository *repository)
{
    for (size_t i = 0; i < images->n_repositories; i++)
        if (images->repositories[i] == repository)
            return;

    images->repositories[images->n_repositories++] = repository;
}

static enum rc
parse(
    struct image_args *images, struct session *session, char **arguments, size_t n, struct why *why)
{
    enum rc rc = RC_OK;

    images->list = calloc(n, sizeof *images->list);
    images->repositories = calloc(n, sizeof(struct repository *));
    if (!images->list || !images->repositories)
        return fail_memory(why);

    for (size_t i = 0; !rc && i < n; i++) {
        images->n++;
        rc = image_arg_parse(&images->list[i], session, arguments[i], why);
        if (!rc)
            add_repository(images, images->list[i].repository);
    }
    return rc;
}

/* Many of them, by a crew. */
struct fetching {
    struct image_args *images;
    enum rc rc; /* the first failure */
    struct why why;
};

/* In a worker: a few images, one after the other. */
static enum rc
fetch_some(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct image_args *images = ((struct fetching *)data)->images;
    size_t end = (job + 1) * AT_ONCE < images->n ? (job + 1) * AT_ONCE : images->n;
    enum rc rc = RC_OK;

    (void)shared;
    for (size_t i = job > 0 ? job * AT_ONCE : 1; !rc && i < end; i++) {
        const struct registry_manifest *manifest = &images->list[i].manifest;
        rc = image_arg_fetch(&images->list[i], why);
        if (!rc)
            crew_say(voice, (int)i, (struct span){(const uint8_t *)manifest, sizeof *manifest});
    }
    return rc;
}

static void
on_manifest(void *data, size_t job, int i, struct span manifest)
{
    struct image_arg *image = &((struct fetching *)data)->images->list[i];

    (void)job;
    assert(manifest.len == sizeof image->manifest);
    memcpy(&image->manifest, manifest.p, sizeof image->manifest);
}

static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    struct fetching *fetching = data;

    (void)job;
    if (rc && !fetching->rc) {
        fetching->rc = rc;
        fetching->why = *why;
    }
}

static enum rc
fetch_many(struct image_args *images, struct session *session, struct why *why)
{
    struct fetching fetching = {.images = images};

    /* All workers know what is learned of the registry by that. */
    enum rc rc = image_arg_fetch(&images->list[0], why);
    if (!rc)
        rc = session_disconnect(session, why);
    if (!rc)
        rc = crew_run(
            &(struct crew_task){
                .n_jobs = (images->n + AT_ONCE - 1) / AT_ONCE,
                .n_workers = PUBLISH_WORKERS,
                .work = fetch_some,
                .on_message = on_manifest,
                .on_done = on_done,
                .data = &fetching,
                .is_stopped_by_failure = true,
            },
            why);
    return rc || !fetching.rc ? rc : fail(why, fetching.rc, "%s", fetching.why.text);
}

enum rc
image_args_read(
    struct image_args *ret, struct session *session, char **arguments, size_t n, struct why *why)
{
    *ret = (struct image_args){0};
    enum rc rc = parse(ret, session, arguments, n, why);
    if (!rc && n > AT_ONCE)
        return fetch_many(ret, session, why);

    for (size_t i = 0; !rc && i < n; i++)
        rc = image_arg_fetch(&ret->list[i], why);
    return rc;
}
