/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * skipped — what readers leave out of a repository that verifies as a whole: roles that do not,
 * lists that reach for what is not theirs, targets that nobody may name.
 */
#include "client/trust.h"

/* Note each of them, and why, for people. */
void skipped_note(const struct trust *trust, const struct progress *progress);
