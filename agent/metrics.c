/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics.h"

#define ROWS_MAX 4096 /* never reached: methods of the interface × their reasons */

void
metrics_done(struct metrics *metrics)
{
    free(metrics->rows);
    *metrics = (struct metrics){0};
}

void
metrics_count(
    struct metrics *metrics, const char *method, enum audit_outcome outcome, const char *reason)
{
    const char *verdict = audit_outcome_name(outcome);

    for (size_t i = 0; i < metrics->n_rows; i++) {
        struct metrics_row *row = &metrics->rows[i];
        if (!strcmp(row->method, method) && !strcmp(row->verdict, verdict) &&
            !strcmp(row->reason, reason)) {
            row->n++;
            return;
        }
    }

    struct metrics_row *row = mem_grow(&metrics->rows, metrics->n_rows, sizeof *row, ROWS_MAX);
    if (!row)
        return;

    *row = (struct metrics_row){method, verdict, reason, 1};
    metrics->n_rows++;
}
