/* SPDX-License-Identifier: Apache-2.0 */
#include "client/saved.h"

#include <stdio.h>

#include "client/manifest.h"
#include "proto/bounds.h"
#include "proto/members.h"
#include "proto/reference.h"

#define LIST_MAX 300 /* of the names that there are, in a sentence */

static void
texts_free(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

void
saved_free(struct saved *saved)
{
    if (!saved)
        return;

    for (size_t i = 0; i < saved->n; i++) {
        free(saved->images[i].config);
        texts_free(saved->images[i].layers, saved->images[i].n_layers);
        texts_free(saved->images[i].tags, saved->images[i].n_tags);
    }
    free(saved->images);
    free(saved);
}

static enum rc
read_texts(char ***ret, size_t *ret_n, const json_t *array, const char *place, struct why *why)
{
    size_t n = json_array_size(array);

    if (n == 0)
        return RC_OK;

    *ret = calloc(n, sizeof **ret);
    if (!*ret)
        return fail_memory(why);

    for (; *ret_n < n; ++*ret_n) {
        const json_t *text = json_array_get(array, *ret_n);
        if (!json_is_string(text) || strlen(json_string_value(text)) != json_string_length(text))
            return fail(why, RC_MALFORMED, "%s[%zu]: want text", place, *ret_n);

        (*ret)[*ret_n] = strdup(json_string_value(text));
        if (!(*ret)[*ret_n])
            return fail_memory(why);
    }

    return RC_OK;
}

static enum rc
read_image(struct saved_image *ret, const json_t *object, const char *place, struct why *why)
{
    const json_t *layers = NULL, *tags = NULL;
    const char *config = NULL;
    char below[64];
    struct members m;

    members_open(&m, object, place);
    members_text(&m, "Config", &config);
    members_array(&m, "Layers", MANIFEST_DESCRIPTORS_MAX - 1, &layers);
    members_array_maybe(&m, "RepoTags", MANIFEST_DESCRIPTORS_MAX, &tags);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    ret->config = strdup(config);
    if (!ret->config)
        return fail_memory(why);

    snprintf(below, sizeof below, "%s.Layers", place);
    rc = read_texts(&ret->layers, &ret->n_layers, layers, below, why);
    snprintf(below, sizeof below, "%s.RepoTags", place);
    return rc ? rc : read_texts(&ret->tags, &ret->n_tags, tags, below, why);
}

enum rc
saved_parse(struct saved **ret, struct span text, struct why *why)
{
    closing(json_decrefp) json_t *array = NULL;

    closing(saved_freep) struct saved *saved = calloc(1, sizeof *saved);
    if (!saved)
        return fail_memory(why);

    enum rc rc = members_parse(&array, text, why);
    if (rc)
        return rc;
    if (!json_is_array(array) || json_array_size(array) == 0)
        return fail(why, RC_MALFORMED, "want a list of images");
    if (json_array_size(array) > IMAGE_MANIFESTS_MAX)
        return fail(why, RC_TOO_LARGE, "%zu images, the limit is %d", json_array_size(array),
            IMAGE_MANIFESTS_MAX);

    for (size_t i = 0; i < json_array_size(array) && !rc; i++) {
        char place[32];

        struct saved_image *image =
            mem_grow(&saved->images, saved->n, sizeof *image, IMAGE_MANIFESTS_MAX);
        if (!image)
            return fail_memory(why);

        saved->n++;
        snprintf(place, sizeof place, "[%zu]", i);
        rc = read_image(image, json_array_get(array, i), place, why);
    }
    if (rc)
        return rc;

    *ret = steal(saved);
    return RC_OK;
}

/* Whether two names are the same image to docker: "web" is "docker.io/library/web:latest". A bare
 * tag is that of any image. */
static bool
is_same(const char *have, const char *want, bool is_tag)
{
    closing(reference_done) struct reference a = {0};
    closing(reference_done) struct reference b = {0};

    if (!is_tag && !strcmp(have, want))
        return true;
    if (reference_parse(&a, have, NULL))
        return false;
    if (is_tag)
        return !strcmp(a.tag ? a.tag : "latest", want);

    return !reference_parse(&b, want, NULL) && !b.digest && !strcmp(a.repository, b.repository) &&
           !strcmp(a.tag ? a.tag : "latest", b.tag ? b.tag : "latest");
}

static size_t
count(size_t *ret, const struct saved *saved, const char *want, bool is_tag)
{
    size_t n = 0;

    for (size_t i = 0; i < saved->n; i++)
        for (size_t k = 0; k < saved->images[i].n_tags; k++)
            if (is_same(saved->images[i].tags[k], want, is_tag)) {
                if (n++ == 0)
                    *ret = i;
                break;
            }

    return n;
}

static const char *
list(char ret[LIST_MAX], const struct saved *saved)
{
    size_t at = 0;

    snprintf(ret, LIST_MAX, "none that has a name");
    for (size_t i = 0; i < saved->n; i++)
        for (size_t k = 0; k < saved->images[i].n_tags; k++) {
            int len = snprintf(
                ret + at, LIST_MAX - at, "%s'%s'", at > 0 ? ", " : "", saved->images[i].tags[k]);
            if (len < 0 || (size_t)len >= LIST_MAX - at)
                return ret;
            at += (size_t)len;
        }

    return ret;
}

enum rc
saved_find(
    size_t *ret, const struct saved *saved, const char *name, const char *tag, struct why *why)
{
    const char *want = name ? name : tag;
    char there[LIST_MAX];

    if (!name && saved->n == 1) {
        *ret = 0;
        return RC_OK;
    }
    if (!want)
        return fail(why, RC_REFUSED, "there are several images in it: %s; name one of them",
            list(there, saved));

    size_t n = count(ret, saved, want, !name);
    if (n == 0)
        return fail(
            why, RC_NOT_FOUND, "no image '%s' in it; there are: %s", want, list(there, saved));
    if (n > 1)
        return fail(why, RC_REFUSED,
            "%zu images in it have the name '%s': %s; name one of them in "
            "full",
            n, want, list(there, saved));

    return RC_OK;
}

enum rc
saved_diff_ids(struct digest *ret, size_t n, struct span config, struct why *why)
{
    const json_t *rootfs = NULL, *ids = NULL;
    closing(json_decrefp) json_t *object = NULL;
    struct members m;

    enum rc rc = members_parse(&object, config, why);
    if (rc)
        return rc;

    members_open(&m, object, "");
    members_object(&m, "rootfs", &rootfs);
    rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    members_open(&m, rootfs, "rootfs");
    members_array_maybe(&m, "diff_ids", MANIFEST_DESCRIPTORS_MAX, &ids);
    rc = members_close_tolerant(&m, why);
    if (!rc && json_array_size(ids) != n)
        return fail(why, RC_MALFORMED,
            "rootfs.diff_ids: want %zu of them, as there are layers, "
            "have %zu",
            n, json_array_size(ids));

    for (size_t i = 0; i < n && !rc; i++) {
        const char *text = json_string_value(json_array_get(ids, i));

        rc =
            text ? manifest_digest_parse(&ret[i], text, why) : fail(why, RC_MALFORMED, "want text");
        if (rc)
            return within(why, rc, "rootfs.diff_ids[%zu]", i);
    }
    return rc;
}
