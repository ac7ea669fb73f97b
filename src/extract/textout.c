#include "extract/textout.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

#define TITLE_MAX 500

void textout_init(struct textout *t, size_t max_bytes)
{
    CHECK(max_bytes <= UINT32_MAX);
    *t = (struct textout){.max_bytes = max_bytes};
    buf_init(&t->text);
    buf_init(&t->title);
}

void textout_done(struct textout *t)
{
    buf_done(&t->text);
    buf_done(&t->title);
    json_decref(t->metadata);
    mem_free(t->pages);
    mem_free(t->headings);
    *t = (struct textout){0};
}

/* ---- characters ---- */

enum glyph { GLYPH_KEEP, GLYPH_DROP, GLYPH_SPACE, GLYPH_LINE };

static bool is_invisible(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7F && cp < 0xA0) || cp == 0xAD || cp == 0x200B || cp == 0x200E ||
           cp == 0x200F || (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) ||
           cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFB) || (cp >= 0xE0000 && cp <= 0xE007F) ||
           (cp & 0xFFFE) == 0xFFFE;
}

static enum glyph glyph_of(uint32_t cp)
{
    if (cp == ' ' || cp == '\t' || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
        cp == 0x202F || cp == 0x205F || cp == 0x3000)
        return GLYPH_SPACE;
    if (cp == '\n' || cp == '\r' || cp == '\v' || cp == '\f' || cp == 0x85 || cp == 0x2028 ||
        cp == 0x2029)
        return GLYPH_LINE;
    return is_invisible(cp) ? GLYPH_DROP : GLYPH_KEEP;
}

/* What is written for a character that stays; its bytes go to out[8]. Symbol fonts put their
 * bullet at U+F0B7, which shows as an empty box elsewhere. */
static size_t write_glyph(uint32_t cp, char out[8])
{
    static const char *const ligature[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};

    if (cp >= 0xFB00 && cp <= 0xFB06) {
        size_t n = strlen(ligature[cp - 0xFB00]);

        memcpy(out, ligature[cp - 0xFB00], n);
        return n;
    }
    return utf8_encode(cp == 0xF0B7 ? 0x2022 : cp, out);
}

static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7F;
}

/* ---- gaps ---- */

static void ask_gap(struct textout *t, enum textout_gap gap)
{
    if (t->prefix[0])
        return; /* nothing comes between an item's marker and its text */
    if (t->in_row && gap > GAP_SPACE)
        gap = GAP_SPACE;
    if (gap >= GAP_LINE)
        t->blanks = 0;
    if (gap > t->gap)
        t->gap = gap;
}

static void write_bars(struct textout *t)
{
    for (int i = 0; i < t->bars; i++)
        buf_add_str(&t->text, t->row_begun || i > 0 ? " |" : "|");
    buf_add_char(&t->text, ' ');
    t->bars = 0;
}

static void write_gap(struct textout *t)
{
    static const char *const gaps[] = {"", " ", "\n", "\n\n"};

    if (t->text.n && !(t->bars > 0 && t->row_begun))
        buf_add_str(&t->text, gaps[t->gap]);
    t->gap = GAP_NONE;
}

/* All that stands between the last text and the next: gap, page mark, heading start, bars, item. */
static void begin_text(struct textout *t)
{
    write_gap(t);
    if (t->page && t->n_pages < TEXTOUT_MARKS_MAX) {
        t->pages = mem_grow(t->pages, &t->cap_pages, t->n_pages + 1, sizeof(*t->pages));
        t->pages[t->n_pages++] = (struct page_mark){(uint32_t)t->text.n, t->page};
    }
    t->page = 0;
    if (t->heading_level && !t->heading_begun) {
        t->heading_begun = true;
        t->heading_start = (uint32_t)t->text.n;
    }
    if (t->bars > 0)
        write_bars(t);
    t->row_begun = t->in_row;
    if (t->prefix[0]) {
        buf_add_str(&t->text, t->prefix);
        t->prefix[0] = '\0';
    }
}

static void put(struct textout *t, const char *p, size_t n)
{
    if (t->over || t->text.n + n > t->max_bytes) {
        t->over = true;
        return;
    }
    if (t->gap || t->bars > 0 || t->prefix[0] || t->page ||
        (t->heading_level && !t->heading_begun) || (t->in_row && !t->row_begun))
        begin_text(t);
    buf_add(&t->text, p, n);
}

/* ---- text ---- */

void textout_text(struct textout *t, const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && !t->over) {
        size_t run = i;
        char made[8];
        uint32_t cp;

        while (run < n && is_plain((unsigned char)p[run]))
            run++;
        if (run > i) {
            put(t, p + i, run - i);
            i = run;
            continue;
        }
        i += utf8_decode(p + i, n - i, &cp);
        switch (glyph_of(cp)) {
        case GLYPH_KEEP: put(t, made, write_glyph(cp, made)); break;
        case GLYPH_DROP: break;
        case GLYPH_SPACE:
        case GLYPH_LINE: ask_gap(t, GAP_SPACE); break;
        }
    }
}

/* A part of a line of preformatted text. Blanks are counted and written only before a visible
 * character, so none is left at the line's end; the parser may give a line in pieces. */
