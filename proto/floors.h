/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * floors — the highest version of each role that was seen before, below which nothing is taken.
 */
#include "proto/bounds.h"
#include "proto/bytes.h"

struct floor;

struct floors {
    struct floor *list;
    size_t n;
};

void floors_done(struct floors *floors);
/* The higher one counts. RC_MALFORMED: no role name. RC_TOO_LARGE: more than SNAPSHOT_FILES_MAX
 * roles. RC_NO_MEMORY. */
must_check enum rc floors_raise(
    struct floors *floors, struct span role, int64_t version, struct why *why);
/* RC_UNTRUSTED: version is below the floor of role; want and have. */
must_check enum rc floors_check(
    const struct floors *floors, struct span role, int64_t version, struct why *why);
