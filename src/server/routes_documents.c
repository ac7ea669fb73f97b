#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "server/access.h"
#include "server/addition.h"
#include "server/idempotency.h"
#include "server/jobs.h"
#include "server/prefer.h"
#include "server/routes.h"
#include "server/service.h"

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 1000

/* Everything here waits for the writer or reads the database, so it runs on the io pool. */

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

/* ---- parameters ---- */

static int collection_param(struct request *r, const char **out)
{
    struct str s = {NULL, 0};
    int rc = http_query_param(r->head.query, "collection", r->mem, &s);

    return rc < 0 ? rc : access_collection(r, s, out);
}

static int int_param(struct request *r, const char *name, int64_t min, int64_t max, int64_t *out)
{
    int rc = ERR_OK;
    struct str s = {NULL, 0};
    int64_t v = 0;

    TRY(http_query_param(r->head.query, name, r->mem, &s));
    if (!s.p)
        return ERR_OK;
    for (size_t i = 0; i < s.n && v <= max; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return FAIL(ERR_ARGUMENT, "'%s' must be a number", name);
        v = v * 10 + (s.p[i] - '0');
    }
    if (s.n == 0 || v < min || v > max)
        return FAIL(ERR_ARGUMENT, "'%s' must be from %lld to %lld", name, (long long)min,
                    (long long)max);
    *out = v;
out:
    return rc;
}

/* ---- reading ---- */

static void write_document(struct jsonw *w, const struct document_row *d)
{
    char when[CLOCK_ISO_BYTES];

    clock_iso(d->ingested_ms, when);
    jsonw_key(w, "id"), jsonw_str(w, d->key);
    jsonw_key(w, "title"), jsonw_str(w, d->title);
    jsonw_key(w, "uri"), jsonw_str(w, d->uri);
    jsonw_key(w, "root"), jsonw_str(w, d->root);
    jsonw_key(w, "metadata"), jsonw_raw(w, d->metadata.n ? d->metadata : STR_LIT("{}"));
    jsonw_key(w, "chunks"), jsonw_int(w, d->n_chunks);
    jsonw_key(w, "ingested"), jsonw_cstr(w, when);
}

struct listing {
    struct request *r;
    struct jsonw w;
    struct str last;
    int64_t n, limit;
    bool more;
};

static int list_one(void *arg, const struct document_row *d)
{
    struct listing *l = arg;

    if (!access_sees_document(l->r, d))
        return ERR_OK;
    if (l->n++ == l->limit) { /* one more than was asked for: there is a next page */
        l->more = true;
        return ERR_CANCELLED;
    }
    jsonw_open(&l->w, '{');
    write_document(&l->w, d);
    jsonw_close(&l->w, '}');
    l->last = (struct str){arena_strndup(l->r->mem, d->key.p, d->key.n), d->key.n};
    return ERR_OK;
}

/* The cursor is the last key of the page. */
static int list_with(struct request *r, struct store_reader *reader, struct buf *body)
{
    static const char *const known[] = {"collection", "limit", "cursor", NULL};
    int rc = ERR_OK;
    struct listing l = {.r = r, .w = jsonw_to(body), .limit = LIST_LIMIT};
    struct collection_row row;
    struct str cursor = {"", 0};
    const char *collection;

    TRY(http_query_only(r->head.query, known));
    TRY(collection_param(r, &collection));
    TRY(int_param(r, "limit", 1, LIST_LIMIT_MAX, &l.limit));
    TRY(http_query_param(r->head.query, "cursor", r->mem, &cursor));
    TRY(store_find_collection(reader, r->caller->tenant, collection, r->mem, &row));
    jsonw_open(&l.w, '{');
    jsonw_key(&l.w, "documents");
    jsonw_open(&l.w, '[');
    rc = store_each_document(reader, row.id, cursor, 0, list_one, &l);
    if (rc < 0 && !l.more)
        goto out;
    rc = ERR_OK;
    jsonw_close(&l.w, ']');
    jsonw_key(&l.w, "next");
    if (l.more)
        jsonw_str(&l.w, l.last);
    else
        jsonw_null(&l.w);
    jsonw_close(&l.w, '}');
out:
    return rc;
}

