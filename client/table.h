/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * table — columns for people, as wide as their widest cell and some spaces, and JSON for programs.
 * The only place that writes lists to standard output.
 */
#include "proto/members.h"

struct table {
    size_t n_columns;
    size_t min_width, gap; /* of a column, its gap included; between columns */
    char **cells;          /* row by row; the last row may be unfinished */
    size_t n_cells;
    bool failed; /* no memory; table_print() says so */
};

/* As docker lays its tables out, and as notary does. */
#define TABLE_INIT(columns) ((struct table){.n_columns = (columns), .min_width = 10, .gap = 3})
#define TABLE_INIT_NOTARY(columns)                                                                 \
    ((struct table){.n_columns = (columns), .min_width = 4, .gap = 4})
void table_done(struct table *table);

void table_header(struct table *table, const char *const *names); /* n_columns of them */
/* The same with a line below it, as notary has it. */
void table_header_ruled(struct table *table, const char *const *names);
/* The next cell; control characters are replaced, so that a server cannot steer a terminal. */
void table_cell(struct table *table, const char *text);
like_printf(2, 3) void table_cell_printf(struct table *table, const char *fmt, ...);
/* RC_NO_MEMORY, RC_SYSTEM: standard output cannot be written. */
must_check enum rc table_print(const struct table *table, struct why *why);

/* Indented by four spaces, members in their order. RC_NO_MEMORY, RC_SYSTEM. */
must_check enum rc table_print_json(const json_t *value, struct why *why);
