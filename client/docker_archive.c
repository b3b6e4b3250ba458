/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_archive.h"

#include <inttypes.h>
#include <unistd.h>

#include "client/crew.h"
#include "client/gzip.h"
#include "client/saved.h"
#include "proto/bounds.h"

#define MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define CONFIG_TYPE   "application/vnd.docker.container.image.v1+json"
#define LAYER_TYPE    "application/vnd.docker.image.rootfs.diff.tar.gzip"

/* What goes up: a layer as it is compressed, or a config. */
struct blob {
    struct digest from; /* of the layer as it is uncompressed; of the config itself */
    struct digest digest;
    struct content content;
};

struct made {
    struct digest digest;
    struct bytes manifest;
};

struct docker_archive {
    const struct archive_files *files;
    const struct progress *progress;
    char *name;
    struct saved *saved;
    struct blob *blobs;
    size_t n_blobs;
    struct made *made;
    size_t n_made;
};

/* A file that is to be compressed. */
struct plain {
    const char *name;
    struct digest diff_id; /* what it should be */
    struct content content;
    int64_t offset; /* in the spool, of what becomes of it */
    struct gzip_result result;
};

/* All of them, each a job. */
struct packing {
    struct spool *spool;
    struct plain *files;
    enum rc rc;
    struct why *why;
};

enum rc
docker_archive_new(struct docker_archive **ret, const struct archive_files *files, const char *name,
    const struct progress *progress, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);
    struct content file;

    closing(docker_archive_freep) struct docker_archive *archive = calloc(1, sizeof *archive);
    if (!archive)
        return fail_memory(why);

    archive->files = files;
    archive->progress = progress;
    if (name) {
        archive->name = strdup(name);
        if (!archive->name)
            return fail_memory(why);
    }

    enum rc rc = archive_files_find(&file, files, "manifest.json", why);
    if (rc == RC_NOT_FOUND)
        return fail(why, rc,
            "nothing that docker saved: there is neither 'manifest.json' in it "
            "nor 'oci-layout'");
    if (!rc)
        rc = content_read_all(&text, &file, why);
    if (!rc)
        rc = saved_parse(&archive->saved, bytes_span(&text), why);
    if (rc)
        return within(why, rc, "'manifest.json'");

    *ret = steal(archive);
    return RC_OK;
}

void
docker_archive_free(struct docker_archive *archive)
{
    if (!archive)
        return;

    saved_free(archive->saved);
    for (size_t i = 0; i < archive->n_made; i++)
        bytes_done(&archive->made[i].manifest);
    free(archive->made);
    free(archive->blobs);
    free(archive->name);
    free(archive);
}

static const struct blob *
find_blob(const struct docker_archive *archive, const struct digest *from)
{
    for (size_t i = 0; i < archive->n_blobs; i++)
        if (digest_eq(&archive->blobs[i].from, from))
            return &archive->blobs[i];

    return NULL;
}

static enum rc
add_blob(struct docker_archive *archive, const struct blob *blob, struct why *why)
{
    struct blob *place =
        mem_grow(&archive->blobs, archive->n_blobs, sizeof *place, ARCHIVE_ENTRIES_MAX);
    if (!place)
        return fail_memory(why);

    archive->n_blobs++;
    *place = *blob;
    return RC_OK;
}

/* A file that manifest.json names. */
static enum rc
find_file(
    struct content *ret, const struct docker_archive *archive, const char *name, struct why *why)
{
    enum rc rc = archive_files_find(ret, archive->files, name, why);

    return rc ? within(why, RC_MALFORMED, "'manifest.json' names '%s'", name) : RC_OK;
}

/* A config is named by its digest. */
static enum rc
check_name(const char *name, const struct digest *digest, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1];
    const char *colon = strrchr(name, ':'), *slash = strrchr(name, '/');
    const char *base = colon ? colon + 1 : slash ? slash + 1 : name;
    struct digest named;

    size_t len = strcspn(base, ".");
    if (hex_parse(named.b, sizeof named.b, (struct span){(const uint8_t *)base, len}, NULL) ||
        digest_eq(&named, digest))
        return RC_OK;

    digest_hex(hex, digest);
    return fail(why, RC_UNTRUSTED, "'%s' is of sha256:%s", name, hex);
}

static enum rc
load_config(struct bytes *ret, struct digest *ret_digest, struct docker_archive *archive,
    const struct saved_image *image, struct why *why)
{
    struct content file;

    enum rc rc = find_file(&file, archive, image->config, why);
    if (!rc) {
        rc = content_read_all(ret, &file, why);
        if (rc)
            return within(why, rc, "'%s'", image->config);
    }
    if (rc)
        return rc;

    digest_of(ret_digest, bytes_span(ret));
    rc = check_name(image->config, ret_digest, why);
    if (!rc && !find_blob(archive, ret_digest))
        rc = add_blob(archive, &(struct blob){*ret_digest, *ret_digest, file}, why);
    return rc;
}

