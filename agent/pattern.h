/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pattern — the patterns of a policy's scopes: '*' within a component, '**' across components, '?'
 * one character that is not '/'. Everything else is literal.
 */
#include <stdbool.h>

#include "proto/rc.h"

/* Whole text; linear in time for each '*'. */
bool pattern_matches(const char *pattern, const char *text);
bool pattern_is_literal(const char *pattern);
/* RC_MALFORMED: empty, control characters, "***", '*' beside "**". */
must_check enum rc pattern_check(const char *pattern, struct why *why);
