/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/bytes.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdarg.h>

struct span
span_of(const char *text)
{
    return (struct span){(const uint8_t *)text, text ? strlen(text) : 0};
}

bool
span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || !memcmp(a.p, b.p, a.len));
}

bool
span_is(struct span s, const char *text)
{
    return span_eq(s, span_of(text));
}

int
span_cmp(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.p, b.p, len);

    if (order)
        return order;

    return a.len < b.len ? -1 : a.len > b.len;
}

bool
span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || !memcmp(s.p, prefix.p, prefix.len));
}

size_t
span_utf8(uint32_t *ret, struct span s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (s.len == 0)
        return 0;

    uint8_t lead = s.p[0];
    size_t n = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    if (n == 0 || n > s.len || lead > 0xf4)
        return 0;

    uint32_t code = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s.p[i] & 0x3f);
    }

    if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;

    *ret = code;
    return n;
}

size_t
span_plain_len(struct span s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t eight;
    size_t n = 0;

    /* Eight bytes at a time; a bit of high where one of them may be something else. */
    for (; s.len - n >= sizeof eight; n += sizeof eight) {
        memcpy(&eight, s.p + n, sizeof eight);
        uint64_t control = eight - ones * 0x20, quote = (eight ^ ones * '"') - ones;
        uint64_t backslash = (eight ^ ones * '\\') - ones;
        if ((eight | (eight + ones) | control | quote | backslash) & high)
            break;
    }

    while (n < s.len && s.p[n] >= 0x20 && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

bool
span_is_text(struct span s)
{
    for (size_t at = 0, n; at < s.len; at += n) {
        struct span rest = {s.p + at, s.len - at};
        uint32_t code = rest.p[0];

        n = span_plain_len(rest);
        if (n > 0)
            continue;

        n = span_utf8(&code, rest);
        if (n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
            return false;
    }

    return true;
}

char *
span_dup(struct span s)
{
    if (s.len > 0 && memchr(s.p, 0, s.len))
        return NULL;

    return strndup(s.len > 0 ? (const char *)s.p : "", s.len);
}

void
bytes_done(struct bytes *b)
{
    free(b->p);
    *b = BYTES_INIT(b->max);
}

void
bytes_wipe(struct bytes *b)
{
    OPENSSL_cleanse(b->p, b->room);
    bytes_done(b);
}

void
bytes_clear(struct bytes *b)
{
    b->len = 0;
    b->failed = RC_OK;
    if (b->p)
        b->p[0] = 0;
}

void
bytes_fail(struct bytes *b, enum rc rc)
{
    bytes_wipe(b);
    b->failed = rc;
}

uint8_t *
bytes_room(struct bytes *b, size_t len)
{
    assert(b->max <= BYTES_LIMIT);

    if (b->failed)
        return NULL;

    if (len > b->max - b->len) {
        bytes_fail(b, RC_TOO_LARGE);
        return NULL;
    }

    if (b->len + len + 1 > b->room) {
        size_t room = b->room < 64 ? 64 : b->room;
        while (room < b->len + len + 1)
            room *= 2;

        uint8_t *grown = malloc(room);
        if (!grown) {
            bytes_fail(b, RC_NO_MEMORY);
            return NULL;
        }

        if (b->len > 0)
            memcpy(grown, b->p, b->len);
        OPENSSL_cleanse(b->p, b->room); /* it may have been a secret */
        free(b->p);
        b->p = grown;
        b->p[b->len] = 0; /* also if the caller writes nothing */
        b->room = room;
    }

    return b->p + b->len;
}

void
bytes_advance(struct bytes *b, size_t len)
{
    assert(len < b->room - b->len);

    b->len += len;
    b->p[b->len] = 0;
}

void
bytes_drop(struct bytes *b, size_t len)
{
    assert(len <= b->len);

    if (len == 0)
        return;

    memmove(b->p, b->p + len, b->len - len + 1);
    b->len -= len;
}

void
bytes_cut(struct bytes *b, size_t len)
{
    assert(len <= b->len);

    b->len = len;
    if (b->p)
        b->p[len] = 0;
}

void
bytes_put(struct bytes *b, struct span s)
{
    uint8_t *at = bytes_room(b, s.len);
    if (!at)
        return;

    if (s.len > 0)
        memcpy(at, s.p, s.len);
    bytes_advance(b, s.len);
}

void
bytes_puts(struct bytes *b, const char *text)
{
    bytes_put(b, span_of(text));
}

void
bytes_putc(struct bytes *b, uint8_t c)
{
    bytes_put(b, (struct span){&c, 1});
}

void
bytes_put_utf8(struct bytes *b, uint32_t code)
{
    uint8_t tail[] = {0x80 | (code >> 12 & 0x3f), 0x80 | (code >> 6 & 0x3f), 0x80 | (code & 0x3f)};
    size_t n_tail = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};

    bytes_putc(b, (uint8_t)(leads[n_tail] | code >> (6 * n_tail)));
    bytes_put(b, (struct span){tail + 3 - n_tail, n_tail});
}

void
bytes_printf(struct bytes *b, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    bytes_put(b, (struct span){(const uint8_t *)text, (size_t)len});
    free(text);
}

struct span
bytes_span(const struct bytes *b)
{
    return (struct span){b->p, b->len};
}

const char *
bytes_text(const struct bytes *b)
{
    return b->p ? (const char *)b->p : "";
}

enum rc
bytes_check(const struct bytes *b, struct why *why)
{
    if (b->failed == RC_TOO_LARGE)
        return fail(why, RC_TOO_LARGE, "more than %zu bytes", b->max);

    return b->failed ? fail_memory(why) : RC_OK;
}

static void
write_hex(void *ret, struct span s)
{
    static const char digits[] = "0123456789abcdef";
    char *at = ret;

    for (size_t i = 0; i < s.len; i++) {
        *at++ = digits[s.p[i] >> 4];
        *at++ = digits[s.p[i] & 15];
    }
}

void
bytes_put_hex(struct bytes *b, struct span s)
{
    uint8_t *room = bytes_room(b, s.len * 2);
    if (!room)
        return;

    write_hex(room, s);
    bytes_advance(b, s.len * 2);
}

/* -1 for what is no lower-case hexadecimal digit */
static int
hex_value(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rc
hex_parse(uint8_t *ret, size_t len, struct span text, struct why *why)
{
    if (text.len != len * 2)
        return fail(why, RC_MALFORMED, "%zu hexadecimal digits, want %zu", text.len, len * 2);

    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.p[i]) < 0)
            return fail(why, RC_MALFORMED, "byte %zu is not a lower-case hexadecimal digit", i);

    for (size_t i = 0; i < len; i++)
        ret[i] = (uint8_t)(hex_value(text.p[2 * i]) << 4 | hex_value(text.p[2 * i + 1]));

    return RC_OK;
}

void
bytes_put_base64(struct bytes *b, struct span s)
{
    size_t len = (s.len + 2) / 3 * 4;

    if (s.len > INT32_MAX) {
        bytes_fail(b, RC_TOO_LARGE);
        return;
    }

    /* EVP_EncodeBlock() writes a NUL as well, for which bytes_room() has one byte more. */
    uint8_t *at = bytes_room(b, len);
    if (!at)
        return;

    if (s.len > 0)
        EVP_EncodeBlock(at, s.p, (int)s.len);
    bytes_advance(b, len);
}

#define NO_DIGIT 0x80 /* a bit that no value of a digit has */

/* Three bytes of four digits; false: there is another character. */
static bool
decode_group(uint8_t ret[3], const uint8_t values[256], const uint8_t text[4])
{
    uint8_t a = values[text[0]], b = values[text[1]], c = values[text[2]], d = values[text[3]];

    ret[0] = (uint8_t)(a << 2 | b >> 4);
    ret[1] = (uint8_t)(b << 4 | c >> 2);
    ret[2] = (uint8_t)(c << 6 | d);
    return !((a | b | c | d) & NO_DIGIT);
}

/* How many groups of four digits are as they should be. Only one spelling of a value is: padding
 * stands for digits whose bits, all of them, would be zero. */
static size_t
decode_base64(uint8_t *ret, struct span text, size_t padding)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const uint8_t zeros[2];
    uint8_t values[256], last[4], group[3];
    size_t n = 0, n_whole = text.len / 4 - 1;

    memset(values, NO_DIGIT, sizeof values);
    for (uint8_t i = 0; i < 64; i++)
        values[(uint8_t)digits[i]] = i;

    while (n < n_whole && decode_group(ret + 3 * n, values, text.p + 4 * n))
        n++;
    if (n < n_whole)
        return n;

    memcpy(last, text.p + 4 * n, sizeof last);
    memset(last + sizeof last - padding, digits[0], padding);
    bool is_good = decode_group(group, values, last);
    memcpy(ret + 3 * n, group, 3 - padding);
    return n + (is_good && !memcmp(group + 3 - padding, zeros, padding));
}

