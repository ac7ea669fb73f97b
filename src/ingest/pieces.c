#include "ingest/pieces.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/sentences.h"

struct piecer {
    struct str text;
    const struct piece_limits *limits;
    const struct wordpiece *tokenizer;
    struct arena *mem;
    struct pieces *out;
    struct tokens tokens;             /* scratch, kept from sentence to sentence */
    uint32_t trail[PIECES_DEPTH_MAX]; /* sections that are open, outermost first */
    size_t n_trail;
    int32_t page;
    size_t counted_bytes, counted_chars; /* how far characters are counted */
};

static size_t count_chars(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* ---- sections ---- */

static struct section *section_add(struct pieces *p, int32_t level, struct str path)
{
    p->sections = mem_grow(p->sections, &p->cap_sections, p->n_sections + 1, sizeof *p->sections);
    p->sections[p->n_sections] = (struct section){level, path};
    return &p->sections[p->n_sections++];
}

/* "Part > Section", white space folded. */
static struct str section_path(struct piecer *c, struct str parent, struct str title)
{
    struct buf b;
    struct str path;
    bool gap = false;

    buf_init(&b);
    buf_add_view(&b, parent);
    if (parent.n)
        buf_add_str(&b, " > ");
    for (size_t i = 0; i < title.n && b.n < PIECES_PATH_MAX;) {
        size_t len = white_at(title.p + i, title.n - i);

        if (len == 0) {
            if (gap)
                buf_add_char(&b, ' ');
            len = utf8_valid_at(title.p + i, title.n - i);
            len = len ? len : 1;
            buf_add(&b, title.p + i, len);
        }
        gap = white_at(title.p + i, title.n - i) != 0;
        i += len;
    }
    path = (struct str){arena_strndup(c->mem, buf_view(&b).p, b.n), b.n};
    buf_done(&b);
    return path;
}

static void open_section(struct piecer *c, int32_t level, struct str title)
{
    struct pieces *p = c->out;
    struct str parent = {"", 0};

    while (c->n_trail && p->sections[c->trail[c->n_trail - 1]].level >= level)
        c->n_trail--;
    if (c->n_trail == PIECES_DEPTH_MAX)
        c->n_trail--;
    if (c->n_trail)
        parent = p->sections[c->trail[c->n_trail - 1]].path;
    section_add(p, level, section_path(c, parent, title));
    c->trail[c->n_trail++] = (uint32_t)(p->n_sections - 1);
}

/* ---- pieces ---- */

static uint32_t char_at(struct piecer *c, size_t byte)
{
    c->counted_chars += count_chars(str_sub(c->text, c->counted_bytes, byte));
    c->counted_bytes = byte;
    return (uint32_t)c->counted_chars;
}

static void add(struct piecer *c, size_t start, size_t end, size_t n_tokens, bool heading)
{
    struct pieces *p = c->out;
    struct span s = span_trim(c->text, start, end);
    struct piece *v;

    if (s.start == s.end)
        return;
    p->v = mem_grow(p->v, &p->cap, p->n + 1, sizeof *p->v);
    v = &p->v[p->n++];
    v->start = s.start;
    v->end = s.end;
    v->char_start = char_at(c, s.start);
    v->char_end = char_at(c, s.end);
    v->n_tokens = (uint32_t)n_tokens;
    v->section = (uint32_t)(p->n_sections - 1);
    v->page = c->page;
    v->heading = heading;
}

static void tokenize(struct piecer *c, struct str s)
{
    c->tokens.n = 0;
    tokens_all(c->tokenizer, s, &c->tokens);
}

/* How a long sentence is cut: parts of about equal size, the last place to cut is the limit. */
struct cut_plan {
    size_t aim_tokens, aim_chars;
};

/* No white space in reach: cuts inside a word. Its first part may have more tokens than it had as
 * part of the whole (words over 100 characters are one [UNK]), so it is counted again. */
static size_t cut_in_word(struct piecer *c, size_t at, size_t to)
{
    size_t n = tokens_count(c->tokenizer, str_sub(c->text, at, to));

    while (n > c->limits->max_tokens) {
        size_t less = utf8_floor(c->text.p, c->text.n, at + (to - at) * c->limits->max_tokens / n);

        if (less <= at)
            less = at + utf8_valid_at(c->text.p + at, c->text.n - at);
        if (less >= to)
            break; /* one character; max_tokens is never below what one can give */
        to = less;
        n = tokens_count(c->tokenizer, str_sub(c->text, at, to));
    }
    add(c, at, to, n, false);
    return to;
}

/* Adds the piece that begins at `at` and returns where it ends. Looks at no more than max_chars
 * characters, so that a sentence of megabytes costs no more than its length. */
static size_t cut_piece(struct piecer *c, const struct cut_plan *plan, size_t at, size_t end)
{
    size_t n_chars = 0, n_tokens = 0, i = at, space = at, tokens_at_space = 0, window = at;
    size_t len;

    for (size_t n = 0; window < end && n < c->limits->max_chars; n++)
        window += (len = utf8_valid_at(c->text.p + window, end - window)) ? len : 1;
    tokenize(c, str_sub(c->text, at, window));
    while (i < window) {
        while (n_tokens < c->tokens.n && at + c->tokens.v[n_tokens].start <= i)
            n_tokens++;
        if (n_tokens > c->limits->max_tokens)
            break;
        len = white_at(c->text.p + i, end - i);
        if (len && i > at) {
            space = i;
            tokens_at_space = n_tokens;
            if (n_tokens >= plan->aim_tokens || n_chars >= plan->aim_chars)
                break;
        }
        if (!len)
            len = utf8_valid_at(c->text.p + i, end - i);
        i += len ? len : 1;
        n_chars++;
    }
    if (i >= end && c->tokens.n <= c->limits->max_tokens) {
        add(c, at, end, c->tokens.n, false);
        return end;
    }
    if (space == at)
        return cut_in_word(c, at, i);
    add(c, at, space, tokens_at_space, false);
    return space;
}

static void cut_long(struct piecer *c, size_t start, size_t end, size_t n_tokens, size_t n_chars)
{
    size_t by_tokens = (n_tokens + c->limits->max_tokens - 1) / c->limits->max_tokens;
    size_t by_chars = (n_chars + c->limits->max_chars - 1) / c->limits->max_chars;
    size_t n_parts = by_tokens > by_chars ? by_tokens : by_chars;
    struct cut_plan plan = {n_tokens / n_parts + 1, n_chars / n_parts + 1};

    while (start < end) {
        size_t len = white_at(c->text.p + start, end - start);

        start = len ? start + len : cut_piece(c, &plan, start, end);
    }
}

static void add_sentence(struct piecer *c, size_t start, size_t end, bool heading)
{
    struct str s = str_sub(c->text, start, end);
    size_t n_tokens = tokens_count(c->tokenizer, s); /* all of them would be 12 times the text */
    size_t n_chars = count_chars(s);

    if (n_tokens <= c->limits->max_tokens && n_chars <= c->limits->max_chars)
        add(c, start, end, n_tokens, heading);
    else
        cut_long(c, start, end, n_tokens, n_chars);
}

static void add_sentences(struct piecer *c, size_t start, size_t end)
{
    struct sentence_walk w = sentences_of(str_sub(c->text, start, end));
    struct span s;

    while (sentence_next(&w, &s))
        add_sentence(c, start + s.start, start + s.end, false);
}

/* ---- the document ---- */

/* Segments between the marks of pages and headings. Marks come from a parser of hostile bytes:
 * those out of order or out of the text are passed over. */
void pieces_of(const struct extracted *doc, const struct piece_limits *limits,
               const struct wordpiece *tokenizer, struct arena *mem, struct pieces *out)
{
    struct piecer c = {
        .text = doc->text, .limits = limits, .tokenizer = tokenizer, .mem = mem, .out = out};
    size_t at = 0, i_page = 0, i_heading = 0;

    *out = (struct pieces){0};
    section_add(out, 0, (struct str){"", 0});
    while (at < doc->text.n) {
        const struct heading_mark *h = NULL;
        size_t end = doc->text.n;

        while (i_page < doc->n_pages && doc->pages[i_page].start <= at)
            c.page = doc->pages[i_page++].page;
        while (i_heading < doc->n_headings && doc->headings[i_heading].start < at)
            i_heading++;
        if (i_heading < doc->n_headings && doc->headings[i_heading].start == at)
            h = &doc->headings[i_heading++];
        if (i_heading < doc->n_headings && doc->headings[i_heading].start < end)
            end = doc->headings[i_heading].start;
        if (i_page < doc->n_pages && doc->pages[i_page].start < end)
            end = doc->pages[i_page].start;
        if (h && h->end > at && h->end < end)
            end = h->end;
        if (end <= at)
            continue; /* two marks at one place: the next round passes them */
        if (h) {
            open_section(&c, h->level < 1 ? 1 : h->level, str_sub(doc->text, at, end));
            add_sentence(&c, at, end, true);
        } else {
            add_sentences(&c, at, end);
        }
        at = end;
    }
    mem_free(c.tokens.v);
}

void pieces_done(struct pieces *p)
{
    mem_free(p->v);
    mem_free(p->sections);
    *p = (struct pieces){0};
}
