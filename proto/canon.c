/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/canon.h"

#include <assert.h>

void
canon_init(struct canon *c, struct span in)
{
    *c = (struct canon){.in = in.p ? in : SPAN("")};
}

/* 0 at the end: a NUL is nowhere allowed, so it needs no distinction. */
static uint8_t
canon_byte(const struct canon *c, size_t ahead)
{
    return ahead < c->in.len - c->at ? c->in.p[c->at + ahead] : 0;
}

static enum rc
canon_refuse(const struct canon *c, const char *want, struct why *why)
{
    if (c->at >= c->in.len)
        return fail(why, RC_MALFORMED, "byte %zu: want %s, have the end", c->at, want);

    return fail(why, RC_MALFORMED, "byte %zu: want %s, have 0x%02x", c->at, want, canon_byte(c, 0));
}

static struct canon_level *
canon_level(struct canon *c)
{
    assert(c->depth > 0);

    return &c->levels[c->depth - 1];
}

enum canon_kind
canon_peek(const struct canon *c)
{
    uint8_t byte = canon_byte(c, 0);

    if (byte == '-' || (byte >= '0' && byte <= '9'))
        return CANON_NUMBER;

    switch (byte) {
    case '{':
        return CANON_OBJECT;
    case '[':
        return CANON_ARRAY;
    case '"':
        return CANON_STRING;
    case 't':
        return CANON_TRUE;
    case 'f':
        return CANON_FALSE;
    case 'n':
        return CANON_NULL;
    default:
        return CANON_NOTHING;
    }
}

static enum rc
canon_enter(struct canon *c, bool is_object, struct why *why)
{
    if (canon_byte(c, 0) != (is_object ? '{' : '['))
        return canon_refuse(c, is_object ? "an object" : "an array", why);

    if (c->depth == JSON_MAX_DEPTH)
        return fail(why, RC_MALFORMED, "byte %zu: deeper than %d levels", c->at, JSON_MAX_DEPTH);

    c->at++;
    c->depth++;
    *canon_level(c) = (struct canon_level){.is_object = is_object, .is_first = true};
    return RC_OK;
}

enum rc
canon_object(struct canon *c, struct why *why)
{
    return canon_enter(c, true, why);
}

enum rc
canon_array(struct canon *c, struct why *why)
{
    return canon_enter(c, false, why);
}

/*
 * Read the name of the next member, its colon and the comma before it, without noting it in the
 * level. At the end of the object ret_name->p is NULL, and '}' comes next.
 */
static enum rc
canon_next_name(struct canon *c, struct span *ret_name, struct why *why)
{
    const struct canon_level *level = canon_level(c);

    assert(level->is_object);

    *ret_name = (struct span){0};
    if (canon_byte(c, 0) == '}')
        return RC_OK;

    if (!level->is_first) {
        if (canon_byte(c, 0) != ',')
            return canon_refuse(c, "',' or '}'", why);
        c->at++;
    }

    size_t name_at = c->at;
    struct span name;
    enum rc rc = canon_string(c, &name, why);
    if (rc)
        return rc;

    if (canon_byte(c, 0) != ':')
        return canon_refuse(c, "':'", why);
    c->at++;

    int order = level->is_first ? 1 : canon_cmp(name, level->last);
    if (order <= 0)
        return fail(why, RC_MALFORMED, "byte %zu: member '%.*s' %s", name_at,
            (int)(name.len < 64 ? name.len : 64), name.p,
            order == 0 ? "stands twice" : "is not in order");

    *ret_name = name;
    return RC_OK;
}

static void
canon_note_name(struct canon *c, struct span name)
{
    canon_level(c)->last = name;
    canon_level(c)->is_first = false;
}

static void
canon_leave(struct canon *c)
{
    c->at++;
    c->depth--;
}

enum rc
canon_member(struct canon *c, struct span *ret_name, bool *ret_more, struct why *why)
{
    struct span name;

    enum rc rc = canon_next_name(c, &name, why);
    if (rc)
        return rc;

    *ret_more = name.p != NULL;
    if (!name.p) {
        canon_leave(c);
        return RC_OK;
    }

    canon_note_name(c, name);
    *ret_name = name;
    return RC_OK;
}