static int get_with(struct request *r, struct store_reader *reader, struct buf *body)
{
    static const char *const known[] = {"collection", "text", NULL};
    int rc = ERR_OK;
    struct jsonw w = jsonw_to(body);
    struct collection_row row;
    struct document_row d;
    struct str text = {"", 0};
    const char *collection;
    bool with_text;

    TRY(http_query_only(r->head.query, known));
    TRY(collection_param(r, &collection));
    TRY(http_query_param(r->head.query, "text", r->mem, &text));
    with_text = str_eq(text, STR_LIT("true")) || str_eq(text, STR_LIT("1"));
    TRY(store_find_collection(reader, r->caller->tenant, collection, r->mem, &row));
    TRY(store_find_document(reader, row.id, r->tail, with_text, r->mem, &d));
    if (!access_sees_document(r, &d)) {
        rc = FAIL(ERR_NOT_FOUND, "there is no document '%.*s'", STR_ARGS(r->tail));
        goto out;
    }
    jsonw_open(&w, '{');
    write_document(&w, &d);
    if (with_text)
        jsonw_key(&w, "text"), jsonw_str(&w, d.text);
    jsonw_close(&w, '}');
out:
    return rc;
}

static int with_reader(struct request *r, struct buf *body,
                       int (*fn)(struct request *, struct store_reader *, struct buf *))
{
    struct store_reader *reader = store_reader_get(engine_of(r)->store);
    int rc = fn(r, reader, body);

    store_reader_put(engine_of(r)->store, reader);
    return rc;
}

static int make_list(struct request *r, int *status, struct buf *body)
{
    (void)status;
    return with_reader(r, body, list_with);
}

static int make_document(struct request *r, int *status, struct buf *body)
{
    (void)status;
    return with_reader(r, body, get_with);
}

void handle_documents_list(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_list);
}

void handle_document_get(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_document);
}

/* ---- deleting ---- */

static int make_deletion(struct request *r, int *status, struct buf *body)
{
    static const char *const known[] = {"collection", NULL};
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    const char *collection;
    size_t n = 0;

    (void)status, (void)body;
    TRY(http_query_only(r->head.query, known));
    TRY(collection_param(r, &collection));
    TRY(retriever_remove(e->retriever, r->caller->tenant, collection, &r->tail, 1, &n));
    if (n == 0)
        rc = FAIL(ERR_NOT_FOUND, "collection '%s' has no document '%s'", collection, r->tail.p);
out:
    return rc;
}

void handle_document_delete(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_deletion);
}

/* ---- adding ---- */

struct job_addition {
    struct addition *addition;
    struct engine *engine;
};

static void free_job(void *arg)
{
    struct job_addition *j = arg;

    addition_free(j->addition);
    mem_free(j);
}

static void tell_job(void *arg, size_t done, const struct ingest_report *report)
{
    job_tell(arg, done, report);
}

static int ingest_now(struct request *r, struct addition *a, struct buf *body)
{
    int rc = addition_ingest(a, engine_of(r), &(struct addition_run){0});

    if (rc == ERR_OK)
        addition_write(a, body);
    return rc;
}

static int run_job(struct job *job, void *arg)
{
    struct job_addition *j = arg;
    struct addition_run how = {.tell = tell_job, .arg = job, .cancel = job_cancel(job)};

    return addition_ingest(j->addition, j->engine, &how);
}

/* Takes the addition. */
static int ingest_later(struct request *r, struct addition *a, size_t bytes, int *status,
                        struct buf *body)
{
    int rc = ERR_OK;
    struct jobs *jobs = r->loop->service->jobs;
    struct job_addition *j = mem_alloc(sizeof *j);
    struct job_work work = {run_job, free_job, j, addition_count(a), bytes};
    char id[JOB_ID_BYTES];
    bool unused;

