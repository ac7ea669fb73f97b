#include "extract/extract_md.h"

#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "extract/entities.h"
#include "extract/front_matter.h"

#define LIST_DEPTH_MAX 32

struct list {
    bool ordered;
    unsigned next;
};

struct walk {
    struct textout *out;
    struct list lists[LIST_DEPTH_MAX];
    int depth;
    bool in_code;
};

static void open_list(struct walk *w, bool ordered, unsigned start)
{
    if (w->depth == 0)
        textout_block(w->out);
    if (w->depth < LIST_DEPTH_MAX)
        w->lists[w->depth] = (struct list){ordered, start};
    w->depth++;
}

static void close_list(struct walk *w)
{
    if (--w->depth == 0)
        textout_block(w->out);
}

static void open_item(struct walk *w)
{
    struct list *l = &w->lists[(w->depth <= LIST_DEPTH_MAX ? w->depth : LIST_DEPTH_MAX) - 1];
    char marker[16] = "- ";

    if (l->ordered)
        snprintf(marker, sizeof(marker), "%u. ", l->next++);
    textout_item(w->out, w->depth - 1, marker);
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
    struct walk *w = arg;

    switch (type) {
    case MD_BLOCK_UL: open_list(w, false, 0); break;
    case MD_BLOCK_OL: open_list(w, true, ((MD_BLOCK_OL_DETAIL *)detail)->start); break;
    case MD_BLOCK_LI: open_item(w); break;
    case MD_BLOCK_H: textout_heading_open(w->out, (int)((MD_BLOCK_H_DETAIL *)detail)->level); break;
    case MD_BLOCK_CODE: w->in_code = true; /* fall through */
    case MD_BLOCK_QUOTE:
    case MD_BLOCK_HR:
    case MD_BLOCK_HTML:
    case MD_BLOCK_P:
    case MD_BLOCK_TABLE: textout_block(w->out); break;
    case MD_BLOCK_TR: textout_row_open(w->out); break;
    case MD_BLOCK_TH:
    case MD_BLOCK_TD: textout_cell(w->out); break;
    default: break;
    }
    return 0;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *arg)
{
    struct walk *w = arg;

    (void)detail;
    switch (type) {
    case MD_BLOCK_UL:
    case MD_BLOCK_OL: close_list(w); break;
    case MD_BLOCK_LI: textout_line(w->out); break;
    case MD_BLOCK_H: textout_heading_close(w->out); break;
    case MD_BLOCK_CODE: w->in_code = false; /* fall through */
    case MD_BLOCK_QUOTE:
    case MD_BLOCK_P:
    case MD_BLOCK_TABLE: textout_block(w->out); break;
    case MD_BLOCK_TR: textout_row_close(w->out); break;
    default: break;
    }
    return 0;
}

static int span(MD_SPANTYPE type, void *detail, void *arg)
{
    (void)type, (void)detail, (void)arg;
    return 0;
}

/* A <br> is a line; every other tag is left out, its text comes by itself. */
static void raw_html(struct walk *w, struct str tag)
{
    if (tag.n >= 3 && str_eq_nocase(str_sub(tag, 0, 3), STR_LIT("<br")))
        textout_line(w->out);
}

static int text(MD_TEXTTYPE type, const MD_CHAR *p, MD_SIZE n, void *arg)
{
    struct walk *w = arg;
    char made[8];
    size_t len;

    switch (type) {
    case MD_TEXT_NULLCHAR: break;
    case MD_TEXT_BR: textout_line(w->out); break;
    case MD_TEXT_SOFTBR: textout_text(w->out, " ", 1); break;
    case MD_TEXT_HTML: raw_html(w, (struct str){p, n}); break;
    case MD_TEXT_ENTITY:
        len = entity_decode((struct str){p, n}, made);
        textout_text(w->out, len ? made : p, len ? len : n);
        break;
    default:
        if (w->in_code)
            textout_pre(w->out, p, n);
        else
            textout_text(w->out, p, n);
    }
    return w->out->over ? 1 : 0;
}

/* The title is front matter's, else the first heading if it is of level 1. */
static void find_title(struct textout *out)
{
    const json_t *title = out->metadata ? json_object_get(out->metadata, "title") : NULL;

    if (json_is_string(title))
        textout_title(out, json_string_value(title), json_string_length(title));
    textout_title_from_heading(out);
}

int extract_md(struct str bytes, struct textout *out)
{
    struct walk w = {.out = out};
    struct str body = front_matter_read(bytes, &out->metadata);
    MD_PARSER parser = {
        .abi_version = 0,
        .flags =
            MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_COLLAPSEWHITESPACE,
        .enter_block = enter_block,
        .leave_block = leave_block,
        .enter_span = span,
        .leave_span = span,
        .text = text,
    };

    if (body.n > UINT32_MAX / 2)
        return FAIL(ERR_LIMIT, "Markdown of %zu bytes is too large", body.n);
    if (md_parse(body.p, (MD_SIZE)body.n, &parser, &w) < 0)
        return FAIL(ERR_FORMAT, "the Markdown parser gave up");
    find_title(out);
    return textout_finish(out, "no text");
}
