#include "extract/extract_html.h"

#include <gumbo.h>
#include <stdio.h>
#include <strings.h>

#include "base/err.h"
#include "extract/encoding.h"
#include "extract/html_scan.h"

/* The parser may nest deeper than the source (it repairs), but not by much. */
#define WALK_DEPTH_MAX (4 * HTML_DEPTH_MAX)

struct walk {
    struct textout *out;
    bool keep_all; /* second try */
    bool too_deep;
    int depth;
    int pre, article, list_depth;
    unsigned n_items; /* of the list that is open */
};

static void walk_children(struct walk *w, const GumboElement *e);

/* ---- what an element is ---- */

static const char *attribute(const GumboElement *e, const char *name)
{
    const GumboAttribute *a = gumbo_get_attribute(&e->attributes, name);

    return a ? a->value : NULL;
}

static bool attribute_is(const GumboElement *e, const char *name, const char *value)
{
    const char *v = attribute(e, name);

    return v && strcasecmp(v, value) == 0;
}

static bool is_hidden(const GumboElement *e)
{
    const char *style = attribute(e, "style");

    return attribute(e, "hidden") || attribute_is(e, "aria-hidden", "true") ||
           (style && (strcasestr(style, "display:none") || strcasestr(style, "display: none")));
}

/* Never text, whatever the page. */
static bool is_machinery(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_MATH:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_AUDIO:
    case GUMBO_TAG_VIDEO:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_INPUT:
    case GUMBO_TAG_DATALIST: return true;
    default: return false;
    }
}

/* What stands around the text of a page: the same on every page of a site. */
static bool is_furniture(const struct walk *w, const GumboElement *e)
{
    if (w->keep_all)
        return false;
    if (e->tag == GUMBO_TAG_NAV || e->tag == GUMBO_TAG_ASIDE)
        return true;
    if ((e->tag == GUMBO_TAG_HEADER || e->tag == GUMBO_TAG_FOOTER) && !w->article)
        return true;
    return attribute_is(e, "role", "navigation") || attribute_is(e, "role", "banner") ||
           attribute_is(e, "role", "contentinfo") || attribute_is(e, "role", "search");
}

static bool is_block(GumboTag tag)
{
    switch (tag) {
    case GUMBO_TAG_ADDRESS:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_BLOCKQUOTE:
    case GUMBO_TAG_BODY:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_CENTER:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_LEGEND:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_NAV:
    case GUMBO_TAG_P:
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH: return true;
    default: return false;
    }
}

/* ---- tables ---- */

static bool is_cell(GumboTag tag)
{
    return tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH;
}

/* Something inside a cell that a row of cells cannot show. */
static bool breaks_rows(const GumboElement *e, int depth)
{
    if (depth > WALK_DEPTH_MAX)
        return true;
    for (unsigned i = 0; i < e->children.length; i++) {
        const GumboNode *n = e->children.data[i];

        if (n->type != GUMBO_NODE_ELEMENT)
            continue;
        switch (n->v.element.tag) {
        case GUMBO_TAG_TABLE:
        case GUMBO_TAG_H1:
        case GUMBO_TAG_H2:
        case GUMBO_TAG_H3:
        case GUMBO_TAG_H4:
        case GUMBO_TAG_UL:
        case GUMBO_TAG_OL:
        case GUMBO_TAG_PRE: return true;
        default:
            if (breaks_rows(&n->v.element, depth + 1))
                return true;
        }
    }
    return false;
}

static void walk_row(struct walk *w, const GumboElement *row)
{
    textout_row_open(w->out);
    for (unsigned i = 0; i < row->children.length; i++) {
        const GumboNode *n = row->children.data[i];

        if (n->type != GUMBO_NODE_ELEMENT || !is_cell(n->v.element.tag))
            continue;
        textout_cell(w->out);
        if (!is_hidden(&n->v.element))
            walk_children(w, &n->v.element);
    }
    textout_row_close(w->out);
}

