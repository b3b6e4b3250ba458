/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * base_state — what a verified chain shows of one role, and what it does not. All before
 * base_settle().
 */
#include "agent/base.h"

/* What is known of a role, never DECIDE_BASE_NONE. */
enum decide_base base_state(const struct base *base, const char *role);
/* Whether what is there of the role above it delegates to it no more. */
bool base_is_orphan(const struct base *base, struct span role);
/* Whether what is there of the role above it delegates to it, and the snapshot lists no file. */
bool base_is_missing(const struct base *base, struct span role);
