#include "query/precompute_list.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "store/store_questions.h"

void precompute_list_init(struct precompute_list *l)
{
    *l = (struct precompute_list){.mem = arena_new(0), .seen = map_new()};
}

void precompute_list_done(struct precompute_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        json_decref(l->v[i].request);
    mem_free(l->v);
    map_free(l->seen);
    arena_free(l->mem);
    *l = (struct precompute_list){0};
}

static void append(struct precompute_list *l, struct precompute_question q)
{
    l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n++] = q;
}

static bool is_new(struct precompute_list *l, const char *tenant, const json_t *request)
{
    char *text = json_canonical(request);
    const char *name = arena_printf(l->mem, "%s %s", tenant, text);
    bool added;

    map_slot(l->seen, name, strlen(name), 1, &added);
    mem_free(text);
    return added;
}

/* Takes the request. */
static void add_request(struct precompute_list *l, const char *where, const char *tenant,
                        json_t *request, const json_t *members)
{
    json_object_update_missing(request, (json_t *)(uintptr_t)members);
    if (is_new(l, tenant, request))
        append(l, (struct precompute_question){
                      .where = where, .tenant = arena_strdup(l->mem, tenant), .request = request});
    else
        json_decref(request);
}

/* ---- a file ---- */

static int request_of(struct str line, bool jsonl, json_t **out)
{
    int rc = ERR_OK;

    if (!jsonl) {
        if (!utf8_valid(line.p, line.n))
            return FAIL(ERR_FORMAT, "the question is not UTF-8");
        *out = json_pack("{s:s%}", "question", line.p, line.n);
        return *out ? ERR_OK : FAIL(ERR_FORMAT, "the question has a NUL character");
    }
    TRY(json_parse(out, line, "request"));
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return FAIL(ERR_FORMAT, "an object with a \"question\" is wanted");
    }
    json_object_del(*out, "id");
out:
    return rc;
}

static void add_line(struct precompute_list *l, struct str line, bool jsonl, const char *where,
                     const char *tenant, const json_t *members)
{
    json_t *request = NULL;

    if (request_of(line, jsonl, &request) == ERR_OK)
        add_request(l, where, tenant, request, members);
    else
        append(l, (struct precompute_question){.where = where,
                                               .tenant = arena_strdup(l->mem, tenant),
                                               .reason = arena_strdup(l->mem, err_text())});
}

int precompute_list_read(struct precompute_list *l, const char *path, const char *tenant,
                         const json_t *members)
{
    int rc = ERR_OK, line_number = 0;
    bool jsonl = str_ends(str_of(path), STR_LIT(".jsonl"));
    size_t n_before = l->n;
    struct buf text;

    buf_init(&text);
    TRY(file_read(path, PRECOMPUTE_FILE_MAX, &text));
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t stop = end ? (size_t)(end - text.p) : text.n;
        struct str line = str_trim(str_sub(buf_view(&text), at, stop));

        line_number++;
        at = stop + 1;
        if (line.n > 0 && line.p[0] != '#')
            add_line(l, line, jsonl, arena_printf(l->mem, "%s:%d", path, line_number), tenant,
                     members);
    }
    if (l->n == n_before)
        rc = FAIL(ERR_NOT_FOUND, "'%s' has no question", path);
out:
    buf_done(&text);
    return rc;
}

/* ---- what is asked most ---- */

struct top {
    struct precompute_list *l;
    const json_t *members;
    size_t n;
};

static void add_asked(struct top *t, const char *tenant, const char *collection, struct str text)
{
    json_t *request = json_pack("{s:s%,s:s}", "question", text.p, text.n, "collection", collection);

    t->n++;
    if (request)
        add_request(t->l, "", tenant, request, t->members);
}

static int add_row(void *arg, const struct question_row *row)
{
    add_asked(arg, row->tenant, row->collection_name, row->text);
    return ERR_OK;
}

static int add_kept(struct top *t, struct engine *e, const char *tenant, const char *collection,
                    size_t n)
{
    int rc = ERR_OK;
    struct store_reader *r = NULL;
    struct collection_row row = {0};

    if (e->kept)
        kept_questions_write(e->store, e->asked);
    r = store_reader_get(e->store);
    if (tenant)
        TRY(store_find_collection(r, tenant, collection, t->l->mem, &row));
    TRY(store_top_questions(r, row.id, n, add_row, t));
out:
    store_reader_put(e->store, r);
    return rc;
}

static void add_counted(struct top *t, struct engine *e, const char *tenant, const char *collection,
                        size_t n)
{
    struct asked_question *v;
    size_t n_found = asked_popular(e->asked, tenant, collection, 1, n, t->l->mem, &v);

    for (size_t i = 0; i < n_found; i++)
        add_asked(t, v[i].tenant, v[i].collection, v[i].text);
}

int precompute_list_top(struct precompute_list *l, struct engine *e, const char *tenant,
                        const char *collection, size_t n, const json_t *members)
{
    int rc = ERR_OK;
    struct top t = {.l = l, .members = members};

    TRY(add_kept(&t, e, tenant, collection, n));
    if (t.n == 0)
        add_counted(&t, e, tenant, collection, n);
    if (t.n == 0)
        rc = FAIL(ERR_NOT_FOUND,
                  "it is not known what is asked most: set 'cache.keep_questions', or "
                  "have a server that was asked");
out:
    return rc;
}
