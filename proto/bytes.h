/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * bytes — a span borrows bytes, a struct bytes owns them and cannot grow beyond its maximum.
 *
 * Writing is sticky: after a failed write the buffer is empty and stays so, and bytes_check() says
 * why. So a writer is a list of puts with one check at its end:
 *
 *     closing(bytes_done) struct bytes out = BYTES_INIT(DOCUMENT_MAX_BYTES);
 *     bytes_puts(&out, "{\"version\":");
 *     bytes_printf(&out, "%" PRId64, version);
 *     rc = bytes_check(&out, why);
 *
 * What is held is always followed by a NUL, which does not count into len.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/rc.h"

struct span {
    const uint8_t *p;
    size_t len;
};

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

struct span span_of(const char *text);               /* text without its NUL; NULL is empty */
bool span_eq(struct span a, struct span b);          /* same length, same bytes */
bool span_is(struct span s, const char *text);       /* same bytes as the C string */
int span_cmp(struct span a, struct span b);          /* order of unsigned bytes, shorter first */
bool span_starts(struct span s, struct span prefix); /* an empty prefix starts everything */
/* How many bytes it starts with that a JSON string holds as they are: ASCII without controls, '"',
 * '\\'. */
size_t span_plain_len(struct span s);
bool span_is_text(struct span s); /* UTF-8 without NUL, C0, DEL, C1 */
/* NUL-terminated copy, free(). NULL: no memory, or a NUL inside. */
must_check char *span_dup(struct span s);
/* Length of the UTF-8 sequence (RFC 3629) that s starts with, its code point in *ret; 0: none. */
size_t span_utf8(uint32_t *ret, struct span s);

struct bytes {
    uint8_t *p;
    size_t len, room, max;
    enum rc failed; /* RC_OK, RC_TOO_LARGE or RC_NO_MEMORY */
};

#define BYTES_INIT(maximum) ((struct bytes){.max = (maximum)})
#define BYTES_LIMIT         (SIZE_MAX / 4) /* of a maximum: doubling must not overflow */

void bytes_done(struct bytes *b);               /* frees; the buffer is as after BYTES_INIT */
void bytes_wipe(struct bytes *b);               /* the same, and overwrites what it held */
void bytes_clear(struct bytes *b);              /* empties, keeps the room, forgets a failure */
void bytes_put(struct bytes *b, struct span s); /* s is not part of b */
void bytes_puts(struct bytes *b, const char *text);
void bytes_putc(struct bytes *b, uint8_t c);
void bytes_put_utf8(struct bytes *b, uint32_t code); /* a code point up to U+10FFFF */
like_printf(2, 3) void bytes_printf(struct bytes *b, const char *fmt, ...);
struct span bytes_span(const struct bytes *b); /* valid until the next write */
const char *bytes_text(const struct bytes *b); /* NUL-terminated, never NULL */
/* Room for len more bytes at the end, to be written by the caller; NULL where it fails. */
must_check uint8_t *bytes_room(struct bytes *b, size_t len);
void bytes_advance(struct bytes *b, size_t len); /* that many of them were written */
void bytes_drop(struct bytes *b, size_t len);    /* remove that many from the front */
void bytes_cut(struct bytes *b, size_t len);     /* keep that many at the front */
/* A writer cannot write what it was given: RC_TOO_LARGE or RC_NO_MEMORY. */
void bytes_fail(struct bytes *b, enum rc rc);
/* RC_TOO_LARGE or RC_NO_MEMORY, if any write failed. */
must_check enum rc bytes_check(const struct bytes *b, struct why *why);

/* Lower-case hexadecimal. */
void bytes_put_hex(struct bytes *b, struct span s);
/* Exactly 2*len lower-case digits. RC_MALFORMED. */
must_check enum rc hex_parse(uint8_t *ret, size_t len, struct span text, struct why *why);

/* Standard base64 with padding, on one line. */
void bytes_put_base64(struct bytes *b, struct span s);
/* Strict: only what bytes_put_base64() writes. Appends to ret. RC_MALFORMED (ret is as before),
 * RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc base64_parse(struct bytes *ret, struct span text, struct why *why);

/* Decimal integer within [min, max], nothing around it, no leading zero, no "-0". RC_MALFORMED. */
must_check enum rc integer_parse(
    int64_t *ret, struct span text, int64_t min, int64_t max, struct why *why);

/* SHA-256 */
struct digest {
    uint8_t b[32];
};
#define DIGEST_HEX_LEN 64

void digest_of(struct digest *ret, struct span s);
bool digest_eq(const struct digest *a, const struct digest *b);
struct span digest_span(const struct digest *d);
/* 64 lower-case hexadecimal digits and a NUL. */
void digest_hex(char ret[DIGEST_HEX_LEN + 1], const struct digest *d);

/* A key ID of Notary: 64 lower-case hexadecimal digits, kept as text. */
struct keyid {
    char hex[DIGEST_HEX_LEN + 1];
};
bool keyid_eq(const struct keyid *a, const struct keyid *b);
/* RC_MALFORMED */
must_check enum rc keyid_parse(struct keyid *ret, struct span text, struct why *why);