enum rc
base64_parse(struct bytes *ret, struct span text, struct why *why)
{
    if (text.len % 4)
        return fail(why, RC_MALFORMED, "base64 with a length of %zu", text.len);

    if (text.len == 0)
        return RC_OK;

    size_t padding = text.p[text.len - 1] != '=' ? 0 : text.p[text.len - 2] != '=' ? 1 : 2;
    size_t len = text.len / 4 * 3 - padding;
    uint8_t *at = bytes_room(ret, len);
    if (!at)
        return bytes_check(ret, why);

    size_t n = decode_base64(at, text, padding);
    if (n < text.len / 4) {
        bytes_cut(ret, ret->len);
        return fail(why, RC_MALFORMED, "byte %zu is not base64 in its one normal form", 4 * n);
    }

    bytes_advance(ret, len);
    return RC_OK;
}

enum rc
integer_parse(int64_t *ret, struct span text, int64_t min, int64_t max, struct why *why)
{
    bool negative = text.len > 0 && text.p[0] == '-';
    size_t at = negative ? 1 : 0;
    int64_t value = 0;

    if (at == text.len)
        return fail(why, RC_MALFORMED, "not an integer");

    if (text.p[at] == '0' && text.len > 1)
        return fail(why, RC_MALFORMED, "integer with a leading zero, or minus zero");

    for (; at < text.len; at++) {
        uint8_t c = text.p[at];
        if (c < '0' || c > '9')
            return fail(why, RC_MALFORMED, "not an integer");
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, c - '0', &value)) /* kept negative: INT64_MIN fits */
            return fail(why, RC_MALFORMED, "integer out of range");
    }

    if (!negative && __builtin_sub_overflow((int64_t)0, value, &value))
        return fail(why, RC_MALFORMED, "integer out of range");

    if (value < min || value > max)
        return fail(why, RC_MALFORMED, "%" PRId64 " is not within %" PRId64 " to %" PRId64, value,
            min, max);

    *ret = value;
    return RC_OK;
}

void
digest_of(struct digest *ret, struct span s)
{
    SHA256(s.len > 0 ? s.p : (const uint8_t *)"", s.len, ret->b);
}

bool
digest_eq(const struct digest *a, const struct digest *b)
{
    return !memcmp(a->b, b->b, sizeof a->b);
}

struct span
digest_span(const struct digest *d)
{
    return (struct span){d->b, sizeof d->b};
}

void
digest_hex(char ret[DIGEST_HEX_LEN + 1], const struct digest *d)
{
    write_hex(ret, digest_span(d));
    ret[DIGEST_HEX_LEN] = 0;
}

bool
keyid_eq(const struct keyid *a, const struct keyid *b)
{
    return !memcmp(a->hex, b->hex, sizeof a->hex);
}

enum rc
keyid_parse(struct keyid *ret, struct span text, struct why *why)
{
    struct digest digest;

    enum rc rc = hex_parse(digest.b, sizeof digest.b, text, why);
    if (rc)
        return within(why, rc, "key ID");

    digest_hex(ret->hex, &digest);
    return RC_OK;
}
