/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/jsontext.h"

#include <locale.h>
#include <math.h>

#include "proto/bounds.h"

struct jsontext {
    struct span in;
    size_t at, depth;
};

static enum rc read_value(struct jsontext *t, json_t **ret, struct why *why);

/* 0 at the end: a NUL is nowhere allowed, so it needs no distinction. */
static uint8_t
byte_of(const struct jsontext *t)
{
    return t->at < t->in.len ? t->in.p[t->at] : 0;
}

static struct span
rest_of(const struct jsontext *t)
{
    return (struct span){t->in.p + t->at, t->in.len - t->at};
}

static enum rc
refuse(const struct jsontext *t, const char *want, struct why *why)
{
    if (t->at >= t->in.len)
        return fail(why, RC_MALFORMED, "byte %zu: want %s, have the end", t->at, want);

    return fail(why, RC_MALFORMED, "byte %zu: want %s, have 0x%02x", t->at, want, byte_of(t));
}

static void
skip_space(struct jsontext *t)
{
    while (byte_of(t) == ' ' || byte_of(t) == '\t' || byte_of(t) == '\n' || byte_of(t) == '\r')
        t->at++;
}

/* The four digits after "\u". */
static bool
read_code_unit(struct jsontext *t, uint32_t *ret)
{
    uint32_t unit = 0;

    if (!span_starts(rest_of(t), SPAN("\\u")) || rest_of(t).len < 6)
        return false;

    for (size_t i = t->at + 2; i < t->at + 6; i++) {
        uint8_t c = t->in.p[i], letter = c | 0x20;

        if (c >= '0' && c <= '9')
            unit = unit << 4 | (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            unit = unit << 4 | (letter - 'a' + 10u);
        else
            return false;
    }

    t->at += 6;
    *ret = unit;
    return true;
}

/* RFC 8259 §7: what is beyond U+FFFF is written as two surrogates. */
static enum rc
read_escape(struct jsontext *t, struct bytes *decoded, struct why *why)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code, low;

    if (read_code_unit(t, &code)) {
        if (code >= 0xd800 && code < 0xdc00 && read_code_unit(t, &low) && low >= 0xdc00 &&
            low < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        if (code == 0 || (code >= 0xd800 && code < 0xe000))
            return refuse(t, "a character before it, neither NUL nor a lone surrogate,", why);

        bytes_put_utf8(decoded, code);
        return RC_OK;
    }

    t->at++;
    const char *letter = byte_of(t) ? strchr(letters, byte_of(t)) : NULL;
    if (!letter)
        return refuse(t, "an escape of JSON", why);

    t->at++;
    bytes_putc(decoded, (uint8_t)meanings[letter - letters]);
    return RC_OK;
}

/* *ret points into the text, or into decoded where there are escapes. */
static enum rc
read_string(struct jsontext *t, struct span *ret, struct bytes *decoded, struct why *why)
{
    if (byte_of(t) != '"')
        return refuse(t, "a string", why);

    size_t from = ++t->at; /* what stands before is decoded */
    for (;;) {
        t->at += span_plain_len(rest_of(t));
        if (byte_of(t) == '"')
            break;

        if (byte_of(t) == '\\') {
            bytes_put(decoded, (struct span){t->in.p + from, t->at - from});
            enum rc rc = read_escape(t, decoded, why);
            if (rc)
                return rc;
            from = t->at;
            continue;
        }

        uint32_t code;
        size_t len = byte_of(t) < 0x20 ? 0 : span_utf8(&code, rest_of(t));
        if (len == 0)
            return refuse(t, "a character of a string", why);
        t->at += len;
    }

    *ret = (struct span){t->in.p + from, t->at - from};
    t->at++;
    if (decoded->len > 0) {
        bytes_put(decoded, *ret);
        *ret = bytes_span(decoded);
    }
    return bytes_check(decoded, why);
}

static enum rc
read_text(struct jsontext *t, json_t **ret, struct why *why)
{
    closing(bytes_done) struct bytes decoded = BYTES_INIT(t->in.len + 1);
    struct span text;

    enum rc rc = read_string(t, &text, &decoded, why);
    if (rc)
        return rc;

    *ret = json_stringn_nocheck((const char *)text.p, text.len);
    return *ret ? RC_OK : fail_memory(why);
}

/* At least one digit. */
static bool
skip_digits(struct jsontext *t)
{
    size_t from = t->at;

    while (byte_of(t) >= '0' && byte_of(t) <= '9')
        t->at++;
    return t->at > from;
}

/* What follows an integer and makes it a fraction, if anything does. False: it is none. */
static bool
skip_fraction(struct jsontext *t)
{
    if (byte_of(t) == '.') {
        t->at++;
        if (!skip_digits(t))
            return false;
    }

    if (byte_of(t) == 'e' || byte_of(t) == 'E') {
        t->at++;
        if (byte_of(t) == '+' || byte_of(t) == '-')
            t->at++;
        return skip_digits(t);
    }

    return true;
}

enum rc
jsontext_fraction(double *ret, struct span text, struct why *why)
{
    closing(freep) char *copy = span_dup(text);
    locale_t posix = copy ? newlocale(LC_ALL_MASK, "C", NULL) : NULL;
    if (!posix)
        return fail_memory(why);

    double value = strtod_l(copy, NULL, posix);
    freelocale(posix);
    if (isinf(value))
        return fail(why, RC_MALFORMED, "a number beyond float64");

    *ret = value;
    return RC_OK;
}

static enum rc
read_number(struct jsontext *t, json_t **ret, struct why *why)
{
    size_t from = t->at;
    int64_t integer = 0;
    double fraction = 0;

    t->at += byte_of(t) == '-';
    size_t first = t->at;
    if (!skip_digits(t) || (t->in.p[first] == '0' && t->at > first + 1))
        return refuse(t, "a number of JSON", why);

    size_t end = t->at;
    if (!skip_fraction(t))
        return refuse(t, "a digit", why);

    struct span number = {t->in.p + from, t->at - from};
    enum rc rc = RC_OK;
    if (t->at > end)
        rc = jsontext_fraction(&fraction, number, why);
    else if (!span_is(number, "-0"))
        rc = integer_parse(&integer, number, INT64_MIN, INT64_MAX, why);
    if (rc)
        return within(why, rc, "byte %zu", from);

    *ret = t->at > end ? json_real(fraction) : json_integer(integer);
    return *ret ? RC_OK : fail_memory(why);
}

static enum rc
read_literal(struct jsontext *t, json_t **ret, struct why *why)
{
    if (span_starts(rest_of(t), SPAN("true"))) {
        t->at += strlen("true");
        *ret = json_true();
    } else if (span_starts(rest_of(t), SPAN("false"))) {
        t->at += strlen("false");
        *ret = json_false();
    } else if (span_starts(rest_of(t), SPAN("null"))) {
        t->at += strlen("null");
        *ret = json_null();
    } else {
        return refuse(t, "a value", why);
    }

    return RC_OK;
}

/* The bracket that begins an object or an array; whether something is in it. */
static enum rc
enter(struct jsontext *t, uint8_t end, bool *ret_more, struct why *why)
{
    if (t->depth == MEMBERS_MAX_DEPTH)
        return fail(why, RC_MALFORMED, "byte %zu: deeper than %d levels", t->at, MEMBERS_MAX_DEPTH);

    t->depth++;
    t->at++;
    skip_space(t);
    *ret_more = byte_of(t) != end;
    t->at += !*ret_more;
    return RC_OK;
}

/* After an element or member: whether a comma says that another follows, or else the end. */
static enum rc
next(struct jsontext *t, uint8_t end, bool *ret_more, struct why *why)
{
    skip_space(t);
    if (byte_of(t) != ',' && byte_of(t) != end)
        return refuse(t, end == ']' ? "',' or ']'" : "',' or '}'", why);

    *ret_more = byte_of(t) == ',';
    t->at++;
    if (*ret_more)
        skip_space(t);
    return RC_OK;
}

static enum rc
read_array(struct jsontext *t, json_t **ret, struct why *why)
{
    closing(json_decrefp) json_t *array = json_array();
    bool has_more = false;

    enum rc rc = array ? enter(t, ']', &has_more, why) : fail_memory(why);
    while (!rc && has_more) {
        json_t *element = NULL;
        rc = read_value(t, &element, why);
        if (!rc && json_array_append_new(array, element))
            rc = fail_memory(why);
        if (!rc)
            rc = next(t, ']', &has_more, why);
    }
    if (rc)
        return rc;

    t->depth--;
    *ret = steal(array);
    return RC_OK;
}

static enum rc
read_member(struct jsontext *t, json_t *object, struct why *why)
{
    closing(bytes_done) struct bytes decoded = BYTES_INIT(t->in.len + 1);
    size_t at = t->at;
    json_t *value = NULL;
    struct span name;

    enum rc rc = read_string(t, &name, &decoded, why);
    if (rc)
        return rc;

    const char *key = (const char *)name.p;
    if (json_object_getn(object, key, name.len))
        return fail(why, RC_MALFORMED, "byte %zu: member '%.*s' stands twice", at,
            (int)(name.len < 64 ? name.len : 64), key);

    skip_space(t);
    if (byte_of(t) != ':')
        return refuse(t, "':'", why);

    t->at++;
    skip_space(t);
    rc = read_value(t, &value, why);
    if (rc)
        return rc;

    return json_object_setn_new_nocheck(object, key, name.len, value) ? fail_memory(why) : RC_OK;
}

static enum rc
read_object(struct jsontext *t, json_t **ret, struct why *why)
{
    closing(json_decrefp) json_t *object = json_object();
    bool has_more = false;

    enum rc rc = object ? enter(t, '}', &has_more, why) : fail_memory(why);
    while (!rc && has_more) {
        rc = read_member(t, object, why);
        if (!rc)
            rc = next(t, '}', &has_more, why);
    }
    if (rc)
        return rc;

    t->depth--;
    *ret = steal(object);
    return RC_OK;
}

static enum rc
read_value(struct jsontext *t, json_t **ret, struct why *why)
{
    switch (byte_of(t)) {
    case '{':
        return read_object(t, ret, why);
    case '[':
        return read_array(t, ret, why);
    case '"':
        return read_text(t, ret, why);
    default:
        break;
    }

    if (byte_of(t) == '-' || (byte_of(t) >= '0' && byte_of(t) <= '9'))
        return read_number(t, ret, why);

    return read_literal(t, ret, why);
}

enum rc
jsontext_parse(json_t **ret, struct span text, struct why *why)
{
    struct jsontext t = {.in = text.p ? text : SPAN("")};
    closing(json_decrefp) json_t *value = NULL;

    skip_space(&t);
    if (byte_of(&t) != '{' && byte_of(&t) != '[')
        return refuse(&t, "an object or an array", why);

    enum rc rc = read_value(&t, &value, why);
    if (rc)
        return rc;

    skip_space(&t);
    if (t.at < t.in.len)
        return refuse(&t, "the end", why);

    *ret = steal(value);
    return RC_OK;
}

static void
put_character(struct bytes *b, uint8_t c)
{
    if (c < 0x20) {
        bytes_printf(b, "\\u%04x", c);
        return;
    }

    if (c == '"' || c == '\\')
        bytes_putc(b, '\\');
    bytes_putc(b, c);
}

static void
put_string(struct bytes *b, struct span text)
{
    bytes_putc(b, '"');
    while (text.len > 0) {
        size_t n = span_plain_len(text);
        if (n > 0)
            bytes_put(b, (struct span){text.p, n});
        else
            put_character(b, text.p[n++]);

        text.p += n;
        text.len -= n;
    }
    bytes_putc(b, '"');
}

/* As jansson writes it. */
static void
put_real(struct bytes *b, const json_t *value)
{
    closing(freep) char *text = json_dumps(value, JSON_ENCODE_ANY);

    if (text)
        bytes_puts(b, text);
    else
        bytes_fail(b, RC_NO_MEMORY);
}

static void
put_array(struct bytes *b, const json_t *array)
{
    bytes_putc(b, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            bytes_putc(b, ',');
        jsontext_put(b, json_array_get(array, i));
    }
    bytes_putc(b, ']');
}

static void
put_object(struct bytes *b, const json_t *value)
{
    json_t *object = (json_t *)value; /* jansson's iterators are not const, but change nothing */
    void *first = json_object_iter(object);

    bytes_putc(b, '{');
    for (void *at = first; at; at = json_object_iter_next(object, at)) {
        if (at != first)
            bytes_putc(b, ',');
        put_string(b, span_of(json_object_iter_key(at)));
        bytes_putc(b, ':');
        jsontext_put(b, json_object_iter_value(at));
    }
    bytes_putc(b, '}');
}

void
jsontext_put(struct bytes *b, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(b, value);
        break;
    case JSON_ARRAY:
        put_array(b, value);
        break;
    case JSON_STRING:
        put_string(
            b, (struct span){(const uint8_t *)json_string_value(value), json_string_length(value)});
        break;
    case JSON_INTEGER:
        bytes_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(b, value);
        break;
    case JSON_TRUE:
        bytes_puts(b, "true");
        break;
    case JSON_FALSE:
        bytes_puts(b, "false");
        break;
    case JSON_NULL:
        bytes_puts(b, "null");
        break;
    }
}