static bool pre_line(struct textout *t, const char *p, size_t n)
{
    bool any = false;

    for (size_t i = 0; i < n && !t->over;) {
        char made[8];
        uint32_t cp;
        enum glyph g;

        i += utf8_decode(p + i, n - i, &cp);
        g = glyph_of(cp);
        if (g == GLYPH_SPACE)
            t->blanks += cp == '\t' ? 4 : 1;
        if (g != GLYPH_KEEP)
            continue;
        for (; t->blanks && !t->over; t->blanks--)
            put(t, " ", 1);
        put(t, made, write_glyph(cp, made));
        any = true;
    }
    return any;
}

static size_t line_end(const char *p, size_t n, size_t from)
{
    const char *lf = memchr(p + from, '\n', n - from);

    return lf ? (size_t)(lf - p) : n;
}

void textout_pre(struct textout *t, const char *p, size_t n)
{
    size_t at = 0;

    if (t->in_row) {
        textout_text(t, p, n);
        return;
    }
    while (at < n && !t->over) {
        size_t end = line_end(p, n, at);

        if (!pre_line(t, p + at, end - at) && end < n)
            ask_gap(t, t->gap >= GAP_LINE ? GAP_BLOCK : GAP_LINE);
        else if (end < n)
            ask_gap(t, GAP_LINE);
        at = end + 1;
    }
}

void textout_line(struct textout *t)
{
    ask_gap(t, GAP_LINE);
}

void textout_block(struct textout *t)
{
    ask_gap(t, GAP_BLOCK);
}

void textout_tight(struct textout *t)
{
    if (t->gap == GAP_BLOCK)
        t->gap = GAP_LINE;
}

void textout_item(struct textout *t, int depth, const char *marker)
{
    int indent = depth < 0 ? 0 : depth > 6 ? 12 : 2 * depth;

    t->prefix[0] = '\0'; /* of an item without text */
    ask_gap(t, GAP_LINE);
    if (!t->in_row)
        snprintf(t->prefix, sizeof(t->prefix), "%*s%s", indent, "", marker);
}

/* ---- headings, rows, pages ---- */

void textout_heading_open(struct textout *t, int level)
{
    textout_heading_close(t);
    if (t->in_row)
        return;
    t->prefix[0] = '\0';
    ask_gap(t, GAP_BLOCK);
    t->heading_level = level;
    t->heading_begun = false;
}

void textout_heading_close(struct textout *t)
{
    if (t->heading_level && t->heading_begun && t->n_headings < TEXTOUT_MARKS_MAX) {
        t->headings =
            mem_grow(t->headings, &t->cap_headings, t->n_headings + 1, sizeof(*t->headings));
        t->headings[t->n_headings++] =
            (struct heading_mark){t->heading_start, (uint32_t)t->text.n, t->heading_level};
    }
    if (t->heading_level)
        ask_gap(t, GAP_BLOCK);
    t->heading_level = 0;
    t->heading_begun = false;
}

void textout_row_open(struct textout *t)
{
    textout_heading_close(t);
    ask_gap(t, GAP_LINE);
    t->in_row = true;
    t->row_begun = false;
    t->bars = -1; /* the first cell needs no bar */
}

void textout_cell(struct textout *t)
{
    t->bars++;
    if (t->gap == GAP_SPACE)
        t->gap = GAP_NONE;
}

void textout_row_close(struct textout *t)
{
    t->in_row = false;
    t->row_begun = false;
    t->bars = 0;
    ask_gap(t, GAP_LINE);
}

void textout_page(struct textout *t, int32_t page)
{
    ask_gap(t, GAP_BLOCK);
    t->page = page;
}

void textout_title(struct textout *t, const char *p, size_t n)
{
    struct textout clean;

    if (t->title.n)
        return;
    textout_init(&clean, TITLE_MAX);
    textout_text(&clean, p, n);
    buf_add_view(&t->title, buf_view(&clean.text));
    textout_done(&clean);
}

void textout_title_from_heading(struct textout *t)
{
    if (t->n_headings && t->headings[0].level == 1 && t->headings[0].start < TITLE_MAX)
        textout_title(t, t->text.p + t->headings[0].start,
                      t->headings[0].end - t->headings[0].start);
}

int textout_finish(struct textout *t, const char *when_empty)
{
    textout_row_close(t);
    textout_heading_close(t);
    if (t->over || t->text.n > t->max_bytes) /* what goes before a last word is not asked for */
        return FAIL(ERR_LIMIT, "its text is over the limit of %zu bytes", t->max_bytes);
    if (t->text.n == 0)
        return FAIL(ERR_FORMAT, "%s", when_empty);
    DCHECK(utf8_valid(t->text.p, t->text.n));
    return ERR_OK;
}

void textout_take(struct textout *t, struct arena *mem, struct extracted *out)
{
    *out = (struct extracted){
        .title = {arena_strndup(mem, buf_view(&t->title).p, t->title.n), t->title.n},
        .text = {arena_strndup(mem, buf_view(&t->text).p, t->text.n), t->text.n},
        .id = STR_LIT(""),
        .uri = STR_LIT(""),
        .metadata = t->metadata,
        .pages = arena_dup(mem, t->pages ? t->pages : (void *)"", t->n_pages * sizeof(*t->pages)),
        .n_pages = t->n_pages,
        .headings = arena_dup(mem, t->headings ? t->headings : (void *)"",
                              t->n_headings * sizeof(*t->headings)),
        .n_headings = t->n_headings,
    };
    t->metadata = NULL;
}
