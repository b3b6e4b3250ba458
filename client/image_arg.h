/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * image_arg — an image as people name it on a command line, "HOST/NAME:TAG[@DIGEST]", and what its
 * registry holds under that tag.
 */
#include "client/session.h"
#include "proto/reference.h"

struct image_arg {
    struct reference reference;
    struct repository *repository; /* the session's, like registry */
    struct registry *registry;
    struct registry_manifest manifest;
    char *name; /* "localhost:5000/shop/web:v1", for people */
};

/* Only what the text says: nothing is fetched. image_arg_done(), also after a failure.
 * RC_MALFORMED: no such form, or no tag. */
must_check enum rc image_arg_parse(
    struct image_arg *ret, struct session *session, const char *text, struct why *why);
/* Then what the registry holds. RC_UNTRUSTED: the tag is not, or no longer, of the digest that is
 * named. What registry_manifest() says. */
must_check enum rc image_arg_fetch(struct image_arg *image, struct why *why);

/* Both. */
must_check enum rc image_arg_read(
    struct image_arg *ret, struct session *session, const char *text, struct why *why);
void image_arg_done(struct image_arg *image);

/* To put the image into a role, under its tag. Borrows from image. */
struct edit image_arg_edit(const struct image_arg *image);
