/* SPDX-License-Identifier: Apache-2.0 */
#include "client/image.h"

#include <inttypes.h>

#include "client/platform.h"
#include "proto/bounds.h"

/* One reading. */
struct reading {
    struct image *image;
    const struct image_reader *reader;
};

static void
manifest_done(struct image_manifest *manifest)
{
    free(manifest->media_type);
    bytes_done(&manifest->bytes);
    manifest_free(manifest->parsed);
}

void
image_done(struct image *image)
{
    for (size_t i = 0; i < image->n_manifests; i++)
        manifest_done(&image->manifests[i]);
    free(image->manifests);
    for (size_t i = 0; i < image->n_blobs; i++)
        descriptor_done(&image->blobs[i]);
    free(image->blobs);
    *image = IMAGE_INIT;
}

static bool
has_manifest(size_t *ret, const struct image *image, const struct digest *digest)
{
    for (size_t i = 0; i < image->n_manifests; i++)
        if (digest_eq(&image->manifests[i].digest, digest)) {
            *ret = i;
            return true;
        }

    return false;
}

static size_t
manifests_bytes(const struct image *image)
{
    size_t n = 0;

    for (size_t i = 0; i < image->n_manifests; i++)
        n += image->manifests[i].bytes.len;
    return n;
}

/* The bytes that the descriptor names, and no others. */
static enum rc
read_bytes(struct image_manifest *ret, const struct reading *reading,
    const struct descriptor *descriptor, struct why *why)
{
    char want[DIGEST_HEX_LEN + 1], have[DIGEST_HEX_LEN + 1];

    if (descriptor->size > MANIFEST_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "%" PRId64 " bytes, the limit is %d", descriptor->size,
            MANIFEST_MAX_BYTES);

    ret->bytes = BYTES_INIT(MANIFEST_MAX_BYTES);
    enum rc rc = reading->reader->read(reading->reader->data, &ret->bytes, descriptor, why);
    if (rc)
        return rc;

    digest_of(&ret->digest, bytes_span(&ret->bytes));
    digest_hex(want, &descriptor->digest);
    digest_hex(have, &ret->digest);
    if (!digest_eq(&ret->digest, &descriptor->digest))
        return fail(why, RC_UNTRUSTED, "its bytes are of sha256:%s", have);
    if (descriptor->size != (int64_t)ret->bytes.len)
        return fail(why, RC_UNTRUSTED, "it has %zu bytes, who names it says %" PRId64,
            ret->bytes.len, descriptor->size);
    if (manifests_bytes(reading->image) + ret->bytes.len > IMAGE_MANIFESTS_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "the manifests of the image have more than %d bytes",
            IMAGE_MANIFESTS_MAX_BYTES);

    return RC_OK;
}

