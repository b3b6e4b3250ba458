/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON against what the Go code of Docker and Notary made of the same input. */
#include "proto/canon.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/gojson.h"
#include "proto/wire.h"

static void
vector_path(struct bytes *b, const char *name)
{
    const char *vectors = getenv("VECTORS");

    assert_non_null(vectors);
    bytes_printf(b, "%s/notary/%s", vectors, name);
}

static json_t *
vector_json(const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);
    json_error_t error;

    vector_path(&path, name);
    json_t *value = json_load_file(bytes_text(&path), 0, &error);
    if (!value)
        fail_msg("%s: %s", bytes_text(&path), error.text);
    return value;
}

static void
vector_file(struct bytes *b, const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);
    ssize_t len;

    vector_path(&path, name);
    closing(fd_close) int fd = open(bytes_text(&path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", bytes_text(&path), strerror(errno));

    do {
        uint8_t *room = bytes_room(b, 65536);
        assert_non_null(room);
        len = read(fd, room, 65536);
        assert_true(len >= 0);
        bytes_advance(b, (size_t)len);
    } while (len > 0);
}

static const char *
text(const json_t *entry, const char *name)
{
    return json_string_value(json_object_get(entry, name));
}

static void
put_decoded(struct bytes *b, const json_t *entry, const char *name)
{
    assert_int_equal(base64_parse(b, span_of(text(entry, name)), NULL), RC_OK);
}

/* The whole of text as one value. */
static enum rc
scan(struct span in, struct why *why)
{
    struct span value;
    struct canon c;

    canon_init(&c, in);
    enum rc rc = canon_value(&c, &value, why);
    return rc ? rc : canon_end(&c, why);
}

static void
check_canonical(const json_t *entry)
{
    closing(bytes_done) struct bytes in = BYTES_INIT(4096), want = BYTES_INIT(4096),
                                     have = BYTES_INIT(4096);
    const char *name = text(entry, "name");
    struct why why = {0};

    put_decoded(&in, entry, "in_b64");
    enum rc rc = gojson_canonical(&have, bytes_span(&in), &why);
    if (text(entry, "verify_canonical_err")) {
        if (rc != RC_MALFORMED || scan(bytes_span(&in), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", name);
        return;
    }

    put_decoded(&want, entry, "verify_canonical_b64");
    if (rc || !span_eq(bytes_span(&have), bytes_span(&want)))
        fail_msg("%s: %s %s", name, bytes_text(&have), why.text);

    /* Stricter than Go: control characters, which would be raw within strings. */
    bool is_canonical =
        span_eq(bytes_span(&in), bytes_span(&want)) && span_is_text(bytes_span(&in));
    if (scan(bytes_span(&in), &why) != (is_canonical ? RC_OK : RC_MALFORMED))
        fail_msg("%s: the scanner says '%s'", name, why.text);
    if (!is_canonical)
        return;

    bytes_clear(&want);
    bytes_clear(&have);
    put_decoded(&want, entry, "rawmessage_marshal_b64");
    wire_format(&have, bytes_span(&in));
    if (!span_eq(bytes_span(&have), bytes_span(&want)))
        fail_msg("%s: the wire form is %s", name, bytes_text(&have));

    bytes_clear(&have);
    if (wire_parse(&have, bytes_span(&want), NULL) || !span_eq(bytes_span(&have), bytes_span(&in)))
        fail_msg("%s: the wire form is read as %s", name, bytes_text(&have));
}

static void
test_canonical_form_and_wire_form_are_those_of_go(void **state)
{
    closing(json_decrefp) json_t *entries = vector_json("canonical-json/docker-go-canonical.json");
    const json_t *entry;
    size_t i, n_checked = 0;

    (void)state;
    json_array_foreach(entries, i, entry) {
        /* This one is too large for the file; see the next test. */
        if (!strcmp(text(entry, "name"), "nested depth 20000"))
            continue;
        check_canonical(entry);
        n_checked++;
    }
    assert_true(n_checked > 20);
}

static void
test_refuses_a_depth_that_go_takes(void **state)
{
    closing(bytes_done) struct bytes in = BYTES_INIT(40000), out = BYTES_INIT(40000);

    (void)state;
    for (size_t i = 0; i < 20000; i++)
        bytes_putc(&in, '[');
    for (size_t i = 0; i < 20000; i++)
        bytes_putc(&in, ']');
    assert_int_equal(gojson_canonical(&out, bytes_span(&in), NULL), RC_MALFORMED);
    assert_int_equal(scan(bytes_span(&in), NULL), RC_MALFORMED);
}

static void
test_the_message_that_is_verified_is_that_of_go(void **state)
{
    closing(json_decrefp) json_t *entries =
        vector_json("canonical-json/targets-reserialisation.json");
    const json_t *entry;
    size_t i;

    (void)state;
    assert_true(json_array_size(entries) > 20);
    json_array_foreach(entries, i, entry) {
        closing(bytes_done) struct bytes file = BYTES_INIT(4096);
        struct span value;
        struct canon c;

        assert_int_equal(gojson_canonical(&file, span_of(text(entry, "in")), NULL), RC_OK);
        canon_init(&c, bytes_span(&file));
        assert_int_equal(canon_object(&c, NULL), RC_OK);
        assert_int_equal(canon_expect(&c, "signatures", NULL), RC_OK);
        assert_int_equal(canon_value(&c, &value, NULL), RC_OK);
        assert_int_equal(canon_expect(&c, "signed", NULL), RC_OK);
        assert_int_equal(canon_value(&c, &value, NULL), RC_OK);
        if (!span_is(value, text(entry, "verified_message")))
            fail_msg("%s: %.*s", text(entry, "name"), (int)value.len, (const char *)value.p);
    }
}

static void
test_published_files_are_in_the_wire_form(void **state)
{
    static const char *const names[] = {
        "alpha-ed25519-server/1.root.json",
        "alpha-ed25519-server/2.root.json",
        "alpha-ed25519-server/root.json",
        "alpha-ed25519-server/snapshot.json",
        "alpha-ed25519-server/targets.json",
        "alpha-ed25519-server/targets/qa.json",
        "alpha-ed25519-server/targets/releases.json",
        "alpha-ed25519-server/timestamp.json",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++) {
        closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                         plain = BYTES_INIT(DOCUMENT_MAX_BYTES),
                                         again = BYTES_INIT(DOCUMENT_MAX_BYTES);
        struct span start = SPAN("{\"signed\":"), message;
        struct why why = {0};
        struct canon c;

        vector_file(&file, names[i]);
        if (wire_parse(&plain, bytes_span(&file), &why))
            fail_msg("%s: %s", names[i], why.text);
        assert_true(span_starts(bytes_span(&plain), start));

        bytes_drop(&plain, start.len);
        canon_init(&c, bytes_span(&plain));
        if (canon_value(&c, &message, &why))
            fail_msg("%s: %s", names[i], why.text);
        assert_int_equal(gojson_canonical(&again, message, NULL), RC_OK);
        assert_true(span_eq(bytes_span(&again), message));

        bytes_clear(&again);
        wire_format(&again, message);
        bytes_drop(&file, start.len);
        assert_true(span_starts(bytes_span(&file), bytes_span(&again)));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_form_and_wire_form_are_those_of_go),
        cmocka_unit_test(test_refuses_a_depth_that_go_takes),
        cmocka_unit_test(test_the_message_that_is_verified_is_that_of_go),
        cmocka_unit_test(test_published_files_are_in_the_wire_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
