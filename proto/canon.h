/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * canon — the canonical JSON of Notary v1: a scanner that takes it apart in one pass without
 * building a tree, and the pieces to write it.
 *
 * Canonical is: members sorted by the bytes of their decoded names, none twice; no white space;
 * only '"' and '\' escaped, each by '\'; integers in plain decimal, within ±INTEGER_MAX, no "-0";
 * UTF-8; depth up to JSON_MAX_DEPTH. Control characters (C0, DEL, C1) are refused, although Go
 * would emit them. Everything else is RC_MALFORMED, with the byte in the sentence.
 *
 * As members are sorted, an object of known members is read by straight code:
 *
 *     canon_init(&c, message);
 *     rc = canon_object(&c, why);                       '{'
 *     rc = canon_expect(&c, "_type", why);              the next member is this one
 *     rc = canon_string(&c, &type, why);
 *     rc = canon_optional(&c, "custom", &has, why);     is it this one?
 *     rc = canon_close(&c, why);                        '}': nothing else is in the object
 *     rc = canon_end(&c, why);                          nothing is left over
 *
 * Spans that it returns point into the scanned bytes. Strings are returned raw, that is with their
 * escapes; almost none has any. After a refusal the scanner is of no further use.
 */
#include "proto/bounds.h"
#include "proto/bytes.h"

enum canon_kind {
    CANON_OBJECT,
    CANON_ARRAY,
    CANON_STRING,
    CANON_NUMBER,
    CANON_TRUE,
    CANON_FALSE,
    CANON_NULL,
    CANON_NOTHING, /* no value starts here */
};

struct canon_level {
    struct span last; /* raw name of the member before; p is NULL at the first */
    bool is_object, is_first;
};

struct canon {
    struct span in;
    size_t at; /* bytes consumed */
    size_t depth;
    struct canon_level levels[JSON_MAX_DEPTH];
};

void canon_init(struct canon *c, struct span in);

/* What kind of value comes next; consumes nothing. */
enum canon_kind canon_peek(const struct canon *c);

/* All of these: RC_MALFORMED. */
must_check enum rc canon_object(struct canon *c, struct why *why);
/* The next member's raw name, its value comes next; or *ret_more = false, and '}' is consumed. */
must_check enum rc canon_member(
    struct canon *c, struct span *ret_name, bool *ret_more, struct why *why);
/* The next member must be name (plain ASCII). */
must_check enum rc canon_expect(struct canon *c, const char *name, struct why *why);
/* Whether the next member is name; consumed if so. */
must_check enum rc canon_optional(struct canon *c, const char *name, bool *ret, struct why *why);
must_check enum rc canon_close(struct canon *c, struct why *why);

must_check enum rc canon_array(struct canon *c, struct why *why);
/* Whether another element comes; if not, ']' is consumed. */
must_check enum rc canon_element(struct canon *c, bool *ret_more, struct why *why);

must_check enum rc canon_string(struct canon *c, struct span *ret_raw, struct why *why);
must_check enum rc canon_integer(struct canon *c, int64_t *ret, struct why *why);
/* true, false: CANON_TRUE or CANON_FALSE; null: CANON_NULL. */
must_check enum rc canon_literal(struct canon *c, enum canon_kind *ret, struct why *why);
/* Any value; *ret is all of its bytes. */
must_check enum rc canon_value(struct canon *c, struct span *ret, struct why *why);
must_check enum rc canon_end(struct canon *c, struct why *why);

/* Order of two raw strings by their decoded bytes: <0, 0, >0. */
int canon_cmp(struct span a_raw, struct span b_raw);
/* The same, where one of them is decoded already. */
int canon_cmp_decoded(struct span decoded, struct span raw);
/* Append the decoded form of a raw string that canon_string() returned. */
void canon_decode(struct bytes *b, struct span raw);
/* Append decoded as a string with its quotes. */
void canon_put_string(struct bytes *b, struct span decoded);
