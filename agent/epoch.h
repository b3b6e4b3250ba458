/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * epoch — whether what a decision stands on has changed since it was made.
 *
 * Who waits for a token may wait for minutes; meanwhile the policy is read again, marks are raised,
 * a quota is used up. These counters say so for nothing where nothing of that has happened: their
 * sum over what a decision is about is another one as soon as any of it was changed. They are few,
 * so now and then a decision is made again in vain.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EPOCH_PARTS 512

/* Zero it. */
struct epoch {
    uint64_t all;
    uint64_t parts[EPOCH_PARTS];
};

struct judgment;
struct peer;

/* The policy, or the names in it: what every decision stands on. */
void epoch_change(struct epoch *epoch);
/* Marks, roots, pins, or votes for a request, of one repository. */
void epoch_change_repository(struct epoch *epoch, const char *repository);
/* All that a request that was recorded may have changed for others. */
void epoch_change_by(struct epoch *epoch, const struct judgment *judgment, const struct peer *peer);

/* What the decision stands on. It never has the same value again after a change. */
uint64_t epoch_of(
    const struct epoch *epoch, const struct judgment *judgment, const struct peer *peer);
