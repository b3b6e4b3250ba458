/* SPDX-License-Identifier: Apache-2.0 */
#include "client/manifest.h"

#include "client/platform.h"
#include "proto/bounds.h"
#include "proto/jsontext.h"
#include "proto/members.h"

#define ANNOTATION_NAME      "org.opencontainers.image.ref.name"
#define ANNOTATION_FULL_NAME "io.containerd.image.name"

static const struct {
    const char *name;
    enum manifest_kind kind;
    bool is_told; /* the bytes must name it too: without, OCI's registries take them for OCI's */
} media_types[] = {
    {"application/vnd.oci.image.manifest.v1+json", MANIFEST_IMAGE, false},
    {"application/vnd.oci.image.index.v1+json", MANIFEST_INDEX, false},
    {"application/vnd.docker.distribution.manifest.v2+json", MANIFEST_IMAGE, true},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MANIFEST_INDEX, true},
};

/* Their layers may lie elsewhere. */
static const char *const foreign_types[] = {
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
};

const char *
manifest_media_types(void)
{
    return "application/vnd.oci.image.manifest.v1+json, "
           "application/vnd.oci.image.index.v1+json, "
           "application/vnd.docker.distribution.manifest.v2+json, "
           "application/vnd.docker.distribution.manifest.list.v2+json";
}

static enum rc
find_type(size_t *ret, const char *media_type, struct why *why)
{
    for (size_t i = 0; i < N_ELEMENTS(media_types); i++)
        if (!strcmp(media_types[i].name, media_type)) {
            *ret = i;
            return RC_OK;
        }

    if (!strncmp(media_type, "application/vnd.docker.distribution.manifest.v1+",
            strlen("application/vnd.docker.distribution.manifest.v1+")))
        return fail(why, RC_UNSUPPORTED,
            "a manifest of schema 1: it has no digest that lasts; push the image anew with a "
            "builder of today");

    return fail(why, RC_UNSUPPORTED, "media type '%s': it is no manifest of an image", media_type);
}

enum rc
manifest_kind_of(enum manifest_kind *ret, const char *media_type, struct why *why)
{
    size_t i = 0;

    enum rc rc = find_type(&i, media_type, why);
    if (!rc)
        *ret = media_types[i].kind;
    return rc;
}

/* A copy of text that may be absent. */
static enum rc
keep(char **ret, const char *text, struct why *why)
{
    if (!text)
        return RC_OK;

    *ret = strdup(text);
    return *ret ? RC_OK : fail_memory(why);
}

void
descriptor_done(struct descriptor *descriptor)
{
    free(descriptor->media_type);
    free(descriptor->platform);
    free(descriptor->name);
    free(descriptor->full_name);
    free(descriptor->artifact_type);
    *descriptor = (struct descriptor){0};
}

enum rc
descriptor_copy(struct descriptor *ret, const struct descriptor *from, struct why *why)
{
    *ret = (struct descriptor){
        .digest = from->digest,
        .size = from->size,
        .is_foreign = from->is_foreign,
    };

    enum rc rc = keep(&ret->media_type, from->media_type, why);
    if (!rc)
        rc = keep(&ret->platform, from->platform, why);
    if (!rc)
        rc = keep(&ret->name, from->name, why);
    if (!rc)
        rc = keep(&ret->full_name, from->full_name, why);
    if (!rc)
        rc = keep(&ret->artifact_type, from->artifact_type, why);
    return rc;
}

enum rc
manifest_digest_parse(struct digest *ret, const char *text, struct why *why)
{
    struct span hex = span_of(text);

    if (!span_starts(hex, SPAN("sha256:")))
        return fail(
            why, RC_UNSUPPORTED, "digest '%s': want 'sha256:' and 64 hexadecimal digits", text);

    hex.p += strlen("sha256:");
    hex.len -= strlen("sha256:");
    enum rc rc = hex_parse(ret->b, sizeof ret->b, hex, why);
    return rc ? within(why, rc, "digest '%s'", text) : RC_OK;
}