static enum rc
pack(void *data, void *shared, size_t job, struct crew_voice *voice, struct why *why)
{
    const struct packing *packing = data;
    const struct plain *file = &packing->files[job];
    char hex[DIGEST_HEX_LEN + 1];
    struct gzip_result result;

    (void)shared;
    enum rc rc = gzip_compress(&result, &file->content, packing->spool, file->offset, why);
    if (rc)
        return within(why, rc, "layer '%s'", file->name);

    digest_hex(hex, &file->diff_id);
    if (!digest_eq(&result.plain, &file->diff_id))
        return fail(why, RC_UNTRUSTED,
            "layer '%s' is not the one of sha256:%s that the config names", file->name, hex);

    crew_say(voice, 0, (struct span){(const uint8_t *)&result, sizeof result});
    return RC_OK;
}

static void
on_packed(void *data, size_t job, int kind, struct span message)
{
    struct packing *packing = data;

    (void)kind;
    if (message.len == sizeof packing->files[job].result)
        memcpy(&packing->files[job].result, message.p, message.len);
}

static void
on_end(void *data, size_t job, enum rc rc, const struct why *why)
{
    struct packing *packing = data;

    (void)job;
    if (!rc || packing->rc)
        return;

    packing->rc = rc;
    *packing->why = *why;
}

static size_t
workers(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > UPLOAD_WORKERS ? UPLOAD_WORKERS : (size_t)n;
}

/* Compress files, and remember what became of each. */
static enum rc
pack_all(struct docker_archive *archive, struct plain *files, size_t n, struct why *why)
{
    struct packing packing = {archive_files_spool(archive->files), files, RC_OK, why};

    for (size_t i = 0; i < n; i++)
        files[i].offset = spool_reserve(packing.spool, gzip_room(files[i].content.size));
    enum rc rc = crew_run(
        &(struct crew_task){
            .n_jobs = n,
            .n_workers = workers(),
            .work = pack,
            .on_message = on_packed,
            .on_done = on_end,
            .data = &packing,
            .is_stopped_by_failure = true,
        },
        why);
    if (!rc)
        rc = packing.rc;

    for (size_t i = 0; i < n && !rc; i++) {
        struct blob blob = {files[i].diff_id, files[i].result.digest,
            spool_content(packing.spool, files[i].offset)};

        blob.content.size = files[i].result.size;
        rc = add_blob(archive, &blob, why);
    }
    return rc;
}

/* A layer that a builder has compressed already. Whether it is what the config names is for who
 * unpacks it. */
static enum rc
take_packed(struct docker_archive *archive, const struct plain *file, struct why *why)
{
    struct blob blob = {.from = file->diff_id, .content = file->content};

    enum rc rc = content_digest(&blob.digest, &file->content, why);
    return rc ? within(why, rc, "layer '%s'", file->name) : add_blob(archive, &blob, why);
}

/* The layers of an image that are not known yet: *ret_n of them are to be compressed. */
static enum rc
take_layers(struct plain *ret, size_t *ret_n, struct docker_archive *archive,
    const struct saved_image *image, const struct digest *diff_ids, struct why *why)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct plain file = {.name = image->layers[i], .diff_id = diff_ids[i]};
        bool is_packed = false, is_known = find_blob(archive, &diff_ids[i]);

        for (size_t k = 0; k < *ret_n && !is_known; k++)
            is_known = digest_eq(&ret[k].diff_id, &diff_ids[i]);
        if (is_known)
            continue;

        enum rc rc = find_file(&file.content, archive, file.name, why);
        if (!rc)
            rc = gzip_is_done(&is_packed, &file.content, why);
        if (!rc && is_packed)
            rc = take_packed(archive, &file, why);
        if (rc)
            return rc;
        if (!is_packed)
            ret[(*ret_n)++] = file;
    }

    return RC_OK;
}

static enum rc
make_layers(struct docker_archive *archive, const struct saved_image *image,
    const struct digest *diff_ids, struct why *why)
{
    int64_t size = 0;
    size_t n = 0;

    closing(freep) struct plain *files = calloc(image->n_layers + 1, sizeof *files);
    if (!files)
        return fail_memory(why);

    enum rc rc = take_layers(files, &n, archive, image, diff_ids, why);
    if (rc || n == 0)
        return rc;

    for (size_t i = 0; i < n; i++)
        size += files[i].content.size;
    progress_note(archive->progress, "compressing %zu layers of %" PRId64 " bytes", n, size);
    return pack_all(archive, files, n, why);
}

