/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/gojson.h"

#include <inttypes.h>

#include "proto/canon.h"
#include "proto/jsontext.h"

#define REPLACEMENT 0xfffd /* what Go reads for bytes that are not UTF-8, and lone surrogates */
#define TWO_TO_63   9223372036854775808.0

/*
 * Stands for a fraction in the output. Go refuses fractions not before it encodes, so one in a
 * member that a duplicate replaces does no harm. The byte occurs nowhere in UTF-8.
 */
#define FRACTION 0xff

struct gojson {
    struct span in;
    size_t at, depth;
    bool refuses_duplicates;
    struct bytes out;
};

/* A member as it was written to out: "name":value. */
struct go_member {
    size_t at, len;           /* all of it */
    size_t name_at, name_len; /* the raw name, as canon_cmp() takes it */
};

static enum rc go_value(struct gojson *g, struct why *why);

/* 0 at the end: a NUL is nowhere allowed, so it needs no distinction. */
static uint8_t
go_byte(const struct gojson *g)
{
    return g->at < g->in.len ? g->in.p[g->at] : 0;
}

static enum rc
go_refuse(const struct gojson *g, const char *want, struct why *why)
{
    if (g->at >= g->in.len)
        return fail(why, RC_MALFORMED, "byte %zu: want %s, have the end", g->at, want);

    return fail(why, RC_MALFORMED, "byte %zu: want %s, have 0x%02x", g->at, want, go_byte(g));
}

static void
go_skip_space(struct gojson *g)
{
    while (go_byte(g) == ' ' || go_byte(g) == '\t' || go_byte(g) == '\n' || go_byte(g) == '\r')
        g->at++;
}

/* Copy what was read from byte number from on, and is canonical as it stands. */
static void
go_copy(struct gojson *g, size_t from)
{
    if (g->at > from)
        bytes_put(&g->out, (struct span){g->in.p + from, g->at - from});
}

static void
go_put_rune(struct bytes *b, uint32_t code)
{
    if (code == '"' || code == '\\')
        bytes_putc(b, '\\');
    bytes_put_utf8(b, code);
}

/* The four digits after "\u" at byte number at; false where there are none. */
static bool
go_unicode_escape(const struct gojson *g, size_t at, uint32_t *ret)
{
    uint32_t code = 0;

    if (g->in.len < 6 || at > g->in.len - 6 || g->in.p[at] != '\\' || g->in.p[at + 1] != 'u')
        return false;

    for (size_t i = at + 2; i < at + 6; i++) {
        uint8_t c = g->in.p[i];
        uint8_t letter = c | 0x20;

        if (c >= '0' && c <= '9')
            code = code << 4 | (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            code = code << 4 | (letter - 'a' + 10u);
        else
            return false;
    }

    *ret = code;
    return true;
}

static enum rc
go_escape(struct gojson *g, struct why *why)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;

    if (go_unicode_escape(g, g->at, &code)) {
        g->at += 6;
        bool has_low = code >= 0xd800 && code < 0xdc00 && go_unicode_escape(g, g->at, &low) &&
                       low >= 0xdc00 && low < 0xe000;
        if (has_low) {
            g->at += 6;
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        } else if (code >= 0xd800 && code < 0xe000) {
            code = REPLACEMENT;
        }
        go_put_rune(&g->out, code);
        return RC_OK;
    }

    g->at++;
    const char *letter = go_byte(g) ? strchr(letters, go_byte(g)) : NULL;
    if (!letter)
        return go_refuse(g, "an escape of JSON", why);

    g->at++;
    go_put_rune(&g->out, (uint8_t)meanings[letter - letters]);
    return RC_OK;
}

static enum rc
go_string(struct gojson *g, struct why *why)
{
    if (go_byte(g) != '"')
        return go_refuse(g, "a string", why);

    size_t from = g->at++; /* the quotes are copied too */
    while (go_byte(g) != '"') {
        struct span left = {g->in.p + g->at, g->in.len - g->at};
        uint32_t code = go_byte(g);

        if (code < 0x20)
            return go_refuse(g, "a character of a string", why);

        size_t len = code < 0x80 ? 1 : span_utf8(&code, left);
        if (code != '\\' && len > 0) {
            g->at += len;
            continue;
        }

        go_copy(g, from);
        if (len == 0) {
            go_put_rune(&g->out, REPLACEMENT);
            g->at++;
        } else {
            enum rc rc = go_escape(g, why);
            if (rc)
                return rc;
        }
        from = g->at;
    }

    g->at++;
    go_copy(g, from);
    return RC_OK;
}

