/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/changes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/forge.h"

#define T1    "2029-11-22T13:44:54Z"
#define T2    "2030-11-22T13:44:54Z"
#define ROOM  (64 * 1024)
#define HASH  "\"hashes\":{\"sha256\":\"q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\"}"
#define SHA   "sha256:abababababababababababababababababababababababababababababababab"
#define OTHER "\"hashes\":{\"sha256\":\"zc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc0=\"}"
#define SHA_2 "sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

static struct forge_key keys[3];

static int
make_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(keys); i++)
        forge_key_init(&keys[i], "P-256");
    forge_key_certify(&keys[2], "localhost:5000/shop/web", 0, INT64_C(1900000000));
    return 0;
}

static int
drop_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(keys); i++)
        forge_key_done(&keys[i]);
    return 0;
}

/* "+" new, "-" gone, "~" changed, then kind, name, and what was and is. Key IDs are K0, K1, …. */
static void
put_value(struct bytes *b, const json_t *value)
{
    const char *text = json_string_value(value);

    for (size_t i = 0; i < N_ELEMENTS(keys); i++)
        if (text && !strcmp(text, forge_key_id(&keys[i]))) {
            bytes_printf(b, " K%zu", i);
            return;
        }
    if (text)
        bytes_printf(b, " %s", text);
}

static void
put_list(struct bytes *b, const json_t *list)
{
    const json_t *change;
    size_t i;

    json_array_foreach(list, i, change) {
        const json_t *was = json_object_get(change, "was"), *is = json_object_get(change, "is");
        const char *name = json_string_value(json_object_get(change, "name"));
        bytes_printf(b, "%s%c%s%s%s", i == 0 ? "" : "\n",
            was && is ? '~'
            : is      ? '+'
                      : '-',
            json_string_value(json_object_get(change, "kind")), *name ? " " : "", name);
        put_value(b, was);
        put_value(b, is);
    }
}

struct document {
    struct bytes text;
    struct tuf_targets *targets;
};

static void
document_done(struct document *d)
{
    tuf_targets_free(d->targets);
    bytes_done(&d->text);
}

struct plan {
    struct forge_role roles[3];
    const char *targets, *expires;
};

static void
document_init(struct document *d, const struct plan *plan)
{
    size_t n = 0;

    d->text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    while (n < N_ELEMENTS(plan->roles) && plan->roles[n].name)
        n++;
    forge_targets(&d->text, 1, plan->expires ? plan->expires : T1, plan->roles, n,
        plan->targets ? plan->targets : "{}");
    if (tuf_targets_parse(&d->targets, bytes_span(&d->text), NULL))
        fail_msg("%s", bytes_text(&d->text));
}

#define QA(...)                                                                                    \
    {                                                                                              \
        "targets/qa", {__VA_ARGS__}, 1, "[\"\"]"                                                   \
    }
#define DEV(...)                                                                                   \
    {                                                                                              \
        "targets/dev", {__VA_ARGS__}, 1, "[\"\"]"                                                  \
    }
#define TAG(name, hash, more) "\"" name "\":{" more hash ",\"length\":3}"