static void
put_blob(struct bytes *b, const struct blob *blob, const char *media_type)
{
    char hex[DIGEST_HEX_LEN + 1];

    digest_hex(hex, &blob->digest);
    bytes_printf(b, "{\"digest\":\"sha256:%s\",\"mediaType\":\"%s\",\"size\":%" PRId64 "}", hex,
        media_type, blob->content.size);
}

/* Canonical, so that there is one form only. */
static enum rc
put_manifest(struct bytes *b, const struct docker_archive *archive, const struct digest *config,
    const struct digest *diff_ids, size_t n, struct why *why)
{
    bytes_puts(b, "{\"config\":");
    put_blob(b, find_blob(archive, config), CONFIG_TYPE);
    bytes_puts(b, ",\"layers\":[");
    for (size_t i = 0; i < n; i++) {
        bytes_puts(b, i > 0 ? "," : "");
        put_blob(b, find_blob(archive, &diff_ids[i]), LAYER_TYPE);
    }
    bytes_puts(b, "],\"mediaType\":\"" MANIFEST_TYPE "\",\"schemaVersion\":2}");
    return bytes_check(b, why);
}

/* Kept for those who read it later. */
static enum rc
keep(struct docker_archive *archive, struct bytes *manifest, const struct digest *digest,
    struct why *why)
{
    for (size_t i = 0; i < archive->n_made; i++)
        if (digest_eq(&archive->made[i].digest, digest))
            return RC_OK;

    struct made *place =
        mem_grow(&archive->made, archive->n_made, sizeof *place, IMAGE_MANIFESTS_MAX);
    if (!place)
        return fail_memory(why);

    archive->n_made++;
    *place = (struct made){*digest, *manifest};
    *manifest = BYTES_INIT(0);
    return RC_OK;
}

/* The manifest of an image. */
static enum rc
make(struct digest *ret, int64_t *ret_size, struct docker_archive *archive,
    const struct saved_image *image, struct why *why)
{
    closing(bytes_done) struct bytes config = BYTES_INIT(MANIFEST_MAX_BYTES);
    closing(bytes_done) struct bytes manifest = BYTES_INIT(MANIFEST_MAX_BYTES);
    struct digest digest;

    closing(freep) struct digest *diff_ids = calloc(image->n_layers + 1, sizeof *diff_ids);
    if (!diff_ids)
        return fail_memory(why);

    enum rc rc = load_config(&config, &digest, archive, image, why);
    if (rc)
        return rc;

    rc = saved_diff_ids(diff_ids, image->n_layers, bytes_span(&config), why);
    if (rc)
        return within(why, rc, "'%s'", image->config);

    rc = make_layers(archive, image, diff_ids, why);
    if (!rc)
        rc = put_manifest(&manifest, archive, &digest, diff_ids, image->n_layers, why);
    if (rc)
        return rc;

    digest_of(ret, bytes_span(&manifest));
    *ret_size = (int64_t)manifest.len;
    return keep(archive, &manifest, ret, why);
}

enum rc
docker_archive_find(struct descriptor *ret, struct docker_archive *archive,
    const struct source_choice *choice, struct why *why)
{
    size_t at = 0;

    enum rc rc = saved_find(&at, archive->saved, archive->name, choice->tag, why);
    if (!rc)
        rc = make(&ret->digest, &ret->size, archive, &archive->saved->images[at], why);
    if (rc)
        return rc;

    ret->media_type = strdup(MANIFEST_TYPE);
    return ret->media_type ? RC_OK : fail_memory(why);
}

enum rc
docker_archive_read(const struct docker_archive *archive, struct bytes *ret,
    const struct descriptor *descriptor, struct why *why)
{
    for (size_t i = 0; i < archive->n_made; i++)
        if (digest_eq(&archive->made[i].digest, &descriptor->digest)) {
            bytes_put(ret, bytes_span(&archive->made[i].manifest));
            return bytes_check(ret, why);
        }

    return fail(why, RC_NOT_FOUND, "no such manifest");
}

enum rc
docker_archive_open_blob(struct content *ret, const struct docker_archive *archive,
    const struct descriptor *blob, struct why *why)
{
    for (size_t i = 0; i < archive->n_blobs; i++)
        if (digest_eq(&archive->blobs[i].digest, &blob->digest)) {
            *ret = archive->blobs[i].content;
            return RC_OK;
        }

    return fail(why, RC_NOT_FOUND, "no such layer");
}
