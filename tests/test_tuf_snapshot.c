/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/vector.h"

#define EXPIRES "\"expires\":\"2029-11-22T13:44:54Z\""
#define SHA256  "{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"}"
#define LISTED  "{\"hashes\":" SHA256 ",\"length\":0}"
#define TAIL    "},\"version\":1}"

static const char head[] = "{\"_type\":\"Snapshot\"," EXPIRES ",\"meta\":{";

static void
load(struct tuf_file **ret, const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);

    bytes_printf(&path, "notary/alpha-ed25519-server/%s", name);
    vector_load(&raw, bytes_text(&path));
    assert_int_equal(tuf_file_parse(ret, bytes_span(&raw), TUF_STRICT, NULL), RC_OK);
}

static void
test_lists_what_notary_published(void **state)
{
    static const char *const roles[] = {"root", "targets", "targets/qa", "targets/releases"};
    closing(tuf_file_freep) struct tuf_file *snapshot_file = NULL;
    closing(tuf_file_freep) struct tuf_file *timestamp_file = NULL;
    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;
    closing(tuf_snapshot_freep) struct tuf_snapshot *timestamp = NULL;

    (void)state;
    load(&snapshot_file, "snapshot.json");
    assert_int_equal(
        tuf_snapshot_parse(&snapshot, bytes_span(&snapshot_file->message), NULL), RC_OK);
    assert_int_equal(snapshot->version, 5);
    assert_int_equal(snapshot->n_files, N_ELEMENTS(roles));
    for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(4096);
        closing(tuf_file_freep) struct tuf_file *file = NULL;

        bytes_printf(&name, "%s.json", roles[i]);
        load(&file, bytes_text(&name));
        const struct tuf_listed *listed = tuf_snapshot_find(snapshot, span_of(roles[i]));
        assert_non_null(listed);
        assert_int_equal(tuf_listed_check(listed, bytes_span(&file->raw), NULL), RC_OK);
        assert_int_equal(
            tuf_listed_check(listed, bytes_span(&snapshot_file->raw), NULL), RC_UNTRUSTED);
    }
    assert_null(tuf_snapshot_find(snapshot, SPAN("snapshot")));
    assert_null(tuf_snapshot_find(snapshot, SPAN("targets/")));
    assert_null(tuf_snapshot_find(snapshot, SPAN("")));

    load(&timestamp_file, "timestamp.json");
    assert_int_equal(
        tuf_timestamp_parse(&timestamp, bytes_span(&timestamp_file->message), NULL), RC_OK);
    assert_int_equal(
        tuf_listed_check(&timestamp->files[0], bytes_span(&snapshot_file->raw), NULL), RC_OK);
}

static void
test_finds_files_by_their_decoded_name(void **state)
{
    closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;
    closing(bytes_done) struct bytes message = BYTES_INIT(4096);

    (void)state;
    bytes_puts(&message, head);
    bytes_puts(&message, "\"a\":" LISTED ",\"b\\\\c\":" LISTED TAIL);
    assert_int_equal(tuf_snapshot_parse(&snapshot, bytes_span(&message), NULL), RC_OK);
    assert_ptr_equal(tuf_snapshot_find(snapshot, SPAN("b\\c")), &snapshot->files[1]);
    assert_null(tuf_snapshot_find(snapshot, SPAN("b\\\\c")));
    assert_null(tuf_snapshot_find(snapshot, SPAN("\\a")));
}

static void
test_reads_and_writes_back(void **state)
{
    static const char *const rows[] = {
        "",
        "\"root\":" LISTED ",\"targets\":" LISTED,
        "\"root\":{\"hashes\":{},\"length\":9007199254740991}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;
        struct why why = {0};

        bytes_printf(&text, "%s%s" TAIL, head, rows[i]);
        if (tuf_snapshot_parse(&snapshot, bytes_span(&text), &why))
            fail_msg("%s: %s", rows[i], why.text);
        tuf_snapshot_format(&again, snapshot);
        assert_string_equal(bytes_text(&again), bytes_text(&text));
    }
}

