/* SPDX-License-Identifier: Apache-2.0 */
#include "client/table.h"

#include <stdarg.h>
#include <stdio.h>

#define CELLS_MAX (16 * 1024 * 1024)

void
table_done(struct table *table)
{
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->n_cells = 0;
}

void
table_header(struct table *table, const char *const *names)
{
    for (size_t i = 0; i < table->n_columns; i++)
        table_cell(table, names[i]);
}

void
table_header_ruled(struct table *table, const char *const *names)
{
    table_header(table, names);
    for (size_t i = 0; i < table->n_columns; i++) {
        char line[64] = "";
        memset(line, '-', strnlen(names[i], sizeof line - 1));
        table_cell(table, line);
    }
}

void
table_cell(struct table *table, const char *text)
{
    char *copy = strdup(text);
    char **cell = copy ? mem_grow(&table->cells, table->n_cells, sizeof *cell, CELLS_MAX) : NULL;

    if (!cell) {
        free(copy);
        table->failed = true;
        return;
    }

    for (unsigned char *c = (unsigned char *)copy; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) /* U+0080 to U+009F */
            c[0] = c[1] = '?';
    *cell = copy;
    table->n_cells++;
}

void
table_cell_printf(struct table *table, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    va_end(ap);
    if (text)
        table_cell(table, text);
    else
        table->failed = true;
    free(text);
}

/* In code points, as Go's tabwriter counts. */
static size_t
length_of(const char *text)
{
    size_t length = 0;

    for (; *text; text++)
        if (((unsigned char)*text & 0xc0) != 0x80)
            length++;

    return length;
}

static size_t
width_of(const struct table *table, size_t column)
{
    size_t width = table->min_width;

    for (size_t i = column; i < table->n_cells; i += table->n_columns)
        if (length_of(table->cells[i]) + table->gap > width)
            width = length_of(table->cells[i]) + table->gap;

    return width;
}

enum rc
table_print(const struct table *table, struct why *why)
{
    if (table->failed)
        return fail_memory(why);

    closing(freep) size_t *widths = calloc(table->n_columns, sizeof *widths);
    if (!widths)
        return fail_memory(why);

    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = width_of(table, i);

    for (size_t i = 0; i < table->n_cells; i++) {
        bool is_last = i % table->n_columns == table->n_columns - 1;
        if (is_last)
            puts(table->cells[i]);
        else
            printf("%s%*s", table->cells[i],
                (int)(widths[i % table->n_columns] - length_of(table->cells[i])), "");
    }

    return ferror(stdout) ? fail(why, RC_SYSTEM, "cannot write to standard output") : RC_OK;
}

enum rc
table_print_json(const json_t *value, struct why *why)
{
    char *text = json_dumps(value, JSON_INDENT(4) | JSON_ENCODE_ANY);
    if (!text)
        return fail_memory(why);

    puts(text);
    free(text);
    return ferror(stdout) ? fail(why, RC_SYSTEM, "cannot write to standard output") : RC_OK;
}
