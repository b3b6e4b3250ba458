/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/vector.h"

#define KEYID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define MESSAGE                                                                                    \
    "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":[]},"                           \
    "\"expires\":\"2029-11-22T13:44:54Z\",\"targets\":{},\"version\":1}"
#define SIGNATURE "{\"keyid\":\"" KEYID "\",\"method\":\"ecdsa\",\"sig\":\"AAAA\"}"
#define EXACT     "{\"signed\":" MESSAGE ",\"signatures\":[" SIGNATURE "]}"

static const char *const published[] = {
    "root.json",
    "1.root.json",
    "2.root.json",
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "targets/qa.json",
    "targets/releases.json",
};

static void
test_takes_what_notary_published_and_writes_it_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(published); i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(4096);
        closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        struct why why = {0};

        bytes_printf(&name, "notary/alpha-ed25519-server/%s", published[i]);
        vector_load(&raw, bytes_text(&name));
        if (tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, &why))
            fail_msg("%s: %s", published[i], why.text);

        assert_true(file->is_exact);
        assert_true(file->n_signatures >= 1);
        tuf_file_format(&again, bytes_span(&file->message), file->signatures, file->n_signatures);
        assert_true(span_eq(bytes_span(&again), bytes_span(&raw)));
    }
}

static void
test_reads_message_and_signatures(void **state)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    (void)state;
    assert_int_equal(tuf_file_parse(&file,
                         SPAN("{\"signed\":{\"a\":\"\\u003c\\u2028\\\\u003c\"},\"signatures\":["
                              "{\"keyid\":\"" KEYID "\",\"method\":\"ecdsa\",\"sig\":\"AAEC\"},"
                              "{\"keyid\":\"" KEYID "\",\"method\":\"eddsa\",\"sig\":\"\"},"
                              "{\"keyid\":\"" KEYID "\",\"method\":\"rsapss\",\"sig\":\"Aw==\"}]}"),
                         TUF_STRICT, NULL),
        RC_OK);
    assert_string_equal(bytes_text(&file->message), "{\"a\":\"<\xe2\x80\xa8\\\\u003c\"}");
    assert_int_equal(file->n_signatures, 3);
    assert_string_equal(file->signatures[0].keyid.hex, KEYID);
    assert_int_equal(file->signatures[0].method, VERIFY_ECDSA);
    assert_true(span_eq(file->signatures[0].signature, SPAN("\0\1\2")));
    assert_int_equal(file->signatures[1].method, VERIFY_EDDSA);
    assert_int_equal(file->signatures[1].signature.len, 0);
    assert_int_equal(file->signatures[2].method, VERIFY_RSAPSS);
    assert_true(span_eq(file->signatures[2].signature, SPAN("\3")));
}

