/* SPDX-License-Identifier: Apache-2.0 */
#include "client/layout.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/bounds.h"
#include "proto/members.h"
#include "proto/reference.h"

#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define LIST_MAX   300 /* of the names that there are, in a sentence */

/* An entry of index.json that is about another manifest. */
struct artifact {
    size_t entry;
    struct digest subject;
};

struct layout {
    struct layout_place place;
    char *tag; /* NULL: none given */
    struct manifest *index;
    struct artifact *artifacts;
    size_t n_artifacts;
    bool are_artifacts_known;
};

static enum rc
load(struct bytes *ret, struct layout *layout, const char *name, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;

    enum rc rc = layout->place.open(&content, layout->place.data, name, why);
    if (!rc)
        rc = content_read_all(ret, &content, why);
    return rc ? within(why, rc, "'%s'", name) : RC_OK;
}

static enum rc
check_version(struct layout *layout, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(LAYOUT_MAX_BYTES);
    closing(json_decrefp) json_t *object = NULL;
    const char *version = NULL;
    struct members m;

    enum rc rc = load(&text, layout, "oci-layout", why);
    if (rc == RC_NOT_FOUND)
        return within(why, rc, "no OCI layout");
    if (!rc) {
        rc = members_parse(&object, bytes_span(&text), why);
        if (!rc) {
            members_open(&m, object, "");
            members_text(&m, "imageLayoutVersion", &version);
            rc = members_close_tolerant(&m, why);
        }
        if (rc)
            return within(why, rc, "'oci-layout'");
    }
    if (!rc && strcmp(version, "1.0.0") != 0)
        return fail(why, RC_UNSUPPORTED,
            "'oci-layout': imageLayoutVersion: want '1.0.0', have '%s'", version);

    return rc;
}

enum rc
layout_new(struct layout **ret, const struct layout_place *place, const char *tag, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);

    closing(layout_freep) struct layout *layout = calloc(1, sizeof *layout);
    if (!layout)
        return fail_memory(why);

    layout->place = *place;
    if (tag) {
        layout->tag = strdup(tag);
        if (!layout->tag)
            return fail_memory(why);
    }

    enum rc rc = check_version(layout, why);
    if (!rc)
        rc = load(&text, layout, "index.json", why);
    if (rc)
        return rc;

    rc = manifest_parse(&layout->index, INDEX_TYPE, bytes_span(&text), why);
    if (rc)
        return within(why, rc, "'index.json'");

    *ret = steal(layout);
    return RC_OK;
}

void
layout_free(struct layout *layout)
{
    if (!layout)
        return;

    manifest_free(layout->index);
    free(layout->artifacts);
    free(layout->tag);
    free(layout);
}

/* Whether it is the list of referrers that clients keep for registries which keep none. */
static bool
is_referrers_tag(const char *name)
{
    return !strncmp(name, "sha256-", 7);
}

/* tag: NULL: any that people would name. normal: the tag as docker writes it in full, or NULL. */
static bool
is_meant(const struct descriptor *entry, const char *tag, const char *normal)
{
    if (!tag)
        return entry->name && !is_referrers_tag(entry->name);

    return (entry->name && !strcmp(entry->name, tag)) ||
           (entry->full_name &&
               (!strcmp(entry->full_name, tag) || (normal && !strcmp(entry->full_name, normal))));
}

/* How many images, and the first of them. */
static size_t
count(size_t *ret, const struct layout *layout, const char *tag, const char *normal)
{
    const struct manifest *index = layout->index;
    size_t n = 0;

    for (size_t i = 0; i < index->n; i++) {
        const struct descriptor *entry = &index->descriptors[i];

        if (!is_meant(entry, tag, normal) ||
            (n > 0 && digest_eq(&entry->digest, &index->descriptors[*ret].digest)))
            continue;
        if (n++ == 0)
            *ret = i;
    }

    return n;
}

