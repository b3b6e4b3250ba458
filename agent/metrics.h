/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * metrics — how many requests came to which end since the agent began.
 *
 * A row for each method, verdict and reason that occurred: names of ours, so there are few of them
 * whatever peers ask for.
 */
#include "agent/audit.h"

struct metrics_row {
    const char *method, *verdict, *reason; /* literals; reason: "" where there is none */
    uint64_t n;
};

/* Zero it before its first use. */
struct metrics {
    struct metrics_row *rows;
    size_t n_rows;
};
void metrics_done(struct metrics *metrics);

/* One more. method and reason are literals; where there is no memory it is not counted. */
void metrics_count(
    struct metrics *metrics, const char *method, enum audit_outcome outcome, const char *reason);
