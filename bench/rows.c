#include "rows.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

int lines_open(struct lines *out, const char *path)
{
    int rc = ERR_OK;
    struct lines l = {0};
    size_t cap = 0;

    TRY(file_map_open(&l.file, path));
    l.starts = mem_grow(NULL, &cap, 1, sizeof *l.starts);
    l.starts[0] = 0;
    for (size_t i = 0; i < l.file.n; i++) {
        if (l.file.p[i] != '\n')
            continue;
        l.starts = mem_grow(l.starts, &cap, l.n + 2, sizeof *l.starts);
        l.starts[++l.n] = i + 1;
    }
    if (l.starts[l.n] != l.file.n) {
        rc = FAIL(ERR_FORMAT, "%s: the last line has no end", path);
        goto out;
    }
    *out = l;
    l = (struct lines){0}; /* handed over */
out:
    lines_close(&l);
    return rc;
}

void lines_close(struct lines *l)
{
    file_map_close(&l->file);
    mem_free(l->starts);
    *l = (struct lines){0};
}

struct str lines_at(const struct lines *l, size_t i)
{
    return (struct str){(const char *)l->file.p + l->starts[i],
                        l->starts[i + 1] - l->starts[i] - 1};
}

int table_open(struct table *out, const char *path, size_t row_bytes)
{
    int rc = ERR_OK;
    struct table t = {0};

    TRY(file_map_open(&t.file, path));
    if (t.file.n % row_bytes != 0) {
        rc = FAIL(ERR_FORMAT, "%s: %zu bytes are no rows of %zu", path, t.file.n, row_bytes);
        goto out;
    }
    t.n = t.file.n / row_bytes;
    *out = t;
    t = (struct table){0}; /* handed over */
out:
    table_close(&t);
    return rc;
}

void table_close(struct table *t)
{
    file_map_close(&t->file);
    *t = (struct table){0};
}
