/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_targets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "tests/forge.h"
#include "tests/vector.h"

#define EMPTY   "{\"keys\":{},\"roles\":[]}"
#define EXPIRES "\"expires\":\"2029-11-22T13:44:54Z\""
#define SHA256  "{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"}"
#define TARGET  "{\"hashes\":" SHA256 ",\"length\":0}"
#define ROLE_A  "{\"keyids\":[],\"name\":\"targets/a\",\"paths\":[\"\"],\"threshold\":1}"

#define DOCUMENT(delegations, targets)                                                             \
    "{\"_type\":\"Targets\",\"delegations\":" delegations "," EXPIRES ",\"targets\":" targets      \
    ",\"version\":1}"

static void
load(struct tuf_file **ret_file, struct tuf_targets **ret, const char *name)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(4096);
    closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct why why = {0};

    bytes_printf(&path, "notary/alpha-ed25519-server/%s", name);
    vector_load(&raw, bytes_text(&path));
    assert_int_equal(tuf_file_parse(ret_file, bytes_span(&raw), TUF_STRICT, NULL), RC_OK);
    if (tuf_targets_parse(ret, bytes_span(&(*ret_file)->message), &why))
        fail_msg("%s: %s", name, why.text);
}

static void
test_reads_what_notary_published(void **state)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

    (void)state;
    load(&file, &targets, "targets.json");
    assert_int_equal(tuf_targets_check(targets, SPAN("targets"), NULL), TUF_SOUND);
    assert_int_equal(targets->keys.n, 2);
    assert_int_equal(targets->n_roles, 2);
    assert_true(span_is(targets->roles[0].name, "targets/releases"));
    assert_ptr_equal(tuf_targets_find_role(targets, SPAN("targets/qa")), &targets->roles[1]);
    assert_null(tuf_targets_find_role(targets, SPAN("targets/q")));
    assert_true(tuf_role_admits(&targets->roles[1], SPAN("v1")));
    assert_false(tuf_role_admits(&targets->roles[1], SPAN("v3")));
    assert_non_null(tuf_targets_find(targets, SPAN("base")));
    assert_null(tuf_targets_find(targets, SPAN("bas")));
}

static void
test_reads_delegations_of_notary(void **state)
{
    static const struct {
        const char *name, *role;
    } rows[] = {{"targets/qa.json", "targets/qa"}, {"targets/releases.json", "targets/releases"}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

        load(&file, &targets, rows[i].name);
        assert_true(targets->n_targets >= 1);
        assert_int_equal(tuf_targets_check(targets, span_of(rows[i].role), NULL), TUF_SOUND);
    }
}

