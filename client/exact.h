/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * exact — a published file in the one form in which notary-server lists it, whatever form it got.
 *
 * The document and its signatures stay what they are, so whoever verifies it finds the same.
 */
#include "proto/tuf.h"

/* Replace file. One that cannot be read stays as it is: walk.h says why. RC_TOO_LARGE,
 * RC_NO_MEMORY. */
must_check enum rc exact_rewrite(struct bytes *file, struct why *why);

/* Whether the snapshot, verified or not, lists that form of the root, and not what the root is. */
bool exact_is_listed(struct span root, struct span snapshot);
