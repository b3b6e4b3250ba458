/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON against what the Go code of Docker and Notary made of the same input. */
#include "proto/canon.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/gojson.h"
#include "proto/members.h"
#include "proto/tuf_targets.h"
#include "proto/wire.h"
#include "tests/vector.h"

#define CANONICAL       "notary/canonical-json/docker-go-canonical.json"
#define RESERIALISATION "notary/canonical-json/targets-reserialisation.json"

static json_t *
entries_of(const char *name)
{
    closing(bytes_done) struct bytes content = BYTES_INIT(DOCUMENT_MAX_BYTES);
    json_t *entries = NULL;
    struct why why = {0};

    vector_load(&content, name);
    if (members_parse(&entries, bytes_span(&content), &why))
        fail_msg("%s: %s", name, why.text);
    return entries;
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
    closing(json_decrefp) json_t *entries = entries_of(CANONICAL);
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
    closing(json_decrefp) json_t *entries = entries_of(RESERIALISATION);
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

/* All that has to hold before the agent would take a file as a base. */
static enum rc
read_strictly(struct span file, struct why *why)
{
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    closing(tuf_file_freep) struct tuf_file *parsed = NULL;

    enum rc rc = tuf_file_parse(&parsed, file, TUF_STRICT, why);
    if (rc)
        return rc;

    rc = tuf_targets_parse(&targets, bytes_span(&parsed->message), why);
    if (rc)
        return rc;

    return tuf_targets_check(targets, SPAN("targets"), why) ? RC_MALFORMED : RC_OK;
}

/* Files that Go keeps as they are, and we refuse. */
static const struct {
    const char *name, *reason;
} stricter[] = {
    {"signature fields", "the ID of the signing key is \"ab\", which no key has"},
    {"hashes null", "no consumer can verify a target without its sha256"},
    {"key public null", "the ID of the key is \"k\", and there is no key"},
};

static bool
is_stricter(const char *name)
{
    for (size_t i = 0; i < N_ELEMENTS(stricter); i++)
        if (!strcmp(stricter[i].name, name))
            return true;

    return false;
}

/*
 * The server of Notary writes a file anew before it hashes it. What does not come out of that byte
 * for byte, or with a signature that no longer fits, leaves a repository that nobody can read.
 */
static void
test_refuses_files_that_go_would_write_otherwise(void **state)
{
    closing(json_decrefp) json_t *entries = entries_of(RESERIALISATION);
    size_t i, n_taken = 0, n_stricter = 0;
    const json_t *entry;

    (void)state;
    json_array_foreach(entries, i, entry) {
        const char *name = text(entry, "name"), *equal = text(entry, "bytes_equal");
        bool survives = equal && !strcmp(equal, "true") &&
                        json_is_true(json_object_get(entry, "signature_survives"));
        struct why why = {0};

        enum rc rc = read_strictly(span_of(text(entry, "in")), &why);
        if (rc != (survives && !is_stricter(name) ? RC_OK : RC_MALFORMED))
            fail_msg("%s: %d %s", name, rc, why.text);
        n_taken += rc == RC_OK;
        n_stricter += survives && rc;
    }

    assert_true(n_taken > 4);
    assert_int_equal(n_stricter, N_ELEMENTS(stricter));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_form_and_wire_form_are_those_of_go),
        cmocka_unit_test(test_refuses_a_depth_that_go_takes),
        cmocka_unit_test(test_the_message_that_is_verified_is_that_of_go),
        cmocka_unit_test(test_refuses_files_that_go_would_write_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
