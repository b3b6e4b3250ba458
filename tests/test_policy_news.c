/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/policy_fixture.h"

static void
load(const struct policy_fixture *f, struct policy **ret, const char *text)
{
    struct why why = {""};

    fixture_write(f, "policy.yaml", text);
    if (policy_load(ret, fixture_path(f, "policy.yaml"), &why))
        fail_msg("%s", why.text);
}

static const char *
sentence(const json_t *news, size_t i)
{
    const char *text = json_string_value(json_array_get(news, i));

    assert_non_null(text);
    return text;
}

static void
test_has_nothing_to_tell_of_the_same_policy(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;

    load(*state, &policy, "admins: {users: [7]}\n");
    json_auto_t *news = policy_news(policy, policy);
    assert_int_equal(json_array_size(news), 0);
}

static void
test_tells_the_digest_where_only_words_are_new(void **state)
{
    closing(policy_unrefp) struct policy *was = NULL;
    closing(policy_unrefp) struct policy *is = NULL;

    load(*state, &was, "admins: {users: [7]}\n");
    load(*state, &is, "admins: {users: [7]} # the night shift\n");
    json_auto_t *news = policy_news(was, is);
    assert_int_equal(json_array_size(news), 1);
    assert_int_equal(strlen(sentence(news, 0)), strlen("policy is now 0123456789abcdef"));
}

static void
test_tells_all_of_a_first_policy(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;

    load(*state, &policy, "admins: {users: [7]}\n");
    json_auto_t *news = policy_news(NULL, policy);
    assert_int_equal(json_array_size(news), 2);
    assert_string_equal(sentence(news, 0), "uid 7 gains the rights of an admin");
}

static void
test_bounds_how_many_sentences_it_tells(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);

    bytes_puts(&text, "admins: {users: [1000");
    for (int i = 1; i < POLICY_CHANGES_MAX + 3; i++)
        bytes_printf(&text, ", %d", 1000 + i);
    bytes_puts(&text, "]}\n");
    load(*state, &policy, bytes_text(&text));

    json_auto_t *news = policy_news(NULL, policy);
    assert_int_equal(json_array_size(news), POLICY_CHANGES_MAX + 2);
    assert_string_equal(sentence(news, POLICY_CHANGES_MAX),
        "3 more changes are not listed; see countersign-agent --check-policy");
}

/* Cut, and not within a character: of two bytes each here, behind an odd number of others. */
static void
test_bounds_how_long_a_sentence_is(void **state)
{
    closing(policy_unrefp) struct policy *policy = NULL;
    closing(bytes_done) struct bytes text = BYTES_INIT(POLICY_FILE_MAX_BYTES);
    uint32_t code;

    for (int odd = 0; odd < 2; odd++) {
        bytes_clear(&text);
        bytes_printf(&text, "admins: {users: [\"%s", odd ? "a" : "");
        for (int i = 0; i < 1000; i++)
            bytes_puts(&text, "\xc3\xa9");
        bytes_puts(&text, "\"]}\n");
        policy_unref(steal(policy));
        load(*state, &policy, bytes_text(&text));

        json_auto_t *news = policy_news(NULL, policy);
        const char *cut = sentence(news, 0);
        assert_in_range(strlen(cut), 899, 903);
        assert_string_equal(cut + strlen(cut) - 3, "...");
        assert_int_equal(span_utf8(&code, span_of(cut + strlen(cut) - 5)), 2);
    }
}

#define IN_A_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(test_has_nothing_to_tell_of_the_same_policy),
        IN_A_DIRECTORY(test_tells_the_digest_where_only_words_are_new),
        IN_A_DIRECTORY(test_tells_all_of_a_first_policy),
        IN_A_DIRECTORY(test_bounds_how_many_sentences_it_tells),
        IN_A_DIRECTORY(test_bounds_how_long_a_sentence_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
