/* SPDX-License-Identifier: Apache-2.0 */
#include "client/push_images.h"

#include "proto/bounds.h"

/* What a source gives under a tag; tags of the same name share it. */
struct push_image {
    const char *tag; /* borrowed from the plan */
    struct image *image;
    bool is_borrowed; /* another entry has it, as the source has it under both tags */
};

void
push_images_done(struct push_images *images)
{
    for (size_t i = 0; i < images->n; i++) {
        if (images->list[i].is_borrowed)
            continue;

        image_done(images->list[i].image);
        free(images->list[i].image);
    }
    free(images->list);
    source_free(images->source);
    free(images->engine.items);
    *images = (struct push_images){0};
}

static const struct image_manifest *
top_of(const struct image *image)
{
    return &image->manifests[image->top];
}

/* An image that is there under another tag already is kept once. */
static void
merge(struct push_images *images, struct push_image *entry)
{
    for (size_t i = 0; i + 1 < images->n; i++) {
        struct image *other = images->list[i].image;

        if (!digest_eq(&top_of(other)->digest, &top_of(entry->image)->digest))
            continue;

        image_done(entry->image);
        free(entry->image);
        entry->image = other;
        entry->is_borrowed = true;
        return;
    }
}

static enum rc
read_image(struct push_images *images, const char *tag, const struct push_options *options,
    struct why *why)
{
    const struct source_choice choice = {tag, options->platform, options->has_referrers};
    closing(freep) struct image *image = calloc(1, sizeof *image);
    if (!image)
        return fail_memory(why);

    enum rc rc = source_image(image, images->source, &choice, why);
    if (rc)
        return rc;

    struct push_image *entry = mem_grow(&images->list, images->n, sizeof *entry, SIZE_MAX);
    if (!entry) {
        image_done(image);
        return fail_memory(why);
    }

    images->n++;
    *entry = (struct push_image){.tag = tag, .image = steal(image)};
    merge(images, entry);
    return RC_OK;
}

static enum rc
give_image(struct push_tag *tag, struct push_images *images, const struct push_options *options,
    struct why *why)
{
    for (size_t i = 0; !tag->image && i < images->n; i++)
        if (!strcmp(images->list[i].tag, tag->tag))
            tag->image = images->list[i].image;

    if (!tag->image) {
        enum rc rc = read_image(images, tag->tag, options, why);
        if (rc)
            return within(why, rc, "%s", tag->name);

        tag->image = images->list[images->n - 1].image;
    }

    const struct image_manifest *top = top_of(tag->image);
    tag->manifest = (struct registry_manifest){top->digest, (int64_t)top->bytes.len};
    return RC_OK;
}

static enum rc
find_in_source(struct push_images *images, struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why)
{
    enum rc rc = source_new(&images->source, options->from, session, why);

    for (size_t i = 0; !rc && i < plan->n_repositories; i++)
        for (size_t k = 0; !rc && k < plan->repositories[i].n_tags; k++)
            rc = give_image(&plan->repositories[i].tags[k], images, options, why);
    return rc;
}

/* What the engine is asked for, and where it goes: the image of the same name. */
static enum rc
find_in_engine(struct push_images *images, struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why)
{
    struct engine_images *engine = &images->engine;

    if (options->has_referrers)
        return fail(why, RC_REFUSED,
            "the engine has no artifacts that refer to an image; push from where they are, with "
            "--from");

    engine->items = calloc(plan->n_tags + 1, sizeof *engine->items);
    if (!engine->items)
        return fail_memory(why);

    for (size_t i = 0; i < plan->n_repositories; i++) {
        struct push_repository *repository = &plan->repositories[i];

        for (size_t k = 0; k < repository->n_tags; k++) {
            struct push_tag *tag = &repository->tags[k];
            engine->items[engine->n++] = (struct engine_image){.name = tag->name,
                .repository = repository->repository->name,
                .host = repository->repository->host,
                .path = repository->path};
            tag->manifest.size = 1; /* of no image, with a digest of zeros: for the rehearsal */
        }
    }

    engine->platform = options->platform;
    engine->is_verbose = options_has(session_options(session), OPTION_VERBOSE);
    enum rc rc = session_disconnect(session, why);
    return rc ? rc : engine_images_find(engine, why);
}

enum rc
push_images_find(struct push_images *ret, struct push_plan *plan, struct session *session,
    const struct push_options *options, struct why *why)
{
    *ret = (struct push_images){0};

    return options->from && strcmp(options->from, "daemon") != 0
               ? find_in_source(ret, plan, session, options, why)
               : find_in_engine(ret, plan, session, options, why);
}

/* Tags of one repository mostly have one image. */
static bool
is_item(const struct transfer_item *items, size_t n, const struct image *image, const char *path)
{
    for (size_t i = n; i > 0 && items[i - 1].path == path; i--)
        if (items[i - 1].image == image)
            return true;

    return false;
}

static enum rc
upload_from_source(struct push_images *images, const struct push_plan *plan,
    struct session *session, struct meter *meter, struct why *why)
{
    closing(freep) struct transfer_item *items = calloc(plan->n_tags + 1, sizeof *items);
    size_t n = 0;

    if (!items)
        return fail_memory(why);

    for (size_t i = 0; i < plan->n_repositories; i++) {
        const struct push_repository *repository = &plan->repositories[i];

        for (size_t k = 0; k < repository->n_tags; k++)
            if (!is_item(items, n, repository->tags[k].image, repository->path))
                items[n++] = (struct transfer_item){repository->tags[k].image, images->source,
                    repository->repository->host, repository->path};
    }

    const struct transfer transfer = {session, items, n, meter};
    return transfer_run(&images->uploaded, &transfer, why);
}

/* What was pushed of each repository; the others fail with the first image that was not. */
static enum rc
take_outcomes(struct push_images *images, struct push_plan *plan, enum rc rc)
{
    size_t n = 0, n_failed = 0;

    for (size_t i = 0; i < plan->n_repositories; i++) {
        struct push_repository *repository = &plan->repositories[i];

        for (size_t k = 0; k < repository->n_tags; k++, n++) {
            const struct engine_image *image = &images->engine.items[n];

            if (image->is_pushed)
                repository->tags[k].manifest = image->manifest;
            n_failed += image->rc != RC_OK;
            if (image->rc && !repository->rc)
                repository->rc = fail(&repository->why, image->rc, "%s", image->why.text);
        }
    }

    return n_failed > 0 && rc != RC_INTERRUPTED ? RC_OK : rc;
}

enum rc
push_images_upload(struct push_images *images, struct push_plan *plan, struct session *session,
    struct meter *meter, struct why *why)
{
    enum rc rc = session_disconnect(session, why);
    if (rc || images->source)
        return rc ? rc : upload_from_source(images, plan, session, meter, why);

    images->engine.meter = meter;
    rc = engine_images_push(&images->engine, why);
    return take_outcomes(images, plan, rc);
}

void
push_images_clean(struct push_images *images, struct session *session)
{
    struct why why;

    for (size_t i = 0; i < images->engine.n; i++)
        images->engine.items[i].rc = RC_OK;
    if (images->engine.n == 0 || session_disconnect(session, &why) ||
        !engine_images_remove(&images->engine, &why))
        return;

    for (size_t i = 0; i < images->engine.n; i++)
        if (images->engine.items[i].rc)
            progress_note(session_progress(session), "%s", images->engine.items[i].why.text);
}
