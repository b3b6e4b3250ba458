/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * source — where an image is pushed from: one of the forms of --from. Each form is an entry of a
 * table (source_form.h) and has a file of its own; the Docker Engine, which pushes by itself, is
 * none of them (engine.h).
 *
 *     oci:DIR[:TAG]         an OCI layout
 *     oci-archive:FILE[:TAG]  the same in a tar file, compressed or not
 *     docker-archive:FILE[:REFERENCE]  what "docker save" writes, of old engines and of new ones
 *     registry:REFERENCE    what a registry holds
 */
#include "client/content.h"
#include "client/image.h"
#include "client/session.h"

struct source;

/*
 * text: the value of --from. Reads what there is, but no blobs; archives
 * that cannot be read in place are spooled. session: opens registries; borrowed for life.
 * RC_MALFORMED: no such form, or a damaged archive or layout: says what and where. RC_NOT_FOUND.
 * RC_SYSTEM.
 */
must_check enum rc source_new(
    struct source **ret, const char *text, struct session *session, struct why *why);
void source_free(struct source *source);
DEFINE_CLEANUP(struct source, source_free);

/* What to take of it. */
struct source_choice {
    const char *tag;      /* if the text names none and there are several; NULL: none */
    const char *platform; /* as in image_read(); NULL: all */
    bool has_referrers;   /* take along what refers to the image */
};

/* RC_NOT_FOUND: no such image in it: says which there are. What image_read() says. */
must_check enum rc source_image(
    struct image *ret, struct source *source, const struct source_choice *choice, struct why *why);

/*
 * A blob of an image that it gave, as bytes in a file: fetches it first, if it is elsewhere.
 * content_done(). The content is not verified. In a worker process the source is that of the
 * parent, as it was at the fork.
 */
must_check enum rc source_open_blob(
    struct content *ret, struct source *source, const struct descriptor *blob, struct why *why);

/* The repository in which blobs lie already, "shop/web", if the source is that registry: they can
 * be mounted from there. NULL: not so. */
const char *source_path_on(const struct source *source, const char *host);
