#include "extract/extract_docx.h"

#include <libxml/xmlreader.h>
#include <limits.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/map.h"
#include "extract/zip_part.h"

/* Elements are known by their local names: prefixes are a file's own choice, and no two
 * vocabularies inside a Word document clash in the names that we use. */
typedef int (*node_fn)(xmlTextReaderPtr reader, const char *name, int type, void *arg);

static int read_xml(struct str xml, const char *what, node_fn fn, void *arg)
{
    int rc = ERR_OK, got;
    xmlTextReaderPtr reader;

    if (memmem(xml.p, xml.n, "<!DOCTYPE", 9) || memmem(xml.p, xml.n, "<!ENTITY", 8))
        return FAIL(ERR_FORMAT, "%s has a document type, which Word never writes", what);
    reader = xmlReaderForMemory(xml.p, (int)xml.n, NULL, NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                    XML_PARSE_COMPACT);
    if (!reader)
        return FAIL(ERR_FORMAT, "%s cannot be read", what);
    while ((got = xmlTextReaderRead(reader)) == 1 && rc == ERR_OK) {
        int type = xmlTextReaderNodeType(reader);

        if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE)
            rc = FAIL(ERR_FORMAT, "%s has entities of its own, which Word never writes", what);
        else
            rc = fn(reader, (const char *)xmlTextReaderConstLocalName(reader), type, arg);
    }
    xmlFreeTextReader(reader);
    if (rc == ERR_OK && got < 0)
        rc = FAIL(ERR_FORMAT, "%s is not well-formed XML", what);
    return rc;
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* The value of an attribute by local name; free with xmlFree. */
static char *attribute(xmlTextReaderPtr reader, const char *name)
{
    char *value = NULL;

    while (!value && xmlTextReaderMoveToNextAttribute(reader) == 1)
        if (is((const char *)xmlTextReaderConstLocalName(reader), name))
            value = (char *)xmlTextReaderValue(reader);
    xmlTextReaderMoveToElement(reader);
    return value;
}

static int number_attribute(xmlTextReaderPtr reader, const char *name, int fallback)
{
    char *value = attribute(reader, name);
    long n = value ? strtol(value, NULL, 10) : fallback;

    xmlFree(value);
    return n < -1 || n > INT_MAX ? fallback : (int)n;
}

/* ---- styles ---- */

struct styles {
    struct map *levels; /* style id -> heading level */
    char *id;           /* of the style that is being read */
};

static int level_of_name(const char *name)
{
    if (strncasecmp(name, "heading ", 8) == 0 && name[8] >= '1' && name[8] <= '9')
        return name[8] - '0';
    return strcasecmp(name, "title") == 0 ? 1 : 0;
}

static void set_level(struct styles *s, int level)
{
    if (s->id && level >= 1 && level <= 9)
        map_put(s->levels, s->id, strlen(s->id), (uint64_t)level);
}

static int style_node(xmlTextReaderPtr reader, const char *name, int type, void *arg)
{
    struct styles *s = arg;
    char *value;

    if (type != XML_READER_TYPE_ELEMENT)
        return ERR_OK;
    if (is(name, "style")) {
        xmlFree(s->id);
        s->id = attribute(reader, "styleId");
    } else if (is(name, "name")) {
        value = attribute(reader, "val");
        set_level(s, value ? level_of_name(value) : 0);
        xmlFree(value);
    } else if (is(name, "outlineLvl")) {
        set_level(s, number_attribute(reader, "val", 9) + 1);
    }
    return ERR_OK;
}

/* ---- title ---- */

struct core {
    struct textout *out;
    bool in_title;
};

static int core_node(xmlTextReaderPtr reader, const char *name, int type, void *arg)
{
    struct core *c = arg;
    const char *text;

    if (type == XML_READER_TYPE_ELEMENT)
        c->in_title = is(name, "title") && !xmlTextReaderIsEmptyElement(reader);
    else if (type == XML_READER_TYPE_END_ELEMENT)
        c->in_title = false;
    else if (type == XML_READER_TYPE_TEXT && c->in_title) {
        text = (const char *)xmlTextReaderConstValue(reader);
        textout_title(c->out, text, strlen(text));
    }
    return ERR_OK;
}

/* ---- text ---- */

/* A paragraph's properties come before its text, so its shape is known when text comes. */
struct body {
    struct textout *out;
    const struct map *levels;
    bool in_text;          /* inside w:t */
    bool item, after_item; /* this paragraph, the one before, is of a list */
    int table_depth;       /* tables inside cells are read as text of the cell */
    int skip_depth;        /* of the element whose content is left out; -1: none */
};

static bool is_left_out(const char *name)
{
    return is(name, "del") || is(name, "moveFrom") || is(name, "instrText") || is(name, "Fallback");
}

static void style_paragraph(struct body *b, xmlTextReaderPtr reader)
{
    char *id = attribute(reader, "val");
    uint64_t level;

    if (id && map_get(b->levels, id, strlen(id), &level))
        textout_heading_open(b->out, (int)level);
    xmlFree(id);
}

static void open_item(struct body *b, int depth)
{
    b->item = true;
    if (b->after_item)
        textout_tight(b->out);
    textout_item(b->out, depth, "- ");
}

static void close_paragraph(struct body *b)
{
    textout_heading_close(b->out);
    b->out->prefix[0] = '\0'; /* of an empty item */
    b->after_item = b->item;
    b->item = false;
    textout_block(b->out);
}

