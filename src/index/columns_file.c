#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/columns_parts.h"
#include "index/section_name.h"

/* ---- saving ---- */

static struct section_name column_name(const char *prefix, uint32_t i, const char *what)
{
    struct section_name out;
    int n = snprintf(out.s, sizeof out.s, "%s%u.%s", prefix, i, what);

    CHECK(n >= 0 && n <= SECTION_NAME_MAX);
    return out;
}

static void save_column(const struct column *c, struct sections_writer *w, const char *prefix,
                        uint32_t i)
{
    uint8_t by_chunk = c->by_chunk;

    sections_add(w, column_name(prefix, i, "entries").s, c->entries, c->n, sizeof *c->entries);
    sections_add(w, column_name(prefix, i, "by_chunk").s, &by_chunk, 1, 1);
    dict_save(c->values, w, column_name(prefix, i, "values.").s);
}

void columns_save(const struct columns *c, struct sections_writer *w, const char *prefix)
{
    uint64_t head[2] = {c->n_documents, c->n_chunks};

    sections_add(w, section_name(prefix, "head").s, head, 2, sizeof *head);
    sections_add(w, section_name(prefix, "first_chunk").s, c->first_chunk,
                 c->first_chunk ? c->n_documents + 1 : 0, sizeof *c->first_chunk);
    dict_save(c->names, w, section_name(prefix, "names.").s);
    for (uint32_t i = 0; i < dict_count(c->names); i++)
        save_column(&c->v[i], w, prefix, i);
}

/* ---- mapping ---- */

static int map_column(struct column *c, const struct sections *s, const char *prefix, uint32_t i)
{
    size_t n_by_chunk = 0;
    const uint8_t *by_chunk = sections_get(s, column_name(prefix, i, "by_chunk").s, 1, &n_by_chunk);
    const struct entry *entries =
        sections_get(s, column_name(prefix, i, "entries").s, sizeof *entries, &c->n);

    if (!by_chunk || n_by_chunk != 1 || !entries)
        return FAIL(ERR_FORMAT, "column %u is missing or of the wrong size", i);
    c->by_chunk = *by_chunk;
    c->entries = (struct entry *)(uintptr_t)entries;
    return dict_map(&c->values, s, column_name(prefix, i, "values.").s);
}

static int map_head(struct columns *c, const struct sections *s, const char *prefix)
{
    size_t n_head = 0, n_first = 0;
    const uint64_t *head = sections_get(s, section_name(prefix, "head").s, sizeof *head, &n_head);
    const uint32_t *first =
        sections_get(s, section_name(prefix, "first_chunk").s, sizeof *first, &n_first);

    if (!head || n_head != 2 || !first || (n_first != head[0] + 1 && (n_first || head[0])))
        return FAIL(ERR_FORMAT, "columns are missing or of the wrong size");
    c->n_documents = head[0];
    c->n_chunks = head[1];
    c->first_chunk = (uint32_t *)(uintptr_t)first;
    return ERR_OK;
}

int columns_map(struct columns **out, const struct sections *s, const char *prefix)
{
    int rc = ERR_OK;
    struct columns *c = mem_calloc(1, sizeof *c);

    c->mapped = true;
    TRY(map_head(c, s, prefix));
    TRY(dict_map(&c->names, s, section_name(prefix, "names.").s));
    c->v = mem_calloc(dict_count(c->names), sizeof *c->v);
    for (uint32_t i = 0; i < dict_count(c->names); i++)
        TRY(map_column(&c->v[i], s, prefix, i));
    *out = c;
    c = NULL; /* handed over */
out:
    columns_free(c);
    return rc;
}
