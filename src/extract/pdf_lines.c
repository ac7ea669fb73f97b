#include "extract/pdf_lines.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

/* A gap of this many blanks separates cells; justified text has gaps of two. */
#define CELL_GAP 3

/* What makes a line prose: enough columns, words, and letters among them. */
#define PROSE_COLUMNS  25
#define PROSE_WORDS    4
#define BAND_LINES_MIN 3
#define HANG_LEFT      4 /* bullets hang out of a column, indents stand in it */
#define HANG_MAX       6
#define SHORT_BYTES    12

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static size_t columns(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* The byte at which column `col` begins. */
static size_t byte_of(struct str s, size_t col)
{
    size_t i = 0;

    for (size_t n = 0; i < s.n; i++) {
        if (((unsigned char)s.p[i] & 0xC0) == 0x80)
            continue;
        if (n++ == col)
            break;
    }
    return i;
}

static size_t blanks_at(struct str s, size_t i)
{
    size_t n = 0;

    while (i + n < s.n && s.p[i + n] == ' ')
        n++;
    return n;
}

/* ---- cells ---- */

static bool is_bullet(struct str s)
{
    static const char *const bullets[] = {"•",
                                          "◦",
                                          "▪",
                                          "■",
                                          "●",
                                          "○",
                                          "–",
                                          "—",
                                          "-",
                                          "*",
                                          "o",
                                          "·",
                                          "✓",
                                          "➢",
                                          "\xEF\x82\xB7",
                                          "\xEF\x82\xA7",
                                          NULL};

    for (const char *const *b = bullets; *b; b++)
        if (str_eq(s, str_of(*b)))
            return true;
    return false;
}

/* "(a)", "(iv)", "1.", "12)", "b." */
static bool is_number_mark(struct str s)
{
    size_t letters = 0;

    if (s.n < 2 || s.n > 6 || (s.p[s.n - 1] != '.' && s.p[s.n - 1] != ')'))
        return false;
    for (size_t i = s.p[0] == '('; i + 1 < s.n; i++) {
        letters += isalnum((unsigned char)s.p[i]) != 0;
        if (!isalnum((unsigned char)s.p[i]))
            return false;
    }
    return letters >= 1 && letters <= 4 && (s.p[0] == '(' || letters <= 2);
}

static bool is_mark(struct str s)
{
    return is_bullet(s) || is_number_mark(s);
}

/* Two blanks are a gap too where a number begins or has just ended; one blank before a "$" that
 * follows a number ("14,694 $ 14,544": the sign belongs to the right). */
static bool is_gap(struct str s, size_t i, size_t blanks)
{
    char before = s.p[i - 1], after = s.p[i + blanks];
    bool number_before = is_digit(before) || before == '%';

    if (blanks >= CELL_GAP)
        return true;
    if (blanks == 2)
        return (is_digit(after) || after == '$' || after == '(') &&
               (number_before || before == ')');
    return after == '$' && (number_before || before == ')') && i + 2 < s.n && s.p[i + 2] == ' ';
}

/* Signs that stand apart from their number. */
static bool wants_next(struct str cell)
{
    return str_eq(cell, STR_LIT("$")) || str_eq(cell, STR_LIT("€")) || str_eq(cell, STR_LIT("£")) ||
           str_eq(cell, STR_LIT("($"));
}

static bool joins_last(struct str s, size_t at)
{
    static const char *const signs[] = {"%", ")", ")%", "%)", "pts", "bps", "x", NULL};
    size_t n = 0;

    while (at + n < s.n && s.p[at + n] != ' ')
        n++;
    for (const char *const *sign = signs; *sign; sign++)
        if (str_eq(str_sub(s, at, at + n), str_of(*sign)))
            return true;
    return false;
}

bool pdf_next_cell(struct str text, size_t *at, struct str *cell)
{
    size_t from = *at + blanks_at(text, *at);
    size_t i = from;

    if (from >= text.n)
        return false;
    while (i < text.n) {
        size_t blanks = blanks_at(text, i);
        struct str so_far = str_sub(text, from, i);

        if (blanks == 0) {
            i++;
            continue;
        }
        if (i + blanks >= text.n)
            break;
        if (is_gap(text, i, blanks) && !wants_next(so_far) && !joins_last(text, i + blanks) &&
            !(from == 0 && is_mark(so_far)))
            break;
        i += blanks;
    }
    *cell = str_trim(str_sub(text, from, i));
    *at = i;
    return true;
}

static bool has_cells(struct str text)
{
    struct str cell;
    size_t at = 0;

    return pdf_next_cell(text, &at, &cell) && pdf_next_cell(text, &at, &cell);
}

/* ---- lines ---- */

static bool begins_with_mark(struct str text)
{
    const char *blank = text.n ? memchr(text.p, ' ', text.n) : NULL;

    return blank && is_mark(str_sub(text, 0, (size_t)(blank - text.p)));
}

static struct pdf_line line_of(struct str raw)
{
    struct pdf_line l = {.raw = raw, .text = str_trim(raw)};

    l.indent = l.text.n ? (size_t)(l.text.p - raw.p) : 0;
    l.end = l.indent + columns(l.text);
    l.is_row = has_cells(l.text);
    l.is_item = begins_with_mark(l.text);
    l.hyphen = l.text.n > 1 && l.text.p[l.text.n - 1] == '-' && is_letter(l.text.p[l.text.n - 2]);
    return l;
}

size_t pdf_lines_read(struct str page, struct pdf_line **v, size_t *cap)
{
    size_t n = 0;

    for (size_t at = 0; at < page.n;) {
        const char *lf = memchr(page.p + at, '\n', page.n - at);
        size_t end = lf ? (size_t)(lf - page.p) : page.n;

        *v = mem_grow(*v, cap, n + 1, sizeof(**v));
        (*v)[n++] = line_of(str_sub(page, at, end));
        at = end + 1;
    }
    return n;
}

/* ---- columns of prose ---- */

struct shape {
    size_t letters, others, words, names, widest_gap; /* names: words that begin with a letter */
};

static struct shape shape_of(struct str s)
{
    struct shape f = {0};

    for (size_t i = 0; i < s.n;) {
        size_t blanks = blanks_at(s, i);

        if (blanks && i + blanks < s.n && !is_mark(str_sub(s, 0, i)) && blanks > f.widest_gap)
            f.widest_gap = blanks;
        f.words += blanks || i == 0;
        f.names += (blanks || i == 0) && i + blanks < s.n && is_letter(s.p[i + blanks]);
        i += blanks;
        if (i < s.n && is_letter(s.p[i]))
            f.letters++;
        else if (i < s.n)
            f.others++;
        i++;
    }
    return f;
}

/* Words without the gaps of a table. */
static bool is_texty(struct str s)
{
    struct shape f = shape_of(s);

    return f.widest_gap < CELL_GAP && (f.letters > f.others || f.names >= 2);
}

static bool is_prose(struct str s)
{
    return columns(s) >= PROSE_COLUMNS && shape_of(s).words >= PROSE_WORDS && is_texty(s);
}

size_t pdf_find_gutter(const struct pdf_line *v, size_t n)
{
    unsigned count[PDF_LINE_COLUMNS_MAX] = {0};
    size_t best = 0;

    for (size_t k = 0; k < n; k++) {
        struct str s = v[k].text;
        size_t col = v[k].indent;

        for (size_t i = 0; i < s.n && v[k].end < PDF_LINE_COLUMNS_MAX; i++) {
            size_t blanks = blanks_at(s, i);

            if (blanks >= 2 && is_prose(str_sub(s, 0, i)) && is_prose(str_sub(s, i + blanks, s.n)))
                count[col + blanks]++;
            if (blanks) {
                i += blanks - 1;
                col += blanks;
            } else {
                col += ((unsigned char)s.p[i] & 0xC0) != 0x80;
            }
        }
    }
    for (size_t c = 1; c < PDF_LINE_COLUMNS_MAX; c++)
        best = count[c] > count[best] ? c : best;
    if (count[best] < BAND_LINES_MIN)
        return 0;
    for (size_t c = best > 4 ? best - 4 : 1; c < best; c++)
        if (count[c] >= BAND_LINES_MIN)
            return c;
    return best;
}

/* ---- bands: lines that stand in two columns ---- */

enum side { SIDE_BLANK, SIDE_LEFT, SIDE_RIGHT, SIDE_BOTH, SIDE_ACROSS };

/* The column at which a line's right part begins, near the gutter and behind two blanks or more;
 * 0: the line has text across it. */
static size_t right_start(const struct pdf_line *line, size_t gutter)
{
    size_t from = gutter > HANG_LEFT ? gutter - HANG_LEFT : 0;
    size_t i = byte_of(line->raw, from);

    for (size_t col = from; col <= gutter + HANG_MAX && i < line->raw.n; col++) {
        if (i >= 2 && line->raw.p[i] != ' ' && line->raw.p[i - 1] == ' ' &&
            line->raw.p[i - 2] == ' ')
            return col;
        i++;
        while (i < line->raw.n && ((unsigned char)line->raw.p[i] & 0xC0) == 0x80)
            i++;
    }
    return 0;
}

void pdf_line_split(const struct pdf_line *line, size_t gutter, struct pdf_line *left,
                    struct pdf_line *right)
{
    size_t start = line->end > gutter ? right_start(line, gutter) : 0;
    size_t cut = start ? byte_of(line->raw, start - 1) : line->raw.n;

    *left = line_of(str_sub(line->raw, 0, cut));
    *right = line_of(str_sub(line->raw, cut, line->raw.n));
    right->indent += right->text.n ? start - 1 : 0;
    right->end += right->text.n ? start - 1 : 0;
}

static enum side side_of(const struct pdf_line *line, size_t gutter)
{
    struct pdf_line left, right;

    if (line->text.n == 0)
        return SIDE_BLANK;
    if (line->end < gutter)
        return line->is_row ? SIDE_ACROSS : SIDE_LEFT;
    pdf_line_split(line, gutter, &left, &right);
    if (right.text.n == 0 || !is_texty(right.text))
        return SIDE_ACROSS;
    if (left.text.n == 0)
        return SIDE_RIGHT;
    if (is_texty(left.text) || (left.text.n <= SHORT_BYTES && !left.is_row))
        return SIDE_BOTH;
    return SIDE_ACROSS;
}

static bool ends_sentence(const struct pdf_line *line, size_t gutter)
{
    struct pdf_line left, right;

    pdf_line_split(line, gutter, &left, &right);
    return left.text.n == 0 || strchr(".:;!?", left.text.p[left.text.n - 1]) != NULL;
}

/* Behind the last line with a right side, the left column may go on, to its paragraph's end. */
static size_t left_tail(const struct pdf_line *v, size_t n, size_t gutter, size_t at)
{
    while (at < n && side_of(&v[at], gutter) == SIDE_LEFT && !ends_sentence(&v[at - 1], gutter))
        at++;
    return at;
}

bool pdf_next_band(const struct pdf_line *v, size_t n, size_t gutter, size_t at, size_t *from,
                   size_t *to)
{
    size_t i = at;

    while (i < n) {
        size_t first, last, n_prose = 0;
        enum side side;

        while (i < n && side_of(&v[i], gutter) != SIDE_BOTH)
            i++;
        first = i;
        last = i;
        for (; i < n && (side = side_of(&v[i], gutter)) != SIDE_ACROSS; i++) {
            if (side == SIDE_BOTH || side == SIDE_RIGHT)
                last = i;
            n_prose += side == SIDE_BOTH;
        }
        if (n_prose < BAND_LINES_MIN)
            continue;
        while (first > at && side_of(&v[first - 1], gutter) == SIDE_LEFT)
            first--;
        *from = first;
        *to = left_tail(v, n, gutter, last + 1);
        return true;
    }
    return false;
}
