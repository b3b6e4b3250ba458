/* SPDX-License-Identifier: Apache-2.0 */
#include "client/engine_image.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "client/crew.h"
#include "client/interrupt.h"
#include "proto/bounds.h"

/* What a job says to the parent. */
enum {
    SAY_PROGRESS, /* struct said_progress and two texts */
    SAY_PLACES,   /* struct places */
    SAY_MANIFEST, /* struct registry_manifest */
};

struct said_progress {
    int64_t current, total;
    bool is_note;
};

struct places {
    bool is_in_engine, is_in_registry;
};

/* A line of the meter: a layer on its way into a repository, once for all images that have it. */
struct line {
    const char *repository;
    char layer[16]; /* engines cut digests to 12 digits */
    size_t number;
    bool is_over;
};

/* One run of a crew. */
struct run {
    struct engine_images *images;
    struct line *lines;
    size_t n_lines;
};

static void
run_done(struct run *run)
{
    free(run->lines);
}

static bool
has_place(const struct engine_image *image)
{
    return image->is_in_engine || image->is_in_registry;
}

/* --- In a worker --- */

static enum rc
start(void **ret_shared, void *data, struct why *why)
{
    const struct run *run = data;
    struct engine *engine = NULL;

    enum rc rc = engine_new(&engine, run->images->is_verbose, why);
    if (rc)
        return rc;

    *ret_shared = engine;
    return RC_OK;
}

static void
say_places(struct crew_voice *voice, const struct engine_image *image)
{
    const struct places places = {image->is_in_engine, image->is_in_registry};

    crew_say(voice, SAY_PLACES, (struct span){(const uint8_t *)&places, sizeof places});
}

static void
on_progress(void *data, const struct engine_progress *progress)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(CREW_MESSAGE_MAX_BYTES);
    const struct said_progress said = {
        .current = progress->current,
        .total = progress->total,
        .is_note = progress->is_note,
    };
    const char *layer = progress->layer ? progress->layer : "";

    if (!*layer && !progress->is_note)
        return; /* which repository, and the digest: we know both */

    bytes_put(&message, (struct span){(const uint8_t *)&said, sizeof said});
    bytes_put(&message, (struct span){(const uint8_t *)layer, strlen(layer) + 1});
    bytes_puts(&message, progress->status);
    if (!message.failed)
        crew_say(data, SAY_PROGRESS, bytes_span(&message));
}

static enum rc
find(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct run *run = data;

    (void)voice;
    return engine_find_image(shared, run->images->items[job].name, run->images->platform, why);
}

/* What the registry has under the tag is what counts; what the engine says must be the same. */
static enum rc
confirm(struct registry_manifest *ret, struct registry *registry, const struct engine_image *image,
    const struct digest *hint, struct why *why)
{
    struct registry_manifest manifest;

    enum rc rc = registry_manifest(&manifest, registry, image->path, image->tag, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_NETWORK,
            "the engine says that it pushed '%s:%s', but it is not there: check whether '%s' is "
            "another registry where the engine runs",
            image->repository, image->tag, image->host);
    if (rc)
        return rc;

    if (!digest_eq(&manifest.digest, hint)) {
        char has[DIGEST_HEX_LEN + 1], said[DIGEST_HEX_LEN + 1];

        digest_hex(has, &manifest.digest);
        digest_hex(said, hint);
        return fail(why, RC_UNTRUSTED,
            "'%s:%s' is sha256:%s in the registry, the engine says that it pushed sha256:%s; "
            "nothing was signed: see to the registry, and to proxies in between",
            image->repository, image->tag, has, said);
    }

    *ret = manifest;
    return RC_OK;
}

static enum rc
push_tag(struct digest *ret, struct engine *engine, const struct run *run,
    const struct engine_image *image, struct crew_voice *voice, struct why *why)
{
    closing(credentials_done) struct credentials credentials = CREDENTIALS_INIT;
    const struct engine_listener listener = {.on_progress = on_progress, .data = voice};

    enum rc rc = credentials_find(&credentials, image->host, image->path, false, why);
    if (rc)
        return rc;

    return engine_push(ret, engine,
        &(struct engine_push){
            .repository = image->repository,
            .tag = image->tag,
            .host = image->host,
            .platform = run->images->platform,
            .credentials = &credentials,
            .listener = &listener,
        },
        why);
}

