/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * push_images — the images of a plan: where they come from, a source of ours or the Docker Engine,
 * and how their blobs get to the registries. No tag that anybody wants is put here.
 */
#include "client/engine_image.h"
#include "client/push.h"
#include "client/push_plan.h"
#include "client/transfer.h"

struct push_images {
    struct source *source; /* NULL: the engine */
    struct push_image *list;
    size_t n;
    struct engine_images engine; /* as many items as there are tags, in their order */
    struct transfer_result uploaded;
};

/* Find the image of each tag. plan and options are borrowed for life. push_images_done(), also
 * after a failure. What source_image() and engine_images_find() say. */
must_check enum rc push_images_find(struct push_images *ret, struct push_plan *plan,
    struct session *session, const struct push_options *options, struct why *why);
void push_images_done(struct push_images *images);

/*
 * Blobs into every repository; where the engine has the images, all of it, under temporary tags,
 * which push_images_clean() removes. What transfer_run() says: nothing more is to be done then;
 * but a repository alone into which the engine cannot push has its own rc.
 */
must_check enum rc push_images_upload(struct push_images *images, struct push_plan *plan,
    struct session *session, struct meter *meter, struct why *why);
/* Always, once upload was called; what it cannot remove, it notes. */
void push_images_clean(struct push_images *images, struct session *session);
