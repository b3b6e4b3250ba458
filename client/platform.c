/* SPDX-License-Identifier: Apache-2.0 */
#include "client/platform.h"

#include <stdio.h>

#define PLATFORM_MAX_BYTES 128
#define LIST_MAX_BYTES     300 /* of those that there are, in a sentence */

struct platform {
    char os[PLATFORM_MAX_BYTES], architecture[PLATFORM_MAX_BYTES], variant[PLATFORM_MAX_BYTES];
    bool has_variant; /* it was said, and does not go without saying */
};

static bool
take_part(char ret[PLATFORM_MAX_BYTES], const char **rest)
{
    size_t len = strcspn(*rest, "/");

    if (len == 0 || len >= PLATFORM_MAX_BYTES)
        return false;

    memcpy(ret, *rest, len);
    ret[len] = 0;
    *rest += len;
    if (**rest)
        ++*rest;
    return true;
}

static void
normalise(struct platform *platform)
{
    static const struct {
        const char *architecture, *variant; /* NULL: any */
        const char *to_architecture, *to_variant;
    } names[] = {
        {"x86_64", NULL, "amd64", NULL},
        {"x86-64", NULL, "amd64", NULL},
        {"aarch64", NULL, "arm64", NULL},
        {"armhf", "", "arm", "v7"},
        {"armel", "", "arm", "v6"},
        {"i386", NULL, "386", NULL},
        {"arm64", "v8", NULL, ""},
        {"arm", "", NULL, "v7"},
        {"amd64", "v1", NULL, ""},
    };

    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        if (strcmp(platform->architecture, names[i].architecture) != 0 ||
            (names[i].variant && strcmp(platform->variant, names[i].variant) != 0))
            continue;

        if (names[i].to_architecture)
            snprintf(platform->architecture, PLATFORM_MAX_BYTES, "%s", names[i].to_architecture);
        if (names[i].to_variant)
            snprintf(platform->variant, PLATFORM_MAX_BYTES, "%s", names[i].to_variant);
    }
}

static bool
platform_parse(struct platform *ret, const char *text)
{
    struct platform platform = {0};

    if (!take_part(platform.os, &text) || !take_part(platform.architecture, &text))
        return false;
    if (*text && (!take_part(platform.variant, &text) || *text))
        return false;

    platform.has_variant = *platform.variant;
    normalise(&platform);
    *ret = platform;
    return true;
}

/* How well an entry fits: 0: not, 1: its variant was not asked for, 2: exactly. */
static int
fit(const struct descriptor *entry, const struct platform *want)
{
    struct platform have;

    if (!entry->platform || !platform_parse(&have, entry->platform) ||
        strcmp(have.os, want->os) != 0 || strcmp(have.architecture, want->architecture) != 0)
        return 0;

    if (!strcmp(have.variant, want->variant))
        return 2;
    return want->has_variant ? 0 : 1;
}

/* Those that fit at least so well, for people. */
static void
list(char ret[LIST_MAX_BYTES], const struct manifest *index, const struct platform *want, int least)
{
    size_t at = 0;

    ret[0] = 0;
    for (size_t i = 0; i < index->n; i++) {
        const char *platform = index->descriptors[i].platform;

        if (!platform || fit(&index->descriptors[i], want) < least)
            continue;

        int len = snprintf(ret + at, LIST_MAX_BYTES - at, "%s%s", at > 0 ? ", " : "", platform);
        if (len < 0 || (size_t)len >= LIST_MAX_BYTES - at)
            break;
        at += (size_t)len;
    }
}

/* How many different ones fit so well, and the first of them. */
static size_t
count(size_t *ret, const struct manifest *index, const struct platform *want, int well)
{
    size_t n = 0;

    for (size_t i = 0; i < index->n; i++) {
        const struct descriptor *entry = &index->descriptors[i];

        if (fit(entry, want) != well ||
            (n > 0 && digest_eq(&entry->digest, &index->descriptors[*ret].digest)))
            continue;
        if (n++ == 0)
            *ret = i;
    }

    return n;
}

enum rc
platform_find(size_t *ret, const struct manifest *index, const char *platform, struct why *why)
{
    struct platform want;
    char there[LIST_MAX_BYTES];
    size_t at = 0, n = 0;

    if (!platform_parse(&want, platform))
        return fail(why, RC_MALFORMED,
            "platform '%s': want OS/ARCH or OS/ARCH/VARIANT, as in linux/amd64", platform);

    for (int least = 2; least > 0 && n == 0; least--)
        n = count(&at, index, &want, least);

    list(there, index, &want, n > 0 ? 1 : 0);
    if (n == 0)
        return fail(why, RC_NOT_FOUND, "no image for platform '%s'; there are: %s", platform,
            *there ? there : "none that say theirs");
    if (n > 1)
        return fail(why, RC_REFUSED, "several images for platform '%s': %s; name one of them",
            platform, there);

    *ret = at;
    return RC_OK;
}

enum rc
platform_read(char **ret, const json_t *object, const char *place, struct why *why)
{
    const char *os = NULL, *architecture = NULL, *variant = NULL;
    struct members m;

    members_open(&m, object, place);
    members_text_maybe(&m, "os", &os);
    members_text_maybe(&m, "architecture", &architecture);
    members_text_maybe(&m, "variant", &variant);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc || !os || !*os || !architecture || !*architecture)
        return rc;

    bool has_variant = variant && *variant;
    if (asprintf(ret, "%s/%s%s%s", os, architecture, has_variant ? "/" : "",
            has_variant ? variant : "") >= 0)
        return RC_OK;

    *ret = NULL;
    return fail_memory(why);
}

enum rc
platform_check(struct span config, const char *platform, struct why *why)
{
    closing(json_decrefp) json_t *object = NULL;
    closing(descriptor_done) struct descriptor image = {0};
    const struct manifest only = {.kind = MANIFEST_INDEX, .descriptors = &image, .n = 1};
    size_t at = 0;

    enum rc rc = members_parse(&object, config, why);
    if (!rc)
        rc = platform_read(&image.platform, object, "", why);
    return rc ? within(why, rc, "its config") : platform_find(&at, &only, platform, why);
}