static enum rc
read_annotations(struct descriptor *ret, const json_t *object, const char *place, struct why *why)
{
    const char *name = NULL, *full_name = NULL;
    struct members m;

    if (!object)
        return RC_OK;

    members_open(&m, object, place);
    members_text_maybe(&m, ANNOTATION_NAME, &name);
    members_text_maybe(&m, ANNOTATION_FULL_NAME, &full_name);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = keep(&ret->name, name, why);
    if (!rc)
        rc = keep(&ret->full_name, full_name, why);
    return rc;
}

static bool
is_foreign(const char *media_type, const json_t *urls)
{
    for (size_t i = 0; i < N_ELEMENTS(foreign_types); i++)
        if (!strcmp(foreign_types[i], media_type))
            return json_array_size(urls) > 0;

    return false;
}

static enum rc
read_descriptor(struct descriptor *ret, const json_t *object, const char *place, struct why *why)
{
    const char *media_type = NULL, *digest = NULL, *artifact_type = NULL;
    const json_t *urls = NULL, *platform = NULL, *annotations = NULL;
    char below[64];
    struct members m;

    members_open(&m, object, place);
    members_text(&m, "mediaType", &media_type);
    members_text(&m, "digest", &digest);
    members_int(&m, "size", 0, INTEGER_MAX, &ret->size);
    members_array_maybe(&m, "urls", MANIFEST_DESCRIPTORS_MAX, &urls);
    members_object_maybe(&m, "platform", &platform);
    members_object_maybe(&m, "annotations", &annotations);
    members_text_maybe(&m, "artifactType", &artifact_type);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc) {
        rc = manifest_digest_parse(&ret->digest, digest, why);
        if (rc)
            return within(why, rc, "%s", place);
    }
    if (rc)
        return rc;

    ret->is_foreign = is_foreign(media_type, urls);
    snprintf(below, sizeof below, "%s.platform", place);
    rc = platform ? platform_read(&ret->platform, platform, below, why) : RC_OK;
    snprintf(below, sizeof below, "%s.annotations", place);
    if (!rc)
        rc = read_annotations(ret, annotations, below, why);
    if (!rc)
        rc = keep(&ret->media_type, media_type, why);
    if (!rc)
        rc = keep(&ret->artifact_type, artifact_type, why);
    return rc;
}

