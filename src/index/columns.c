#include "index/columns.h"

#include <jansson.h>
#include <string.h>

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/columns_parts.h"

/* Building is growing. */
struct columns_builder {
    struct columns c;
    struct buf name; /* of the field that is being laid out */
};

/* ---- values as bytes ---- */

#define TYPE_AT sizeof(uint32_t)

static struct value decode(struct str bytes)
{
    struct value v = {.type = (enum value_type)bytes.p[TYPE_AT]};

    if (v.type == VALUE_STRING)
        v.s = str_sub(bytes, TYPE_AT + 1, bytes.n);
    else if (v.type == VALUE_BOOL)
        v.b = bytes.p[TYPE_AT + 1];
    else
        memcpy(&v.number, bytes.p + TYPE_AT + 1, sizeof v.number);
    return v;
}

/* The place among the column's values of the one in c->key, behind the column's number. */
static uint32_t intern_key(struct columns *c, uint32_t i_column)
{
    struct column *column = &c->v[i_column];
    bool added;
    uint32_t id;

    memcpy(c->key.p, &i_column, sizeof i_column);
    id = dict_add(c->values, buf_view(&c->key), &added);
    if (!added)
        return c->place[id];
    c->place = mem_grow(c->place, &c->cap_place, id + (size_t)1, sizeof *c->place);
    column->values =
        mem_grow(column->values, &column->cap_values, column->n_values + 1, sizeof *column->values);
    column->values[column->n_values] = id;
    return c->place[id] = (uint32_t)column->n_values++;
}

static uint32_t intern(struct columns *c, uint32_t i_column, const struct value *v)
{
    buf_clear(&c->key);
    buf_add(&c->key, &i_column, sizeof i_column);
    buf_add_char(&c->key, (char)v->type);
    if (v->type == VALUE_STRING)
        buf_add_view(&c->key, v->s);
    else if (v->type == VALUE_BOOL)
        buf_add_char(&c->key, v->b);
    else
        buf_add(&c->key, &v->number, sizeof v->number);
    return intern_key(c, i_column);
}

/* ---- building ---- */

static uint32_t column_named(struct columns *c, struct str name, bool by_chunk)
{
    bool added;
    uint32_t i = dict_add(c->names, name, &added);

    if (added) {
        c->v = mem_grow(c->v, &c->cap_columns, i + (size_t)1, sizeof *c->v);
        c->v[i] = (struct column){.by_chunk = by_chunk};
    }
    return i;
}

static void add_entry(struct column *c, uint32_t row, uint32_t value)
{
    c->entries = mem_grow(c->entries, &c->cap, c->n + 1, sizeof *c->entries);
    c->entries[c->n++] = (struct entry){row, value};
}

static void add_value(struct columns *c, struct str name, bool by_chunk, const struct value *v)
{
    uint32_t i = column_named(c, name, by_chunk);

    add_entry(&c->v[i], (uint32_t)(by_chunk ? c->n_chunks : c->n_documents) - 1, intern(c, i, v));
}

static void lay_out(struct columns_builder *b, const json_t *v);

static void lay_out_object(struct columns_builder *b, const json_t *v, bool top)
{
    size_t n = b->name.n;
    const char *key;
    json_t *member;

    json_object_foreach((json_t *)v, key, member) {
        if (!top)
            buf_add_char(&b->name, '.');
        buf_add_str(&b->name, key);
        lay_out(b, member);
        buf_cut(&b->name, n);
    }
}

/* The value `v` of the field b->name; lists one by one, objects field by field. */
static void lay_out(struct columns_builder *b, const json_t *v)
{
    struct value value = {0};
    size_t i;
    json_t *element;

    switch (json_typeof(v)) {
    case JSON_OBJECT: lay_out_object(b, v, false); return;
    case JSON_ARRAY:
        json_array_foreach((json_t *)v, i, element)
            lay_out(b, element);
        return;
    case JSON_NULL: return;
    case JSON_STRING: value.s = (struct str){json_string_value(v), json_string_length(v)}; break;
    case JSON_TRUE:
    case JSON_FALSE:
        value.type = VALUE_BOOL;
        value.b = json_is_true(v);
        break;
    default: value.type = VALUE_NUMBER; value.number = json_number_value(v) + 0.0; /* -0 is 0 */
    }
    if (!filter_is_builtin(buf_view(&b->name))) /* ours go before a user's */
        add_value(&b->c, buf_view(&b->name), false, &value);
}