/* The rows of a table or of its sections. Other children (a caption) are read as blocks. */
static void walk_rows(struct walk *w, const GumboElement *e)
{
    for (unsigned i = 0; i < e->children.length; i++) {
        const GumboNode *n = e->children.data[i];

        if (n->type != GUMBO_NODE_ELEMENT || is_hidden(&n->v.element))
            continue;
        switch (n->v.element.tag) {
        case GUMBO_TAG_TR: walk_row(w, &n->v.element); break;
        case GUMBO_TAG_THEAD:
        case GUMBO_TAG_TBODY:
        case GUMBO_TAG_TFOOT: walk_rows(w, &n->v.element); break;
        default:
            textout_block(w->out);
            walk_children(w, &n->v.element);
            textout_block(w->out);
        }
    }
}

static void walk_table(struct walk *w, const GumboElement *e)
{
    bool layout = w->out->in_row || attribute_is(e, "role", "presentation") || breaks_rows(e, 0);

    textout_block(w->out);
    if (layout)
        walk_children(w, e);
    else
        walk_rows(w, e);
    textout_block(w->out);
}

/* ---- the walk ---- */

static void open_item(struct walk *w, const GumboNode *node)
{
    const GumboNode *list = node->parent;
    bool ordered = list && list->type == GUMBO_NODE_ELEMENT && list->v.element.tag == GUMBO_TAG_OL;
    char marker[16] = "- ";

    w->n_items++;
    if (ordered)
        snprintf(marker, sizeof(marker), "%u. ", w->n_items);
    if (w->n_items > 1)
        textout_tight(w->out);
    textout_item(w->out, w->list_depth - 1, marker);
}

static void walk_list(struct walk *w, const GumboElement *e)
{
    unsigned n_items = w->n_items;

    w->n_items = 0;
    if (w->list_depth++ == 0)
        textout_block(w->out);
    walk_children(w, e);
    if (--w->list_depth == 0)
        textout_block(w->out);
    w->n_items = n_items;
}

static void walk_heading(struct walk *w, const GumboElement *e)
{
    textout_heading_open(w->out, 1 + (int)(e->tag - GUMBO_TAG_H1));
    walk_children(w, e);
    textout_heading_close(w->out);
}

static void image(struct walk *w, const GumboElement *e)
{
    const char *alt = attribute(e, "alt");

    if (alt && *alt) {
        textout_text(w->out, " ", 1);
        textout_text(w->out, alt, strlen(alt));
        textout_text(w->out, " ", 1);
    }
}

static void walk_plain(struct walk *w, const GumboElement *e)
{
    bool block = is_block(e->tag);
    bool article = e->tag == GUMBO_TAG_ARTICLE || e->tag == GUMBO_TAG_MAIN;
    bool pre = e->tag == GUMBO_TAG_PRE;

    if (block)
        textout_block(w->out);
    w->article += article;
    w->pre += pre;
    walk_children(w, e);
    w->pre -= pre;
    w->article -= article;
    if (block)
        textout_block(w->out);
}

static void walk_element(struct walk *w, const GumboNode *node)
{
    const GumboElement *e = &node->v.element;

    if (is_machinery(e->tag) || is_hidden(e) || is_furniture(w, e))
        return;
    switch (e->tag) {
    case GUMBO_TAG_H1:
    case GUMBO_TAG_H2:
    case GUMBO_TAG_H3:
    case GUMBO_TAG_H4:
    case GUMBO_TAG_H5:
    case GUMBO_TAG_H6: walk_heading(w, e); break;
    case GUMBO_TAG_BR: textout_line(w->out); break;
    case GUMBO_TAG_IMG: image(w, e); break;
    case GUMBO_TAG_TABLE: walk_table(w, e); break;
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
    case GUMBO_TAG_MENU:
    case GUMBO_TAG_DIR: walk_list(w, e); break;
    case GUMBO_TAG_LI:
        open_item(w, node);
        walk_children(w, e);
        textout_line(w->out);
        break;
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_OPTION:
        textout_line(w->out);
        walk_children(w, e);
        textout_line(w->out);
        break;
    default: walk_plain(w, e);
    }
}

