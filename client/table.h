/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * table — columns for people, as wide as their widest cell and three spaces apart, and JSON for
 * programs. The only place that writes lists to standard output.
 */
#include "proto/members.h"

struct table {
    size_t n_columns;
    char **cells; /* row by row; the last row may be unfinished */
    size_t n_cells;
    bool failed; /* no memory; table_print() says so */
};

#define TABLE_INIT(columns) ((struct table){.n_columns = (columns)})
void table_done(struct table *table);

void table_header(struct table *table, const char *const *names); /* n_columns of them */
/* The next cell; control characters are replaced, so that a server cannot steer a terminal. */
void table_cell(struct table *table, const char *text);
like_printf(2, 3) void table_cell_printf(struct table *table, const char *fmt, ...);
/* RC_NO_MEMORY, RC_SYSTEM: standard output cannot be written. */
must_check enum rc table_print(const struct table *table, struct why *why);

/* Indented by four spaces, members in their order. RC_NO_MEMORY, RC_SYSTEM. */
must_check enum rc table_print_json(const json_t *value, struct why *why);
