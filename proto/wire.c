/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

static void
put_run(struct bytes *b, struct span s, size_t from, size_t to)
{
    if (to > from)
        bytes_put(b, (struct span){s.p + from, to - from});
}

/* What Go's encoding/json escapes lest HTML or JavaScript take it for theirs. */
static const struct wire_escape {
    const char *plain, *escaped;
} wire_escapes[] = {
    {"<", "\\u003c"},
    {">", "\\u003e"},
    {"&", "\\u0026"},
    {"\xe2\x80\xa8", "\\u2028"},
    {"\xe2\x80\xa9", "\\u2029"},
};

/* Where the next byte stands that may start an escape, plain or escaped; the length if none. */
static size_t
wire_next(struct span s, size_t at)
{
    static const bool is_start[256] = {
        ['\\'] = true, ['<'] = true, ['>'] = true, ['&'] = true, [0xe2] = true};

    while (at < s.len && !is_start[s.p[at]])
        at++;
    return at;
}

/* The escape whose plain or escaped form left starts with, or NULL. */
static const struct wire_escape *
wire_find(struct span left, bool is_plain)
{
    for (size_t i = 0; i < N_ELEMENTS(wire_escapes); i++) {
        const struct wire_escape *e = &wire_escapes[i];
        if (span_starts(left, span_of(is_plain ? e->plain : e->escaped)))
            return e;
    }

    return NULL;
}

void
wire_format(struct bytes *b, struct span canonical)
{
    size_t from = 0; /* what stands before is written */

    for (size_t at = wire_next(canonical, 0); at < canonical.len; at = wire_next(canonical, at)) {
        const struct wire_escape *e =
            wire_find((struct span){canonical.p + at, canonical.len - at}, true);
        if (e) {
            put_run(b, canonical, from, at);
            bytes_puts(b, e->escaped);
            from = at + strlen(e->plain);
        }
        at++;
    }

    put_run(b, canonical, from, canonical.len);
}

enum rc
wire_parse(struct bytes *ret, struct span wire, struct why *why)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(ret->max);
    size_t from = 0, step;

    for (size_t at = wire_next(wire, 0); at < wire.len; at = wire_next(wire, at + step)) {
        struct span left = {wire.p + at, wire.len - at};
        const struct wire_escape *e = wire_find(left, false);

        if (e) {
            put_run(&out, wire, from, at);
            bytes_puts(&out, e->plain);
            step = strlen(e->escaped);
            from = at + step;
        } else if (span_starts(left, SPAN("\\\\")) || span_starts(left, SPAN("\\\""))) {
            step = 2; /* canonical itself; what follows is no escape */
        } else if (left.p[0] == '\\') {
            return fail(why, RC_MALFORMED, "byte %zu: an escape that the wire form lacks", at);
        } else if (wire_find(left, true)) {
            return fail(why, RC_MALFORMED, "byte %zu: a character that needs an escape", at);
        } else {
            step = 1; /* another character whose first byte is 0xe2 */
        }
    }

    put_run(&out, wire, from, wire.len);
    enum rc rc = bytes_check(&out, why);
    if (rc)
        return rc;

    bytes_put(ret, bytes_span(&out));
    return bytes_check(ret, why);
}
