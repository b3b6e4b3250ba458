/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gojson — JSON as Go reads it, rewritten canonically.
 *
 * Other publishers write metadata in forms that are not canonical; what their signature covers is
 * what Go makes of it: duplicate members (the last one counts), numbers through float64, invalid
 * UTF-8 and lone surrogates as U+FFFD for each byte, members sorted by bytes. Only the client reads
 * so, to verify; nothing that is to be signed passes here. The result may hold what canon refuses:
 * control characters within strings, and integers beyond ±INTEGER_MAX.
 *
 * Stricter than Go only in that depth and members are limited.
 */
#include "proto/bounds.h"
#include "proto/bytes.h"

/*
 * Append the canonical form of one JSON text, white space around it allowed. On failure ret is as
 * before, or failed itself.
 * RC_MALFORMED: not JSON, a fraction, a number beyond float64, deeper than GOJSON_MAX_DEPTH.
 * RC_TOO_LARGE: ret is full, or an object has more than TARGETS_MAX members. RC_NO_MEMORY.
 */
must_check enum rc gojson_canonical(struct bytes *ret, struct span json, struct why *why);
/* The same, but a member that stands twice is RC_MALFORMED: nobody publishes such a thing, and not
 * all readers take the last one. */
must_check enum rc gojson_unambiguous(struct bytes *ret, struct span json, struct why *why);
