/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * engine_image — images of the Docker Engine on their way into registries. An engine pushes tags
 * only; so each image goes there under a temporary tag of ours, which the caller removes once the
 * tag that was wanted is put, or once it is clear that it never will be.
 *
 *     struct engine_image image = {.name = …, .repository = …, .host = …, .path = …};
 *     struct engine_images images = {.items = &image, .n = 1, …};
 *     engine_images_find(&images, why);        before the rehearsal
 *     interrupt_hold();
 *     engine_images_push(&images, why);        image.manifest is there, under its digest
 *     … publish, put the tag …
 *     engine_images_remove(&images, why);      always, if push was called; also when interrupted
 *     interrupt_release();
 *
 * All of it is done by a crew: connections are closed before, session_disconnect().
 */
#include "client/engine.h"
#include "client/meter.h"
#include "client/registry.h"

#define ENGINE_IMAGE_TAG_BYTES (sizeof "countersign-" + 16)

struct engine_image {
    /* What is wanted; borrowed. */
    const char *name;        /* as the engine knows it: "localhost:5000/shop/web:v1" */
    const char *repository;  /* where it goes, "localhost:5000/shop/web": */
    const char *host, *path; /* this path on this host */

    /* What became of it. */
    enum rc rc;     /* of the last call; RC_OK also where it did not come to this one */
    struct why why; /* and its sentence */
    bool is_pushed; /* the registry holds manifest, and what it lists; it was hashed here */
    struct registry_manifest manifest;
    char tag[ENGINE_IMAGE_TAG_BYTES];  /* "countersign-0123456789abcdef"; "": none was made */
    bool is_in_engine, is_in_registry; /* the tag may be there */
};

struct engine_images {
    struct engine_image *items;
    size_t n;
    const char *platform; /* NULL: as the engine likes */
    struct meter *meter;  /* of engine_images_push(), not of the others; NULL: none */
    bool is_verbose;
};

/* Whether there is an engine, and has them all. The first failure, in the order of the images:
 * what engine_new() and engine_find_image() say. RC_INTERRUPTED. */
must_check enum rc engine_images_find(struct engine_images *images, struct why *why);

/*
 * Tag, push, untag in the engine, and ask the registry what it got. All are tried; the first
 * failure, in the order of the images, is what it returns. What engine_push() and
 * registry_manifest() say; RC_UNTRUSTED: the registry holds something else than the engine says
 * that it pushed. RC_INTERRUPTED: the tags may be anywhere.
 */
must_check enum rc engine_images_push(struct engine_images *images, struct why *why);

/*
 * Remove the temporary tags, in the engine and in the registry, wherever they may be; a signal that
 * came before does not keep it from that, one that comes now does. The manifests stay. The first
 * failure; items[] have one for each tag that stays or may stay, whose sentence names it.
 * RC_UNSUPPORTED: the registry deletes nothing. RC_INTERRUPTED.
 */
must_check enum rc engine_images_remove(struct engine_images *images, struct why *why);
