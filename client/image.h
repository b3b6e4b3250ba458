/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * image — all that has to lie in a registry so that a tag can name it: the manifest, those below it
 * where it is an index, and the blobs that they list, each once.
 *
 * Manifests are in memory, as they are small and must be looked at; blobs stay where they are.
 */
#include "client/manifest.h"

struct image_manifest {
    struct digest digest;
    char *media_type;
    struct bytes bytes; /* as they will lie in the registry */
    struct manifest *parsed;
};

struct image {
    struct image_manifest *manifests; /* children before parents: in the order of upload */
    size_t n_manifests;
    size_t top;               /* which of them the tag is to name; referrers come after it */
    struct descriptor *blobs; /* to be uploaded: without foreign layers */
    size_t n_blobs;
};

#define IMAGE_INIT ((struct image){0})
void image_done(struct image *image);

/* Where manifests come from. */
struct image_reader {
    /* Append the bytes of a manifest to ret; the caller verifies them. RC_NOT_FOUND. */
    enum rc (*read)(
        void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why);
    void *data;
};

/*
 * Read what top names and all below it. platform: "OS/ARCH[/VARIANT]" picks one manifest of an
 * index, which then is the top; NULL: all of them. Every digest and size is verified. An image
 * that is in no index is taken whatever its platform, which its config tells.
 * RC_NOT_FOUND: a manifest that is missing, or no such platform: says which there are.
 * RC_UNTRUSTED: bytes that are not of their digest. RC_TOO_LARGE: deeper than IMAGE_DEPTH_MAX, or
 * more than IMAGE_MANIFESTS_MAX. And what manifest_parse() says.
 */
must_check enum rc image_read(struct image *ret, const struct image_reader *reader,
    const struct descriptor *top, const char *platform, struct why *why);
/* One more that refers to what is there, with its blobs. */
must_check enum rc image_add_referrer(struct image *image, const struct image_reader *reader,
    const struct descriptor *referrer, struct why *why);

/* Bytes of all blobs. */
int64_t image_size(const struct image *image);