static void
test_lists_what_changes_in_targets(void **state)
{
    const struct {
        const char *says;
        struct plan was, is;
        const char *want;
        size_t n_tags;
        bool lowers_threshold;
    } rows[] = {
        {"nothing", {{{0}}}, {{{0}}}, "", 0, false},
        {"the expiry", {{{0}}}, {{{0}}, .expires = T2}, "~expiry " T1 " " T2, 0, false},
        {"a new tag", {{{0}}}, {{{0}}, "{" TAG("v1", HASH, "") "}"}, "+tag v1 " SHA " 3 bytes", 1,
            false},
        {"a tag that is gone", {{{0}}, "{" TAG("v1", HASH, "") "}"}, {{{0}}},
            "-tag v1 " SHA " 3 bytes", 1, false},
        {"a tag of other content", {{{0}}, "{" TAG("v1", HASH, "") "}"},
            {{{0}}, "{" TAG("v1", OTHER, "") "}"}, "~tag v1 " SHA " 3 bytes " SHA_2 " 3 bytes", 1,
            false},
        {"a tag with custom data", {{{0}}, "{" TAG("v1", HASH, "") "}"},
            {{{0}}, "{" TAG("v1", HASH, "\"custom\":{},") "}"},
            "~tag v1 " SHA " 3 bytes " SHA " 3 bytes custom:"
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            1, false},
        {"a name with an escape", {{{0}}}, {{{0}}, "{" TAG("a\\\"b", HASH, "") "}"},
            "+tag a\"b " SHA " 3 bytes", 1, false},
        {"a new role", {{{0}}}, {{QA(&keys[0], &keys[1])}},
            "+delegation targets/qa 1\n+key targets/qa K0\n+key targets/qa K1\n"
            "+threshold targets/qa 1\n+path targets/qa ",
            0, false},
        {"a role that is gone", {{QA(&keys[0]), DEV(&keys[1])}}, {{DEV(&keys[1])}},
            "-delegation targets/qa 1\n-key targets/qa K0\n-threshold targets/qa 1\n"
            "-path targets/qa ",
            0, false},
        {"a role of two signatures that is gone",
            {{{"targets/qa", {&keys[0], &keys[1]}, 2, "[\"\"]"}, DEV(&keys[1])}}, {{DEV(&keys[1])}},
            "-delegation targets/qa 1\n-key targets/qa K0\n-key targets/qa K1\n"
            "-threshold targets/qa 2\n-path targets/qa ",
            0, true},
        {"other keys", {{QA(&keys[0])}}, {{QA(&keys[1])}}, "-key targets/qa K0\n+key targets/qa K1",
            0, false},
        {"another path", {{QA(&keys[0])}}, {{{"targets/qa", {&keys[0]}, 1, "[\"v\"]"}}},
            "-path targets/qa \n+path targets/qa v", 0, false},
        {"a higher threshold", {{QA(&keys[0], &keys[1])}},
            {{{"targets/qa", {&keys[0], &keys[1]}, 2, "[\"\"]"}}}, "~threshold targets/qa 1 2", 0,
            false},
        {"a lower threshold", {{{"targets/qa", {&keys[0], &keys[1]}, 2, "[\"\"]"}}},
            {{QA(&keys[0], &keys[1])}}, "~threshold targets/qa 2 1", 0, true},
        {"the last key of a role is gone", {{QA(&keys[0])}},
            {{{"targets/qa", {NULL}, 1, "[\"\"]"}}}, "-key targets/qa K0", 0, true},
        {"another order", {{QA(&keys[0]), DEV(&keys[1])}}, {{DEV(&keys[1]), QA(&keys[0])}},
            "~delegation targets/dev 2 1\n~delegation targets/qa 1 2", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(document_done) struct document was = {0}, is = {0};
        closing(changes_done) struct changes changes = {0};
        closing(bytes_done) struct bytes text = BYTES_INIT(ROOM);

        document_init(&was, &rows[i].was);
        document_init(&is, &rows[i].is);
        assert_int_equal(changes_of_targets(&changes, was.targets, is.targets, ROOM, NULL), RC_OK);
        put_list(&text, changes.list);
        if (strcmp(bytes_text(&text), rows[i].want) != 0)
            fail_msg("%s: '%s', want '%s'", rows[i].says, bytes_text(&text), rows[i].want);
        assert_int_equal(changes.n_tags, rows[i].n_tags);
        assert_int_equal(changes.lowers_threshold, rows[i].lowers_threshold);
    }
}

static void
test_lists_everything_where_nothing_is_published(void **state)
{
    closing(document_done) struct document is = {0};
    closing(changes_done) struct changes changes = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(ROOM);

    (void)state;
    document_init(&is, &(struct plan){{{0}}, "{" TAG("v1", HASH, "") "," TAG("v2", HASH, "") "}"});
    assert_int_equal(changes_of_targets(&changes, NULL, is.targets, ROOM, NULL), RC_OK);
    put_list(&text, changes.list);
    assert_string_equal(
        bytes_text(&text), "+tag v1 " SHA " 3 bytes\n+tag v2 " SHA " 3 bytes\n+expiry " T1);
    assert_int_equal(changes.n_tags, 2);
    assert_string_equal(changes.tags[1], "v2");
}

static void
test_counts_what_does_not_fit(void **state)
{
    closing(document_done) struct document is = {0};
    closing(changes_done) struct changes all = {0}, some = {0};
    closing(bytes_done) struct bytes names = BYTES_INIT(ROOM);
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];

    (void)state;
    bytes_puts(&names, "{");
    for (int i = 100; i < 150; i++)
        bytes_printf(&names, "%s\"v%d\":{" HASH ",\"length\":3}", i == 100 ? "" : ",", i);
    bytes_puts(&names, "}");
    document_init(&is, &(struct plan){{{0}}, bytes_text(&names)});
    assert_int_equal(changes_of_targets(&all, NULL, is.targets, ROOM, NULL), RC_OK);
    assert_int_equal(changes_of_targets(&some, NULL, is.targets, 1024, NULL), RC_OK);

    size_t n = json_array_size(some.list) - 1;
    const json_t *more = json_array_get(some.list, n);
    closing(bytes_done) struct bytes rest = BYTES_INIT(ROOM);
    for (size_t i = 0; i < json_array_size(all.list); i++) {
        closing(freep) char *text = json_dumps(
            json_array_get(all.list, i), JSON_COMPACT | JSON_ENSURE_ASCII | JSON_SORT_KEYS);
        if (i < n)
            assert_true(json_equal(json_array_get(all.list, i), json_array_get(some.list, i)));
        else
            bytes_printf(&rest, "%s%s", rest.len > 0 ? "," : "", text);
    }
    digest_of(&digest, bytes_span(&rest));
    digest_hex(hex, &digest);

    assert_int_equal(n, 8);
    assert_string_equal(json_string_value(json_object_get(more, "kind")), "more");
    assert_string_equal(json_string_value(json_object_get(more, "was")), "43");
    assert_string_equal(json_string_value(json_object_get(more, "is")), hex);
    assert_int_equal(some.n_tags, 50);
}