/* In the worker image is a copy: the parent learns of it by what is said. */
static enum rc
push(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct run *run = data;
    struct engine_image *image = &run->images->items[job];
    closing(registry_freep) struct registry *registry = NULL;
    struct registry_manifest manifest;
    struct digest hint;
    struct why ignored;

    enum rc rc = registry_new(&registry, image->host, run->images->is_verbose, why);
    if (rc) {
        image->is_in_engine = image->is_in_registry = false;
        say_places(voice, image);
        return rc;
    }

    rc = engine_tag(shared, image->name, image->repository, image->tag, why);
    image->is_in_registry = !rc;
    say_places(voice, image);
    if (!rc)
        rc = push_tag(&hint, shared, run, image, voice, why);

    /* In any case: a connection that broke does not tell whether the tag was set. */
    image->is_in_engine = engine_untag(shared, image->repository, image->tag, &ignored) != RC_OK;
    say_places(voice, image);
    if (!rc)
        rc = confirm(&manifest, registry, image, &hint, why);
    if (!rc)
        crew_say(voice, SAY_MANIFEST, (struct span){(const uint8_t *)&manifest, sizeof manifest});
    return rc;
}

static enum rc
remove_from_registry(
    const struct engine_images *images, const struct engine_image *image, struct why *why)
{
    closing(registry_freep) struct registry *registry = NULL;
    struct registry_manifest manifest;
    struct why ignored;

    enum rc rc = registry_new(&registry, image->host, images->is_verbose, why);
    if (rc)
        return rc;

    /* After a push that failed nobody knows, and who may not even look need not know. */
    if (!image->is_pushed &&
        registry_manifest(&manifest, registry, image->path, image->tag, &ignored))
        return RC_OK;

    rc = registry_untag(registry, image->path, image->tag, why);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc
remove_tags(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct run *run = data;
    struct engine_image *image = &run->images->items[job];
    enum rc rc = RC_OK, registry_rc = RC_OK;
    struct why registry_why;

    if (image->is_in_engine)
        rc = engine_untag(shared, image->repository, image->tag, why);
    image->is_in_engine = rc != RC_OK;
    say_places(voice, image);

    if (image->is_in_registry)
        registry_rc = remove_from_registry(run->images, image, rc ? &registry_why : why);
    image->is_in_registry = registry_rc != RC_OK;
    say_places(voice, image);
    if (rc || registry_rc)
        return within(why, rc ? rc : registry_rc, "the temporary tag '%s:%s' stays",
            image->repository, image->tag);

    return RC_OK;
}

/* --- In the parent --- */

/* The line of a layer, a new one where it has none. NULL: there are too many. */
static struct line *
line_of(struct run *run, const char *repository, const char *layer)
{
    struct why ignored;
    struct line *line = NULL;

    for (size_t i = 0; i < run->n_lines; i++)
        if (!strcmp(run->lines[i].layer, layer) && !strcmp(run->lines[i].repository, repository))
            return &run->lines[i];

    line = strlen(layer) < sizeof line->layer
               ? mem_grow(&run->lines, run->n_lines, sizeof *line, ENGINE_LAYERS_MAX)
               : NULL;
    if (!line || meter_add(&line->number, run->images->meter, layer, 0, &ignored))
        return NULL;

    line->repository = repository;
    snprintf(line->layer, sizeof line->layer, "%s", layer);
    run->n_lines++;
    return line;
}

static bool
is_last_word(const char *status)
{
    static const char *const words[] = {
        "Pushed", "Layer already exists", "Already exists", "Mounted from ", "Unavailable"};

    for (size_t i = 0; i < N_ELEMENTS(words); i++)
        if (!strncmp(status, words[i], strlen(words[i])))
            return true;

    return false;
}

static void
show(struct run *run, const char *repository, struct span message)
{
    struct meter *meter = run->images->meter;
    struct said_progress said;

    if (!meter || message.len < sizeof said)
        return;

    memcpy(&said, message.p, sizeof said);
    closing(freep) char *texts = calloc(1, message.len - sizeof said + 2); /* ends both texts */
    if (!texts)
        return;

    memcpy(texts, message.p + sizeof said, message.len - sizeof said);
    const char *layer = texts, *status = texts + strlen(texts) + 1;
    if (said.is_note) {
        meter_note(meter, status);
        return;
    }

    struct line *line = line_of(run, repository, layer);
    if (!line || line->is_over)
        return;

    line->is_over = is_last_word(status);
    if (line->is_over)
        meter_end(meter, line->number, status);
    else
        meter_set(meter, line->number, status, said.current, said.total);
}

static void
on_message(void *data, size_t job, int kind, struct span message)
{
    struct run *run = data;
    struct engine_image *image = &run->images->items[job];
    struct places places;

    if (kind == SAY_PROGRESS) {
        show(run, image->repository, message);
    } else if (kind == SAY_PLACES && message.len == sizeof places) {
        memcpy(&places, message.p, sizeof places);
        image->is_in_engine = places.is_in_engine;
        image->is_in_registry = places.is_in_registry;
    } else if (kind == SAY_MANIFEST && message.len == sizeof image->manifest) {
        memcpy(&image->manifest, message.p, sizeof image->manifest);
        image->is_pushed = true;
    }
}

static void
on_done(void *data, size_t job, enum rc rc, const struct why *why)
{
    const struct run *run = data;
    struct engine_image *image = &run->images->items[job];

    image->rc = rc;
    if (rc)
        image->why = *why;
}

static void
on_tick(void *data)
{
    const struct run *run = data;

    meter_draw(run->images->meter);
}

typedef enum rc work_fn(
    void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why);

/* Have the work done on all images; the first failure in their order. */
static enum rc
run_crew(struct engine_images *images, work_fn *work, struct why *why)
{
    closing(run_done) struct run run = {.images = images};

    if (images->n == 0)
        return RC_OK;

    for (size_t i = 0; i < images->n; i++)
        images->items[i].rc = RC_OK;
    enum rc rc = crew_run(
        &(struct crew_task){
            .n_jobs = images->n,
            .n_workers = UPLOAD_WORKERS,
            .start = start,
            .work = work,
            .on_message = on_message,
            .on_done = on_done,
            .on_tick = work == push && images->meter ? on_tick : NULL,
            .data = &run,
        },
        why);
    for (size_t i = 0; i < images->n && !rc; i++) {
        rc = images->items[i].rc;
        if (rc)
            *why = images->items[i].why;
    }

    return rc;
}

enum rc
engine_images_find(struct engine_images *images, struct why *why)
{
    return run_crew(images, find, why);
}

/* Nobody else has a tag of this name, and nobody can have prepared one. */
static enum rc
make_tag(struct engine_image *image, struct why *why)
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return fail(why, RC_SYSTEM, "cannot get random bytes: %s", strerror(errno));

    snprintf(image->tag, sizeof image->tag, "countersign-%016llx", (unsigned long long)random);
    return RC_OK;
}