static void
test_takes_what_go_writes(void **state)
{
    static const char *const rows[] = {
        DOCUMENT(EMPTY, "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":null}", "{}"),
        DOCUMENT(EMPTY, "null"),
        DOCUMENT("{\"keys\":{},\"roles\":[" ROLE_A "]}", "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":[{\"keyids\":null,\"name\":\"targets/a\","
                 "\"threshold\":1}]}",
            "{}"),
        DOCUMENT(EMPTY, "{\"t\":" TARGET "}"),
        DOCUMENT(EMPTY, "{\"t\":{\"custom\":{\"a\":[1,null,true]},\"hashes\":" SHA256
                        ",\"length\":9007199254740991}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"custom\":\"<\",\"hashes\":{\"md5\":\"AA==\"},\"length\":1}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"hashes\":null,\"length\":8}}"),
        DOCUMENT(EMPTY, "{\"\":" TARGET ",\"<a>&\\\"\\\\\xc3\xa9\":" TARGET "}"),
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
        struct why why = {0};
        if (tuf_targets_parse(&targets, span_of(rows[i]), &why))
            fail_msg("%s: %s", rows[i], why.text);
    }
}

static void
test_refuses_what_notary_server_would_write_differently(void **state)
{
    static const char *const rows[] = {
        DOCUMENT("{\"keys\":null,\"roles\":[]}", "{}"),
        DOCUMENT("{\"keys\":{}}", "{}"),
        DOCUMENT("{\"roles\":[]}", "{}"),
        DOCUMENT("null", "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":[],\"z\":1}", "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":{}}", "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":[null]}", "{}"),
        DOCUMENT("{\"keys\":{},\"roles\":[{\"keyids\":[],\"name\":\"targets/a\",\"paths\":[],"
                 "\"threshold\":1}]}",
            "{}"),
        DOCUMENT(EMPTY, "[]"),
        DOCUMENT(EMPTY, "{\"t\":null}"),
        DOCUMENT(EMPTY, "{\"t\":{\"custom\":null,\"hashes\":" SHA256 ",\"length\":0}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"custom\":{\"b\":1,\"a\":1},\"hashes\":{},\"length\":0}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"custom\":1.5,\"hashes\":{},\"length\":0}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"hashes\":" SHA256 ",\"length\":-1}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"hashes\":" SHA256 "}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"length\":1}}"),
        DOCUMENT(EMPTY, "{\"t\":{\"hashes\":" SHA256 ",\"length\":1,\"z\":1}}"),
        DOCUMENT(EMPTY, "{\"t\":" TARGET ",\"t\":" TARGET "}"),
        DOCUMENT(EMPTY, "{\"t\":" TARGET ",\"s\":" TARGET "}"),
        "{\"_type\":\"Targets\"," EXPIRES ",\"targets\":{},\"version\":1}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY ",\"targets\":{},\"version\":1}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES ",\"version\":1}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES ",\"targets\":{}}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES
        ",\"targets\":{},\"version\":0}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES
        ",\"targets\":{},\"version\":1,\"z\":1}",
        "{\"_type\":\"Targets\",\"delegations\":" EMPTY
        ",\"expires\":\"2029-01-01T00:00:00.100Z\",\"targets\":{},\"version\":1}",
        "{\"_type\":\"Root\",\"delegations\":" EMPTY "," EXPIRES ",\"targets\":{},\"version\":1}",
        DOCUMENT(EMPTY, "{}") " ",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_targets *targets = NULL;
        if (tuf_targets_parse(&targets, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
        assert_null(targets);
    }
}

static void
test_keeps_the_bytes_of_what_it_read(void **state)
{
    static const char message[] = DOCUMENT("{\"keys\":{},\"roles\":[" ROLE_A "]}",
        "{\"a\\\"b\":{\"custom\":{\"x\":1},\"hashes\":" SHA256 ",\"length\":7},\"t\":" TARGET "}");
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

    (void)state;
    assert_int_equal(tuf_targets_parse(&targets, SPAN(message), NULL), RC_OK);
    assert_true(span_is(targets->delegations, "{\"keys\":{},\"roles\":[" ROLE_A "]}"));
    assert_int_equal(targets->n_targets, 2);
    assert_true(span_is(targets->targets[0].name, "a\\\"b"));
    assert_true(span_is(targets->targets[0].custom, "{\"x\":1}"));
    assert_true(span_is(
        targets->targets[0].value, "{\"custom\":{\"x\":1},\"hashes\":" SHA256 ",\"length\":7}"));
    assert_int_equal(targets->targets[0].length, 7);
    assert_true(span_is(targets->targets[1].value, TARGET));
    assert_int_equal(targets->targets[1].custom.len, 0);
    assert_ptr_equal(tuf_targets_find(targets, SPAN("a\"b")), &targets->targets[0]);
    assert_null(tuf_targets_find(targets, SPAN("a\\\"b")));
}

static void
test_names_flaws_of_targets_and_roles(void **state)
{
    static const struct {
        const char *message, *role;
        enum tuf_flaw want;
    } rows[] = {
        {DOCUMENT(EMPTY, "{}"), "targets", TUF_SOUND},
        {DOCUMENT(EMPTY, "{\"t\":" TARGET "}"), "targets/a", TUF_SOUND},
        {DOCUMENT(EMPTY, "{\"t\":{\"custom\":{\"a\":\"\xc3\xa9\xe2\x80\xa7\"},\"hashes\":" SHA256
                         ",\"length\":0}}"),
            "targets", TUF_SOUND},
        {DOCUMENT(EMPTY, "{\"t\":{\"hashes\":{},\"length\":0}}"), "targets", TUF_FLAW_HASHES},
        {DOCUMENT(EMPTY, "{\"t\":{\"hashes\":null,\"length\":0}}"), "targets", TUF_FLAW_HASHES},
        {DOCUMENT(EMPTY, "{\"t\":{\"hashes\":{\"md5\":\"\",\"sha256\":\"47DEQpj8HBSa+/"
                         "TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"},\"length\":0}}"),
            "targets", TUF_FLAW_HASHES},
        {DOCUMENT(EMPTY, "{\"t\":{\"hashes\":{\"sha256\":\"AA==\"},\"length\":0}}"), "targets",
            TUF_FLAW_HASHES},
        {DOCUMENT(EMPTY, "{\"t\":{\"custom\":\"<\",\"hashes\":" SHA256 ",\"length\":0}}"),
            "targets", TUF_FLAW_CUSTOM},
        {DOCUMENT(EMPTY, "{\"t\":{\"custom\":{\">\":1},\"hashes\":" SHA256 ",\"length\":0}}"),
            "targets", TUF_FLAW_CUSTOM},
        {DOCUMENT(EMPTY, "{\"t\":{\"custom\":\"&\",\"hashes\":" SHA256 ",\"length\":0}}"),
            "targets", TUF_FLAW_CUSTOM},
        {DOCUMENT(
             EMPTY, "{\"t\":{\"custom\":\"\xe2\x80\xa8\",\"hashes\":" SHA256 ",\"length\":0}}"),
            "targets", TUF_FLAW_CUSTOM},
        {DOCUMENT(
             EMPTY, "{\"t\":{\"custom\":\"\xe2\x80\xa9\",\"hashes\":" SHA256 ",\"length\":0}}"),
            "targets", TUF_FLAW_CUSTOM},
        {DOCUMENT("{\"keys\":{},\"roles\":[" ROLE_A "]}", "{}"), "targets", TUF_SOUND},
        {DOCUMENT("{\"keys\":{},\"roles\":[" ROLE_A "]}", "{}"), "targets/a", TUF_FLAW_ROLE_NAME},
        {DOCUMENT("{\"keys\":{},\"roles\":[" ROLE_A "]}", "{}"), "targets/b", TUF_FLAW_ROLE_NAME},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
        struct why why = {0};

        assert_int_equal(tuf_targets_parse(&targets, span_of(rows[i].message), NULL), RC_OK);
        if (tuf_targets_check(targets, span_of(rows[i].role), &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].message, why.text);
        assert_int_equal(why.text[0] == 0, rows[i].want == TUF_SOUND);
    }
}

static void
test_names_flaws_of_delegations(void **state)
{
    struct forge_key a = {0}, b = {0};

    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "ED25519");
    const struct {
        const char *says;
        struct forge_role roles[2];
        enum tuf_flaw want;
    } rows[] = {
        {"sound", {{"targets/a", {&a}, 1, "[\"\"]"}, {"targets/b", {&a, &b}, 2, NULL}}, TUF_SOUND},
        {"a role twice", {{"targets/a", {&a}, 1, "[\"\"]"}, {"targets/a", {&b}, 1, "[\"\"]"}},
            TUF_FLAW_DUPLICATE_ROLE},
        {"a grandchild", {{"targets/a/b", {&a}, 1, "[\"\"]"}, {"targets/b", {&b}, 1, "[\"\"]"}},
            TUF_FLAW_ROLE_NAME},
        {"a base role", {{"snapshot", {&a}, 1, "[\"\"]"}, {"targets/b", {&b}, 1, "[\"\"]"}},
            TUF_FLAW_ROLE_NAME},
        {"no role", {{"targets/B", {&a}, 1, "[\"\"]"}, {"targets/b", {&b}, 1, "[\"\"]"}},
            TUF_FLAW_ROLE_NAME},
        {"a threshold too high",
            {{"targets/a", {&a}, 1, "[\"\"]"}, {"targets/b", {&b}, 2, "[\"\"]"}},
            TUF_FLAW_THRESHOLD},
    };

    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
        struct why why = {0};

        forge_targets(&message, 1, "2029-11-22T13:44:54Z", rows[i].roles, 2, "{}");
        assert_int_equal(tuf_targets_parse(&targets, bytes_span(&message), NULL), RC_OK);
        if (tuf_targets_check(targets, SPAN("targets"), &why) != rows[i].want)
            fail_msg("%s: %s", rows[i].says, why.text);
    }
    forge_key_done(&a);
    forge_key_done(&b);
}

