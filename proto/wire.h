/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * wire — the wire form of published metadata, the only one that Go re-writes byte for byte:
 * canonical JSON, then '<', '>', '&', U+2028 and U+2029 written as \u003c, \u003e, \u0026, \u2028
 * and \u2029. They occur within strings only. Signatures are over the canonical form.
 */
#include "proto/bytes.h"

/* Append the wire form. */
void wire_format(struct bytes *b, struct span canonical);
/*
 * Append the canonical form. Only undoes the five escapes, and refuses other escapes than those of
 * canonical JSON and the five characters themselves; the result still has to be scanned.
 * RC_MALFORMED (ret is as before), RC_TOO_LARGE, RC_NO_MEMORY.
 */
must_check enum rc wire_parse(struct bytes *ret, struct span wire, struct why *why);