static const char *
list(char ret[LIST_MAX], const struct layout *layout)
{
    size_t at = 0;

    snprintf(ret, LIST_MAX, "none that has a name");
    for (size_t i = 0; i < layout->index->n; i++) {
        const struct descriptor *entry = &layout->index->descriptors[i];

        if (!is_meant(entry, NULL, NULL))
            continue;

        const char *name = entry->full_name ? entry->full_name : entry->name;
        int len = snprintf(ret + at, LIST_MAX - at, "%s'%s'", at > 0 ? ", " : "", name);
        if (len < 0 || (size_t)len >= LIST_MAX - at)
            break;
        at += (size_t)len;
    }

    return ret;
}

/* "web:v1" is docker.io/library/web:v1 where engines write names in full. NULL: it is no name of an
 * image. */
static enum rc
normalise(char **ret, const char *tag, struct why *why)
{
    closing(reference_done) struct reference reference = {0};

    enum rc rc = reference_parse(&reference, tag, why);
    if (rc == RC_MALFORMED)
        return RC_OK;
    if (rc)
        return rc;

    if (asprintf(ret, "%s:%s", reference.repository, reference.tag ? reference.tag : "latest") >= 0)
        return RC_OK;

    *ret = NULL;
    return fail_memory(why);
}

static enum rc
find_named(size_t *ret, const struct layout *layout, const char *tag, struct why *why)
{
    closing(freep) char *normal = NULL;
    char there[LIST_MAX];

    enum rc rc = normalise(&normal, tag, why);
    if (rc)
        return rc;

    size_t n = count(ret, layout, tag, normal);
    if (n == 0)
        return fail(
            why, RC_NOT_FOUND, "no image '%s' in it; there are: %s", tag, list(there, layout));
    if (n > 1)
        return fail(why, RC_REFUSED,
            "%zu different images have the name '%s'; remove those that are not meant", n, tag);

    return RC_OK;
}

/* The one that has a name, or the only one. */
static enum rc
find_only(size_t *ret, const struct layout *layout, const char *tag, struct why *why)
{
    char there[LIST_MAX];

    size_t n = count(ret, layout, NULL, NULL);
    if (n == 1)
        return RC_OK;
    if (n > 1 && tag)
        return find_named(ret, layout, tag, why);
    if (n > 1)
        return fail(why, RC_REFUSED, "there are several images in it: %s; name one of them",
            list(there, layout));

    if (layout->index->n == 0)
        return fail(why, RC_NOT_FOUND, "there is no image in it");
    if (layout->index->n > 1)
        return fail(why, RC_REFUSED, "there are several images in it, and none has a name");

    *ret = 0;
    return RC_OK;
}

enum rc
layout_find(struct descriptor *ret, struct layout *layout, const struct source_choice *choice,
    struct why *why)
{
    size_t at = 0;

    enum rc rc = layout->tag ? find_named(&at, layout, layout->tag, why)
                             : find_only(&at, layout, choice->tag, why);
    return rc ? rc : descriptor_copy(ret, &layout->index->descriptors[at], why);
}

static enum rc
open_digest(
    struct content *ret, struct layout *layout, const struct digest *digest, struct why *why)
{
    char hex[DIGEST_HEX_LEN + 1], name[sizeof "blobs/sha256/" + DIGEST_HEX_LEN];

    digest_hex(hex, digest);
    snprintf(name, sizeof name, "blobs/sha256/%s", hex);
    enum rc rc = layout->place.open(ret, layout->place.data, name, why);
    return rc ? within(why, rc, "'%s'", name) : RC_OK;
}

enum rc
layout_read(
    struct layout *layout, struct bytes *ret, const struct descriptor *descriptor, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;

    enum rc rc = open_digest(&content, layout, &descriptor->digest, why);
    return rc ? rc : content_read_all(ret, &content, why);
}

enum rc
layout_open_blob(
    struct content *ret, struct layout *layout, const struct descriptor *blob, struct why *why)
{
    closing(content_done) struct content content = CONTENT_NONE;