/* Each is one that Go reads, and notary-server writes differently. */
static void
test_reads_other_forms_only_tolerantly(void **state)
{
    static const struct {
        const char *says, *raw;
        size_t n_signatures;
        enum verify_method method;
    } rows[] = {
        {"a line feed at the end", EXACT "\n", 1, VERIFY_ECDSA},
        {"a blank", "{\"signed\": " MESSAGE ",\"signatures\":[" SIGNATURE "]}", 1, VERIFY_ECDSA},
        {"signatures first", "{\"signatures\":[" SIGNATURE "],\"signed\":" MESSAGE "}", 1,
            VERIFY_ECDSA},
        {"no signatures", "{\"signed\":" MESSAGE "}", 0, VERIFY_ECDSA},
        {"null for signatures", "{\"signed\":" MESSAGE ",\"signatures\":null}", 0, VERIFY_ECDSA},
        {"an unknown member of the file",
            "{\"signed\":" MESSAGE ",\"signatures\":[" SIGNATURE "],\"x\":[1]}", 1, VERIFY_ECDSA},
        {"an unknown member of a signature",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"a\":{},\"keyid\":\"" KEYID
            "\",\"method\":\"ecdsa\",\"sig\":\"AAAA\",\"z\":null}]}",
            1, VERIFY_ECDSA},
        {"a signature in another order",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"sig\":\"AAAA\",\"method\":\"ecdsa\","
            "\"keyid\":\"" KEYID "\"}]}",
            1, VERIFY_ECDSA},
        {"an upper-case method",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID
            "\",\"method\":\"ECDSA\",\"sig\":\"AAAA\"}]}",
            1, VERIFY_ECDSA},
        {"an unknown method, which stays listed",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID
            "\",\"method\":\"dsa\",\"sig\":\"AAAA\"}]}",
            1, VERIFY_METHOD_MAX_},
        {"no method, which is an unknown one",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID "\",\"sig\":\"AAAA\"}]}",
            1, VERIFY_METHOD_MAX_},
        {"a key ID that is none",
            "{\"signed\":" MESSAGE
            ",\"signatures\":[{\"keyid\":\"ab\",\"method\":\"ecdsa\",\"sig\":\"AAAA\"}]}",
            0, VERIFY_ECDSA},
        {"no key ID",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"method\":\"ecdsa\",\"sig\":\"AAAA\"}]}", 0,
            VERIFY_ECDSA},
        {"no signature in it",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID
            "\",\"method\":\"ecdsa\"}]}",
            0, VERIFY_ECDSA},
        {"a number for a signature",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID
            "\",\"method\":\"ecdsa\",\"sig\":1}]}",
            0, VERIFY_ECDSA},
        {"base64 that has two spellings",
            "{\"signed\":" MESSAGE ",\"signatures\":[{\"keyid\":\"" KEYID
            "\",\"method\":\"ecdsa\",\"sig\":\"AB==\"}]}",
            0, VERIFY_ECDSA},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        struct why why = {0};

        if (tuf_file_parse(&file, span_of(rows[i].raw), TUF_STRICT, NULL) != RC_MALFORMED)
            fail_msg("%s: was taken strictly", rows[i].says);
        assert_null(file);

        if (tuf_file_parse(&file, span_of(rows[i].raw), TUF_TOLERANT, &why))
            fail_msg("%s: %s", rows[i].says, why.text);
        assert_false(file->is_exact);
        assert_string_equal(bytes_text(&file->message), MESSAGE);
        assert_true(span_is(bytes_span(&file->raw), rows[i].raw));
        assert_int_equal(file->n_signatures, rows[i].n_signatures);
        if (file->n_signatures > 0)
            assert_int_equal(file->signatures[0].method, rows[i].method);
    }
}

static void
test_refuses_other_bytes_than_the_wire_form_has(void **state)
{
    static const char *const rows[] = {
        "{\"signed\":{\"a\":\"<\"},\"signatures\":[]}",
        "{\"signed\":{\"a\":\"\\u003C\"},\"signatures\":[]}",
        "{\"signed\":{\"a\":\"\xe2\x80\xa8\"},\"signatures\":[]}",
        "{\"signed\":{\"a\":\"\\u0041\"},\"signatures\":[]}",
        "{\"signed\":{\"a\":\"\\/\"},\"signatures\":[]}",
        "{\"signed\":{\"b\":1,\"a\":1},\"signatures\":[]}",
        "{\"signed\":{\"a\":1e3},\"signatures\":[]}",
        "{\"signed\":{\"a\":-0},\"signatures\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        struct why why = {0};

        if (tuf_file_parse(&file, span_of(rows[i]), TUF_STRICT, NULL) != RC_MALFORMED)
            fail_msg("%s: was taken strictly", rows[i]);
        if (tuf_file_parse(&file, span_of(rows[i]), TUF_TOLERANT, &why))
            fail_msg("%s: %s", rows[i], why.text);
    }
}

static void
test_refuses_what_is_no_file_at_all(void **state)
{
    static const char *const rows[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"signatures\":[]}",
        "{\"signed\":" MESSAGE ",\"signatures\":{}}",
        "{\"signed\":" MESSAGE ",\"signatures\":[1]}",
        "{\"signed\":" MESSAGE ",\"signatures\":[]",
        "{\"signed\":" MESSAGE ",\"signatures\":[]}}",
        "{\"signed\":" MESSAGE ",\"signatures\":[],}",
        "{\"signed\":{\"a\":1.5},\"signatures\":[]}",
        "{\"signed\":{\"a\":\"\\u0001\"},\"signatures\":[]}",
        "{\"signed\":{},\"signed\":" MESSAGE ",\"signatures\":[]}",
        "{\"signed\":" MESSAGE ",\"signatures\":[],\"Signed\":{}}",
        "{\"signed\":" MESSAGE ",\"signatures\":[],\"SIGNATURES\":[]}",
        "{\"SIGNED\":" MESSAGE ",\"signatures\":[]}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        for (enum tuf_reading reading = TUF_STRICT; reading <= TUF_TOLERANT; reading++) {
            struct tuf_file *file = NULL;

            if (tuf_file_parse(&file, span_of(rows[i]), reading, NULL) != RC_MALFORMED)
                fail_msg("%s: was taken", rows[i]);
            assert_null(file);
        }
}

