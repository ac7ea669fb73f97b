#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

#define CELL_MAX 512

static void add(struct table *t, const char *text, size_t n)
{
    t->cells = mem_grow(t->cells, &t->cap_cells, t->n_cells + 1, sizeof *t->cells);
    t->cells[t->n_cells] = mem_alloc(n + 1);
    memcpy(t->cells[t->n_cells], text, n);
    t->cells[t->n_cells++][n] = '\0';
}

void table_init(struct table *t, const char *heads, const char *align)
{
    *t = (struct table){.n_columns = (int)strlen(align)};
    CHECK(t->n_columns > 0 && t->n_columns <= TABLE_COLUMNS_MAX);
    memcpy(t->align, align, (size_t)t->n_columns);
    for (int i = 0; i < t->n_columns; i++) {
        size_t n = strcspn(heads, "|");

        add(t, heads, n);
        heads += n + (heads[n] == '|');
    }
}

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        mem_free(t->cells[i]);
    mem_free(t->cells);
    *t = (struct table){0};
}

void table_cell(struct table *t, const char *fmt, ...)
{
    char text[CELL_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) /* a cell is one line */
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    add(t, text, strlen(text));
}

static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void table_print(const struct table *t, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    size_t n = (size_t)t->n_columns;

    for (size_t i = 0; i < t->n_cells; i++)
        if (width(t->cells[i]) > widths[i % n])
            widths[i % n] = width(t->cells[i]);
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t column = i % n, pad = widths[column] - width(t->cells[i]);
        bool last = column + 1 == n;

        if (t->align[column] == 'r')
            fprintf(out, "%*s", (int)pad, "");
        fputs(t->cells[i], out);
        if (t->align[column] == 'l' && !last)
            fprintf(out, "%*s", (int)pad, "");
        fputs(last ? "\n" : "  ", out);
    }
}
