/* textout.h - where every extractor writes: clean text, with marks for pages and headings.
 *
 * An extractor says what it meets (text, a new line, a new block, a heading, a row of cells, a
 * page) and this builder sees to the shape that extract.h promises: valid UTF-8, \n line ends,
 * exactly one blank line between blocks, no blanks at line ends, " | " between cells, and nothing
 * before the first or after the last character. Gaps are remembered and written only when text
 * follows, so an empty element leaves no trace.
 *
 * Characters  control, soft hyphen, zero-width, direction-override and tag characters are left out
 *             (they cannot be seen, and are used to hide words); every kind of blank is a space;
 *             Latin ligatures of typesetting (U+FB00..FB06) become their letters; ill-formed bytes
 *             become U+FFFD.
 * Memory      heap; at most `max_bytes` of text, the rest is dropped and textout_finish says so.
 * Threads     confined.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "extract/extract.h"

enum textout_gap { GAP_NONE, GAP_SPACE, GAP_LINE, GAP_BLOCK };

#define TEXTOUT_PREFIX_MAX 32
#define TEXTOUT_MARKS_MAX  1000000

struct textout {
    struct buf text;
    struct buf title;
    json_t *metadata; /* object or NULL */
    struct page_mark *pages;
    struct heading_mark *headings;
    size_t n_pages, cap_pages;
    size_t n_headings, cap_headings;

    /* the builder's own */
    size_t max_bytes;
    bool over;
    enum textout_gap gap;            /* to be written before the next text */
    size_t blanks;                   /* of a preformatted line, likewise */
    char prefix[TEXTOUT_PREFIX_MAX]; /* "- " of a list item that has no text yet */
    int32_t page;                    /* begins with the next text; 0: none */
    int heading_level;               /* open heading; 0: none */
    bool heading_begun;
    uint32_t heading_start;
    bool in_row, row_begun;
    int bars; /* cells begun since the last text of this row */
};

/* max_bytes is at most UINT32_MAX: offsets are 32 bits. */
void textout_init(struct textout *t, size_t max_bytes);
void textout_done(struct textout *t);

/* Running text: blanks and line ends fold into one space. */
void textout_text(struct textout *t, const char *p, size_t n);
/* Preformatted text: lines and inner blanks stay. */
void textout_pre(struct textout *t, const char *p, size_t n);

void textout_line(struct textout *t);  /* what follows begins on a new line */
void textout_block(struct textout *t); /* what follows stands after a blank line */
/* A blank line that is due becomes a mere new line: item after item of one list. */
void textout_tight(struct textout *t);

/* A list item: `marker` ("- ", "3. ") indented by `depth` levels, written with its first text. */
void textout_item(struct textout *t, int depth, const char *marker);

void textout_heading_open(struct textout *t, int level);
void textout_heading_close(struct textout *t);

/* Inside a row, lines and blocks are spaces. */
void textout_row_open(struct textout *t);
void textout_cell(struct textout *t);
void textout_row_close(struct textout *t);

void textout_page(struct textout *t, int32_t page);

/* The title, cleaned and folded; the first one stays. */
void textout_title(struct textout *t, const char *p, size_t n);

/* A first heading of level 1 at the beginning is a title too. */
void textout_title_from_heading(struct textout *t);

/* ERR_LIMIT when text was dropped, ERR_FORMAT ("no text ...") when there is none. */
int textout_finish(struct textout *t, const char *when_empty);

/* Copies everything into `mem` as one document; metadata is handed over. */
void textout_take(struct textout *t, struct arena *mem, struct extracted *out);
