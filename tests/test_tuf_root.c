/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_root.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/forge.h"
#include "tests/vector.h"

#define ROLE "{\"keyids\":[],\"threshold\":1}"
#define ROLES                                                                                      \
    "{\"root\":" ROLE ",\"snapshot\":" ROLE ",\"targets\":" ROLE ",\"timestamp\":" ROLE "}"
#define EXPIRES "\"expires\":\"2036-11-20T13:44:54Z\""

static void
test_reads_what_notary_published(void **state)
{
    static const struct {
        const char *name;
        int64_t version;
    } rows[] = {{"root.json", 2}, {"1.root.json", 1}, {"2.root.json", 2}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes path = BYTES_INIT(4096);
        closing(bytes_done) struct bytes raw = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        closing(tuf_root_freep) struct tuf_root *root = NULL;
        struct why why = {0};

        bytes_printf(&path, "notary/alpha-ed25519-server/%s", rows[i].name);
        vector_load(&raw, bytes_text(&path));
        assert_int_equal(tuf_file_parse(&file, bytes_span(&raw), TUF_STRICT, NULL), RC_OK);
        if (tuf_root_parse(&root, bytes_span(&file->message), &why))
            fail_msg("%s: %s", rows[i].name, why.text);

        assert_int_equal(root->version, rows[i].version);
        assert_false(root->consistent_snapshot);
        assert_int_equal(tuf_root_check(root, NULL), TUF_SOUND);
        assert_int_equal(tuf_role_verify(&root->roles[RANK_ROOT], &root->keys, file, NULL), RC_OK);
        assert_true(span_is(root->roles[RANK_ROOT].name, "root"));
        assert_true(span_is(root->roles[RANK_TARGETS].name, "targets"));
        assert_true(span_is(root->roles[RANK_SNAPSHOT].name, "snapshot"));
        assert_true(span_is(root->roles[RANK_TIMESTAMP].name, "timestamp"));
    }
}

static void
test_reads_and_writes_back(void **state)
{
    static const char *const rows[] = {
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":true," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":9007199254740991}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":null,\"threshold\":0},\"snapshot\":" ROLE
        ",\"targets\":" ROLE ",\"timestamp\":" ROLE "},\"version\":1}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        closing(bytes_done) struct bytes again = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_root_freep) struct tuf_root *root = NULL;
        struct why why = {0};

        if (tuf_root_parse(&root, span_of(rows[i]), &why))
            fail_msg("%s: %s", rows[i], why.text);
        tuf_root_format(&again, root);
        assert_string_equal(bytes_text(&again), rows[i]);
    }
}

static void
test_refuses_what_notary_has_not(void **state)
{
    static const char *const rows[] = {
        /* another type */
        "{\"_type\":\"root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":1}",
        "{\"_type\":\"Targets\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":" ROLES ",\"version\":1}",
        /* members missing, null, unknown */
        "{\"_type\":\"Root\"," EXPIRES ",\"keys\":{},\"roles\":" ROLES ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":null," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false,\"keys\":{},\"roles\":" ROLES
        ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"roles\":" ROLES
        ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":null,\"roles\":" ROLES ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        "}",
        "{\"_type\":\"Root\",\"a\":1,\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":" ROLES ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":1,\"z\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":1}x",
        /* roles */
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":{\"root\":" ROLE ",\"snapshot\":" ROLE ",\"targets\":" ROLE
        "},\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":{\"mirrors\":" ROLE ",\"root\":" ROLE ",\"snapshot\":" ROLE
        ",\"targets\":" ROLE ",\"timestamp\":" ROLE "},\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":{\"root\":null,\"snapshot\":" ROLE ",\"targets\":" ROLE
        ",\"timestamp\":" ROLE "},\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES
        ",\"keys\":{},\"roles\":{\"root\":{\"keyids\":[],\"paths\":[\"\"],\"threshold\":1},"
        "\"snapshot\":" ROLE ",\"targets\":" ROLE ",\"timestamp\":" ROLE "},\"version\":1}",
        /* version and expiry */
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":0}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":-1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":9007199254740992}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false," EXPIRES ",\"keys\":{},\"roles\":" ROLES
        ",\"version\":\"1\"}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false,\"expires\":\"2036-11-20\",\"keys\":{},"
        "\"roles\":" ROLES ",\"version\":1}",
        "{\"_type\":\"Root\",\"consistent_snapshot\":false,\"expires\":null,\"keys\":{},"
        "\"roles\":" ROLES ",\"version\":1}",
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct tuf_root *root = NULL;
        if (tuf_root_parse(&root, span_of(rows[i]), NULL) != RC_MALFORMED)
            fail_msg("%s: was taken", rows[i]);
        assert_null(root);
    }
}

static void
test_finds_the_flaw_of_any_role(void **state)
{
    struct forge_key a = {0}, b = {0};

    (void)state;
    forge_key_init(&a, "P-256");
    forge_key_init(&b, "ED25519");
    for (size_t broken = 0; broken <= 4; broken++) {
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        closing(tuf_root_freep) struct tuf_root *root = NULL;
        struct why why = {0};
        struct forge_role roles[4] = {
            {"root", {&a}, 1, NULL},
            {"snapshot", {&b}, 1, NULL},
            {"targets", {&a, &b}, 2, NULL},
            {"timestamp", {&b}, 1, NULL},
        };

        if (broken < 4)
            roles[broken].threshold = 3;
        forge_root(&message, 1, "2036-11-20T13:44:54Z", roles);
        assert_int_equal(tuf_root_parse(&root, bytes_span(&message), &why), RC_OK);
        assert_int_equal(tuf_root_check(root, &why), broken < 4 ? TUF_FLAW_THRESHOLD : TUF_SOUND);
        if (broken < 4)
            assert_non_null(strstr(why.text, roles[broken].name));
    }
    forge_key_done(&a);
    forge_key_done(&b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_notary_published),
        cmocka_unit_test(test_reads_and_writes_back),
        cmocka_unit_test(test_refuses_what_notary_has_not),
        cmocka_unit_test(test_finds_the_flaw_of_any_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
