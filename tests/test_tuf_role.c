/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_role.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/forge.h"

#define ID_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID_B "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum rc
scan(struct tuf_role *ret, struct span text, struct why *why)
{
    struct canon c;

    canon_init(&c, text);
    enum rc rc = tuf_role_scan(ret, &c, why);
    return rc ? rc : canon_end(&c, why);
}

static enum rc
scan_keys(struct tuf_keys *ret, struct span text, struct why *why)
{
    struct canon c;

    canon_init(&c, text);
    enum rc rc = tuf_keys_scan(ret, &c, why);
    return rc ? rc : canon_end(&c, why);
}

static void
test_reads_delegations_and_writes_them_back(void **state)
{
    static const struct {
        const char *text;
        size_t n_keyids, n_paths;
        bool has_paths, keyids_null;
        int64_t threshold;
    } rows[] = {
        {"{\"keyids\":[\"" ID_A "\",\"" ID_B
         "\"],\"name\":\"targets/a\",\"paths\":[\"\"],\"threshold\":1}",
            2, 1, true, false, 1},
        {"{\"keyids\":null,\"name\":\"targets/a\",\"paths\":[\"v1\",\"v\\\"2\"],\"threshold\":2}",
            0, 2, true, true, 2},
        {"{\"keyids\":[],\"name\":\"targets/a\",\"threshold\":0}", 0, 0, false, false, 0},
        {"{\"keyids\":[\"" ID_A "\",\"" ID_A "\"],\"name\":\"x\",\"threshold\":-1}", 2, 0, false,
            false, -1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes again = BYTES_INIT(4096);
        closing(tuf_role_done) struct tuf_role role = {0};
        struct why why = {0};

        if (scan(&role, span_of(rows[i].text), &why))
            fail_msg("%s: %s", rows[i].text, why.text);
        assert_int_equal(role.n_keyids, rows[i].n_keyids);
        assert_int_equal(role.n_paths, rows[i].n_paths);
        assert_int_equal(role.has_paths, rows[i].has_paths);
        assert_int_equal(role.keyids_null, rows[i].keyids_null);
        assert_int_equal(role.threshold, rows[i].threshold);
        tuf_role_format(&again, &role);
        assert_string_equal(bytes_text(&again), rows[i].text);
    }
}

static void
test_refuses_delegations_that_notary_writes_differently(void **state)
{
    static const char *const rows[] = {
        "{\"keyids\":[],\"name\":\"targets/a\",\"paths\":[],\"threshold\":1}",
        "{\"keyids\":[],\"name\":\"targets/a\",\"paths\":null,\"threshold\":1}",
        "{\"keyids\":[],\"name\":\"targets/a\",\"paths\":[null],\"threshold\":1}",
        "{\"keyids\":[\"ab\"],\"name\":\"targets/a\",\"threshold\":1}",
        "{\"keyids\":[null],\"name\":\"targets/a\",\"threshold\":1}",
        "{\"keyids\":{},\"name\":\"targets/a\",\"threshold\":1}",
        "{\"name\":\"targets/a\",\"threshold\":1}",
        "{\"keyids\":[],\"threshold\":1}",
        "{\"keyids\":[],\"name\":null,\"threshold\":1}",
        "{\"keyids\":[],\"name\":\"targets/a\"}",
        "{\"keyids\":[],\"name\":\"targets/a\",\"threshold\":\"1\"}",
        "{\"keyids\":[],\"name\":\"targets/a\",\"threshold\":1,\"z\":1}",
        "{\"keyids\":[],\"name\":\"targets/a\",\"path_hash_prefixes\":[],\"threshold\":1}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_role role = {.threshold = 77};
        if (scan(&role, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
        assert_int_equal(role.threshold, 77);
    }
}

static void
put_role(struct bytes *b, size_t n_keyids, size_t n_paths)
{
    bytes_puts(b, "{\"keyids\":[");
    for (size_t i = 0; i < n_keyids; i++)
        bytes_printf(b, "%s\"%064zx\"", i == 0 ? "" : ",", i);
    bytes_puts(b, "],\"name\":\"targets/a\",\"paths\":[");
    for (size_t i = 0; i < n_paths; i++)
        bytes_printf(b, "%s\"%zu\"", i == 0 ? "" : ",", i);
    bytes_puts(b, "],\"threshold\":1}");
}

static void
put_keys(struct bytes *b, size_t n)
{
    bytes_putc(b, '{');
    for (size_t i = 0; i < n; i++)
        bytes_printf(b,
            "%s\"%064zx\":{\"keytype\":\"x\",\"keyval\":{\"private\":null,\"public\":\"\"}}",
            i == 0 ? "" : ",", i);
    bytes_putc(b, '}');
}

static void
test_bounds_keys_and_paths(void **state)
{
    static const struct {
        size_t n_keyids, n_paths;
        enum rc want;
    } rows[] = {
        {KEYS_MAX, PATHS_MAX, RC_OK},
        {KEYS_MAX + 1, 1, RC_TOO_LARGE},
        {1, PATHS_MAX + 1, RC_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_role_done) struct tuf_role role = {0};

        put_role(&text, rows[i].n_keyids, rows[i].n_paths);
        assert_int_equal(scan(&role, bytes_span(&text), NULL), rows[i].want);
    }

    for (size_t over = 0; over < 2; over++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_keys_done) struct tuf_keys keys = {0};

        put_keys(&text, KEYS_MAX + over);
        assert_int_equal(scan_keys(&keys, bytes_span(&text), NULL), over ? RC_TOO_LARGE : RC_OK);
        assert_int_equal(keys.n, over ? 0 : KEYS_MAX);
    }
}

static void
test_refuses_keys_in_another_form(void **state)
{
    static const char *const rows[] = {
        "null",
        "[]",
        "{\"k\":{\"keytype\":\"ecdsa\",\"keyval\":{\"private\":null,\"public\":\"AA==\"}}}",
        "{\"" ID_A "\":{\"keytype\":\"ecdsa\",\"keyval\":{\"public\":\"AA==\"}}}",
        "{\"" ID_A "\":{\"keytype\":\"ecdsa\",\"keyval\":{\"private\":\"AA==\",\"public\":\"\"}}}",
        "{\"" ID_A "\":{\"keytype\":\"ecdsa\",\"keyval\":{\"private\":true,\"public\":\"\"}}}",
        "{\"" ID_A "\":{\"keytype\":\"ecdsa\",\"keyval\":{\"private\":null,\"public\":null}}}",
        "{\"" ID_A "\":{\"keytype\":\"ecdsa\",\"keyval\":{\"private\":null,\"public\":\"A\"}}}",
        "{\"" ID_A "\":{\"keytype\":null,\"keyval\":{\"private\":null,\"public\":\"\"}}}",
        "{\"" ID_A "\":{\"keyval\":{\"private\":null,\"public\":\"\"}}}",
        "{\"" ID_A
        "\":{\"keytype\":\"x\",\"keyval\":{\"private\":null,\"public\":\"\"},\"scheme\":1}}",
        "{\"" ID_A "\":{\"keytype\":\"x\",\"keyval\":{\"private\":null,\"public\":\"\",\"z\":1}}}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_keys keys = {0};
        if (scan_keys(&keys, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
        assert_int_equal(keys.n, 0);
    }
}

static void
test_finds_keys_and_writes_them_back(void **state)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_keys_done) struct tuf_keys keys = {0};
    struct keyid id;

    (void)state;
    put_keys(&text, 9);
    assert_int_equal(scan_keys(&keys, bytes_span(&text), NULL), RC_OK);
    tuf_keys_format(&again, &keys);
    assert_string_equal(bytes_text(&again), bytes_text(&text));
    for (size_t i = 0; i < 10; i++) {
        snprintf(id.hex, sizeof id.hex, "%064zx", i);
        assert_int_equal(tuf_keys_index(&keys, &id), i);
        assert_ptr_equal(tuf_keys_find(&keys, &id), i < 9 ? keys.keys[i] : NULL);
    }
}

static void
test_admits_names_that_begin_with_a_path(void **state)
{
    static const struct {
        const char *paths, *name;
        bool want;
    } rows[] = {
        {",\"paths\":[\"\"]", "v1", true},
        {",\"paths\":[\"\"]", "", true},
        {",\"paths\":[\"v1\",\"rc-\"]", "v1", true},
        {",\"paths\":[\"v1\",\"rc-\"]", "v1.2", true},
        {",\"paths\":[\"v1\",\"rc-\"]", "rc-7", true},
        {",\"paths\":[\"v1\",\"rc-\"]", "v", false},
        {",\"paths\":[\"v1\",\"rc-\"]", "xv1", false},
        {",\"paths\":[\"a\\\"\\\\b\"]", "a\"\\bc", true},
        {",\"paths\":[\"a\\\"\\\\b\"]", "a\\\"\\\\b", false},
        {"", "v1", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(4096);
        closing(tuf_role_done) struct tuf_role role = {0};

        bytes_printf(
            &text, "{\"keyids\":[],\"name\":\"targets/a\"%s,\"threshold\":1}", rows[i].paths);
        assert_int_equal(scan(&role, bytes_span(&text), NULL), RC_OK);
        if (tuf_role_admits(&role, span_of(rows[i].name)) != rows[i].want)
            fail_msg("%s and '%s'", rows[i].paths, rows[i].name);
    }
}

/* Three keys, the second also under a certificate. */
struct fixture {
    struct forge_key a, b, b_certified;
    struct bytes keys_text;
    struct tuf_keys keys;
};

static void
put_key(struct bytes *b, const struct pubkey *key, const char *id)
{
    bytes_printf(b, "%s\"%s\":", b->len > 1 ? "," : "", id);
    pubkey_format(b, key);
}

static int
pubkey_order(const void *x, const void *y)
{
    struct pubkey *const *a = x, *const *b = y;

    return strcmp(pubkey_id(*a)->hex, pubkey_id(*b)->hex);
}

static void
fixture_init(struct fixture *f)
{
    struct pubkey *keys[3];

    forge_key_init(&f->a, "P-256");
    forge_key_init(&f->b, "P-256");
    f->b_certified = (struct forge_key){f->b.evp, pubkey_ref(f->b.key)};
    forge_key_certify(&f->b_certified, "qa", 0, 4102444800);

    keys[0] = f->a.key;
    keys[1] = f->b.key;
    keys[2] = f->b_certified.key;
    qsort(keys, 3, sizeof(struct pubkey *), pubkey_order);

    f->keys_text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    bytes_putc(&f->keys_text, '{');
    /* Sorts first, and is nobody's. */
    put_key(&f->keys_text, f->a.key,
        "0000000000000000000000000000000000000000000000000000000000000000");
    for (size_t i = 0; i < 3; i++)
        put_key(&f->keys_text, keys[i], pubkey_id(keys[i])->hex);
    bytes_putc(&f->keys_text, '}');
    assert_int_equal(scan_keys(&f->keys, bytes_span(&f->keys_text), NULL), RC_OK);
}

static void
fixture_done(struct fixture *f)
{
    f->b_certified.evp = NULL; /* it is b's */
    forge_key_done(&f->b_certified);
    forge_key_done(&f->b);
    forge_key_done(&f->a);
    tuf_keys_done(&f->keys);
    bytes_done(&f->keys_text);
}

/* The role points into text. */
static void
fixture_role(struct tuf_role *ret, struct bytes *text, const char *const ids[3], int64_t threshold)
{
    bytes_puts(text, "{\"keyids\":[");
    for (size_t i = 0; i < 3 && ids[i]; i++)
        bytes_printf(text, "%s\"%s\"", i == 0 ? "" : ",", ids[i]);
    bytes_printf(text, "],\"name\":\"targets/a\",\"threshold\":%" PRId64 "}", threshold);
    assert_int_equal(scan(ret, bytes_span(text), NULL), RC_OK);
}

static void
test_names_the_flaw_of_a_role(void **state)
{
    static const char nobody[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct fixture f = {0};

    (void)state;
    fixture_init(&f);
    const char *a = forge_key_id(&f.a), *b = forge_key_id(&f.b),
               *certified = forge_key_id(&f.b_certified);
    const struct {
        const char *says, *ids[3];
        int64_t threshold;
        enum tuf_flaw want;
    } rows[] = {
        {"one key", {a}, 1, TUF_SOUND},
        {"two of two", {a, b}, 2, TUF_SOUND},
        {"one under its certificate", {a, certified}, 2, TUF_SOUND},
        {"a key ID twice", {a, a}, 1, TUF_FLAW_DUPLICATE_KEY},
        {"one key under two IDs", {b, a, certified}, 1, TUF_FLAW_DUPLICATE_KEY},
        {"a key ID of another key", {a, nobody}, 1, TUF_FLAW_KEY_ID},
        {"a key ID without a key", {a, ID_A}, 1, TUF_FLAW_KEY_MISSING},
        {"a threshold of 0", {a}, 0, TUF_FLAW_THRESHOLD},
        {"a negative threshold", {a}, -1, TUF_FLAW_THRESHOLD},
        {"a threshold above the number of keys", {a, b}, 3, TUF_FLAW_THRESHOLD},
        {"no key at all", {NULL}, 1, TUF_FLAW_THRESHOLD},
    };

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(4096);
        closing(tuf_role_done) struct tuf_role role = {0};
        struct why why = {"untouched"};

        fixture_role(&role, &text, rows[i].ids, rows[i].threshold);
        if (tuf_role_check(&role, &f.keys, &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].says, why.text);
        assert_int_equal(!strcmp(why.text, "untouched"), rows[i].want == TUF_SOUND);
    }
    fixture_done(&f);
}

static void
test_lets_only_keys_under_their_own_ids_sign(void **state)
{
    static const char nobody[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct fixture f = {0};

    (void)state;
    fixture_init(&f);
    const char *a = forge_key_id(&f.a), *b = forge_key_id(&f.b),
               *certified = forge_key_id(&f.b_certified);
    const struct {
        const char *says, *ids[3];
        int64_t threshold;
        const struct forge_key *signers[FORGE_KEYS_MAX];
        enum rc want;
    } rows[] = {
        {"one of one", {a}, 1, {&f.a}, RC_OK},
        {"one of two", {a, b}, 1, {&f.b}, RC_OK},
        {"two of two", {a, b}, 2, {&f.b, &f.a}, RC_OK},
        {"one for two", {a, b}, 2, {&f.b}, RC_UNTRUSTED},
        {"one twice for two", {a, b}, 2, {&f.b, &f.b}, RC_UNTRUSTED},
        {"another key", {a}, 1, {&f.b}, RC_UNTRUSTED},
        {"nobody", {a}, 1, {NULL}, RC_UNTRUSTED},
        {"under its certificate", {certified}, 1, {&f.b_certified}, RC_OK},
        {"under another ID than listed", {certified}, 1, {&f.b}, RC_UNTRUSTED},
        {"one key under two IDs for two", {b, certified}, 2, {&f.b, &f.b_certified}, RC_UNTRUSTED},
        {"one key under two IDs for one", {b, certified}, 1, {&f.b_certified}, RC_OK},
        {"a key that is listed as another", {nobody}, 1, {&f.a}, RC_UNTRUSTED},
        {"threshold 0", {a}, 0, {&f.a}, RC_UNTRUSTED},
    };

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        closing(bytes_done) struct bytes text = BYTES_INIT(4096);
        closing(tuf_role_done) struct tuf_role role = {0};
        struct why why = {0};

        fixture_role(&role, &text, rows[i].ids, rows[i].threshold);
        forge_file(&raw, SPAN("{\"a\":1}"), rows[i].signers);
        assert_int_equal(tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, NULL), RC_OK);
        if (tuf_role_verify(&role, &f.keys, file, &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].says, why.text);
    }
    fixture_done(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_delegations_and_writes_them_back),
        cmocka_unit_test(test_refuses_delegations_that_notary_writes_differently),
        cmocka_unit_test(test_bounds_keys_and_paths),
        cmocka_unit_test(test_refuses_keys_in_another_form),
        cmocka_unit_test(test_finds_keys_and_writes_them_back),
        cmocka_unit_test(test_admits_names_that_begin_with_a_path),
        cmocka_unit_test(test_names_the_flaw_of_a_role),
        cmocka_unit_test(test_lets_only_keys_under_their_own_ids_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