static void columns_init(struct columns *c)
{
    c->names = dict_new();
    c->values = dict_new();
    buf_init(&c->key);
}

/* Gives back what only growing needs. */
static void grown(struct columns *c)
{
    if (!c->first_chunk)
        c->first_chunk = mem_calloc(1, sizeof *c->first_chunk);
    mem_free(c->place);
    c->place = NULL;
    buf_done(&c->key);
}

struct columns_builder *columns_builder_new(void)
{
    struct columns_builder *b = mem_calloc(1, sizeof *b);

    columns_init(&b->c);
    buf_init(&b->name);
    return b;
}

void columns_add_document(struct columns_builder *b, const struct document_row *doc)
{
    struct columns *c = &b->c;
    json_t *metadata = NULL;

    c->first_chunk =
        mem_grow(c->first_chunk, &c->cap_first, c->n_documents + 2, sizeof *c->first_chunk);
    c->first_chunk[c->n_documents++] = (uint32_t)c->n_chunks;
    c->first_chunk[c->n_documents] = (uint32_t)c->n_chunks;
    add_value(c, STR_LIT("_document"), false, &(struct value){.s = doc->key});
    add_value(c, STR_LIT("_title"), false, &(struct value){.s = doc->title});
    add_value(c, STR_LIT("_ingested"), false,
              &(struct value){.type = VALUE_DATE, .number = (double)doc->ingested_ms});
    if (json_parse(&metadata, doc->metadata, "metadata") == 0 && json_is_object(metadata))
        lay_out_object(b, metadata, true);
    json_decref(metadata);
}

void columns_add_chunk(struct columns_builder *b, const struct chunk_row *chunk)
{
    struct columns *c = &b->c;
    const char *kind = chunk->kind == CHUNK_SUMMARY ? "summary" : "text";

    CHECK(c->n_documents > 0);
    c->first_chunk[c->n_documents] = (uint32_t)++c->n_chunks;
    add_value(c, STR_LIT("_kind"), true, &(struct value){.s = str_of(kind)});
    if (chunk->page)
        add_value(c, STR_LIT("_page"), true,
                  &(struct value){.type = VALUE_NUMBER, .number = chunk->page});
}

struct columns *columns_finish(struct columns_builder *b)
{
    struct columns *c = mem_dup(&b->c, sizeof b->c);

    grown(c);
    buf_done(&b->name);
    mem_free(b);
    return c;
}

void columns_free(struct columns *c)
{
    if (!c)
        return;
    if (!c->mapped) {
        for (uint32_t i = 0; i < dict_count(c->names); i++) {
            mem_free(c->v[i].values);
            mem_free(c->v[i].entries);
        }
        mem_free(c->first_chunk);
    }
    mem_free(c->v);
    dict_free(c->names);
    dict_free(c->values);
    mem_free(c);
}

size_t columns_bytes(const struct columns *c)
{
    size_t bytes = sizeof *c + dict_bytes(c->names) + dict_bytes(c->values) +
                   c->cap_first * sizeof *c->first_chunk + c->cap_columns * sizeof *c->v;

    for (uint32_t i = 0; i < dict_count(c->names); i++)
        bytes +=
            c->v[i].cap_values * sizeof *c->v[i].values + c->v[i].cap * sizeof *c->v[i].entries;
    return bytes;
}

/* ---- merging ---- */

#define GONE UINT32_MAX

/* Where the rows of a part go; GONE where they do not. */
static uint32_t *move_rows(const uint64_t *dead, size_t n, size_t *next)
{
    uint32_t *to = mem_alloc(n * sizeof *to);

    for (size_t i = 0; i < n; i++)
        to[i] = dead && bitmap_get(dead, i) ? GONE : (uint32_t)(*next)++;
    return to;
}

