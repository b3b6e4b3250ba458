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
