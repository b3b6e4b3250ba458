/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two targets documents: what changed from one to the other is what changed back, and making these
 * changes to the one gives the other.
 */
#include "client/draft.h"
#include "tests/fuzz.h"

/* Of the same tag or role, the other way round. */
static bool
is_reverse(const struct change *a, const struct change *b)
{
    return a->kind == b->kind && !canon_cmp(a->name, b->name) && a->tag_was == b->tag_is &&
           a->tag_is == b->tag_was && a->role_was == b->role_is && a->role_is == b->role_was;
}

static void
check_reverse(const struct difference *there, const struct difference *back)
{
    assert(there->n == back->n);
    for (size_t i = 0; i < there->n; i++) {
        bool is_there = false;

        for (size_t k = 0; k < back->n; k++)
            is_there = is_there || is_reverse(&there->changes[i], &back->changes[k]);
        assert(is_there);
    }
}

/* The number of members of a and b that are not the same in both. */
static size_t
count_changed(json_t *a, json_t *b)
{
    size_t n = 0;
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(a, name, value)
        n += !json_equal(value, json_object_get(b, name));
    json_object_foreach(b, name, value)
        n += json_object_get(a, name) == NULL;
    return n;
}

/* The roles of a document, by name. */
static json_t *
roles_of(const json_t *document)
{
    const json_t *delegations = json_object_get(document, "delegations");
    const json_t *roles = json_object_get(delegations, "roles");
    json_t *by_name = json_object(), *role = NULL;
    size_t i = 0;

    json_array_foreach(roles, i, role)
        json_object_set(by_name, json_string_value(json_object_get(role, "name")), role);
    return by_name;
}

static size_t
count(const struct difference *d, enum change_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++)
        n += d->changes[i].kind == kind;
    return n;
}

static void
check_made(const struct difference *d, const struct tuf_targets *was, const struct tuf_targets *is)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_targets_freep) struct tuf_targets *made = NULL;
    closing(difference_done) struct difference left = {0};

    closing(freep) struct edit *edits = calloc(d->n + 1, sizeof *edits);
    assert(edits);
    for (size_t i = 0; i < d->n; i++)
        edits[i] = (struct edit){.kind = EDIT_REPLAY,
            .name = d->changes[i].name,
            .change = &d->changes[i],
            .change_keys = &is->keys};

    const struct draft draft = {was, edits, d->n, 7, 1893456000};
    enum rc rc = draft_targets(&message, &draft, NULL);
    assert(!rc);
    assert(!tuf_targets_parse(&made, bytes_span(&message), NULL));
    assert(made->version == 7 && made->expires_at == 1893456000);
    assert(!difference_of(&left, made, is, NULL));
    assert(left.n == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(tuf_targets_freep) struct tuf_targets *was = NULL;
    closing(tuf_targets_freep) struct tuf_targets *is = NULL;
    closing(difference_done) struct difference there = {0};
    closing(difference_done) struct difference back = {0};
    struct span rest = {data, len};
    struct span first = fuzz_part(&rest), second = fuzz_part(&rest);

    if (tuf_targets_parse(&was, first, NULL) || tuf_targets_parse(&is, second, NULL) ||
        tuf_targets_check(was, SPAN("targets"), NULL) ||
        tuf_targets_check(is, SPAN("targets"), NULL))
        return 0;

    assert(!difference_of(&there, was, is, NULL));
    assert(!difference_of(&back, is, was, NULL));
    check_reverse(&there, &back);

    json_auto_t *a = fuzz_json(first);
    json_auto_t *b = fuzz_json(second);
    json_auto_t *a_roles = roles_of(a);
    json_auto_t *b_roles = roles_of(b);
    assert(count(&there, CHANGE_TAG) ==
           count_changed(json_object_get(a, "targets"), json_object_get(b, "targets")));
    assert(count(&there, CHANGE_DELEGATION) == count_changed(a_roles, b_roles));
    check_made(&there, was, is);
    return 0;
}