static void open_element(struct body *b, xmlTextReaderPtr reader, const char *name)
{
    bool empty = xmlTextReaderIsEmptyElement(reader) == 1;

    if (is(name, "p"))
        textout_block(b->out);
    else if (is(name, "pStyle"))
        style_paragraph(b, reader);
    else if (is(name, "outlineLvl") && number_attribute(reader, "val", 9) < 9)
        textout_heading_open(b->out, number_attribute(reader, "val", 0) + 1);
    else if (is(name, "ilvl") && !b->out->heading_level)
        open_item(b, number_attribute(reader, "val", 0));
    else if (is(name, "numId") && number_attribute(reader, "val", 0) == 0)
        b->out->prefix[0] = '\0'; /* list number 0: no list after all */
    else if (is(name, "t"))
        b->in_text = !empty;
    else if (is(name, "tab") || is(name, "ptab"))
        textout_text(b->out, " ", 1);
    else if (is(name, "br") || is(name, "cr"))
        textout_line(b->out);
    else if (is(name, "noBreakHyphen"))
        textout_text(b->out, "-", 1);
    else if (is(name, "tbl") && !empty && b->table_depth++ == 0)
        textout_block(b->out);
    else if (is(name, "tr") && b->table_depth == 1)
        textout_row_open(b->out);
    else if (is(name, "tc") && b->table_depth == 1)
        textout_cell(b->out);
    else if (is(name, "tc"))
        textout_text(b->out, " ", 1);
}

static void close_element(struct body *b, const char *name)
{
    if (is(name, "t"))
        b->in_text = false;
    else if (is(name, "p"))
        close_paragraph(b);
    else if (is(name, "tr") && b->table_depth == 1)
        textout_row_close(b->out);
    else if (is(name, "tbl") && --b->table_depth == 0)
        textout_block(b->out);
}

static int body_node(xmlTextReaderPtr reader, const char *name, int type, void *arg)
{
    struct body *b = arg;
    int depth = xmlTextReaderDepth(reader);

    if (b->skip_depth >= 0) {
        if (type == XML_READER_TYPE_END_ELEMENT && depth == b->skip_depth)
            b->skip_depth = -1;
        return ERR_OK;
    }
    if (type == XML_READER_TYPE_ELEMENT) {
        if (is_left_out(name) && !xmlTextReaderIsEmptyElement(reader))
            b->skip_depth = depth;
        else
            open_element(b, reader, name);
    } else if (type == XML_READER_TYPE_END_ELEMENT) {
        close_element(b, name);
    } else if (b->in_text) {
        const char *text = (const char *)xmlTextReaderConstValue(reader);

        if (text)
            textout_text(b->out, text, strlen(text));
    }
    return b->out->over
               ? FAIL(ERR_LIMIT, "its text is over the limit of %zu bytes", b->out->max_bytes)
               : ERR_OK;
}

/* ---- parts ---- */

/* A part that need not be there: nothing happens when it is not. */
static int read_part(zip_t *zip, const char *name, node_fn fn, void *arg)
{
    struct buf xml;
    int rc;

    buf_init(&xml);
    rc = zip_part_read(zip, name, &xml);
    if (rc == ERR_OK)
        rc = read_xml(buf_view(&xml), name, fn, arg);
    else if (rc == ERR_NOT_FOUND)
        rc = 1;
    buf_done(&xml);
    return rc;
}

static int read_styles(zip_t *zip, struct map *levels)
{
    struct styles s = {levels, NULL};
    int rc = read_part(zip, "word/styles.xml", style_node, &s);

    xmlFree(s.id);
    return rc;
}

/* "word/document.xml" by habit; some writers number it. */
static const char *main_part(zip_t *zip)
{
    zip_int64_t n = zip_get_num_entries(zip, 0);

    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        struct str s = str_of(name);

        if (name && str_starts(s, STR_LIT("word/document")) && str_ends(s, STR_LIT(".xml")))
            return name;
    }
    return NULL;
}

static int read_document(zip_t *zip, struct textout *out)
{
    int rc = ERR_OK;
    struct map *levels = map_new();
    struct core core = {.out = out};
    struct body body = {.out = out, .levels = levels, .skip_depth = -1};
    const char *name = main_part(zip);

    if (!name) {
        rc = FAIL(ERR_FORMAT, "a zip without word/document.xml: not a Word document");
        goto out;
    }
    TRY(read_part(zip, "docProps/core.xml", core_node, &core));
    TRY(read_styles(zip, levels));
    TRY(read_part(zip, name, body_node, &body));
    textout_title_from_heading(out);
    textout_block(out);
    TRY(read_part(zip, "word/footnotes.xml", body_node, &body));
    TRY(read_part(zip, "word/endnotes.xml", body_node, &body));
    TRY(textout_finish(out, "no text"));
    rc = ERR_OK;
out:
    map_free(levels);
    return rc;
}

int extract_docx(struct str bytes, struct textout *out)
{
    zip_t *zip = NULL;
    int rc;

    if (str_starts(bytes, STR_LIT("\xD0\xCF\x11\xE0")))
        return FAIL(ERR_FORMAT, "password protected, or an old .doc under the name of a .docx");
    rc = zip_part_open(&zip, bytes);
    if (rc < 0)
        return rc;
    rc = read_document(zip, out);
    zip_discard(zip);
    return rc;
}
