/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * saved — manifest.json of an archive that "docker save" wrote: which files are the config and the
 * layers of each image, and its names. Pure.
 */
#include "proto/bytes.h"

struct saved_image {
    char *config;  /* a file of the archive */
    char **layers; /* files as well, the lowest first */
    size_t n_layers;
    char **tags; /* "web:v1", as docker shows them; none for an image without a name */
    size_t n_tags;
};

struct saved {
    struct saved_image *images;
    size_t n;
};

/* RC_MALFORMED: names the place. RC_TOO_LARGE. */
must_check enum rc saved_parse(struct saved **ret, struct span text, struct why *why);
void saved_free(struct saved *saved);
DEFINE_CLEANUP(struct saved, saved_free);

/*
 * Which image is meant. name: what the user wrote, a reference; NULL: none. tag: then the tag that
 * is wanted, if there are several; NULL: none.
 * RC_NOT_FOUND, RC_REFUSED: says which there are.
 */
must_check enum rc saved_find(
    size_t *ret, const struct saved *saved, const char *name, const char *tag, struct why *why);

/* "rootfs.diff_ids" of an image's config: the digests of its layers as they are uncompressed, n of
 * them. RC_MALFORMED: others or another number. */
must_check enum rc saved_diff_ids(
    struct digest *ret, size_t n, struct span config, struct why *why);
