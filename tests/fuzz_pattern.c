/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns against a matcher that is written down as the manual says it, and takes its time.
 */
#include "proto/pattern.h"

#include "tests/fuzz.h"

static size_t
character(const char *text)
{
    uint32_t code;

    return span_utf8(&code, span_of(text));
}

static bool
matches(const char *p, const char *text)
{
    bool is_within = *text && *text != '/';

    if (p[0] == '*' && p[1] == '*')
        return matches(p + 2, text) || (*text && matches(p, text + character(text)));
    if (p[0] == '*')
        return matches(p + 1, text) || (is_within && matches(p, text + character(text)));
    if (p[0] == '?')
        return is_within && matches(p + 1, text + character(text));

    return *p == *text && (!*p || matches(p + 1, text + 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span rest = {data, len};
    struct span first = fuzz_part(&rest);

    /* The other one takes exponential time. */
    if (first.len > 24 || rest.len > 24)
        return 0;

    closing(freep) char *pattern = fuzz_text(first);
    closing(freep) char *text = fuzz_text(rest);
    if (pattern_check(pattern, NULL) || !span_is_text(span_of(text)))
        return 0;

    assert(pattern_matches(pattern, text) == matches(pattern, text));
    if (!pattern_check(text, NULL) && pattern_is_literal(text))
        assert(pattern_meets(pattern, text) == matches(pattern, text));
    assert(pattern_meets(pattern, text) == pattern_meets(text, pattern));
    if (pattern_is_literal(pattern))
        assert(pattern_matches(pattern, text) == !strcmp(pattern, text));
    return 0;
}
