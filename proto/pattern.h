/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pattern — the patterns of a policy's scopes: '*' within a component, '**' across components, '?'
 * one character that is not '/'. Everything else is literal, case included.
 *
 * A star may stand for nothing. A '/' of the pattern must be in the text: 'a/' and two stars admit
 * all below "a", not "a" itself.
 */
#include <stdbool.h>

#include "proto/rc.h"

/* The whole text. The time is bounded by the square of its length times that of the pattern. */
bool pattern_matches(const char *pattern, const char *text);
/* Whether there is a text that both match. */
bool pattern_meets(const char *a, const char *b);
bool pattern_is_literal(const char *pattern);
/* RC_MALFORMED: empty, too long, control characters, three stars in a row. */
must_check enum rc pattern_check(const char *pattern, struct why *why);
