/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A targets document: the same tags, keys and delegations as by another reading, and one that is
 * said to be sound is sound.
 */
#include "proto/difference.h"
#include "proto/role.h"
#include "tests/fuzz.h"

static bool
is_text(struct span raw, const char *decoded)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&b, raw);
    return span_is(bytes_span(&b), decoded);
}

static void
check_targets(const struct tuf_targets *targets, json_t *listed)
{
    const char *name = NULL;
    json_t *value = NULL;

    assert(targets->n_targets == json_object_size(listed));
    json_object_foreach(listed, name, value) {
        const struct tuf_target *target = tuf_targets_find(targets, span_of(name));
        closing(bytes_done) struct bytes b = BYTES_INIT(DOCUMENT_MAX_BYTES);
        json_t *hashes = json_object_get(value, "hashes");

        assert(target && is_text(target->name, name));
        assert(target->length == json_integer_value(json_object_get(value, "length")));
        assert((target->custom.len > 0) == (json_object_get(value, "custom") != NULL));
        assert(target->hashes.has_others ||
               json_object_size(hashes) ==
                   (size_t)target->hashes.has_sha256 + target->hashes.has_sha512);
        if (target->hashes.has_sha256) {
            bytes_put_base64(&b, digest_span(&target->hashes.sha256));
            assert(span_is(bytes_span(&b), json_string_value(json_object_get(hashes, "sha256"))));
        }
    }
}

static void
check_roles(const struct tuf_targets *targets, const json_t *delegations)
{
    const json_t *roles = json_object_get(delegations, "roles");

    assert(targets->keys.n == json_object_size(json_object_get(delegations, "keys")));
    assert(targets->n_roles == json_array_size(roles));
    for (size_t i = 0; i < targets->n_roles; i++) {
        const struct tuf_role *role = &targets->roles[i];
        const json_t *value = json_array_get(roles, i);
        const json_t *paths = json_object_get(value, "paths");

        assert(is_text(role->name, json_string_value(json_object_get(value, "name"))));
        assert(role->threshold == json_integer_value(json_object_get(value, "threshold")));
        assert(role->n_keyids == json_array_size(json_object_get(value, "keyids")));
        assert(role->n_paths == json_array_size(paths));
        for (size_t k = 0; k < role->n_paths; k++)
            assert(is_text(role->paths[k], json_string_value(json_array_get(paths, k))));
    }
}

static void
check_sound_role(const json_t *roles, size_t i, const json_t *keys)
{
    const json_t *role = json_array_get(roles, i);
    const json_t *keyids = json_object_get(role, "keyids");
    const char *name = json_string_value(json_object_get(role, "name"));
    json_int_t threshold = json_integer_value(json_object_get(role, "threshold"));

    assert(fuzz_are_keys(keyids, keys));
    assert(threshold >= 1 && (size_t)threshold <= json_array_size(keyids));
    assert(!strncmp(name, "targets/", 8) && name[8] && !strchr(name + 8, '/'));
    assert(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_/") == strlen(name));
    for (size_t k = 0; k < i; k++)
        assert(strcmp(name, json_string_value(json_object_get(json_array_get(roles, k), "name"))) !=
               0);
}

static void
check_sound(const json_t *document)
{
    const json_t *delegations = json_object_get(document, "delegations");
    const json_t *keys = json_object_get(delegations, "keys");
    const json_t *roles = json_object_get(delegations, "roles");
    const char *name = NULL;
    json_t *value = NULL;

    for (size_t i = 0; i < json_array_size(roles); i++)
        check_sound_role(roles, i, keys);
    json_object_foreach((json_t *)keys, name, value) {
        struct keyid own = fuzz_id(value);
        assert(!strcmp(own.hex, name));
    }
    json_object_foreach(json_object_get(document, "targets"), name, value) {
        json_t *custom = json_object_get(value, "custom");
        char *text = custom ? json_dumps(custom, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

        assert(json_object_get(json_object_get(value, "hashes"), "sha256"));
        assert(!text || !strpbrk(text, "<>&"));
        free(text);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    closing(difference_done) struct difference everything = {0};
    closing(difference_done) struct difference nothing = {0};
    struct span in = {data, len};

    if (tuf_targets_parse(&targets, in, NULL))
        return 0;

    assert(fuzz_is_canonical(in));
    json_auto_t *document = fuzz_json(in);
    assert(targets->version == json_integer_value(json_object_get(document, "version")));
    check_targets(targets, json_object_get(document, "targets"));
    check_roles(targets, json_object_get(document, "delegations"));
    if (tuf_targets_check(targets, SPAN("targets"), NULL) == TUF_SOUND) {
        check_sound(document);
        assert(!difference_of(&everything, NULL, targets, NULL));
        assert(everything.n == targets->n_targets + targets->n_roles);
        assert(!difference_of(&nothing, targets, targets, NULL));
        assert(nothing.n == 0);
    }

    return 0;
}
