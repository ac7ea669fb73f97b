/* table.h - columns that line up.
 *
 *   struct table t;
 *   table_init(&t, "mode|recall@1|p50 ms", "lrr");
 *   table_cell(&t, "%s", mode), table_cell(&t, "%.3f", r), table_cell(&t, "%.2f", ms);
 *   table_print(&t, out), table_done(&t);
 *
 * Widths are counted in code points. Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 16

struct table {
    int n_columns;
    char align[TABLE_COLUMNS_MAX]; /* 'l' or 'r' */
    char **cells;                  /* [n_cells], row by row, head first */
    size_t n_cells, cap_cells;
};

/* heads are separated by '|'; align has one letter a column. */
void table_init(struct table *t, const char *heads, const char *align);
void table_done(struct table *t);
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_print(const struct table *t, FILE *out);
