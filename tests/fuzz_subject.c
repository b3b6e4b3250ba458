/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's whole judgment of a document, whose role stands on the line before it: what has no
 * flaw is canonical, of the type of its role, and lists exactly the keys that another reader finds.
 */
#include "agent/subject.h"

#include "tests/fuzz.h"

#define REPOSITORY "localhost:5000/shop/web"
#define NOW        INT64_C(1800000000)

static const struct keyid wanted;

static const char *const types[RANK_MAX_] = {
    [RANK_ROOT] = "Root",
    [RANK_TARGETS] = "Targets",
    [RANK_SNAPSHOT] = "Snapshot",
    [RANK_DELEGATION] = "Targets",
};

static size_t
count_keyids(const json_t *role)
{
    return json_array_size(json_object_get(role, "keyids"));
}

/* How many keys the document gives a right, in all its roles. */
static size_t
count_listed(const json_t *document)
{
    json_t *roles = json_object_get(document, "roles"), *role = NULL;
    const json_t *delegations = json_object_get(document, "delegations");
    const char *name = NULL;
    size_t n = 0, i = 0;

    json_object_foreach(roles, name, role)
        n += count_keyids(role);
    json_array_foreach(json_object_get(delegations, "roles"), i, role)
        n += count_keyids(role);
    return n;
}

static bool
lists_delegations(const json_t *document)
{
    const json_t *delegations = json_object_get(document, "delegations");

    return json_array_size(json_object_get(delegations, "roles")) > 0 ||
           json_object_size(json_object_get(delegations, "keys")) > 0;
}

/* Nobody without a certificate is a root key. */
static void
check_root_keys(const json_t *document)
{
    const json_t *keys = json_object_get(document, "keys");
    const json_t *root = json_object_get(json_object_get(document, "roles"), "root");
    const json_t *ids = json_object_get(root, "keyids"), *id = NULL;
    size_t i = 0;

    json_array_foreach(ids, i, id) {
        const json_t *key = json_object_get(keys, json_string_value(id));
        assert(strstr(json_string_value(json_object_get(key, "keytype")), "-x509"));
    }
}

static void
check_sound(const struct subject *subject, const json_t *document)
{
    const struct digest zeros = {{0}};

    assert(subject->rank < RANK_MAX_ && subject->rank != RANK_TIMESTAMP);
    assert(!strcmp(types[subject->rank], json_string_value(json_object_get(document, "_type"))));
    assert(fuzz_is_canonical(subject->message));
    assert(subject->version == json_integer_value(json_object_get(document, "version")));
    assert(subject->version >= 1);
    assert(subject->n_listings == count_listed(document));
    assert(digest_eq(&subject->delegations, &zeros) != lists_delegations(document));

    if (subject->rank == RANK_ROOT)
        check_root_keys(document);
    for (size_t i = 0; i < subject->n_listings; i++) {
        const struct subject_listing *listing = &subject->listings[i];

        if (subject->rank == RANK_DELEGATION || subject->rank == RANK_TARGETS)
            assert(role_is_child(listing->role, span_of(subject->role)));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(subject_freep) struct subject *subject = NULL;
    const uint8_t *end = memchr(data, '\n', len);
    struct digest digest;

    if (!end)
        return 0;

    closing(freep) char *role = fuzz_text((struct span){data, (size_t)(end - data)});
    struct message_document document = {
        .format = "notary",
        .repository = REPOSITORY,
        .role = role,
        .message = {.p = (uint8_t *)end + 1, .len = len - (size_t)(end - data) - 1},
        .keys = (struct keyid *)&wanted,
        .n_keys = 1,
    };
    if (subject_new(&subject, &document, NOW, NULL))
        return 0;

    digest_of(&digest, bytes_span(&document.message));
    assert(digest_eq(&digest, &subject->digest));
    assert(subject->rank == role_rank(span_of(role)));
    assert((subject->flaw == REASON_NONE) == !*subject->flaw_why.text);
    if (subject->flaw == REASON_NONE) {
        json_auto_t *other = fuzz_json(subject->message);
        check_sound(subject, other);
    }

    return 0;
}
