/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * objection — why a key does not sign, in words: what is wanted, and what there is instead.
 */
#include "agent/weigh.h"

/* For people, and inside JSON: printable ASCII, cut where it is too long. */
like_printf(2, 3) void objection_put(char ret[DECIDE_TEXT_BYTES], const char *fmt, ...);

/* Want and have, for the choice of a wanted key (its index in the subject) that does not sign. */
void objection_say(const struct matter *m, const struct decide_choice *choice, size_t wanted,
    struct decide_check *check);
