/* SPDX-License-Identifier: Apache-2.0 */
#include "client/intent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/forge.h"

#define EXPIRES "2029-11-22T13:44:54Z"
#define LATER   "2030-11-22T13:44:54Z"
#define V1                                                                                         \
    "\"v1\":{\"hashes\":{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"},"            \
    "\"length\":0}"
#define V2                                                                                         \
    "\"v2\":{\"hashes\":{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"},"            \
    "\"length\":2}"

static struct forge_key key;

static int
make_key(void **state)
{
    (void)state;
    forge_key_init(&key, "P-256");
    return 0;
}

static int
drop_key(void **state)
{
    (void)state;
    forge_key_done(&key);
    return 0;
}

/* What is published, what is to be, and notes on both. */
struct scene {
    struct bytes message, base, notes;
    struct tuf_targets *document;
    struct intent intent;
    struct progress progress;
};

static void
put_note(void *data, const char *text)
{
    bytes_printf(data, "%s\n", text);
}

static void
scene_init(struct scene *s, const char *was, const char *is, const char *expires)
{
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&key};

    *s = (struct scene){.message = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .base = BYTES_INIT(DOCUMENT_MAX_BYTES),
        .notes = BYTES_INIT(65536)};
    s->progress = (struct progress){put_note, &s->notes};
    if (was) {
        forge_targets(&s->message, 1, EXPIRES, NULL, 0, was);
        forge_file(&s->base, bytes_span(&s->message), signers);
    }
    forge_targets(&s->message, 2, expires, NULL, 0, is);
    assert_int_equal(tuf_targets_parse(&s->document, bytes_span(&s->message), NULL), RC_OK);
    assert_int_equal(
        intent_of_targets(&s->intent, bytes_span(&s->base), s->document, 1, NULL), RC_OK);
}

static void
scene_done(struct scene *s)
{
    intent_done(&s->intent);
    tuf_targets_free(s->document);
    bytes_done(&s->message);
    bytes_done(&s->base);
    bytes_done(&s->notes);
}

static enum rc
check(struct scene *s, const char *difference)
{
    closing(json_decrefp) json_t *list = difference ? json_loads(difference, 0, NULL) : NULL;

    assert_true(!difference || list);
    bytes_clear(&s->notes);
    return intent_check(&s->intent, list, &s->progress, NULL);
}

#define ADDED                                                                                      \
    "{\"kind\":\"tag\",\"name\":\"v2\",\"is\":\"sha256:"                                           \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 2 bytes\"}"
#define REMOVED                                                                                    \
    "{\"kind\":\"tag\",\"name\":\"v1\",\"was\":\"sha256:"                                          \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 bytes\"}"

static void
test_agrees_with_who_sees_the_same(void **state)
{
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "{" V1 "}", "{" V1 "," V2 "}", EXPIRES);
    assert_int_equal(check(&s, "[" ADDED "]"), RC_OK);
    assert_int_equal(s.notes.len, 0);
}

static void
test_refuses_and_shows_what_was_not_meant(void **state)
{
    static const struct {
        const char *difference;
        const char *notes[2];
    } cases[] = {
        {"[]", {"meant: tag 'v2': was not there, is sha256:", ""}},
        {"[" ADDED "," REMOVED "]", {"the agent says: tag 'v1': was sha256:", ", is gone"}},
        {"[" REMOVED "]", {"meant: tag 'v2'", "the agent says: tag 'v1'"}},
        {"[" ADDED "," ADDED "]", {"", ""}},
        {"[" ADDED ",7]", {"the agent says:", ""}},
        {"[" ADDED ",{\"kind\":\"expiry\",\"name\":\"\",\"is\":\"x\\u001b\"}]",
            {"the agent says: expiry: was not there, is x?", ""}},
        {"{}", {"meant: tag 'v2'", ""}},
    };
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, "{" V1 "}", "{" V1 "," V2 "}", EXPIRES);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].difference);
        assert_int_equal(check(&s, cases[i].difference), RC_UNTRUSTED);
        for (size_t k = 0; k < 2; k++)
            if (!strstr(bytes_text(&s.notes), cases[i].notes[k]))
                fail_msg("'%s', want '%s'", bytes_text(&s.notes), cases[i].notes[k]);
    }
}

static void
test_shows_the_path_that_admits_every_tag(void **state)
{
    closing(json_decrefp) json_t *change =
        json_pack("{s:s,s:s,s:s}", "kind", "path", "name", "targets/qa", "is", "");
    closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    (void)state;
    intent_put_change(&text, change);
    assert_string_equal(bytes_text(&text), "path 'targets/qa': was not there, is \"\"");
}

