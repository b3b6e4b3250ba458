/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

static const struct {
    const char *says, *pattern, *text;
    bool want;
} cases[] = {
    {"a literal matches itself", "shop/web", "shop/web", true},
    {"a literal is compared with its case", "shop/web", "shop/Web", false},
    {"a literal does not match a prefix", "shop/web", "shop/webs", false},
    {"a literal does not match what is shorter", "shop/web", "shop/we", false},
    {"the empty pattern matches nothing but nothing", "", "a", false},
    {"one star takes a component", "shop/*", "shop/web", true},
    {"one star takes nothing as well", "shop/*", "shop/", true},
    {"one star does not pass a slash", "shop/*", "shop/web/x", false},
    {"one star in front does not pass a slash", "*/web", "a/b/web", false},
    {"one star within a component", "shop/w*b", "shop/web", true},
    {"two stars of one component", "*a*b", "xaxab", true},
    {"two stars of one component that do not fit", "*a*b", "xaxac", false},
    {"the first star is tried again", "*a/b", "aa/b", true},
    {"stars of two components", "*/*", "a/b", true},
    {"stars of two components want two", "*/*", "a", false},
    {"two stars pass slashes", "shop/**", "shop/a/b/c", true},
    {"two stars take nothing as well", "shop/**", "shop/", true},
    {"the slash before two stars is wanted", "shop/**", "shop", false},
    {"two stars do not reach a sibling", "shop/**", "shop2/a", false},
    {"two stars in front", "**/web", "a/b/web", true},
    {"two stars in the middle", "a/**/z", "a/b/c/z", true},
    {"two stars in the middle want both slashes", "a/**/z", "a/z", false},
    {"two stars, then one", "**/x*z", "a/xy/xyz", true},
    {"two stars, then one, that do not fit", "**/x*z", "a/xy/xy/z", false},
    {"one star, then two", "*/b/**", "a/b/c/d", true},
    {"one star, then two, that do not fit", "*/b/**", "a/a/b/c", false},
    {"two stars twice", "**a**b", "a/b/a/b", true},
    {"two stars alone take everything", "**", "a/b", true},
    {"a question mark takes one character", "we?", "web", true},
    {"a question mark takes exactly one", "we?", "we", false},
    {"a question mark takes no slash", "a?b", "a/b", false},
    {"a question mark takes a character of two bytes", "caf?", "caf\xc3\xa9", true},
    {"two question marks do not share a character", "caf??", "caf\xc3\xa9", false},
    {"a star before a question mark", "*?", "ab", true},
    {"a star before a question mark takes no half of a character", "*??", "\xc3\xa9", false},
    {"nothing else is special", "a[b]\\.c", "a[b]\\.c", true},
};

static void
test_matches_whole_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        if (pattern_matches(cases[i].pattern, cases[i].text) != cases[i].want)
            fail_msg("%s", cases[i].says);
    }
}

/* The obvious definition: try every way. */
static bool
matches_slowly(const char *pattern, const char *text)
{
    if (!*pattern)
        return !*text;

    bool is_wide = pattern[0] == '*' && pattern[1] == '*';
    if (pattern[0] == '*') {
        const char *rest = pattern + (is_wide ? 2 : 1);
        if (matches_slowly(rest, text))
            return true;
        return *text && (is_wide || *text != '/') && matches_slowly(pattern, text + 1);
    }

    if (!*text || (*pattern == '?' ? *text == '/' : *text != *pattern))
        return false;

    return matches_slowly(pattern + 1, text + 1);
}

/* Write the number i in digits of the alphabet; the digit 0 ends the text. */
static void
spell(char *ret, size_t room, const char *alphabet, size_t i)
{
    size_t n = strlen(alphabet) + 1, at = 0;

    for (; i % n && at + 1 < room; i /= n)
        ret[at++] = alphabet[i % n - 1];
    ret[at] = 0;
}

static void
test_agrees_with_the_obvious_definition(void **state)
{
    char pattern[8], text[8];

    (void)state;
    for (size_t i = 0; i < 6 * 6 * 6 * 6 * 6; i++) {
        spell(pattern, sizeof pattern, "a/*?b", i);
        if (pattern_check(pattern, NULL))
            continue;

        for (size_t j = 0; j < 4 * 4 * 4 * 4 * 4 * 4; j++) {
            spell(text, sizeof text, "a/b", j);
            if (pattern_matches(pattern, text) != matches_slowly(pattern, text))
                fail_msg("'%s' and '%s'", pattern, text);
        }
    }
}