/* At least one digit. */
static bool
go_digits(struct gojson *g)
{
    size_t from = g->at;

    while (go_byte(g) >= '0' && go_byte(g) <= '9')
        g->at++;
    return g->at > from;
}

/* As JSON spells numbers; what they mean is another matter. */
static bool
go_number_syntax(struct gojson *g)
{
    if (go_byte(g) == '-')
        g->at++;

    if (go_byte(g) == '0')
        g->at++;
    else if (!go_digits(g))
        return false;

    if (go_byte(g) == '.') {
        g->at++;
        if (!go_digits(g))
            return false;
    }

    if (go_byte(g) == 'e' || go_byte(g) == 'E') {
        g->at++;
        if (go_byte(g) == '+' || go_byte(g) == '-')
            g->at++;
        return go_digits(g);
    }

    return true;
}

static enum rc
go_number(struct gojson *g, struct why *why)
{
    size_t from = g->at;
    double value = 0;

    if (!go_number_syntax(g))
        return go_refuse(g, "a digit", why);

    enum rc rc = jsontext_fraction(&value, (struct span){g->in.p + from, g->at - from}, why);
    if (rc)
        return within(why, rc, "byte %zu", from);

    /* Go converts to int64; on amd64 what does not fit becomes the lowest one. */
    bool fits = value >= -TWO_TO_63 && value < TWO_TO_63;
    int64_t integer = fits ? (int64_t)value : INT64_MIN;
    if (fits && (double)integer != value)
        bytes_putc(&g->out, FRACTION);
    else
        bytes_printf(&g->out, "%" PRId64, integer);
    return RC_OK;
}

static enum rc
go_literal(struct gojson *g, struct why *why)
{
    static const char *const words[] = {"true", "false", "null"};
    struct span left = {g->in.p + g->at, g->in.len - g->at};

    for (size_t i = 0; i < N_ELEMENTS(words); i++)
        if (span_starts(left, span_of(words[i]))) {
            g->at += strlen(words[i]);
            bytes_puts(&g->out, words[i]);
            return RC_OK;
        }

    return go_refuse(g, "a value", why);
}

static enum rc
go_enter(struct gojson *g, struct why *why)
{
    if (g->depth == GOJSON_MAX_DEPTH)
        return fail(why, RC_MALFORMED, "byte %zu: deeper than %d levels", g->at, GOJSON_MAX_DEPTH);

    g->depth++;
    bytes_putc(&g->out, go_byte(g));
    g->at++;
    go_skip_space(g);
    return RC_OK;
}

/* After an element or member: whether a comma says that another follows, or else the end. */
static enum rc
go_next(struct gojson *g, uint8_t end, bool *ret_more, struct why *why)
{
    go_skip_space(g);
    if (go_byte(g) != ',' && go_byte(g) != end)
        return go_refuse(g, end == ']' ? "',' or ']'" : "',' or '}'", why);

    *ret_more = go_byte(g) == ',';
    if (*ret_more) {
        bytes_putc(&g->out, ',');
        g->at++;
        go_skip_space(g);
    }

    return RC_OK;
}

static void
go_leave(struct gojson *g)
{
    bytes_putc(&g->out, go_byte(g));
    g->at++;
    g->depth--;
}

static enum rc
go_array(struct gojson *g, struct why *why)
{
    enum rc rc = go_enter(g, why);
    if (rc)
        return rc;

    bool has_more = go_byte(g) != ']';
    while (has_more) {
        rc = go_value(g, why);
        if (rc)
            return rc;

        rc = go_next(g, ']', &has_more, why);
        if (rc)
            return rc;
    }

    go_leave(g);
    return RC_OK;
}

static struct span
go_name(const struct gojson *g, const struct go_member *m)
{
    return (struct span){g->out.p + m->name_at, m->name_len};
}

/* By name, then by place, so that the last of several comes last. */
static int
go_member_cmp(const void *a, const void *b, void *data)
{
    const struct go_member *left = a, *right = b;
    int order = canon_cmp(go_name(data, left), go_name(data, right));

    if (order)
        return order;

    return left->at < right->at ? -1 : left->at > right->at;
}

