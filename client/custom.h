/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * custom — JSON of somebody's own that is signed with a target, in the one form in which it
 * survives every reader. Pure.
 */
#include "proto/jsontext.h"

/*
 * Append the canonical form of any JSON value; white space, the order of members and escapes are
 * not kept. RC_MALFORMED: not JSON; a member that stands twice; a number that is no integer within
 * ±INTEGER_MAX; null; control characters, or '<', '>', '&', U+2028, U+2029, on which Go's programs
 * break. RC_TOO_LARGE: more than CUSTOM_MAX_BYTES. RC_NO_MEMORY.
 */
must_check enum rc custom_canonical(struct bytes *ret, struct span json, struct why *why);
/* RC_MALFORMED, as above: whether bytes are such a form. */
must_check enum rc custom_check(struct span canonical, struct why *why);
/* As a value for programs. *ret: json_decref(). RC_MALFORMED: others signed what is no JSON, with
 * bare control characters. RC_NO_MEMORY. */
must_check enum rc custom_read(json_t **ret, struct span canonical, struct why *why);