static void
test_names_a_key_that_no_role_uses(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    struct forge_key a = {0};

    (void)state;
    forge_key_init(&a, "P-256");
    bytes_printf(
        &message, "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{\"%s\":", forge_key_id(&a));
    pubkey_format(&message, a.key);
    bytes_puts(&message, "},\"roles\":[]}," EXPIRES ",\"targets\":{},\"version\":1}");
    assert_int_equal(tuf_targets_parse(&targets, bytes_span(&message), NULL), RC_OK);
    assert_int_equal(tuf_targets_check(targets, SPAN("targets"), NULL), TUF_FLAW_UNLISTED_KEY);
    forge_key_done(&a);
}

static void
test_bounds_delegations(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

        bytes_puts(&text, "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":[");
        for (size_t i = 0; i < DELEGATIONS_MAX + over; i++)
            bytes_printf(&text, "%s{\"keyids\":[],\"name\":\"targets/%zu\",\"threshold\":1}",
                i == 0 ? "" : ",", i);
        bytes_puts(&text, "]}," EXPIRES ",\"targets\":{},\"version\":1}");
        assert_int_equal(
            tuf_targets_parse(&targets, bytes_span(&text), NULL), over ? RC_TOO_LARGE : RC_OK);
    }
}

static void
test_bounds_targets(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

        bytes_puts(
            &text, "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES ",\"targets\":{");
        for (size_t i = 0; i < TARGETS_MAX + over; i++)
            bytes_printf(&text, "%s\"%05zx\":{\"hashes\":{},\"length\":0}", i == 0 ? "" : ",", i);
        bytes_puts(&text, "},\"version\":1}");
        assert_int_equal(
            tuf_targets_parse(&targets, bytes_span(&text), NULL), over ? RC_TOO_LARGE : RC_OK);
    }
}