/* What comes next is not the member of that name. */
static enum rc
canon_refuse_name(struct canon *c, const char *name, struct why *why)
{
    size_t at = c->at;
    struct span next;

    enum rc rc = canon_next_name(c, &next, why);
    if (rc)
        return rc;

    if (!next.p)
        return fail(why, RC_MALFORMED, "byte %zu: want member '%s'", at, name);

    return fail(why, RC_MALFORMED, "byte %zu: want member '%s', have '%.*s'", at, name,
        (int)(next.len < 64 ? next.len : 64), next.p);
}

enum rc
canon_expect(struct canon *c, const char *name, struct why *why)
{
    bool found = false;

    enum rc rc = canon_optional(c, name, &found, why);
    if (rc)
        return rc;

    return found ? RC_OK : canon_refuse_name(c, name, why);
}

enum rc
canon_optional(struct canon *c, const char *name, bool *ret, struct why *why)
{
    size_t at = c->at;
    struct span next;

    enum rc rc = canon_next_name(c, &next, why);
    if (rc)
        return rc;

    *ret = next.p && span_is(next, name);
    if (*ret)
        canon_note_name(c, next);
    else
        c->at = at;

    return RC_OK;
}

enum rc
canon_close(struct canon *c, struct why *why)
{
    size_t at = c->at;
    struct span next;

    enum rc rc = canon_next_name(c, &next, why);
    if (rc)
        return rc;

    if (next.p)
        return fail(why, RC_MALFORMED, "byte %zu: unknown or misplaced member '%.*s'", at,
            (int)(next.len < 64 ? next.len : 64), next.p);

    canon_leave(c);
    return RC_OK;
}

enum rc
canon_element(struct canon *c, bool *ret_more, struct why *why)
{
    struct canon_level *level = canon_level(c);

    assert(!level->is_object);

    *ret_more = canon_byte(c, 0) != ']';
    if (!*ret_more) {
        canon_leave(c);
        return RC_OK;
    }

    if (!level->is_first) {
        if (canon_byte(c, 0) != ',')
            return canon_refuse(c, "',' or ']'", why);
        c->at++;
    }

    level->is_first = false;
    return RC_OK;
}

enum rc
canon_string(struct canon *c, struct span *ret_raw, struct why *why)
{
    if (canon_byte(c, 0) != '"')
        return canon_refuse(c, "a string", why);

    size_t start = c->at + 1, at = start;
    bool is_plain = true;
    for (;;) {
        at += span_plain_len((struct span){c->in.p + at, c->in.len - at});
        if (at >= c->in.len || c->in.p[at] == '"')
            break;

        is_plain = false;
        if (c->in.p[at] == '\\') {
            uint8_t escaped = at + 1 < c->in.len ? c->in.p[at + 1] : 0;
            if (escaped != '"' && escaped != '\\')
                return fail(why, RC_MALFORMED, "byte %zu: an escape other than \\\" and \\\\", at);
            at++;
        }
        at++;
    }

    if (at >= c->in.len)
        return fail(why, RC_MALFORMED, "byte %zu: string without an end", c->at);

    struct span raw = {c->in.p + start, at - start};
    if (!is_plain && !span_is_text(raw))
        return fail(
            why, RC_MALFORMED, "byte %zu: string with a control character, or not in UTF-8", c->at);

    c->at = at + 1;
    *ret_raw = raw;
    return RC_OK;
}

enum rc
canon_integer(struct canon *c, int64_t *ret, struct why *why)
{
    size_t len = canon_byte(c, 0) == '-' ? 1 : 0;

    if (canon_peek(c) != CANON_NUMBER)
        return canon_refuse(c, "an integer", why);

    while (canon_byte(c, len) >= '0' && canon_byte(c, len) <= '9')
        len++;

    uint8_t next = canon_byte(c, len);
    if (next == '.' || next == 'e' || next == 'E')
        return fail(why, RC_MALFORMED, "byte %zu: a number that is no plain integer", c->at);

    struct span digits = {c->in.p + c->at, len};
    enum rc rc = integer_parse(ret, digits, -INTEGER_MAX, INTEGER_MAX, why);
    if (rc)
        return within(why, rc, "byte %zu", c->at);

    c->at += len;
    return RC_OK;
}