/* Write the members, which end what was written so far, anew: sorted, the last of each name. */
static enum rc
go_sort(struct gojson *g, struct go_member *members, size_t n, struct why *why)
{
    closing(bytes_done) struct bytes sorted = BYTES_INIT(g->out.max);
    size_t start = members[0].at;

    qsort_r(members, n, sizeof *members, go_member_cmp, g);
    for (size_t i = 0; i < n; i++) {
        const struct go_member *m = &members[i];
        struct span name = go_name(g, m);

        bool is_twice = i + 1 < n && span_eq(name, go_name(g, m + 1));
        if (is_twice && g->refuses_duplicates)
            return fail(why, RC_MALFORMED, "member '%.*s' stands twice",
                name.len < 64 ? (int)name.len : 64, (const char *)name.p);
        if (is_twice)
            continue;

        bytes_puts(&sorted, sorted.len > 0 ? "," : "");
        bytes_put(&sorted, (struct span){g->out.p + m->at, m->len});
    }

    bytes_cut(&g->out, start);
    bytes_put(&g->out, bytes_span(&sorted));
    return bytes_check(&sorted, why);
}

static enum rc
go_member(struct gojson *g, struct go_member *ret, struct why *why)
{
    struct go_member m = {.at = g->out.len, .name_at = g->out.len + 1};

    enum rc rc = go_string(g, why);
    if (rc)
        return rc;

    m.name_len = g->out.failed ? 0 : g->out.len - m.name_at - 1;
    go_skip_space(g);
    if (go_byte(g) != ':')
        return go_refuse(g, "':'", why);

    bytes_putc(&g->out, ':');
    g->at++;
    go_skip_space(g);
    rc = go_value(g, why);
    if (rc)
        return rc;

    m.len = g->out.failed ? 0 : g->out.len - m.at;
    *ret = m;
    return bytes_check(&g->out, why);
}

static enum rc
go_object(struct gojson *g, struct why *why)
{
    closing(freep) struct go_member *members = NULL;
    bool is_sorted = true;
    size_t n = 0;

    enum rc rc = go_enter(g, why);
    if (rc)
        return rc;

    bool has_more = go_byte(g) != '}';
    while (has_more) {
        struct go_member *m = mem_grow(&members, n, sizeof *members, TARGETS_MAX);
        if (!m)
            return n < TARGETS_MAX
                       ? fail_memory(why)
                       : fail(why, RC_TOO_LARGE, "an object of more than %d members", TARGETS_MAX);

        rc = go_member(g, m, why);
        if (rc)
            return rc;

        is_sorted = is_sorted && (n == 0 || canon_cmp(go_name(g, m - 1), go_name(g, m)) < 0);
        n++;
        rc = go_next(g, '}', &has_more, why);
        if (rc)
            return rc;
    }

    if (!is_sorted)
        rc = go_sort(g, members, n, why);

    go_leave(g);
    return rc;
}

static enum rc
go_value(struct gojson *g, struct why *why)
{
    switch (go_byte(g)) {
    case '{':
        return go_object(g, why);
    case '[':
        return go_array(g, why);
    case '"':
        return go_string(g, why);
    default:
        break;
    }

    if (go_byte(g) == '-' || (go_byte(g) >= '0' && go_byte(g) <= '9'))
        return go_number(g, why);

    return go_literal(g, why);
}

/* The whole text, to g->out. */
static enum rc
go_text(struct gojson *g, struct why *why)
{
    go_skip_space(g);
    enum rc rc = go_value(g, why);
    if (rc)
        return rc;

    go_skip_space(g);
    if (g->at < g->in.len)
        return go_refuse(g, "the end", why);

    rc = bytes_check(&g->out, why);
    if (!rc && memchr(g->out.p, FRACTION, g->out.len))
        rc = fail(why, RC_MALFORMED, "a number with a fraction");
    return rc;
}

static enum rc
go_rewrite(struct bytes *ret, struct span json, bool refuses_duplicates, struct why *why)
{
    struct gojson g = {json.p ? json : SPAN(""), 0, 0, refuses_duplicates, BYTES_INIT(ret->max)};

    enum rc rc = go_text(&g, why);
    if (!rc) {
        bytes_put(ret, bytes_span(&g.out));
        rc = bytes_check(ret, why);
    }

    bytes_done(&g.out);
    return rc;
}

enum rc
gojson_canonical(struct bytes *ret, struct span json, struct why *why)
{
    return go_rewrite(ret, json, false, why);
}

enum rc
gojson_unambiguous(struct bytes *ret, struct span json, struct why *why)
{
    return go_rewrite(ret, json, true, why);
}
