/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cosignature_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/forge.h"

#define GUN     "localhost:5000/shop/web"
#define EXPIRES "2029-11-22T13:44:54Z"

static const char path[] = "cosignature.json";

static void
make_message(struct bytes *message, int64_t version)
{
    forge_targets(message, version, EXPIRES, NULL, 0, "{}");
}

/* Two documents, the second of which has two signatures. */
static struct cosignature *
make(void)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct cosignature_document *document = NULL;
    struct cosignature *made = NULL;
    struct verify_signature signature = {.method = VERIFY_ECDSA, .signature = SPAN("first")};

    assert_int_equal(cosignature_new(&made, GUN, NULL), RC_OK);
    make_message(&message, 4);
    assert_int_equal(cosignature_add(&document, made, "targets/qa/x", bytes_span(&message),
                         (struct span){0}, 0, NULL),
        RC_OK);
    assert_int_equal(
        cosignature_add(&document, made, "targets/qa", bytes_span(&message), SPAN("file"), 3, NULL),
        RC_OK);
    memset(signature.keyid.hex, 'a', DIGEST_HEX_LEN);
    assert_int_equal(collected_add(&document->signatures, &signature, NULL), RC_OK);
    assert_int_equal(collected_add(&document->signatures, &signature, NULL), RC_OK);
    signature.keyid.hex[0] = 'b';
    signature.signature = SPAN("second");
    assert_int_equal(collected_add(&document->signatures, &signature, NULL), RC_OK);
    return made;
}

static void
test_reads_what_it_writes(void **state)
{
    closing(cosignature_freep) struct cosignature *made = make();
    closing(cosignature_freep) struct cosignature *read = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(COSIGNATURE_MAX_BYTES);
    closing(bytes_done) struct bytes again = BYTES_INIT(COSIGNATURE_MAX_BYTES);

    (void)state;
    cosignature_format(&text, made);
    assert_int_equal(cosignature_parse(&read, bytes_span(&text), NULL), RC_OK);
    cosignature_format(&again, read);
    assert_string_equal(bytes_text(&text), bytes_text(&again));

    /* Parents come first, and a key signs once. */
    assert_string_equal(read->repository, GUN);
    assert_int_equal(read->n, 2);
    assert_string_equal(read->documents[0].role, "targets/qa");
    assert_int_equal(read->documents[0].signatures.n, 2);
    assert_true(span_is(read->documents[0].signatures.signatures[1].signature, "second"));
    assert_int_equal(read->documents[0].base_version, 3);
    assert_ptr_equal(cosignature_find(read, "targets/qa/x"), &read->documents[1]);
    assert_int_equal(cosignature_version(&read->documents[1]), 4);
    assert_null(cosignature_find(read, "targets"));
}

static void
test_knows_whether_it_replaces_what_is_published(void **state)
{
    static const struct {
        const char *role, *published;
        int64_t version;
        enum rc want;
    } cases[] = {
        {"targets/qa", "file", 3, RC_OK},
        {"targets/qa", "other", 3, RC_CONFLICT},
        {"targets/qa", "file", 4, RC_CONFLICT}, /* its own version, or beyond */
        {"targets/qa", "", 0, RC_CONFLICT},
        {"targets/qa/x", "", 0, RC_OK},
        {"targets/qa/x", "", 4, RC_CONFLICT}, /* what is there does not verify */
        {"targets/qa/x", "file", 3, RC_CONFLICT},
    };
    closing(cosignature_freep) struct cosignature *made = make();

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        const struct cosignature_document *document = cosignature_find(made, cases[i].role);
        struct why why = {""};

        if (cosignature_check_base(document, span_of(cases[i].published), cases[i].version, &why) !=
            cases[i].want)
            fail_msg("%zu: %s", i, why.text);
    }
}

static void
test_leaves_out_no_more_versions_than_readers_look_at(void **state)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(cosignature_freep) struct cosignature *made = NULL;
    struct cosignature_document *document = NULL;

    (void)state;
    assert_int_equal(cosignature_new(&made, GUN, NULL), RC_OK);
    make_message(&message, VERSION_STEP_MAX + 4);
    assert_int_equal(
        cosignature_add(&document, made, "targets/qa", bytes_span(&message), SPAN("file"), 3, NULL),
        RC_OK);
    assert_int_equal(cosignature_check_base(document, SPAN("file"), 3, NULL), RC_MALFORMED);
    document->base_version = 4;
    assert_int_equal(cosignature_check_base(document, SPAN("file"), 4, NULL), RC_OK);
}