static void merge_column(struct columns *out, const struct columns *in, uint32_t i_in,
                         const uint32_t *row_to)
{
    const struct column *column = &in->v[i_in];
    uint32_t *value_to = mem_alloc(column->n_values * sizeof *value_to);
    uint32_t i_out = GONE;

    memset(value_to, 0xff, column->n_values * sizeof *value_to); /* GONE */
    for (size_t i = 0; i < column->n; i++) {
        struct entry e = column->entries[i];

        if (row_to[e.row] == GONE)
            continue;
        if (i_out == GONE)
            i_out = column_named(out, dict_at(in->names, i_in), column->by_chunk);
        if (value_to[e.value] == GONE) {
            buf_clear(&out->key);
            buf_add_view(&out->key, dict_at(in->values, column->values[e.value]));
            value_to[e.value] = intern_key(out, i_out);
        }
        add_entry(&out->v[i_out], row_to[e.row], value_to[e.value]);
    }
    mem_free(value_to);
}

static void merge_part(struct columns *out, const struct columns_part *part)
{
    const struct columns *in = part->columns;
    uint32_t *document_to = move_rows(part->dead_documents, in->n_documents, &out->n_documents);
    uint32_t *chunk_to = move_rows(part->dead_chunks, in->n_chunks, &out->n_chunks);

    out->first_chunk =
        mem_grow(out->first_chunk, &out->cap_first, out->n_documents + 1, sizeof *out->first_chunk);
    for (size_t d = 0; d < in->n_documents; d++) {
        uint32_t to = document_to[d];

        if (to == GONE)
            continue;
        if (to == 0)
            out->first_chunk[0] = 0;
        out->first_chunk[to + 1] =
            out->first_chunk[to] + in->first_chunk[d + 1] - in->first_chunk[d];
    }
    for (uint32_t i = 0; i < dict_count(in->names); i++)
        merge_column(out, in, i, in->v[i].by_chunk ? chunk_to : document_to);
    mem_free(document_to);
    mem_free(chunk_to);
}

struct columns *columns_merge(const struct columns_part *parts, size_t n)
{
    struct columns *out = mem_calloc(1, sizeof *out);

    columns_init(out);
    for (size_t i = 0; i < n; i++)
        merge_part(out, &parts[i]);
    grown(out);
    return out;
}

/* ---- filtering ---- */

static void spread(const struct columns *c, const struct column *column, const struct entry *e,
                   uint64_t *bits)
{
    if (column->by_chunk)
        bitmap_set(bits, e->row);
    else
        bitmap_set_range(bits, c->first_chunk[e->row], c->first_chunk[e->row + 1]);
}

static void invert(uint64_t *bits, size_t n_bits)
{
    for (size_t i = 0; i < bitmap_words(n_bits); i++)
        bits[i] = ~bits[i];
    bitmap_trim(bits, n_bits);
}

/* Each distinct value is asked once. */
static void compare(const struct columns *c, const struct filter *f, struct arena *mem,
                    uint64_t *bits)
{
    const struct column *column;
    uint32_t i;
    bool *passes;

    if (!dict_find(c->names, f->field, &i))
        return;
    column = &c->v[i];
    passes = ARENA_ARRAY(mem, bool, column->n_values);
    for (i = 0; i < column->n_values; i++) {
        struct value v = decode(dict_at(c->values, column->values[i]));

        passes[i] = f->op == FILTER_EXISTS || filter_value_passes(f, &v);
    }
    for (size_t e = 0; e < column->n; e++)
        if (passes[column->entries[e].value])
            spread(c, column, &column->entries[e], bits);
}

uint64_t *columns_filter(const struct columns *c, const struct filter *f, struct arena *mem)
{
    size_t n_words = bitmap_words(c->n_chunks);
    uint64_t *bits;

    switch (f->op) {
    case FILTER_NOT:
        bits = columns_filter(c, f->children[0], mem);
        invert(bits, c->n_chunks);
        return bits;
    case FILTER_AND:
    case FILTER_OR:
        bits = columns_filter(c, f->children[0], mem);
        for (size_t i = 1; i < f->n_children; i++) {
            const uint64_t *more = columns_filter(c, f->children[i], mem);

            for (size_t w = 0; w < n_words; w++)
                bits[w] = f->op == FILTER_AND ? bits[w] & more[w] : bits[w] | more[w];
        }
        return bits;
    default:
        bits = ARENA_ARRAY(mem, uint64_t, n_words);
        compare(c, f, mem, bits);
        if (filter_is_negative(f))
            invert(bits, c->n_chunks);
        return bits;
    }
}