    *j = (struct job_addition){a, engine_of(r)};
    rc = jobs_add(jobs, r->caller->tenant, access_scope(r), &work, id);
    if (rc == ERR_BUSY)
        buf_addf(&r->extra, "Retry-After: %lld\r\n", (long long)(jobs_room_ms(jobs) / 1000 + 1));
    TRY(rc);
    TRY(jobs_write(jobs, access_scope(r), str_of(id), body, &unused));
    buf_addf(&r->extra, "Location: /jobs/%s\r\nPreference-Applied: respond-async\r\n", id);
    *status = 202;
out:
    return rc;
}

/* Takes the addition. What cannot be ingested for want of memory is not kept in it either, to wait
 * for its turn. */
static int add(struct request *r, struct addition *a, size_t bytes, int *status, struct buf *body)
{
    int rc = room_check(engine_of(r)->room);

    if (rc == ERR_OK && prefer_has(&r->head, "respond-async"))
        return ingest_later(r, a, bytes, status, body);
    if (rc == ERR_OK)
        rc = ingest_now(r, a, body);
    addition_free(a);
    return rc;
}

/* ---- adding once, under a key ---- */

/* Another try may end otherwise after these. */
static bool is_final(int rc)
{
    int status = http_status_of(rc);

    return rc >= 0 || (status >= 400 && status < 500 && status != 429);
}

static struct digest name_of(const struct request *r, struct str key)
{
    struct digester *d = digester_new();
    struct str scope = access_scope(r);

    digester_add(d, scope.p, scope.n);
    digester_add(d, key.p, key.n);
    return digester_finish(d);
}

static int replay(struct request *r, const struct kept_reply *kept, int *status, struct buf *body)
{
    buf_add_str(&r->extra, "Idempotent-Replayed: true\r\n");
    if (kept->rc < 0)
        return FAIL(kept->rc, "%.*s", STR_ARGS(kept->body));
    buf_add_view(&r->extra, kept->lines);
    buf_add_view(body, kept->body);
    *status = kept->status;
    return ERR_OK;
}

static void keep(struct request *r, const struct digest *name, int rc, int status, size_t lines_at,
                 const struct buf *body)
{
    struct kept_reply kept = {.status = status, .rc = rc, .body = buf_view(body)};

    kept.lines = str_sub(buf_view(&r->extra), lines_at, r->extra.n);
    if (rc < 0)
        kept.body = str_of(err_text());
    idempotency_end(r->loop->service->idempotency, name, is_final(rc) ? &kept : NULL);
}

/* Takes the addition. */
static int add_once(struct request *r, struct str key, const struct digest *content,
                    struct addition *a, size_t bytes, int *status, struct buf *body)
{
    struct digest name = name_of(r, key);
    struct kept_reply kept;
    size_t lines_at = r->extra.n;
    int64_t now_ms = (int64_t)(clock_ns() / 1000000);
    int rc =
        idempotency_begin(r->loop->service->idempotency, &name, content, now_ms, r->mem, &kept);

    if (rc != 0) {
        addition_free(a);
        if (rc == ERR_EXISTS)
            buf_add_str(&r->extra, "Retry-After: 1\r\n");
        return rc < 0 ? rc : replay(r, &kept, status, body);
    }
    rc = add(r, a, bytes, status, body);
    keep(r, &name, rc, *status, lines_at, body);
    return rc;
}

static int make_addition(struct request *r, int *status, struct buf *body)
{
    static const char *const known[] = {"collection", NULL};
    int rc = ERR_OK;
    struct addition_source from = {.content_type = http_field(&r->head, "content-type"),
                                   .body = &r->body,
                                   .tenant = r->caller->tenant};
    struct str field = http_field(&r->head, "idempotency-key"), key;
    size_t bytes = r->body.n;
    struct addition *a = NULL;
    struct digest content;

    TRY(http_query_only(r->head.query, known));
    TRY(collection_param(r, &from.collection));
    if (field.p)
        TRY(idempotency_key(field, r->mem, &key));
    TRY(addition_read(&a, &from, field.p ? &content : NULL));
    rc = access_collection(r, str_of(addition_collection(a)), &from.collection);
    if (rc < 0) {
        addition_free(a);
        goto out;
    }
    if (field.p)
        TRY(add_once(r, key, &content, a, bytes, status, body));
    else
        TRY(add(r, a, bytes, status, body));
out:
    return rc;
}

void handle_documents_add(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_addition);
}
