/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * jsontext — one JSON text, read into jansson's values and written from them; members.h is how
 * these are taken apart.
 *
 * jansson 2.14 could read it too, with 130 instructions a byte and a crash where memory runs out,
 * and write it with 60. A frame is mostly one long string, so here a run of plain characters is
 * passed in one go.
 */
#include <jansson.h>

#include "proto/bytes.h"

/*
 * An object or an array, white space around it allowed. Duplicate members, invalid UTF-8, lone
 * surrogates, NUL, numbers beyond int64_t or double, and more than MEMBERS_MAX_DEPTH levels are
 * errors. *ret: json_decref(), or closing(json_decrefp).
 * RC_MALFORMED: names the byte. RC_NO_MEMORY.
 */
must_check enum rc jsontext_parse(json_t **ret, struct span text, struct why *why);

/* Append a value, compact, members in the order of insertion. */
void jsontext_put(struct bytes *b, const json_t *value);

/* A number of JSON, whatever the locale's decimal point. RC_MALFORMED: beyond double. RC_NO_MEMORY.
 */
must_check enum rc jsontext_fraction(double *ret, struct span text, struct why *why);
