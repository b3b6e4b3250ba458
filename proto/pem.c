/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pem.h"

#define PEM_COLUMNS 64

/* The next line of *rest without its end, and without blanks and '\r' before that. */
static bool
next_line(struct span *ret, struct span *rest)
{
    if (rest->len == 0)
        return false;

    const uint8_t *end = memchr(rest->p, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->p) : rest->len;
    size_t taken = end ? len + 1 : len;
    struct span line = {rest->p, len};

    while (line.len > 0 && strchr(" \t\r", line.p[line.len - 1]))
        line.len--;

    *ret = line;
    *rest = (struct span){rest->p + taken, rest->len - taken};
    return true;
}

/* The label of "-----BEGIN label-----", or of END; false for any other line. */
static bool
boundary_label(struct span *ret, struct span line, struct span prefix)
{
    struct span dashes = SPAN("-----");

    if (!span_starts(line, prefix) || line.len < prefix.len + dashes.len)
        return false;

    struct span tail = {line.p + line.len - dashes.len, dashes.len};
    if (!span_eq(tail, dashes))
        return false;

    *ret = (struct span){line.p + prefix.len, line.len - prefix.len - dashes.len};
    return true;
}

/* Headers stand before the body and end with an empty line; base64 never has a colon. */
static struct span
take_headers(struct span *rest)
{
    struct span line, headers = {rest->p, 0}, ahead = *rest;

    if (!next_line(&line, &ahead) || !memchr(line.p, ':', line.len))
        return headers;

    while (line.len > 0 && next_line(&line, &ahead))
        ;
    headers.len = (size_t)(ahead.p - rest->p);
    *rest = ahead;
    return headers;
}

struct span
pem_header(const struct pem_block *block, const char *name)
{
    struct span line, rest = block->headers, key = span_of(name);

    while (next_line(&line, &rest)) {
        if (!span_starts(line, key) || line.len == key.len || line.p[key.len] != ':')
            continue;

        size_t at = key.len + 1;
        while (at < line.len && strchr(" \t", line.p[at]))
            at++;
        return (struct span){line.p + at, line.len - at};
    }

    return (struct span){0};
}

enum rc
pem_next(struct pem_block *ret, struct span *rest, struct why *why)
{
    struct span line, label, end_label, ahead = *rest;

    do {
        if (!next_line(&line, &ahead))
            return fail(why, RC_NOT_FOUND, "no PEM block");
    } while (!boundary_label(&label, line, SPAN("-----BEGIN ")));

    struct span headers = take_headers(&ahead);
    const uint8_t *start = ahead.p;
    do {
        if (!next_line(&line, &ahead))
            return fail(why, RC_MALFORMED, "PEM block '%.*s' has no end", (int)label.len, label.p);
    } while (!span_starts(line, SPAN("-----")));

    if (!boundary_label(&end_label, line, SPAN("-----END ")) || !span_eq(label, end_label))
        return fail(why, RC_MALFORMED, "PEM block '%.*s' ends with '%.*s'", (int)label.len, label.p,
            (int)line.len, line.p);

    *ret = (struct pem_block){label, {start, (size_t)(line.p - start)}, headers};
    *rest = ahead;
    return RC_OK;
}

enum rc
pem_decode(struct bytes *ret, const struct pem_block *block, struct why *why)
{
    closing(bytes_wipe) struct bytes base64 = BYTES_INIT(block->body.len);
    struct span line, rest = block->body;

    /* It may be a private key: all of its room at once, so that it leaves no copy behind. */
    if (!bytes_room(&base64, block->body.len))
        return bytes_check(&base64, why);

    while (next_line(&line, &rest))
        bytes_put(&base64, line);

    enum rc rc = bytes_check(&base64, why);
    if (rc)
        return rc;

    rc = base64_parse(ret, bytes_span(&base64), why);
    if (rc)
        return within(
            why, rc, "PEM block '%.*s'", (int)block->label.len, (const char *)block->label.p);

    return RC_OK;
}

static void
put_boundary(struct bytes *b, const char *prefix, struct span label)
{
    bytes_puts(b, prefix);
    bytes_put(b, label);
    bytes_puts(b, "-----\n");
}

void
pem_format(struct bytes *b, struct span label, struct span der)
{
    const size_t bytes_per_line = PEM_COLUMNS / 4 * 3;

    put_boundary(b, "-----BEGIN ", label);
    for (size_t at = 0; at < der.len; at += bytes_per_line) {
        size_t len = der.len - at < bytes_per_line ? der.len - at : bytes_per_line;
        bytes_put_base64(b, (struct span){der.p + at, len});
        bytes_putc(b, '\n');
    }
    put_boundary(b, "-----END ", label);
}