enum rc
canon_literal(struct canon *c, enum canon_kind *ret, struct why *why)
{
    static const struct {
        struct span word;
        enum canon_kind kind;
    } words[] = {
        {{(const uint8_t *)"true", 4}, CANON_TRUE},
        {{(const uint8_t *)"false", 5}, CANON_FALSE},
        {{(const uint8_t *)"null", 4}, CANON_NULL},
    };
    struct span left = {c->in.p + c->at, c->in.len - c->at};

    for (size_t i = 0; i < N_ELEMENTS(words); i++)
        if (span_starts(left, words[i].word)) {
            c->at += words[i].word.len;
            *ret = words[i].kind;
            return RC_OK;
        }

    return canon_refuse(c, "true, false or null", why);
}

/* A scalar whole, or the start of an object or array. */
static enum rc
canon_scalar_or_enter(struct canon *c, struct why *why)
{
    enum canon_kind literal;
    struct span string;
    int64_t integer;

    switch (canon_peek(c)) {
    case CANON_OBJECT:
        return canon_object(c, why);
    case CANON_ARRAY:
        return canon_array(c, why);
    case CANON_STRING:
        return canon_string(c, &string, why);
    case CANON_NUMBER:
        return canon_integer(c, &integer, why);
    case CANON_TRUE:
    case CANON_FALSE:
    case CANON_NULL:
        return canon_literal(c, &literal, why);
    case CANON_NOTHING:
        break;
    }

    return canon_refuse(c, "a value", why);
}

enum rc
canon_value(struct canon *c, struct span *ret, struct why *why)
{
    size_t start = c->at, outside = c->depth;
    bool has_more = true;

    while (has_more) {
        enum rc rc = canon_scalar_or_enter(c, why);
        if (rc)
            return rc;

        /* Go on to the next value inside; levels that end here are left. */
        has_more = false;
        while (c->depth > outside && !has_more) {
            struct span name;

            rc = canon_level(c)->is_object ? canon_member(c, &name, &has_more, why)
                                           : canon_element(c, &has_more, why);
            if (rc)
                return rc;
        }
    }

    *ret = (struct span){c->in.p + start, c->at - start};
    return RC_OK;
}

enum rc
canon_end(struct canon *c, struct why *why)
{
    assert(c->depth == 0);

    if (c->at < c->in.len)
        return canon_refuse(c, "the end", why);

    return RC_OK;
}

/* The next decoded byte of a raw string; -1 at its end. */
static int
raw_next(struct span *raw)
{
    if (raw->len == 0)
        return -1;

    size_t skip = raw->p[0] == '\\' && raw->len > 1;
    int c = raw->p[skip];
    raw->p += skip + 1;
    raw->len -= skip + 1;
    return c;
}

int
canon_cmp(struct span a_raw, struct span b_raw)
{
    size_t same = 0;
    int a, b;

    while (same < a_raw.len && same < b_raw.len && a_raw.p[same] == b_raw.p[same] &&
           a_raw.p[same] != '\\')
        same++;
    a_raw = (struct span){a_raw.p + same, a_raw.len - same};
    b_raw = (struct span){b_raw.p + same, b_raw.len - same};

    do {
        a = raw_next(&a_raw);
        b = raw_next(&b_raw);
    } while (a == b && a >= 0);

    return a - b;
}

int
canon_cmp_decoded(struct span decoded, struct span raw)
{
    size_t at = 0;

    for (size_t i = 0; i < raw.len; i++) {
        if (raw.p[i] == '\\')
            i++;
        if (at == decoded.len)
            return -1;
        if (decoded.p[at] != raw.p[i])
            return decoded.p[at] < raw.p[i] ? -1 : 1;
        at++;
    }

    return at < decoded.len;
}

void
canon_decode(struct bytes *b, struct span raw)
{
    for (int c = raw_next(&raw); c >= 0; c = raw_next(&raw))
        bytes_putc(b, (uint8_t)c);
}

static void
put_run(struct bytes *b, struct span s, size_t from, size_t to)
{
    if (to > from)
        bytes_put(b, (struct span){s.p + from, to - from});
}

void
canon_put_string(struct bytes *b, struct span decoded)
{
    size_t from = 0; /* what stands before is written */

    bytes_putc(b, '"');
    for (size_t at = 0; at < decoded.len; at++)
        if (decoded.p[at] == '"' || decoded.p[at] == '\\') {
            put_run(b, decoded, from, at);
            bytes_putc(b, '\\');
            from = at; /* the character itself goes with the rest */
        }

    put_run(b, decoded, from, decoded.len);
    bytes_putc(b, '"');
}