static void walk_children(struct walk *w, const GumboElement *e)
{
    if (++w->depth > WALK_DEPTH_MAX)
        w->too_deep = true;
    for (unsigned i = 0; i < e->children.length && !w->too_deep && !w->out->over; i++) {
        const GumboNode *n = e->children.data[i];

        switch (n->type) {
        case GUMBO_NODE_TEXT:
        case GUMBO_NODE_CDATA:
        case GUMBO_NODE_WHITESPACE:
            if (w->pre)
                textout_pre(w->out, n->v.text.text, strlen(n->v.text.text));
            else
                textout_text(w->out, n->v.text.text, strlen(n->v.text.text));
            break;
        case GUMBO_NODE_ELEMENT: walk_element(w, n); break;
        default: break;
        }
    }
    w->depth--;
}

/* ---- the head ---- */

static const GumboElement *child(const GumboElement *e, GumboTag tag)
{
    for (unsigned i = 0; i < e->children.length; i++) {
        const GumboNode *n = e->children.data[i];

        if (n->type == GUMBO_NODE_ELEMENT && n->v.element.tag == tag)
            return &n->v.element;
    }
    return NULL;
}

static void read_title(const GumboElement *root, struct textout *out)
{
    const GumboElement *head = child(root, GUMBO_TAG_HEAD);
    const GumboElement *title = head ? child(head, GUMBO_TAG_TITLE) : NULL;
    const GumboNode *text = title && title->children.length ? title->children.data[0] : NULL;

    if (text && text->type == GUMBO_NODE_TEXT)
        textout_title(out, text->v.text.text, strlen(text->v.text.text));
}

/* <meta name=description content=...> and its like, as metadata of the same name. */
static void read_meta(const GumboElement *root, struct textout *out)
{
    static const char *const names[] = {"description", "author", "keywords", "date", NULL};
    const GumboElement *head = child(root, GUMBO_TAG_HEAD);

    for (unsigned i = 0; head && i < head->children.length; i++) {
        const GumboNode *n = head->children.data[i];
        const char *name, *content;

        if (n->type != GUMBO_NODE_ELEMENT || n->v.element.tag != GUMBO_TAG_META)
            continue;
        name = attribute(&n->v.element, "name");
        content = attribute(&n->v.element, "content");
        for (const char *const *k = names; name && content && *k; k++) {
            if (strcasecmp(name, *k) != 0 || !*content)
                continue;
            if (!out->metadata)
                out->metadata = json_object();
            json_object_set_new(out->metadata, *k, json_string(content));
        }
    }
}

static int read_body(const GumboElement *root, struct textout *out)
{
    struct walk w = {.out = out};

    walk_children(&w, root);
    if (out->text.n == 0 && !out->over && !w.too_deep) {
        w = (struct walk){.out = out, .keep_all = true};
        walk_children(&w, root);
    }
    if (w.too_deep)
        return FAIL(ERR_LIMIT, "HTML nested deeper than %d elements", WALK_DEPTH_MAX);
    return textout_finish(out, "no text");
}

int extract_html(struct str bytes, struct textout *out)
{
    int rc = ERR_OK;
    struct buf scratch;
    struct str text;
    char charset[HTML_CHARSET_MAX];
    GumboOutput *tree = NULL;
    GumboOptions options = kGumboDefaultOptions;

    buf_init(&scratch);
    options.max_errors = 0;
    TRY(encoding_decode(bytes, html_charset(bytes, charset), &scratch, &text));
    TRY(html_check_depth(text, HTML_DEPTH_MAX));
    tree = gumbo_parse_with_options(&options, text.p, text.n);
    read_title(&tree->root->v.element, out);
    read_meta(&tree->root->v.element, out);
    TRY(read_body(&tree->root->v.element, out));
    textout_title_from_heading(out);
out:
    if (tree)
        gumbo_destroy_output(&options, tree);
    buf_done(&scratch);
    return rc;
}