static void
test_takes_little_time_on_hostile_texts(void **state)
{
    char text[REPOSITORY_MAX_BYTES + 1];

    (void)state;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_false(pattern_matches("**a*a*a*a*a**a*a*a*a*b", text));
}

static const struct {
    const char *says, *a, *b;
    bool want;
} meetings[] = {
    {"a literal meets itself", "r.io/a", "r.io/a", true},
    {"a literal does not meet another", "r.io/a", "r.io/b", false},
    {"a literal meets a pattern that matches it", "r.io/a", "r.io/*", true},
    {"a literal does not meet a pattern above it", "r.io/a/b", "r.io/*", false},
    {"two patterns with different ends", "r.io/*/web", "r.io/shop/*", true},
    {"two patterns of different components", "r.io/a/*", "r.io/b/*", false},
    {"stars that cross", "*b", "a*", true},
    {"stars that cross in a slash", "*/b", "a/*", true},
    {"one star and a slash too many", "*", "a/*", false},
    {"two stars and any depth", "**/z", "a/*/*", true},
    {"a question mark and a slash", "a?b", "a/b", false},
    {"a question mark and a character of two bytes", "caf?", "caf\xc3\xa9", true},
    {"two of them and one character", "caf\xc3\xa9", "caf??", false},
};

static void
test_knows_which_patterns_meet(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(meetings); i++)
        if (pattern_meets(meetings[i].a, meetings[i].b) != meetings[i].want ||
            pattern_meets(meetings[i].b, meetings[i].a) != meetings[i].want)
            fail_msg("%s", meetings[i].says);
}

static bool
have_common_text(const char *a, const char *b)
{
    char text[8];

    for (size_t i = 0; i < 3 * 3 * 3 * 3 * 3; i++) {
        spell(text, sizeof text, "a/", i);
        if (pattern_matches(a, text) && pattern_matches(b, text))
            return true;
    }

    return false;
}

static void
test_finds_a_text_of_all_patterns_that_meet(void **state)
{
    char a[8], b[8];

    (void)state;
    for (size_t i = 0; i < 5 * 5 * 5; i++)
        for (size_t j = 0; j < 5 * 5 * 5; j++) {
            spell(a, sizeof a, "a/*?", i);
            spell(b, sizeof b, "a/*?", j);
            if (pattern_meets(a, b) != have_common_text(a, b))
                fail_msg("'%s' and '%s'", a, b);
        }
}

static void
test_tells_literals_from_patterns(void **state)
{
    (void)state;
    assert_true(pattern_is_literal("targets/qa"));
    assert_false(pattern_is_literal("targets/*"));
    assert_false(pattern_is_literal("targets/q?"));
}

static void
test_refuses_what_is_no_pattern(void **state)
{
    char text[PATTERN_MAX_BYTES + 2];
    struct why why;

    (void)state;
    assert_int_equal(pattern_check("", &why), RC_MALFORMED);
    assert_int_equal(pattern_check("a/***", &why), RC_MALFORMED);
    assert_int_equal(pattern_check("a\nb", &why), RC_MALFORMED);
    assert_int_equal(pattern_check("a\xff", &why), RC_MALFORMED);
    assert_int_equal(pattern_check("a/**/b*?", &why), RC_OK);

    memset(text, 'a', sizeof text);
    text[PATTERN_MAX_BYTES] = 0;
    assert_int_equal(pattern_check(text, &why), RC_OK);
    text[PATTERN_MAX_BYTES] = 'a';
    text[PATTERN_MAX_BYTES + 1] = 0;
    assert_int_equal(pattern_check(text, &why), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_whole_texts),
        cmocka_unit_test(test_agrees_with_the_obvious_definition),
        cmocka_unit_test(test_takes_little_time_on_hostile_texts),
        cmocka_unit_test(test_knows_which_patterns_meet),
        cmocka_unit_test(test_finds_a_text_of_all_patterns_that_meet),
        cmocka_unit_test(test_tells_literals_from_patterns),
        cmocka_unit_test(test_refuses_what_is_no_pattern),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
