#include "extract/pdf_layout.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "extract/heading_guess.h"
#include "extract/pdf_lines.h"

struct pdf_layout {
    struct str document;
    struct map *words; /* made when the first hyphen asks */
    struct pdf_line *lines, *left, *right;
    size_t cap_lines, cap_left, cap_right;
    bool after_row; /* the last thing written was a row */
};

struct pdf_layout *pdf_layout_new(struct str document)
{
    struct pdf_layout *l = mem_calloc(1, sizeof(*l));

    l->document = document;
    return l;
}

void pdf_layout_free(struct pdf_layout *l)
{
    if (!l)
        return;
    map_free(l->words);
    mem_free(l->lines);
    mem_free(l->left);
    mem_free(l->right);
    mem_free(l);
}

/* ---- hyphens ---- */

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static void learn_words(struct pdf_layout *l)
{
    struct str d = l->document;

    l->words = map_new();
    for (size_t i = 0; i < d.n;) {
        size_t from = i;

        while (i < d.n && is_letter(d.p[i]))
            i++;
        if (i - from > 3 && i - from < 40)
            map_put(l->words, d.p + from, i - from, 1);
        i += i == from || i < d.n;
    }
}

/* Does the line end in a hyphen that only its end has put there? */
static bool breaks_word(struct pdf_layout *l, struct str a, struct str b)
{
    char word[80];
    size_t head = 0, tail = 0;
    uint64_t seen;

    while (head + 1 < a.n && is_letter(a.p[a.n - 2 - head]))
        head++;
    while (tail < b.n && is_letter(b.p[tail]))
        tail++;
    if (head == 0 || tail == 0 || head + tail > sizeof(word))
        return false;
    if (!l->words)
        learn_words(l);
    memcpy(word, a.p + a.n - 1 - head, head);
    memcpy(word + head, b.p, tail);
    return map_get(l->words, word, head + tail, &seen);
}

/* ---- rows ---- */

static void write_row(struct textout *out, struct str text)
{
    struct str cell;

    textout_row_open(out);
    for (size_t at = 0; pdf_next_cell(text, &at, &cell);) {
        textout_cell(out);
        textout_text(out, cell.p, cell.n);
    }
    textout_row_close(out);
}

/* ---- paragraphs ---- */

/* The right edge of the block of lines around i. */
static size_t margin_at(const struct pdf_line *v, size_t n, size_t i)
{
    size_t margin = 0;

    for (size_t k = i; k < n && v[k].text.n && !v[k].is_row; k++)
        margin = v[k].end > margin ? v[k].end : margin;
    for (size_t k = i; k-- > 0 && v[k].text.n && !v[k].is_row;)
        margin = v[k].end > margin ? v[k].end : margin;
    return margin;
}

static size_t first_word(struct str s)
{
    const char *blank = s.n ? memchr(s.p, ' ', s.n) : NULL;

    return blank ? (size_t)(blank - s.p) : s.n;
}

