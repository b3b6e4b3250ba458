/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_hashes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Of the empty text. */
#define SHA256 "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define SHA512                                                                                     \
    "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="

static enum rc
scan(struct tuf_hashes *ret, const char *text, struct why *why)
{
    struct canon c;

    canon_init(&c, span_of(text));
    enum rc rc = tuf_hashes_scan(ret, &c, why);
    return rc ? rc : canon_end(&c, why);
}

static void
test_reads_and_writes_maps_of_hashes(void **state)
{
    static const struct {
        const char *text, *again;
        bool has_sha256, has_sha512, has_others;
    } rows[] = {
        {"{\"sha256\":\"" SHA256 "\",\"sha512\":\"" SHA512 "\"}", NULL, true, true, false},
        {"{\"sha256\":\"" SHA256 "\"}", NULL, true, false, false},
        {"{\"sha512\":\"" SHA512 "\"}", NULL, false, true, false},
        {"{}", NULL, false, false, false},
        {"null", "{}", false, false, false},
        {"{\"sha256\":\"" SHA512 "\"}", "{}", false, false, true},
        {"{\"sha256\":\"\"}", "{}", false, false, true},
        {"{\"sha512\":\"" SHA256 "\"}", "{}", false, false, true},
        {"{\"md5\":\"\",\"sha256\":\"" SHA256 "\"}", "{\"sha256\":\"" SHA256 "\"}", true, false,
            true},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes again = BYTES_INIT(4096);
        struct tuf_hashes hashes;
        struct why why = {0};

        if (scan(&hashes, rows[i].text, &why))
            fail_msg("%s: %s", rows[i].text, why.text);
        assert_int_equal(hashes.has_sha256, rows[i].has_sha256);
        assert_int_equal(hashes.has_sha512, rows[i].has_sha512);
        assert_int_equal(hashes.has_others, rows[i].has_others);
        tuf_hashes_format(&again, &hashes);
        assert_string_equal(bytes_text(&again), rows[i].again ? rows[i].again : rows[i].text);
    }
}

static void
test_refuses_what_is_no_map_of_base64(void **state)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{\"sha256\":null}",
        "{\"sha256\":1}",
        "{\"sha256\":\"x\"}",
        "{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\"}", /* second spelling */
        "{\"sha512\":\"" SHA512 "\",\"sha256\":\"" SHA256 "\"}",
        "{\"sha256\":\"" SHA256 "\",\"sha256\":\"" SHA256 "\"}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_hashes hashes;
        if (scan(&hashes, rows[i], NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
    }
}

static void
test_compares_content_with_every_hash(void **state)
{
    struct tuf_hashes hashes;
    struct why why = {0};

    (void)state;
    assert_int_equal(scan(&hashes, "{\"sha256\":\"" SHA256 "\"}", NULL), RC_OK);
    assert_int_equal(tuf_hashes_check(&hashes, SPAN(""), NULL), RC_OK);
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), &why), RC_UNTRUSTED);
    assert_string_equal(why.text,
        "sha256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881, "
        "want e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

    tuf_hashes_of(&hashes, SPAN("x"));
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), NULL), RC_OK);
    hashes.sha512[63] ^= 1;
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), NULL), RC_UNTRUSTED);
    hashes.has_sha512 = false;
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), NULL), RC_OK);
    hashes.sha256.b[0] ^= 1;
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), NULL), RC_UNTRUSTED);
}

static void
test_refuses_content_without_sha256(void **state)
{
    struct tuf_hashes hashes;

    (void)state;
    tuf_hashes_of(&hashes, SPAN("x"));
    hashes.has_sha256 = false;
    assert_int_equal(tuf_hashes_check(&hashes, SPAN("x"), NULL), RC_UNTRUSTED);
}

static void
test_reads_lengths_from_zero_up(void **state)
{
    static const struct {
        const char *text;
        enum rc want;
    } rows[] = {
        {"{\"hashes\":{},\"length\":0}", RC_OK},
        {"{\"hashes\":{},\"length\":9007199254740991}", RC_OK},
        {"{\"hashes\":{},\"length\":9007199254740992}", RC_MALFORMED},
        {"{\"hashes\":{},\"length\":-1}", RC_MALFORMED},
        {"{\"hashes\":{},\"length\":1.0}", RC_MALFORMED},
        {"{\"hashes\":{}}", RC_MALFORMED},
        {"{\"length\":0}", RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_hashes hashes;
        struct canon c;
        int64_t length = -7;

        canon_init(&c, span_of(rows[i].text));
        assert_int_equal(canon_object(&c, NULL), RC_OK);
        assert_int_equal(tuf_hashes_scan_content(&hashes, &length, &c, NULL), rows[i].want);
        assert_int_equal(length >= 0, rows[i].want == RC_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes_maps_of_hashes),
        cmocka_unit_test(test_refuses_what_is_no_map_of_base64),
        cmocka_unit_test(test_compares_content_with_every_hash),
        cmocka_unit_test(test_refuses_content_without_sha256),
        cmocka_unit_test(test_reads_lengths_from_zero_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