struct root {
    struct bytes text;
    struct tuf_root *root;
};

static void
root_done(struct root *r)
{
    tuf_root_free(r->root);
    bytes_done(&r->text);
}

static void
root_init(struct root *r, const struct forge_key *targets, const struct forge_key *more,
    int64_t threshold)
{
    const struct forge_role roles[] = {{"root", {&keys[2]}, 1}, {"snapshot", {&keys[0]}, 1},
        {"targets", {targets, more}, threshold}, {"timestamp", {&keys[0]}, 1}};

    r->text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    forge_root(&r->text, 1, T1, roles);
    if (tuf_root_parse(&r->root, bytes_span(&r->text), NULL))
        fail_msg("%s", bytes_text(&r->text));
}

static void
test_lists_what_changes_in_a_root(void **state)
{
    closing(root_done) struct root one = {0}, other = {0}, two = {0};
    closing(changes_done) struct changes replaced = {0}, lowered = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(ROOM);

    (void)state;
    root_init(&one, &keys[0], NULL, 1);
    root_init(&other, &keys[1], NULL, 1);
    root_init(&two, &keys[0], &keys[1], 2);
    assert_int_equal(changes_of_root(&replaced, one.root, other.root, ROOM, NULL), RC_OK);
    assert_int_equal(changes_of_root(&lowered, two.root, one.root, ROOM, NULL), RC_OK);

    put_list(&text, replaced.list);
    bytes_puts(&text, "\n");
    put_list(&text, lowered.list);
    assert_string_equal(bytes_text(&text), "-key targets K0\n+key targets K1\n"
                                           "-key targets K1\n~threshold targets 2 1");
    assert_false(replaced.lowers_threshold);
    assert_true(lowered.lowers_threshold);
}

/* Of a certificate the canonical ID is that of its key, which a new certificate does not change. */
static void
test_shows_a_key_with_the_certificate_by_which_it_is_listed(void **state)
{
    closing(root_done) struct root one = {0};
    closing(changes_done) struct changes changes = {0};
    char want[2 * DIGEST_HEX_LEN + 8];

    (void)state;
    root_init(&one, &keys[0], NULL, 1);
    assert_int_equal(changes_of_root(&changes, NULL, one.root, ROOM, NULL), RC_OK);
    snprintf(want, sizeof want, "%s as %s", pubkey_canonical_id(keys[2].key)->hex,
        forge_key_id(&keys[2]));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(changes.list, 0), "is")), want);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_what_changes_in_targets),
        cmocka_unit_test(test_lists_everything_where_nothing_is_published),
        cmocka_unit_test(test_counts_what_does_not_fit),
        cmocka_unit_test(test_lists_what_changes_in_a_root),
        cmocka_unit_test(test_shows_a_key_with_the_certificate_by_which_it_is_listed),
    };

    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