static size_t apart(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

static bool ends_sentence(struct str s)
{
    return s.n && strchr(".:;!?", s.p[s.n - 1]) != NULL;
}

/* Does line a run on into line b? Yes if b's first word had no room in a any more. Proportional
 * type makes columns of characters inexact, hence the 80 %, and 95 % behind a full stop. */
static bool runs_on(const struct pdf_line *a, const struct pdf_line *b, size_t margin)
{
    bool lower = b->text.n && islower((unsigned char)b->text.p[0]);

    if (a->is_row || b->is_row || !a->text.n || !b->text.n || b->is_item)
        return false;
    if (apart(a->indent, b->indent) > 8 || a->end - a->indent < 25)
        return false;
    if (a->indent > 12 && b->indent > 12 && apart(a->indent, b->indent) > 2)
        return false; /* centred titles */
    if (lower)
        return true;
    return a->end - a->indent >= 40 &&
           (a->end + 1 + first_word(b->text)) * 100 > margin * (ends_sentence(a->text) ? 95 : 80);
}

/* A blank line inside a sentence comes from a raised footnote mark or the like. */
static bool runs_over_blank(const struct pdf_line *a, const struct pdf_line *b)
{
    return !a->is_row && !b->is_row && a->end - a->indent >= 60 &&
           islower((unsigned char)b->text.p[0]) && !ends_sentence(a->text);
}

/* ---- headings ---- */

/* "Item 1A.      Risk Factors" has a gap but is no row; a line of a table of contents, which ends
 * with a page number, is. */
static int heading_of(const struct pdf_line *line)
{
    char last = line->text.p[line->text.n - 1];

    if (line->is_row && isdigit((unsigned char)last))
        return 0;
    return heading_guess(line->text) == 3 && line->is_row ? 0 : heading_guess(line->text);
}

#define CAPTION_BELOW 40 /* columns of the text that a caption stands over, at least */

/* Where prose goes on below line i: there, or behind blank lines; n when there is none. */
static size_t prose_below(const struct pdf_line *v, size_t n, size_t i, size_t *blanks)
{
    const struct pdf_line *b;

    for (*blanks = 0, i++; i < n && v[i].text.n == 0; i++)
        ++*blanks;
    if (i == n || *blanks > 3)
        return n;
    b = &v[i];
    return !b->is_row && !b->is_item && b->end - b->indent >= CAPTION_BELOW &&
                   isupper((unsigned char)b->text.p[0])
               ? i
               : n;
}

/* Does line i stand where the name of the text below it does? It ends well before that text, whose
 * first words would have had room behind it, and nothing above runs into it. Lines of an address
 * and of a wrapped list stand over short lines or items; a heading of a table over rows. */
static bool stands_as_caption(const struct pdf_line *v, size_t n, size_t i)
{
    const struct pdf_line *a = &v[i], *above = i && v[i - 1].text.n ? &v[i - 1] : NULL;
    size_t blanks, k = prose_below(v, n, i, &blanks);

    if (k == n || a->is_item || (a->is_row && !heading_of(a)) || a->end * 10 > v[k].end * 8 ||
        (!blanks && apart(a->indent, v[k].indent) > 8 && !heading_guess(a->text)))
        return false;
    return !above || (!above->is_row && ends_sentence(above->text));
}

/* The gap between what stands and a line, told to the builder. */
static void write_gap(struct pdf_layout *l, const struct pdf_line *last,
                      const struct pdf_line *line, size_t blanks, size_t margin,
                      struct textout *out)
{
    bool prose = line->end - line->indent >= 60;

    if (!last)
        return;
    if ((blanks == 0 && runs_on(last, line, margin)) ||
        (blanks == 1 && runs_over_blank(last, line))) {
        if (!last->hyphen)
            textout_text(out, " ", 1);
        return;
    }
    if (line->is_row ? blanks && !(l->after_row && blanks <= 2) : blanks || (l->after_row && prose))
        textout_block(out);
    else
        textout_line(out);
}

/* 0: no heading. */
static int level_of(const struct pdf_line *v, size_t n, size_t i)
{
    bool alone = (i == 0 || v[i - 1].text.n == 0) && (i + 1 == n || v[i + 1].text.n == 0);
    bool caption = stands_as_caption(v, n, i);
    int level = alone || caption ? heading_of(&v[i]) : 0;

    return !level && caption && heading_is_caption(v[i].text) ? HEADING_CAPTION_LEVEL : level;
}

static void write_lines(struct pdf_layout *l, const struct pdf_line *v, size_t n,
                        struct textout *out)
{
    size_t margin = 0;
    size_t blanks = 0;
    const struct pdf_line *last = NULL;
    bool after_heading = false;
    int level;

    for (size_t i = 0; i < n; i++) {
        const struct pdf_line *line = &v[i];
        struct str text = line->text;

        if (text.n == 0) {
            blanks++;
            continue;
        }
        if (i == 0 || v[i - 1].text.n == 0 || v[i - 1].is_row)
            margin = margin_at(v, n, i);
        level = level_of(v, n, i);
        if (level || after_heading)
            textout_block(out);
        else
            write_gap(l, last, line, blanks, margin, out);
        if (level) {
            textout_heading_open(out, level);
            textout_text(out, text.p, text.n);
            textout_heading_close(out);
        } else if (line->is_row) {
            write_row(out, text);
        } else {
            if (line->hyphen && i + 1 < n && runs_on(line, &v[i + 1], margin) &&
                breaks_word(l, text, v[i + 1].text))
                text.n--;
            textout_text(out, text.p, text.n);
        }
        l->after_row = line->is_row && !level;
        after_heading = level != 0;
        last = line;
        blanks = 0;
    }
}

/* ---- columns ---- */

/* One side of a band. Where only the other column has text, this one has a blank line that says
 * nothing: columns do not keep the same lines. Two of them are a gap. */
static size_t without_single_blanks(struct pdf_line *v, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        bool blank = v[i].text.n == 0;
        bool single = blank && (i == 0 || v[i - 1].text.n) && (i + 1 == n || v[i + 1].text.n);

        if (!single)
            v[kept++] = v[i];
    }
    return kept;
}

static void write_band(struct pdf_layout *l, size_t from, size_t to, size_t gutter,
                       struct textout *out)
{
    size_t n = to - from;

    l->left = mem_grow(l->left, &l->cap_left, n + 1, sizeof(*l->left));
    l->right = mem_grow(l->right, &l->cap_right, n + 1, sizeof(*l->right));
    for (size_t i = 0; i < n; i++)
        pdf_line_split(&l->lines[from + i], gutter, &l->left[i], &l->right[i]);
    textout_block(out);
    write_lines(l, l->left, without_single_blanks(l->left, n), out);
    textout_block(out);
    write_lines(l, l->right, without_single_blanks(l->right, n), out);
    textout_block(out);
    l->after_row = false;
}

void pdf_layout_page(struct pdf_layout *l, struct str page, struct textout *out)
{
    size_t n = pdf_lines_read(page, &l->lines, &l->cap_lines);
    size_t gutter = pdf_find_gutter(l->lines, n);
    size_t from = 0, to = 0;

    l->after_row = false;
    for (size_t at = 0; at < n; at = to) {
        if (!gutter || !pdf_next_band(l->lines, n, gutter, at, &from, &to))
            from = to = n;
        write_lines(l, l->lines + at, from - at, out);
        if (to > from)
            write_band(l, from, to, gutter, out);
    }
}
