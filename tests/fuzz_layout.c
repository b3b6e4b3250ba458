/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI layout: the tag that is looked for, oci-layout, index.json, and up to seven blobs. As no
 * fuzzer makes digests, "@3" is that of the third blob and "#3" its size. What is found is what the
 * tag names, and all that it lists is there once, children first.
 */
#include "client/layout.h"

#include <ctype.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz.h"

#define PARTS_MAX      10
#define FIRST_BLOB     3
#define PART_MAX_BYTES (64 * 1024)

struct parts {
    struct bytes text[PARTS_MAX];
    struct digest digests[PARTS_MAX];
    size_t n;
    int fd;
    off_t offsets[PARTS_MAX];
};

/* A part with the digests of those behind it. */
static void
fill_in(struct parts *parts, size_t part, struct span text)
{
    struct bytes *b = &parts->text[part];
    char hex[DIGEST_HEX_LEN + 1];

    *b = BYTES_INIT(PART_MAX_BYTES);
    for (size_t i = 0; i < text.len; i++) {
        size_t named = i + 1 < text.len && isdigit(text.p[i + 1])
                           ? FIRST_BLOB + (size_t)(text.p[i + 1] - '1')
                           : 0;
        bool is_named = named > part && named < parts->n;

        if (is_named && text.p[i] == '@') {
            digest_hex(hex, &parts->digests[named]);
            bytes_printf(b, "sha256:%s", hex);
            i++;
        } else if (is_named && text.p[i] == '#') {
            bytes_printf(b, "%zu", parts->text[named].len);
            i++;
        } else {
            bytes_putc(b, text.p[i]);
        }
    }
    digest_of(&parts->digests[part], bytes_span(b));
}

static void
parts_init(struct parts *parts, struct span input)
{
    struct span texts[PARTS_MAX];
    off_t end = 0;

    *parts = (struct parts){.fd = memfd_create("layout", MFD_CLOEXEC)};
    assert(parts->fd >= 0);
    while (parts->n < PARTS_MAX && (input.len > 0 || parts->n < FIRST_BLOB))
        texts[parts->n++] = fuzz_part(&input);
    for (size_t i = parts->n; i > 0; i--)
        fill_in(parts, i - 1, texts[i - 1]);
    for (size_t i = 0; i < parts->n; i++) {
        ssize_t len = write(parts->fd, parts->text[i].p, parts->text[i].len);

        assert(len == (ssize_t)parts->text[i].len);
        parts->offsets[i] = end;
        end += len;
    }
}

static void
parts_done(struct parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        bytes_done(&parts->text[i]);
    fd_close(&parts->fd);
}

static enum rc
open_part(struct content *ret, void *data, const char *name, struct why *why)
{
    const struct parts *parts = data;
    char hex[DIGEST_HEX_LEN + 1];

    for (size_t i = 1; i < parts->n; i++) {
        digest_hex(hex, &parts->digests[i]);
        if (i == 1   ? strcmp(name, "oci-layout") != 0
            : i == 2 ? strcmp(name, "index.json") != 0
                     : strncmp(name, "blobs/sha256/", 13) != 0 || strcmp(name + 13, hex) != 0)
            continue;

        *ret = (struct content){
            .fd = parts->fd, .offset = parts->offsets[i], .size = (int64_t)parts->text[i].len};
        return RC_OK;
    }

    return fail(why, RC_NOT_FOUND, "no such file");
}

/* As jansson reads index.json: whether the tag is that of this digest, and of no other. */
static bool
is_named(const struct parts *parts, const char *tag, const struct digest *digest)
{
    char want[sizeof "sha256:" + DIGEST_HEX_LEN] = "sha256:";
    json_auto_t *index = fuzz_json(bytes_span(&parts->text[2]));
    json_t *entry = NULL;
    size_t i = 0;
    bool is_found = false;

    digest_hex(want + strlen(want), digest);
    json_array_foreach(json_object_get(index, "manifests"), i, entry) {
        const json_t *annotations = json_object_get(entry, "annotations");
        const char *name =
            json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name"));
        const char *full_name =
            json_string_value(json_object_get(annotations, "io.containerd.image.name"));
        bool is_same = !strcmp(json_string_value(json_object_get(entry, "digest")), want);

        if (name && !strcmp(name, tag)) {
            if (!is_same)
                return false;
            is_found = true;
        }
        is_found = is_found || (full_name && is_same);
    }

    return is_found;
}

static size_t
position(const struct image *image, const struct digest *digest)
{
    size_t i = 0;

    while (i < image->n_manifests && !digest_eq(&image->manifests[i].digest, digest))
        i++;
    return i;
}

static size_t
count_blobs(const struct image *image, const struct digest *digest)
{
    size_t n = 0;

    for (size_t i = 0; i < image->n_blobs; i++)
        n += digest_eq(&image->blobs[i].digest, digest);
    return n;
}

static void
check_image(const struct image *image, const struct descriptor *top)
{
    assert(digest_eq(&image->manifests[image->top].digest, &top->digest));
    for (size_t i = 0; i < image->n_manifests; i++) {
        const struct manifest *manifest = image->manifests[i].parsed;

        assert(position(image, &image->manifests[i].digest) == i);
        for (size_t k = 0; k < manifest->n; k++) {
            const struct descriptor *below = &manifest->descriptors[k];

            if (manifest->kind == MANIFEST_INDEX)
                assert(position(image, &below->digest) < i);
            else
                assert(count_blobs(image, &below->digest) == 1 || below->is_foreign);
        }
    }
}

static enum rc
read_manifest(void *data, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    return layout_read(data, ret, descriptor, why);
}

static void
take(const struct parts *parts, const char *tag)
{
    closing(layout_freep) struct layout *layout = NULL;
    closing(descriptor_done) struct descriptor top = {0};
    closing(image_done) struct image image = IMAGE_INIT;
    closing(referrers_done) struct referrers referrers = {0};
    const struct layout_place place = {open_part, (void *)parts};
    const struct source_choice choice = {0};

    if (layout_new(&layout, &place, *tag ? tag : NULL, NULL))
        return;
    enum rc rc = layout_find(&top, layout, &choice, NULL);
    assert(rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_REFUSED);
    if (rc)
        return;

    assert(!*tag || is_named(parts, tag, &top.digest));
    const struct image_reader reader = {read_manifest, layout};
    if (image_read(&image, &reader, &top, NULL, NULL))
        return;
    check_image(&image, &top);

    if (layout_referrers(&referrers, layout, &top.digest, NULL))
        return;
    for (size_t i = 0; i < referrers.n; i++)
        if (image_add_referrer(&image, &reader, &referrers.list[i], NULL))
            return;
    check_image(&image, &top);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct parts parts;

    parts_init(&parts, (struct span){data, len});
    take(&parts, bytes_text(&parts.text[0]));
    parts_done(&parts);
    return 0;
}
