/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pattern.h"

#include "proto/bounds.h"
#include "proto/bytes.h"

/* One character of UTF-8 that is not '/'; NULL where there is none. */
static const char *
skip_character(const char *text)
{
    if (!*text || *text == '/')
        return NULL;

    text++;
    while ((*text & 0xc0) == 0x80)
        text++;

    return text;
}

/* The text after one literal or '?' of the pattern; NULL where they differ. */
static const char *
match_one(char want, const char *text)
{
    if (want == '?')
        return skip_character(text);

    return want && *text == want ? text + 1 : NULL;
}

/*
 * On a mismatch the last star takes one byte more; where a '*' cannot, as it would pass a '/', the
 * last "**" does. Earlier stars need no second try: what they could take, the last "**" can, and
 * a '*' before a '/' has no choice.
 */
bool
pattern_matches(const char *pattern, const char *text)
{
    const char *after_star = NULL, *star_took = NULL;
    const char *after_stars = NULL, *stars_took = NULL;

    while (*text || *pattern) {
        if (pattern[0] == '*' && pattern[1] == '*') {
            pattern += 2;
            after_stars = pattern;
            stars_took = text;
            after_star = NULL;
            continue;
        }

        if (*pattern == '*') {
            after_star = ++pattern;
            star_took = text;
            continue;
        }

        const char *rest = match_one(*pattern, text);
        if (rest) {
            pattern++;
            text = rest;
        } else if (after_star && *star_took && *star_took != '/') {
            pattern = after_star;
            text = ++star_took;
        } else if (after_stars && *stars_took) {
            pattern = after_stars;
            text = ++stars_took;
            after_star = NULL;
        } else {
            return false;
        }
    }

    return true;
}

/* Bytes of the star at that place; 0: there is none. */
static size_t
star_len(const char *pattern)
{
    return *pattern != '*' ? 0 : pattern[1] == '*' ? 2 : 1;
}

/* Whether a star or '?' takes what the other pattern has at its place. */
static bool
takes(const char *wild, const char *other)
{
    return *other && (*other != '/' || star_len(wild) == 2);
}

/* Places behind the next character that both can have, as steps in each; a star stays where it is.
 * false: there is no such character. Of two stars none goes on, as one of them has to end. */
static bool
step(size_t *ret_a, size_t *ret_b, const char *a, const char *b)
{
    bool is_star_a = star_len(a) > 0, is_star_b = star_len(b) > 0;

    if (is_star_a && is_star_b)
        return false;

    *ret_a = is_star_a ? 0 : 1;
    *ret_b = is_star_b ? 0 : 1;
    if (*a == '?' && *b && *b != '/' && !is_star_b)
        *ret_b = (size_t)(skip_character(b) - b);
    else if (*b == '?' && *a && *a != '/' && !is_star_a)
        *ret_a = (size_t)(skip_character(a) - a);
    else if (is_star_a)
        return takes(a, b);
    else if (is_star_b)
        return takes(b, a);
    else
        return *a && *a == *b;

    return true;
}

/* Of each pair of places, from the ends, whether the rests have a text in common. */
bool
pattern_meets(const char *a, const char *b)
{
    /* A step goes on by at most the 4 bytes of a character. */
    bool rows[5][PATTERN_MAX_BYTES + 5] = {0};
    size_t len_a = strlen(a), len_b = strlen(b);

    if (len_a > PATTERN_MAX_BYTES || len_b > PATTERN_MAX_BYTES)
        return false;

    for (size_t i = len_a + 1; i-- > 0;)
        for (size_t j = len_b + 1; j-- > 0;) {
            size_t star_a = star_len(a + i), star_b = star_len(b + j), on_a = 0, on_b = 0;
            bool meets = i == len_a && j == len_b;

            if (star_a > 0)
                meets = meets || rows[(i + star_a) % 5][j];
            if (star_b > 0)
                meets = meets || rows[i % 5][j + star_b];
            if (step(&on_a, &on_b, a + i, b + j))
                meets = meets || rows[(i + on_a) % 5][j + on_b];
            rows[i % 5][j] = meets;
        }

    return rows[0][0];
}

bool
pattern_is_literal(const char *pattern)
{
    return !strpbrk(pattern, "*?");
}

enum rc
pattern_check(const char *pattern, struct why *why)
{
    struct span s = span_of(pattern);

    if (s.len == 0)
        return fail(why, RC_MALFORMED, "an empty pattern");

    if (s.len > PATTERN_MAX_BYTES)
        return fail(
            why, RC_MALFORMED, "a pattern of %zu bytes, the limit is %d", s.len, PATTERN_MAX_BYTES);

    if (!span_is_text(s))
        return fail(why, RC_MALFORMED, "pattern '%s' has characters that are no text", pattern);

    if (strstr(pattern, "***"))
        return fail(why, RC_MALFORMED,
            "pattern '%s' has three stars in a row; '*' stays within a component, '**' does not",
            pattern);

    return RC_OK;
}
