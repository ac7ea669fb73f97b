#include "extract/extract_csv.h"

#include "base/err.h"
#include "base/mem.h"

#define SNIFF_ROWS 20

struct cell {
    size_t at, n; /* in row.bytes */
};

struct row {
    struct buf bytes; /* the cells' text, one after another */
    struct cell *v;
    size_t n, cap;
};

struct reader {
    struct str text;
    size_t at;
    size_t line; /* from 1, where the next row begins */
    char separator;
};

static void row_done(struct row *r)
{
    buf_done(&r->bytes);
    mem_free(r->v);
}

static struct str cell_text(const struct row *r, size_t i)
{
    return str_trim(str_sub(buf_view(&r->bytes), r->v[i].at, r->v[i].at + r->v[i].n));
}

/* ---- reading ---- */

/* A quoted cell; r->at stands behind its first quote. "" is a quote. A last quote that is missing
 * ends with the file. */
static void read_quoted(struct reader *r, struct buf *out)
{
    while (r->at < r->text.n) {
        char c = r->text.p[r->at++];

        if (c == '"') {
            if (r->at >= r->text.n || r->text.p[r->at] != '"')
                return;
            r->at++;
        }
        r->line += c == '\n';
        buf_add_char(out, c);
    }
}

static void read_bare(struct reader *r, struct buf *out)
{
    size_t from = r->at;

    while (r->at < r->text.n && r->text.p[r->at] != r->separator && r->text.p[r->at] != '\n' &&
           r->text.p[r->at] != '\r')
        r->at++;
    buf_add(out, r->text.p + from, r->at - from);
}

static int read_cell(struct reader *r, struct row *row)
{
    size_t from = row->bytes.n;

    if (row->n >= CSV_COLUMNS_MAX)
        return FAIL(ERR_LIMIT, "line %zu has more than %d columns", r->line, CSV_COLUMNS_MAX);
    if (r->at < r->text.n && r->text.p[r->at] == '"') {
        r->at++;
        read_quoted(r, &row->bytes);
    }
    read_bare(r, &row->bytes); /* behind a closing quote too: "a"b is taken as ab */
    if (row->bytes.n - from > CSV_CELL_MAX)
        return FAIL(ERR_LIMIT, "line %zu has a cell of more than %zu bytes", r->line, CSV_CELL_MAX);
    row->v = mem_grow(row->v, &row->cap, row->n + 1, sizeof(*row->v));
    row->v[row->n++] = (struct cell){from, row->bytes.n - from};
    return ERR_OK;
}

static void end_line(struct reader *r)
{
    if (r->at < r->text.n && r->text.p[r->at] == '\r')
        r->at++;
    if (r->at < r->text.n && r->text.p[r->at] == '\n')
        r->at++;
    r->line++;
}

/* 1 with a row, 0 at the end. */
static int read_row(struct reader *r, struct row *row)
{
    int rc;

    buf_clear(&row->bytes);
    row->n = 0;
    if (r->at >= r->text.n)
        return 0;
    for (;;) {
        rc = read_cell(r, row);
        if (rc < 0)
            return rc;
        if (r->at >= r->text.n || r->text.p[r->at] != r->separator)
            break;
        r->at++;
    }
    end_line(r);
    return 1;
}

/* ---- separator ---- */

/* How well a separator splits: columns of the first row if nearly all rows have as many. */
static size_t evenness(struct str text, char separator)
{
    struct reader r = {text, 0, 1, separator};
    struct row row = {0};
    size_t columns = 0, rows = 0, same = 0;

    buf_init(&row.bytes);
    while (rows < SNIFF_ROWS && read_row(&r, &row) > 0) {
        if (rows++ == 0)
            columns = row.n;
        same += row.n == columns;
    }
    row_done(&row);
    return columns > 1 && same * 10 >= rows * 8 ? columns * 100 + same : columns > 1;
}

static char sniff(struct str text)
{
    static const char candidates[] = {',', ';', '\t', '|'};
    struct str head = str_sub(text, 0, text.n < 65536 ? text.n : 65536);
    size_t best = 0;
    char separator = ',';

    for (size_t i = 0; i < sizeof(candidates); i++) {
        size_t score = evenness(head, candidates[i]);

        if (score > best) {
            best = score;
            separator = candidates[i];
        }
    }
    return separator;
}

/* ---- writing ---- */

static bool is_number(struct str s)
{
    size_t digits = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (!strchr("0123456789.,-+%$ ()", s.p[i]))
            return false;
        digits += s.p[i] >= '0' && s.p[i] <= '9';
    }
    return digits > 0;
}

/* Years are names of columns; other numbers are data. */
static bool is_year(struct str s)
{
    return s.n == 4 && (str_starts(s, STR_LIT("19")) || str_starts(s, STR_LIT("20")));
}

static bool is_header(const struct row *row)
{
    for (size_t i = 0; i < row->n; i++) {
        struct str s = cell_text(row, i);

        if ((s.n == 0 && i > 0) || (is_number(s) && !is_year(s)))
            return false;
    }
    return row->n > 1;
}

static void write_row(const struct row *names, const struct row *row, struct textout *out)
{
    textout_row_open(out);
    for (size_t i = 0; i < row->n; i++) {
        struct str value = cell_text(row, i);

        if (value.n == 0)
            continue;
        textout_cell(out);
        if (i < names->n && cell_text(names, i).n) {
            textout_text(out, cell_text(names, i).p, cell_text(names, i).n);
            textout_text(out, ": ", 2);
        }
        textout_text(out, value.p, value.n);
    }
    textout_row_close(out);
}

int extract_csv(struct str text, struct textout *out)
{
    int rc = ERR_OK, got;
    struct reader r = {text, 0, 1, sniff(text)};
    struct row names = {0}, row = {0};

    buf_init(&names.bytes);
    buf_init(&row.bytes);
    TRY(read_row(&r, &names));
    if (!is_header(&names)) {
        names.n = 0;
        r.at = 0;
        r.line = 1;
    }
    while (!out->over) {
        TRY(got = read_row(&r, &row));
        if (got == 0)
            break;
        write_row(&names, &row, out);
    }
    if (out->text.n == 0 && names.n)
        write_row(&row, &names, out); /* a header and nothing else */
    TRY(textout_finish(out, "no text"));
out:
    row_done(&names);
    row_done(&row);
    return rc;
}