static void
test_refuses_other_members(void **state)
{
    static const char *const rows[] = {
        "\"root\":{\"hashes\":" SHA256 ",\"length\":-1}",
        "\"root\":{\"hashes\":" SHA256 "}",
        "\"root\":{\"length\":0}",
        "\"root\":{\"hashes\":" SHA256 ",\"length\":0,\"version\":1}",
        "\"root\":{\"custom\":1,\"hashes\":" SHA256 ",\"length\":0}",
        "\"root\":null",
        "\"root\":" LISTED ",\"root\":" LISTED,
        "\"targets\":" LISTED ",\"root\":" LISTED,
    };
    static const char *const whole[] = {
        "{\"_type\":\"Timestamp\"," EXPIRES ",\"meta\":{},\"version\":1}",
        "{\"_type\":\"Snapshot\"," EXPIRES ",\"meta\":null,\"version\":1}",
        "{\"_type\":\"Snapshot\"," EXPIRES ",\"version\":1}",
        "{\"_type\":\"Snapshot\",\"meta\":{},\"version\":1}",
        "{\"_type\":\"Snapshot\"," EXPIRES ",\"meta\":{}}",
        "{\"_type\":\"Snapshot\"," EXPIRES ",\"meta\":{},\"version\":0}",
    };
    struct tuf_snapshot *snapshot = NULL;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);

        bytes_printf(&text, "%s%s" TAIL, head, rows[i]);
        if (tuf_snapshot_parse(&snapshot, bytes_span(&text), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
    }

    for (size_t i = 0; i < N_ELEMENTS(whole); i++)
        if (tuf_snapshot_parse(&snapshot, span_of(whole[i]), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", whole[i]);
    assert_null(snapshot);
}

static void
test_takes_timestamps_that_list_the_snapshot_alone(void **state)
{
    static const struct {
        const char *meta;
        enum rc want;
    } rows[] = {
        {"\"snapshot\":" LISTED, RC_OK},
        {"", RC_MALFORMED},
        {"\"targets\":" LISTED, RC_MALFORMED},
        {"\"root\":" LISTED ",\"snapshot\":" LISTED, RC_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_snapshot_freep) struct tuf_snapshot *timestamp = NULL;

        bytes_printf(&text, "{\"_type\":\"Timestamp\"," EXPIRES ",\"meta\":{%s" TAIL, rows[i].meta);
        assert_int_equal(tuf_timestamp_parse(&timestamp, bytes_span(&text), NULL), rows[i].want);
    }
}

static void
test_bounds_the_files(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_snapshot_freep) struct tuf_snapshot *snapshot = NULL;

        bytes_puts(&text, head);
        for (size_t i = 0; i < SNAPSHOT_FILES_MAX + over; i++)
            bytes_printf(&text, "%s\"targets/%06zu\":" LISTED, i == 0 ? "" : ",", i);
        bytes_puts(&text, TAIL);
        assert_int_equal(
            tuf_snapshot_parse(&snapshot, bytes_span(&text), NULL), over ? RC_TOO_LARGE : RC_OK);
    }
}

static void
test_wants_the_length_that_is_listed(void **state)
{
    struct tuf_listed listed = {.role = SPAN("root"), .length = 4};
    struct why why = {0};

    (void)state;
    tuf_hashes_of(&listed.hashes, SPAN("file"));
    assert_int_equal(tuf_listed_check(&listed, SPAN("file"), NULL), RC_OK);
    assert_int_equal(tuf_listed_check(&listed, SPAN("fool"), NULL), RC_UNTRUSTED);
    listed.length = 5;
    assert_int_equal(tuf_listed_check(&listed, SPAN("file"), &why), RC_UNTRUSTED);
    assert_string_equal(why.text, "file is 4 bytes, listed are 5");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_what_notary_published),
        cmocka_unit_test(test_finds_files_by_their_decoded_name),
        cmocka_unit_test(test_reads_and_writes_back),
        cmocka_unit_test(test_refuses_other_members),
        cmocka_unit_test(test_takes_timestamps_that_list_the_snapshot_alone),
        cmocka_unit_test(test_bounds_the_files),
        cmocka_unit_test(test_wants_the_length_that_is_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
