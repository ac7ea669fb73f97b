#include "base/err.h"
#include "base/mem.h"
#include "index/columns_parts.h"
#include "index/section_name.h"

/* The layout is in columns.h. */
#define LAYOUT 1
#define N_HEAD 6

/* Where a column's entries and values begin. */
struct column_start {
    uint64_t entry, value, by_chunk;
};

static struct column_start *starts_of(const struct columns *c, uint32_t n)
{
    struct column_start *starts = mem_calloc(n + (size_t)1, sizeof *starts);

    for (uint32_t i = 0; i < n; i++) {
        starts[i].by_chunk = c->v[i].by_chunk;
        starts[i + 1].entry = starts[i].entry + c->v[i].n;
        starts[i + 1].value = starts[i].value + c->v[i].n_values;
    }
    return starts;
}

void columns_save(const struct columns *c, struct sections_writer *w, const char *prefix)
{
    uint32_t n = dict_count(c->names);
    struct column_start *starts = starts_of(c, n);
    const uint64_t head[N_HEAD] = {LAYOUT, c->n_documents,  c->n_chunks,
                                   n,      starts[n].entry, starts[n].value};

    sections_add(w, section_name(prefix, "head").s, head, N_HEAD, sizeof *head);
    sections_add(w, section_name(prefix, "first_chunk").s, c->first_chunk, c->n_documents + 1,
                 sizeof *c->first_chunk);
    sections_add(w, section_name(prefix, "starts").s, starts, n + (size_t)1, sizeof *starts);
    sections_begin(w, section_name(prefix, "entries").s);
    for (uint32_t i = 0; i < n; i++)
        sections_put(w, c->v[i].entries, c->v[i].n * sizeof *c->v[i].entries);
    sections_end(w);
    sections_begin(w, section_name(prefix, "value_ids").s);
    for (uint32_t i = 0; i < n; i++)
        sections_put(w, c->v[i].values, c->v[i].n_values * sizeof *c->v[i].values);
    sections_end(w);
    dict_save(c->names, w, section_name(prefix, "names.").s);
    dict_save(c->values, w, section_name(prefix, "values.").s);
    mem_free(starts);
}

/* One column begins where the one before ends, and the last one ends with the arrays. */
static bool follow_each_other(const struct column_start *starts, size_t n_columns, size_t n_entries,
                              size_t n_values)
{
    if (starts[0].entry || starts[0].value || starts[n_columns].entry != n_entries ||
        starts[n_columns].value != n_values)
        return false;
    for (size_t i = 0; i < n_columns; i++)
        if (starts[i].entry > starts[i + 1].entry || starts[i].value > starts[i + 1].value)
            return false;
    return true;
}

static bool map_arrays(struct columns *c, const struct sections *s, const char *prefix)
{
    size_t n[5] = {0}, n_columns = dict_count(c->names);
    const uint64_t *head = sections_get(s, section_name(prefix, "head").s, sizeof *head, &n[0]);
    const uint32_t *first = sections_get(s, section_name(prefix, "first_chunk").s, 4, &n[1]);
    const struct column_start *starts =
        sections_get(s, section_name(prefix, "starts").s, sizeof *starts, &n[2]);
    const struct entry *entries =
        sections_get(s, section_name(prefix, "entries").s, sizeof *entries, &n[3]);
    const uint32_t *values = sections_get(s, section_name(prefix, "value_ids").s, 4, &n[4]);

    if (!head || !first || !starts || !entries || !values || n[0] != N_HEAD || head[0] != LAYOUT ||
        n[1] != head[1] + 1 || head[3] != n_columns || n[2] != n_columns + 1 || n[3] != head[4] ||
        n[4] != head[5] || n[4] != dict_count(c->values) ||
        !follow_each_other(starts, n_columns, n[3], n[4]))
        return false;
    c->n_documents = head[1];
    c->n_chunks = head[2];
    c->first_chunk = (uint32_t *)(uintptr_t)first;
    c->v = mem_alloc(n_columns * sizeof *c->v);
    for (size_t i = 0; i < n_columns; i++)
        c->v[i] = (struct column){
            .by_chunk = starts[i].by_chunk,
            .entries = (struct entry *)(uintptr_t)(entries + starts[i].entry),
            .values = (uint32_t *)(uintptr_t)(values + starts[i].value),
            .n = starts[i + 1].entry - starts[i].entry,
            .n_values = starts[i + 1].value - starts[i].value,
        };
    return true;
}

int columns_map(struct columns **out, const struct sections *s, const char *prefix)
{
    int rc = ERR_OK;
    struct columns *c = mem_calloc(1, sizeof *c);

    c->mapped = true;
    TRY(dict_map(&c->names, s, section_name(prefix, "names.").s));
    TRY(dict_map(&c->values, s, section_name(prefix, "values.").s));
    if (!map_arrays(c, s, prefix)) {
        rc = FAIL(ERR_FORMAT, "the columns '%s' are not whole", prefix);
        goto out;
    }
    *out = c;
    c = NULL; /* handed over */
out:
    columns_free(c);
    return rc;
}