static void
test_refuses_what_is_not_of_its_form(void **state)
{
    static const struct {
        const char *was, *is; /* what is replaced in a sound one */
        enum rc want;
        const char *says;
    } cases[] = {
        {"{\"cosignature\":1", "{\"cosignature\":2", RC_UNSUPPORTED, "a newer one"},
        {"{\"cosignature\":1", "{\"cosignature\":0", RC_MALFORMED, "cosignature"},
        {"{\"cosignature\":1", "{\"more\":1,\"cosignature\":1", RC_MALFORMED, "more"},
        {GUN, "shop/web", RC_MALFORMED, "full form"},
        {GUN, "a//b", RC_MALFORMED, "full form"},
        {"targets/qa/x", "targets/qa", RC_MALFORMED, "documents[1]: a second document"},
        {"targets/qa/x", "timestamp", RC_MALFORMED, "documents[1]: 'timestamp'"},
        {"targets/qa/x", "root", RC_MALFORMED, "documents[1]"},
        {"targets/qa/x", "targets/../x", RC_MALFORMED, "documents[1]"},
        {"\"version\":3", "\"version\":0", RC_MALFORMED, "version"},
        {"\"version\":3", "\"size\":3", RC_MALFORMED, "documents[0]"},
        {"\"base\":null", "\"base\":3", RC_MALFORMED, "base"},
        {"\"base\":null", "\"threshold\":1", RC_MALFORMED, "threshold"},
        {"\"method\":\"ecdsa\"", "\"method\":\"none\"", RC_MALFORMED, "signatures[0]"},
        {"\"keyid\":\"aa", "\"keyid\":\"AA", RC_MALFORMED, "signatures[0]"},
        {"\"keyid\":\"ba", "\"keyid\":\"aa", RC_MALFORMED, "signatures[1]: a second signature"},
        {"\"sig\":\"Zmly", "\"sig\":\"!mly", RC_MALFORMED, "signatures[0]"},
        {"\"message\":\"", "\"message\":\"AA==", RC_MALFORMED, "documents[0]"},
    };
    closing(cosignature_freep) struct cosignature *made = make();
    closing(bytes_done) struct bytes text = BYTES_INIT(COSIGNATURE_MAX_BYTES);

    (void)state;
    cosignature_format(&text, made);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(cosignature_freep) struct cosignature *read = NULL;
        closing(bytes_done) struct bytes spoilt = BYTES_INIT(COSIGNATURE_MAX_BYTES);
        const char *at = strstr(bytes_text(&text), cases[i].was);
        struct why why = {""};

        assert_non_null(at);
        bytes_put(&spoilt, (struct span){text.p, (size_t)((const uint8_t *)at - text.p)});
        bytes_puts(&spoilt, cases[i].is);
        bytes_puts(&spoilt, at + strlen(cases[i].was));
        if (cosignature_parse(&read, bytes_span(&spoilt), &why) != cases[i].want ||
            !strstr(why.text, cases[i].says))
            fail_msg("%zu: %s", i, why.text);
    }
    closing(cosignature_freep) struct cosignature *read = NULL;
    assert_int_equal(
        cosignature_parse(
            &read, SPAN("{\"cosignature\":1,\"repository\":\"" GUN "\",\"documents\":[]}"), NULL),
        RC_MALFORMED);
}

static void
test_overwrites_only_its_own_kind(void **state)
{
    closing(cosignature_freep) struct cosignature *made = make();
    closing(cosignature_freep) struct cosignature *read = NULL;
    struct stat there;
    struct why why = {""};

    (void)state;
    unlink(path);
    umask(022);
    assert_int_equal(cosignature_file_load(&read, path, &why), RC_NOT_FOUND);
    assert_int_equal(cosignature_file_check(path, GUN, &why), RC_OK);
    assert_int_equal(cosignature_file_store(path, made, &why), RC_OK);
    assert_int_equal(stat(path, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0644);
    assert_int_equal(cosignature_file_load(&read, path, &why), RC_OK);
    assert_int_equal(cosignature_file_check(path, GUN, &why), RC_OK);
    assert_int_equal(cosignature_file_check(path, GUN "2", &why), RC_REFUSED);
    assert_non_null(strstr(why.text, "cosignature of '" GUN "'"));
    assert_int_equal(truncate(path, 7), 0);
    assert_int_equal(cosignature_file_check(path, GUN, &why), RC_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(cosignature_file_check("not/there", GUN, &why), RC_SYSTEM);
    assert_int_equal(cosignature_file_store("not/there", made, &why), RC_SYSTEM);
    assert_non_null(strstr(why.text, "'not/there'"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_it_writes),
        cmocka_unit_test(test_knows_whether_it_replaces_what_is_published),
        cmocka_unit_test(test_leaves_out_no_more_versions_than_readers_look_at),
        cmocka_unit_test(test_refuses_what_is_not_of_its_form),
        cmocka_unit_test(test_overwrites_only_its_own_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
