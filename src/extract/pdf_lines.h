/* pdf_lines.h - lines of a drawn page: where they stand, their cells, and columns of prose.
 *
 * Columns are counted in characters. Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define PDF_LINE_COLUMNS_MAX 600 /* beyond it, lines are not looked at for columns */

struct pdf_line {
    struct str raw;     /* with its indent */
    struct str text;    /* without blanks at either end; "" for a blank line */
    size_t indent, end; /* columns of the first character and behind the last */
    bool is_row;        /* two cells or more */
    bool is_item;       /* begins with a bullet, "(a)", "1." */
    bool hyphen;        /* ends with a letter and a hyphen */
};

/* The lines of a page into *v, which grows. */
size_t pdf_lines_read(struct str page, struct pdf_line **v, size_t *cap);

/* The next cell of a line's text from *at on. False at the end. */
bool pdf_next_cell(struct str text, size_t *at, struct str *cell);

/* The column at which the right one of two columns of prose begins; 0: there are not two. */
size_t pdf_find_gutter(const struct pdf_line *v, size_t n);

/* The next run of lines [*from, *to) at or after `at` that stand in two columns. */
bool pdf_next_band(const struct pdf_line *v, size_t n, size_t gutter, size_t at, size_t *from,
                   size_t *to);

void pdf_line_split(const struct pdf_line *line, size_t gutter, struct pdf_line *left,
                    struct pdf_line *right);