static enum rc
add_descriptor(struct manifest *manifest, const json_t *object, const char *place, struct why *why)
{
    struct descriptor *descriptor =
        mem_grow(&manifest->descriptors, manifest->n, sizeof *descriptor, MANIFEST_DESCRIPTORS_MAX);
    if (!descriptor && manifest->n == MANIFEST_DESCRIPTORS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d layers", MANIFEST_DESCRIPTORS_MAX);
    if (!descriptor)
        return fail_memory(why);

    manifest->n++;
    return read_descriptor(descriptor, object, place, why);
}

static enum rc
add_descriptors(struct manifest *manifest, const json_t *array, const char *place, struct why *why)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        char name[32];

        snprintf(name, sizeof name, "%s[%zu]", place, i);
        enum rc rc = add_descriptor(manifest, json_array_get(array, i), name, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* What the top of either kind has. */
struct top {
    const char *media_type, *artifact_type;
    const json_t *config, *layers, *manifests, *subject, *annotations;
};

static enum rc
read_top(struct top *ret, const json_t *object, enum manifest_kind kind, struct why *why)
{
    int64_t version = 0;
    struct members m;

    members_open(&m, object, "");
    members_int(&m, "schemaVersion", 1, 2, &version);
    members_text_maybe(&m, "mediaType", &ret->media_type);
    members_text_maybe(&m, "artifactType", &ret->artifact_type);
    members_object_maybe(&m, "subject", &ret->subject);
    members_object_maybe(&m, "annotations", &ret->annotations);
    if (kind == MANIFEST_IMAGE) {
        members_object(&m, "config", &ret->config);
        members_array(&m, "layers", MANIFEST_DESCRIPTORS_MAX, &ret->layers);
    } else {
        members_array(&m, "manifests", MANIFEST_DESCRIPTORS_MAX, &ret->manifests);
    }
    enum rc rc = version == 1 ? fail(why, RC_UNSUPPORTED, "schema 1") : RC_OK;
    if (!rc)
        rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    /* CVE-2021-41190: bytes that are both are an image to some, and an index to others. */
    const char *const *strange = kind == MANIFEST_IMAGE
                                     ? (const char *const[]){"manifests", "fsLayers", NULL}
                                     : (const char *const[]){"layers", "config", "fsLayers", NULL};
    for (; *strange; strange++)
        if (json_object_get(object, *strange))
            return fail(why, RC_MALFORMED, "%s with a member '%s': others may read something else",
                kind == MANIFEST_IMAGE ? "an image" : "an index", *strange);

    return RC_OK;
}

/* What the bytes say of themselves must be what others say of them. */
static enum rc
check_type(size_t type, const struct top *top, struct why *why)
{
    const char *said = top->media_type;

    if (said && !strcmp(said, media_types[type].name))
        return RC_OK;

    if (!said && !media_types[type].is_told)
        return RC_OK;

    return fail(why, RC_MALFORMED, "mediaType: want '%s', have %s%s%s", media_types[type].name,
        said ? "'" : "", said ? said : "none", said ? "'" : "");
}

static enum rc
read_rest(struct manifest *ret, const struct top *top, struct why *why)
{
    enum rc rc = RC_OK;

    if (top->subject) {
        ret->subject = calloc(1, sizeof *ret->subject);
        rc = ret->subject ? read_descriptor(ret->subject, top->subject, "subject", why)
                          : fail_memory(why);
    }
    if (rc)
        return rc;

    const char *artifact_type = top->artifact_type;
    if ((!artifact_type || !*artifact_type) && ret->kind == MANIFEST_IMAGE)
        artifact_type = ret->descriptors[0].media_type;
    rc = keep(&ret->artifact_type, artifact_type, why);
    if (rc || !top->annotations)
        return rc;

    closing(bytes_done) struct bytes annotations = BYTES_INIT(MANIFEST_MAX_BYTES);
    jsontext_put(&annotations, top->annotations);
    rc = bytes_check(&annotations, why);
    return rc ? rc : keep(&ret->annotations, bytes_text(&annotations), why);
}

enum rc
manifest_parse(struct manifest **ret, const char *media_type, struct span bytes, struct why *why)
{
    closing(json_decrefp) json_t *object = NULL;
    struct top top = {0};
    size_t type = 0;

    closing(manifest_freep) struct manifest *manifest = calloc(1, sizeof *manifest);
    if (!manifest)
        return fail_memory(why);

    enum rc rc = find_type(&type, media_type, why);
    if (rc)
        return rc;

    if (bytes.len > MANIFEST_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "%zu bytes, the limit is %d", bytes.len, MANIFEST_MAX_BYTES);

    manifest->kind = media_types[type].kind;
    rc = members_parse(&object, bytes, why);
    if (!rc)
        rc = read_top(&top, object, manifest->kind, why);
    if (!rc)
        rc = check_type(type, &top, why);
    if (!rc && top.config)
        rc = add_descriptor(manifest, top.config, "config", why);
    if (!rc && top.config)
        rc = add_descriptors(manifest, top.layers, "layers", why);
    if (!rc && !top.config)
        rc = add_descriptors(manifest, top.manifests, "manifests", why);
    if (!rc)
        rc = read_rest(manifest, &top, why);
    if (rc)
        return rc;

    *ret = steal(manifest);
    return RC_OK;
}

void
manifest_free(struct manifest *manifest)
{
    if (!manifest)
        return;

    for (size_t i = 0; i < manifest->n; i++)
        descriptor_done(&manifest->descriptors[i]);
    free(manifest->descriptors);
    if (manifest->subject)
        descriptor_done(manifest->subject);
    free(manifest->subject);
    free(manifest->artifact_type);
    free(manifest->annotations);
    free(manifest);
}