enum rc
engine_images_push(struct engine_images *images, struct why *why)
{
    for (size_t i = 0; i < images->n; i++) {
        struct engine_image *image = &images->items[i];

        enum rc rc = make_tag(image, why);
        if (rc)
            return rc;
    }
    /* Until they say otherwise, also if they die before they can say anything. */
    for (size_t i = 0; i < images->n; i++)
        images->items[i].is_in_engine = images->items[i].is_in_registry = true;

    return run_crew(images, push, why);
}

enum rc
engine_images_remove(struct engine_images *images, struct why *why)
{
    bool is_needed = false;

    for (size_t i = 0; i < images->n; i++)
        is_needed = is_needed || has_place(&images->items[i]);
    if (!is_needed)
        return RC_OK;

    bool is_undisturbed = !interrupt_is_pending();
    interrupt_forget();
    enum rc rc = run_crew(images, remove_tags, why);
    if (rc == RC_INTERRUPTED && is_undisturbed) {
        /* That was the first signal: it takes no tag less away than one that comes before. */
        interrupt_forget();
        rc = run_crew(images, remove_tags, why);
        interrupt_recall();
    }
    for (size_t i = 0; i < images->n && rc; i++) {
        struct engine_image *image = &images->items[i];

        /* Nobody came to it, or to its end. */
        if (has_place(image) && !image->rc)
            image->rc = fail(&image->why, rc, "the temporary tag '%s:%s' may stay: %.300s",
                image->repository, image->tag, why->text);
    }

    return rc;
}