static void
test_bounds_the_document(void **state)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES + 1);
    struct tuf_targets *targets = NULL;

    (void)state;
    uint8_t *room = bytes_room(&text, DOCUMENT_MAX_BYTES + 1);
    assert_non_null(room);
    memset(room, '{', DOCUMENT_MAX_BYTES + 1);
    bytes_advance(&text, DOCUMENT_MAX_BYTES + 1);
    assert_int_equal(tuf_targets_parse(&targets, bytes_span(&text), NULL), RC_TOO_LARGE);
    text.len--;
    assert_int_equal(tuf_targets_parse(&targets, bytes_span(&text), NULL), RC_MALFORMED);
}

static void
put_many(struct bytes *b, size_t n)
{
    bytes_puts(b, "{\"_type\":\"Targets\",\"delegations\":" EMPTY "," EXPIRES ",\"targets\":{");
    for (size_t i = 0; i < n; i++)
        bytes_printf(b, "%s\"t%06zu\":" TARGET, i == 0 ? "" : ",", i);
    bytes_puts(b, "},\"version\":1}");
}

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
seconds_to_read(size_t n)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;

    put_many(&text, n);
    double start = seconds();
    assert_int_equal(tuf_targets_parse(&targets, bytes_span(&text), NULL), RC_OK);
    for (size_t i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%06zu", i);
        assert_ptr_equal(tuf_targets_find(targets, span_of(name)), &targets->targets[i]);
    }
    return seconds() - start;
}

/* Quadratic would be a hundred times as long; the factor leaves room for a busy machine. */
static void
test_reads_100000_tags_in_linear_time(void **state)
{
    (void)state;
    double small = seconds_to_read(10000), large = seconds_to_read(100000);
    assert_true(large < 40 * small + 0.1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_notary_published),
        cmocka_unit_test(test_reads_delegations_of_notary),
        cmocka_unit_test(test_takes_what_go_writes),
        cmocka_unit_test(test_refuses_what_notary_server_would_write_differently),
        cmocka_unit_test(test_keeps_the_bytes_of_what_it_read),
        cmocka_unit_test(test_names_flaws_of_targets_and_roles),
        cmocka_unit_test(test_names_flaws_of_delegations),
        cmocka_unit_test(test_names_a_key_that_no_role_uses),
        cmocka_unit_test(test_bounds_delegations),
        cmocka_unit_test(test_bounds_targets),
        cmocka_unit_test(test_bounds_the_document),
        cmocka_unit_test(test_reads_100000_tags_in_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