static enum rc
add_blob(struct image *image, const struct descriptor *descriptor, struct why *why)
{
    struct descriptor *blob =
        mem_grow(&image->blobs, image->n_blobs, sizeof *blob, IMAGE_BLOBS_MAX);
    if (!blob && image->n_blobs == IMAGE_BLOBS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d layers in all", IMAGE_BLOBS_MAX);
    if (!blob)
        return fail_memory(why);

    image->n_blobs++;
    return descriptor_copy(blob, descriptor, why);
}

static enum rc read_tree(
    const struct reading *reading, const struct descriptor *descriptor, int depth, struct why *why);

/* What a manifest lists: blobs of an image, or manifests of an index. */
static enum rc
read_below(
    const struct reading *reading, const struct manifest *manifest, int depth, struct why *why)
{
    for (size_t i = 0; i < manifest->n; i++) {
        const struct descriptor *descriptor = &manifest->descriptors[i];

        enum rc rc = RC_OK;
        if (manifest->kind == MANIFEST_INDEX)
            rc = read_tree(reading, descriptor, depth + 1, why);
        else if (!descriptor->is_foreign)
            rc = add_blob(reading->image, descriptor, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
read_manifest(
    const struct reading *reading, const struct descriptor *descriptor, int depth, struct why *why)
{
    struct image *image = reading->image;
    struct image_manifest manifest = {0};

    enum rc rc = read_bytes(&manifest, reading, descriptor, why);
    if (rc == RC_NOT_FOUND && depth > 1) /* engines save those that they have, of all */
        rc = fail(why, rc,
            "an index lists it%s%s, but it is not there; where only some platforms of an image "
            "are, name one of them with --platform",
            descriptor->platform ? " for " : "", descriptor->platform ? descriptor->platform : "");
    if (!rc)
        rc = manifest_parse(
            &manifest.parsed, descriptor->media_type, bytes_span(&manifest.bytes), why);
    if (!rc) {
        manifest.media_type = strdup(descriptor->media_type);
        rc = manifest.media_type ? RC_OK : fail_memory(why);
    }
    if (!rc && depth == IMAGE_DEPTH_MAX && manifest.parsed->kind == MANIFEST_INDEX)
        rc = fail(why, RC_TOO_LARGE, "an index in an index, more than %d deep", IMAGE_DEPTH_MAX);
    if (!rc)
        rc = read_below(reading, manifest.parsed, depth, why);

    struct image_manifest *place = NULL;
    if (!rc) {
        place = mem_grow(&image->manifests, image->n_manifests, sizeof *place, IMAGE_MANIFESTS_MAX);
        if (!place && image->n_manifests == IMAGE_MANIFESTS_MAX)
            rc =
                fail(why, RC_TOO_LARGE, "more than %d manifests in one image", IMAGE_MANIFESTS_MAX);
        else if (!place)
            rc = fail_memory(why);
    }
    if (rc) {
        manifest_done(&manifest);
        return rc;
    }

    *place = manifest;
    image->n_manifests++;
    return RC_OK;
}

static enum rc
read_tree(
    const struct reading *reading, const struct descriptor *descriptor, int depth, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];
    enum manifest_kind kind;
    size_t at = 0;

    if (has_manifest(&at, reading->image, &descriptor->digest))
        return RC_OK;

    enum rc rc = manifest_kind_of(&kind, descriptor->media_type, why);
    if (!rc)
        rc = read_manifest(reading, descriptor, depth, why);
    if (!rc)
        return RC_OK;

    digest_hex(hex, &descriptor->digest);
    return within(why, rc, "manifest sha256:%s", hex);
}

/* In the order of digests; those of one digest in the order in which they came. */
static int
blob_cmp(const void *a, const void *b)
{
    const struct descriptor *x = *(const struct descriptor *const *)a;
    const struct descriptor *y = *(const struct descriptor *const *)b;

    int order = memcmp(&x->digest, &y->digest, sizeof x->digest);
    return order != 0 ? order : (x > y) - (x < y);
}

/* Images of one index share layers: each is to be uploaded once. */
static enum rc
unite_blobs(struct image *image, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];
    size_t n = 0;

    closing(freep) struct descriptor **sorted = calloc(image->n_blobs + 1, sizeof *sorted);
    if (!sorted)
        return fail_memory(why);

    for (size_t i = 0; i < image->n_blobs; i++)
        sorted[i] = &image->blobs[i];
    qsort(sorted, image->n_blobs, sizeof *sorted, blob_cmp);
    for (size_t i = 1, first = 0; i < image->n_blobs; i++) {
        if (!digest_eq(&sorted[i]->digest, &sorted[first]->digest)) {
            first = i;
            continue;
        }

        digest_hex(hex, &sorted[i]->digest);
        if (sorted[i]->size != sorted[first]->size)
            return fail(why, RC_MALFORMED,
                "layer sha256:%s is said to have %" PRId64 " and %" PRId64 " bytes", hex,
                sorted[first]->size, sorted[i]->size);
        descriptor_done(sorted[i]);
        sorted[i]->size = -1; /* gone */
    }

    for (size_t i = 0; i < image->n_blobs; i++)
        if (image->blobs[i].size >= 0)
            image->blobs[n++] = image->blobs[i];
    image->n_blobs = n;
    return RC_OK;
}

static enum rc
read_whole(const struct reading *reading, const struct descriptor *top, struct why *why)
{
    enum rc rc = read_tree(reading, top, 1, why);
    return rc ? rc : unite_blobs(reading->image, why);
}

/* The one of an index that is of this platform. */
static enum rc
pick(struct descriptor *ret, const struct reading *reading, const struct descriptor *top,
    const char *platform, struct why *why)
{
    closing(manifest_freep) struct manifest *index = NULL;
    struct image_manifest manifest = {0};
    enum manifest_kind kind;
    size_t at = 0;

    enum rc rc = manifest_kind_of(&kind, top->media_type, why);
    if (rc)
        return rc;
    if (kind != MANIFEST_INDEX)
        return descriptor_copy(ret, top, why);

    rc = read_bytes(&manifest, reading, top, why);
    if (!rc)
        rc = manifest_parse(&index, top->media_type, bytes_span(&manifest.bytes), why);
    manifest_done(&manifest);
    if (!rc)
        rc = platform_find(&at, index, platform, why);
    return rc ? rc : descriptor_copy(ret, &index->descriptors[at], why);
}

enum rc
image_read(struct image *ret, const struct image_reader *reader, const struct descriptor *top,
    const char *platform, struct why *why)
{
    closing(descriptor_done) struct descriptor picked = {0};
    closing(image_done) struct image image = IMAGE_INIT;
    const struct reading reading = {&image, reader};

    enum rc rc = RC_OK;
    if (platform) {
        rc = pick(&picked, &reading, top, platform, why);
        top = &picked;
    }
    if (!rc)
        rc = read_whole(&reading, top, why);
    if (rc)
        return rc;

    image.top = image.n_manifests - 1;
    *ret = image;
    image = IMAGE_INIT;
    return RC_OK;
}

enum rc
image_add_referrer(struct image *image, const struct image_reader *reader,
    const struct descriptor *referrer, struct why *why)
{
    return read_whole(&(struct reading){image, reader}, referrer, why);
}

int64_t
image_size(const struct image *image)
{
    int64_t size = 0;

    for (size_t i = 0; i < image->n_blobs; i++)
        size += image->blobs[i].size;
    return size;
}
