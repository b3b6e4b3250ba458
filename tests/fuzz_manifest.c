/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A media type, a manifest or an index of it, and a platform that is looked for in it. What is
 * taken for an image is no index to anybody else, and the other way round; and jansson sees in it
 * what we saw.
 */
#include "client/manifest.h"

#include "client/platform.h"
#include "tests/fuzz.h"

static bool
is_text(const char *have, const json_t *want)
{
    return have ? json_is_string(want) && !strcmp(have, json_string_value(want))
                : !want || json_is_null(want);
}

static bool
may_be_foreign(const char *media_type, const json_t *entry)
{
    return json_array_size(json_object_get(entry, "urls")) > 0 &&
           (strstr(media_type, "foreign.diff") || strstr(media_type, "nondistributable"));
}

static void
check_descriptor(const struct descriptor *have, const json_t *want)
{
    const json_t *annotations = json_object_get(want, "annotations");
    char digest[sizeof "sha256:" + DIGEST_HEX_LEN] = "sha256:";

    digest_hex(digest + strlen(digest), &have->digest);
    assert(is_text(digest, json_object_get(want, "digest")));
    assert(is_text(have->media_type, json_object_get(want, "mediaType")));
    assert(is_text(have->artifact_type, json_object_get(want, "artifactType")));
    assert(is_text(have->name, json_object_get(annotations, "org.opencontainers.image.ref.name")));
    assert(is_text(have->full_name, json_object_get(annotations, "io.containerd.image.name")));
    assert(have->size >= 0);
    assert(have->size == json_integer_value(json_object_get(want, "size")));
    assert(!have->is_foreign || may_be_foreign(have->media_type, want));
}

static void
check(const struct manifest *manifest, const char *media_type, struct span text)
{
    json_auto_t *object = fuzz_json(text);
    const json_t *said = json_object_get(object, "mediaType");
    const json_t *config = json_object_get(object, "config");
    const json_t *layers = json_object_get(object, "layers");
    const json_t *manifests = json_object_get(object, "manifests");
    bool is_index = manifest->kind == MANIFEST_INDEX;

    assert(object);
    assert(!json_is_string(said) || !strcmp(json_string_value(said), media_type));
    assert(json_is_string(said) || !strncmp(media_type, "application/vnd.oci.", 20));
    assert(!(layers || config) == is_index && !manifests != is_index);
    assert(manifest->n == (is_index ? json_array_size(manifests) : 1 + json_array_size(layers)));
    for (size_t i = 0; i < manifest->n; i++)
        check_descriptor(&manifest->descriptors[i], is_index ? json_array_get(manifests, i)
                                                    : i == 0 ? config
                                                             : json_array_get(layers, i - 1));

    const json_t *subject = json_object_get(object, "subject");
    assert(!manifest->subject == (!subject || json_is_null(subject)));
    if (manifest->subject)
        check_descriptor(manifest->subject, subject);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(manifest_freep) struct manifest *manifest = NULL;
    struct span rest = {data, len};
    closing(freep) char *media_type = fuzz_text(fuzz_part(&rest));
    struct span text = fuzz_part(&rest);
    closing(freep) char *platform = fuzz_text(rest);
    size_t at = 0;

    enum rc rc = manifest_parse(&manifest, media_type, text, NULL);
    assert(rc == RC_OK || rc == RC_MALFORMED || rc == RC_UNSUPPORTED || rc == RC_TOO_LARGE);
    assert(!rc == !!manifest);
    if (rc)
        return 0;

    check(manifest, media_type, text);
    platform[strcspn(platform, "\n")] = 0;
    if (!platform_find(&at, manifest, platform, NULL))
        assert(at < manifest->n && manifest->descriptors[at].platform);
    return 0;
}