    enum rc rc = open_digest(&content, layout, &blob->digest, why);
    if (rc)
        return rc;

    if (content.size != blob->size)
        return fail(why, RC_MALFORMED, "it has %" PRId64 " bytes, the manifest says %" PRId64,
            content.size, blob->size);

    *ret = content;
    content = CONTENT_NONE;
    return RC_OK;
}

/* What a manifest of index.json is about; NULL: nothing. */
static enum rc
read_entry(struct manifest **ret, struct layout *layout, size_t entry, struct why *why)
{
    const struct descriptor *descriptor = &layout->index->descriptors[entry];
    closing(bytes_done) struct bytes text = BYTES_INIT(MANIFEST_MAX_BYTES);
    enum manifest_kind kind;

    if (manifest_kind_of(&kind, descriptor->media_type, NULL))
        return RC_OK; /* it cannot be pushed either */

    enum rc rc = layout_read(layout, &text, descriptor, why);
    return rc ? rc : manifest_parse(ret, descriptor->media_type, bytes_span(&text), why);
}

static enum rc
read_artifacts(struct layout *layout, struct why *why)
{
    if (layout->are_artifacts_known)
        return RC_OK;

    for (size_t i = 0; i < layout->index->n; i++) {
        closing(manifest_freep) struct manifest *manifest = NULL;

        enum rc rc = read_entry(&manifest, layout, i, why);
        if (rc)
            return within(why, rc, "'index.json': manifests[%zu]", i);
        if (!manifest || !manifest->subject)
            continue;

        struct artifact *artifact = mem_grow(
            &layout->artifacts, layout->n_artifacts, sizeof *artifact, MANIFEST_DESCRIPTORS_MAX);
        if (!artifact)
            return fail_memory(why);
        layout->n_artifacts++;
        *artifact = (struct artifact){i, manifest->subject->digest};
    }

    layout->are_artifacts_known = true;
    return RC_OK;
}

static enum rc
add(struct referrers *referrers, const struct descriptor *descriptor, struct why *why)
{
    struct descriptor *place =
        mem_grow(&referrers->list, referrers->n, sizeof *place, IMAGE_MANIFESTS_MAX);
    if (!place && referrers->n == IMAGE_MANIFESTS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d artifacts refer to it", IMAGE_MANIFESTS_MAX);
    if (!place)
        return fail_memory(why);

    referrers->n++;
    return descriptor_copy(place, descriptor, why);
}

/* Those of the list under the tag "sha256-…". */
static enum rc
add_tagged(struct referrers *referrers, struct layout *layout, const struct digest *digest,
    struct why *why)
{
    char tag[sizeof "sha256-" + DIGEST_HEX_LEN] = "sha256-";
    closing(manifest_freep) struct manifest *list_of = NULL;
    size_t at = 0;

    digest_hex(tag + strlen(tag), digest);
    if (count(&at, layout, tag, NULL) == 0)
        return RC_OK;

    enum rc rc = read_entry(&list_of, layout, at, why);
    if (rc)
        return within(why, rc, "'index.json': manifests[%zu]", at);

    for (size_t i = 0; list_of && list_of->kind == MANIFEST_INDEX && i < list_of->n && !rc; i++)
        rc = add(referrers, &list_of->descriptors[i], why);
    return rc;
}

enum rc
layout_referrers(
    struct referrers *ret, struct layout *layout, const struct digest *digest, struct why *why)
{
    closing(referrers_done) struct referrers referrers = {0};

    enum rc rc = read_artifacts(layout, why);
    for (size_t i = 0; i < layout->n_artifacts && !rc; i++)
        if (digest_eq(&layout->artifacts[i].subject, digest))
            rc = add(&referrers, &layout->index->descriptors[layout->artifacts[i].entry], why);
    if (!rc)
        rc = add_tagged(&referrers, layout, digest, why);
    if (rc)
        return rc;

    *ret = referrers;
    referrers = (struct referrers){0};
    return RC_OK;
}
