#include "ingest/metadata.h"

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"

struct meta_rows {
    struct map *by_path; /* path -> index in v */
    json_t **v;
    size_t n, cap;
};

/* ---- merging ---- */

static int merge_one(json_t *into, const json_t *from)
{
    const char *name;
    json_t *value;

    if (!from)
        return ERR_OK;
    if (!json_is_object(from))
        return FAIL(ERR_ARGUMENT, "metadata must be an object of names and values");
    /* jansson has no iteration over const */
    json_object_foreach((json_t *)(uintptr_t)from, name, value) {
        if (name[0] == '_')
            return FAIL(ERR_ARGUMENT,
                        "metadata name '%s' is reserved: names must not begin with "
                        "'_'",
                        name);
        if (name[0] == '\0')
            return FAIL(ERR_ARGUMENT, "metadata has an empty name");
        if (json_is_null(value))
            json_object_del(into, name);
        else
            json_object_set(into, name, value);
    }
    return ERR_OK;
}

int metadata_merge(const json_t *own, const json_t *row, const json_t *given, struct arena *mem,
                   struct str *out)
{
    int rc = ERR_OK;
    json_t *merged = json_object();
    char *text = NULL;
    size_t n;

    TRY(merge_one(merged, own));
    TRY(merge_one(merged, row));
    TRY(merge_one(merged, given));
    text = json_canonical(merged);
    n = strlen(text);
    if (n > METADATA_BYTES_MAX) {
        rc =
            FAIL(ERR_LIMIT, "metadata of %zu bytes is over the limit of %u", n, METADATA_BYTES_MAX);
        goto out;
    }
    *out = (struct str){arena_strndup(mem, text, n), n};
out:
    mem_free(text);
    json_decref(merged);
    return rc;
}

/* ---- the file of rows ---- */

static int add_row(struct meta_rows *m, struct str line, const char *where)
{
    int rc = ERR_OK;
    json_t *row = NULL;
    struct str path = {0};
    bool added;

    TRY(json_parse(&row, line, where));
    if (!json_is_object(row)) {
        rc = FAIL(ERR_FORMAT, "%s: not an object", where);
        goto out;
    }
    rc = json_get_str(row, "path", &path);
    if (rc < 0) {
        err_context(rc, "%s", where);
        goto out;
    }
    if (path.n == 0) {
        rc = FAIL(ERR_FORMAT, "%s: 'path' is missing", where);
        goto out;
    }
    if (m->n == META_ROWS_MAX) {
        rc = FAIL(ERR_LIMIT, "%s: more than %d rows", where, META_ROWS_MAX);
        goto out;
    }
    if (path.n > 2 && path.p[0] == '.' && path.p[1] == '/')
        path = str_sub(path, 2, path.n);
    map_slot(m->by_path, path.p, path.n, m->n, &added);
    if (!added) {
        rc = FAIL(ERR_EXISTS, "%s: path '%.*s' stands in an earlier line too", where,
                  STR_ARGS(path));
        goto out;
    }
    json_object_del(row, "path");
    m->v = mem_grow(m->v, &m->cap, m->n + 1, sizeof *m->v);
    m->v[m->n++] = row;
    row = NULL; /* handed over */
out:
    json_decref(row);
    return rc;
}

int meta_rows_open(struct meta_rows **out, const char *file)
{
    int rc = ERR_OK;
    struct meta_rows *m = mem_calloc(1, sizeof *m);
    struct buf bytes, where;
    size_t at = 0;

    buf_init(&bytes);
    buf_init(&where);
    m->by_path = map_new();
    TRY(file_read(file, META_FILE_MAX, &bytes));
    for (size_t n_line = 1; at < bytes.n; n_line++) {
        const char *nl = memchr(bytes.p + at, '\n', bytes.n - at);
        size_t end = nl ? (size_t)(nl - bytes.p) : bytes.n;
        struct str line = str_trim((struct str){bytes.p + at, end - at});

        at = end + 1;
        if (line.n == 0)
            continue;
        buf_clear(&where);
        buf_addf(&where, "'%s' line %zu", file, n_line);
        TRY(add_row(m, line, where.p));
    }
    *out = m;
    m = NULL; /* handed over */
out:
    meta_rows_close(m);
    buf_done(&where);
    buf_done(&bytes);
    return rc;
}

void meta_rows_close(struct meta_rows *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        json_decref(m->v[i]);
    mem_free(m->v);
    map_free(m->by_path);
    mem_free(m);
}

const json_t *meta_rows_find(const struct meta_rows *m, struct str path)
{
    uint64_t i;

    if (!m || !map_get(m->by_path, path.p, path.n, &i))
        return NULL;
    return m->v[i];
}