static void
test_leaves_nothing_out_where_somebody_has_to_see_all(void **state)
{
    closing(bytes_done) struct bytes many = BYTES_INIT(262144), text = BYTES_INIT(65536);
    closing(intent_done) struct intent whole = {.changes = NULL};
    closing(scene_done) struct scene s;

    (void)state;
    for (int i = 0; i < 1000; i++)
        bytes_printf(&many, "%s\"t%03d\":%s", i ? "," : "{", i, strchr(V1, ':') + 1);
    bytes_putc(&many, '}');
    scene_init(&s, NULL, bytes_text(&many), EXPIRES);
    assert_true(json_array_size(s.intent.changes) < 1000);
    assert_int_equal(
        intent_of_targets(&whole, (struct span){0}, s.document, INTENT_WHOLE, NULL), RC_OK);
    assert_int_equal(json_array_size(whole.changes), 1001);

    /* And of each all that can differ. */
    json_auto_t *change = json_pack("{s:s,s:s,s:s+}", "kind", "tag", "name", "v1", "is",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000 7 bytes custom:",
        "1111111111111111111111111111111111111111111111111111111111111112");
    intent_put_change(&text, change);
    assert_non_null(strstr(bytes_text(&text), "1112"));
}

static void
test_does_not_show_more_than_anybody_reads(void **state)
{
    closing(bytes_done) struct bytes many = BYTES_INIT(65536);
    closing(scene_done) struct scene s;
    size_t n = 0;

    (void)state;
    scene_init(&s, "{" V1 "}", "{" V1 "}", EXPIRES);
    for (int i = 0; i < 100; i++)
        bytes_printf(&many, "%s{\"kind\":\"tag\",\"name\":\"t%d\",\"is\":\"x\"}", i ? "," : "[", i);
    bytes_putc(&many, ']');
    assert_int_equal(check(&s, bytes_text(&many)), RC_UNTRUSTED);
    for (const char *c = bytes_text(&s.notes); *c; c++)
        n += *c == '\n';
    assert_int_equal(n, 17);
    assert_non_null(strstr(bytes_text(&s.notes), "the agent says: and 84 more"));
}

static void
test_wants_a_difference_of_who_was_shown_what_is_published(void **state)
{
    closing(scene_done) struct scene s;

    (void)state;
    scene_init(&s, NULL, "{" V2 "}", EXPIRES);
    assert_int_equal(check(&s, NULL), RC_OK);
    s.intent.is_required = true;
    assert_int_equal(check(&s, NULL), RC_UNTRUSTED);
    assert_int_equal(
        check(&s, "[" ADDED ",{\"kind\":\"expiry\",\"name\":\"\",\"is\":\"" EXPIRES "\"}]"), RC_OK);
}

static void
test_holds_drafts_against_their_edits(void **state)
{
    const struct edit add = {.kind = EDIT_SET_TARGET, .name = SPAN("v2")},
                      remove = {.kind = EDIT_REMOVE_TARGET, .name = SPAN("v1")},
                      role = {.kind = EDIT_DELEGATE, .name = SPAN("v2")};
    const struct edit both[] = {remove, add};
    closing(scene_done) struct scene s, replaced;
    struct why why = {0};

    (void)state;
    scene_init(&s, "{" V1 "}", "{" V1 "," V2 "}", LATER);
    assert_int_equal(intent_check_edits(&s.intent, &add, 1, &why), RC_OK);
    assert_int_equal(intent_check_edits(&s.intent, both, 2, &why), RC_OK);
    assert_int_equal(intent_check_edits(&s.intent, &remove, 1, &why), RC_UNTRUSTED);
    assert_string_equal(why.text, "it would change the tag 'v2', which nobody asked for");
    assert_int_equal(intent_check_edits(&s.intent, &role, 1, &why), RC_UNTRUSTED);

    scene_init(&replaced, "{" V1 "}", "{" V2 "}", EXPIRES);
    assert_int_equal(intent_check_edits(&replaced.intent, &add, 1, &why), RC_UNTRUSTED);
    assert_int_equal(intent_check_edits(&replaced.intent, both, 2, &why), RC_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_who_sees_the_same),
        cmocka_unit_test(test_refuses_and_shows_what_was_not_meant),
        cmocka_unit_test(test_shows_the_path_that_admits_every_tag),
        cmocka_unit_test(test_leaves_nothing_out_where_somebody_has_to_see_all),
        cmocka_unit_test(test_does_not_show_more_than_anybody_reads),
        cmocka_unit_test(test_wants_a_difference_of_who_was_shown_what_is_published),
        cmocka_unit_test(test_holds_drafts_against_their_edits),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