static void
put_file(struct bytes *b, size_t n_signatures, size_t signature_len)
{
    closing(bytes_done) struct bytes signature = BYTES_INIT(SIGNATURE_MAX_BYTES * 2);
    uint8_t *room = bytes_room(&signature, signature_len);

    assert_non_null(room);
    memset(room, 'x', signature_len);
    bytes_advance(&signature, signature_len);

    bytes_puts(b, "{\"signed\":" MESSAGE ",\"signatures\":[");
    for (size_t i = 0; i < n_signatures; i++) {
        bytes_printf(
            b, "%s{\"keyid\":\"" KEYID "\",\"method\":\"rsapss\",\"sig\":\"", i == 0 ? "" : ",");
        bytes_put_base64(b, bytes_span(&signature));
        bytes_puts(b, "\"}");
    }
    bytes_puts(b, "]}");
}

static void
test_bounds_signatures(void **state)
{
    static const struct {
        size_t n, len;
        enum rc want;
    } rows[] = {
        {SIGNATURES_MAX, 64, RC_OK},
        {SIGNATURES_MAX + 1, 64, RC_TOO_LARGE},
        {1, SIGNATURE_MAX_BYTES, RC_OK},
        {1, SIGNATURE_MAX_BYTES + 1, RC_TOO_LARGE},
        {1, SIGNATURE_MAX_BYTES + 2, RC_TOO_LARGE},
        {1, SIGNATURE_MAX_BYTES + 9, RC_TOO_LARGE},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++)
        for (enum tuf_reading reading = TUF_STRICT; reading <= TUF_TOLERANT; reading++) {
            closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
            closing(tuf_file_freep) struct tuf_file *file = NULL;

            put_file(&raw, rows[i].n, rows[i].len);
            if (reading == TUF_TOLERANT)
                bytes_putc(&raw, '\n');
            assert_int_equal(tuf_file_parse(&file, bytes_span(&raw), reading, NULL), rows[i].want);
        }
}

static void
test_bounds_the_file(void **state)
{
    static const char head[] = "{\"signed\":{\"a\":\"", tail[] = "\"},\"signatures\":[]}";

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES + 1);
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        size_t len = DOCUMENT_MAX_BYTES + over - strlen(head) - strlen(tail);

        bytes_puts(&raw, head);
        uint8_t *room = bytes_room(&raw, len);
        assert_non_null(room);
        memset(room, 'x', len);
        bytes_advance(&raw, len);
        bytes_puts(&raw, tail);
        assert_int_equal(
            tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, NULL), over ? RC_TOO_LARGE : RC_OK);
    }
}

static void
test_leaves_out_signatures_that_have_no_wire_form(void **state)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct verify_signature signatures[] = {
        {{KEYID}, VERIFY_METHOD_MAX_, SPAN("x")},
        {{KEYID}, VERIFY_ECDSA, SPAN("\0\0\0")},
        {{KEYID}, VERIFY_METHOD_MAX_, SPAN("x")},
    };

    (void)state;
    tuf_file_format(&raw, SPAN(MESSAGE), signatures, N_ELEMENTS(signatures));
    assert_string_equal(bytes_text(&raw), EXACT);
}

static void
test_tells_the_type_of_a_document(void **state)
{
    static const char *const wrong[] = {
        "", "{}", "[]", "{\"_type\":1}", "{\"a\":\"Root\"}", "{\"A\":1,\"_type\":\"Root\"}"};
    struct span type;

    (void)state;
    assert_int_equal(tuf_type_of(&type, SPAN(MESSAGE), NULL), RC_OK);
    assert_true(span_is(type, "Targets"));
    for (size_t i = 0; i < N_ELEMENTS(wrong); i++)
        assert_int_equal(tuf_type_of(&type, span_of(wrong[i]), NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_notary_published_and_writes_it_back),
        cmocka_unit_test(test_reads_message_and_signatures),
        cmocka_unit_test(test_reads_other_forms_only_tolerantly),
        cmocka_unit_test(test_refuses_other_bytes_than_the_wire_form_has),
        cmocka_unit_test(test_refuses_what_is_no_file_at_all),
        cmocka_unit_test(test_bounds_signatures),
        cmocka_unit_test(test_bounds_the_file),
        cmocka_unit_test(test_leaves_out_signatures_that_have_no_wire_form),
        cmocka_unit_test(test_tells_the_type_of_a_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
