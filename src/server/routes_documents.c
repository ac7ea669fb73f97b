#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "server/access.h"
#include "server/multipart.h"
#include "server/routes.h"
#include "server/service.h"

#define LIST_LIMIT     100
#define LIST_LIMIT_MAX 1000
#define DOCUMENTS_MAX  10000 /* in one request */

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

/* ---- adding, as JSON ---- */

static const char *status_word(enum ingest_status s)
{
    static const char *const words[] = {"ingested", "unchanged", "refused"};

    return words[s];
}

static void write_result(struct jsonw *w, struct str id, enum ingest_status status,
                         const char *reason, size_t chunks)
{
    jsonw_key(w, "id"), jsonw_str(w, id);
    jsonw_key(w, "status"), jsonw_cstr(w, status_word(status));
    jsonw_key(w, "reason"), jsonw_cstr(w, reason);
    jsonw_key(w, "chunks"), jsonw_int(w, (int64_t)chunks);
}

/* A document without an id is known by its uri, else by its text: the same again is the same. */
static struct str default_id(const struct ingest_document *d, struct arena *mem)
{
    struct digest digest = digest_of(d->text.p, d->text.n);
    char hex[DIGEST_HEX];

    if (d->uri.n)
        return d->uri;
    digest_hex(&digest, hex);
    return str_of(arena_strndup(mem, hex, 32));
}

static int read_document(const json_t *v, size_t i, struct arena *mem, struct ingest_document *d)
{
    static const char *const known[] = {"id", "uri", "title", "text", "metadata", NULL};
    int rc = ERR_OK;
    char what[48];

    snprintf(what, sizeof what, "documents[%zu]", i);
    if (!json_is_object(v))
        return FAIL(ERR_ARGUMENT, "%s must be an object with a 'text'", what);
    TRY(json_only(v, known, what));
    TRY(json_get_str(v, "id", &d->id));
    TRY(json_get_str(v, "uri", &d->uri));
    TRY(json_get_str(v, "title", &d->title));
    TRY(json_get_str(v, "text", &d->text));
    d->metadata = json_object_get(v, "metadata");
    if (json_is_null(d->metadata))
        d->metadata = NULL;
    if (d->metadata && !json_is_object(d->metadata))
        return FAIL(ERR_ARGUMENT, "%s: 'metadata' must be an object", what);
    if (!d->text.p)
        return FAIL(ERR_ARGUMENT, "%s: 'text' is required", what);
    if (d->id.n == 0)
        d->id = default_id(d, mem);
out:
    return rc;
}

static void write_results(struct buf *body, const struct ingest_document *docs, size_t n,
                          struct ingest_result *results)
{
    struct jsonw w = jsonw_to(body);

    jsonw_open(&w, '{');
    jsonw_key(&w, "documents");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(&w, '{');
        write_result(&w, docs[i].id, results[i].status, results[i].reason, results[i].chunks);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
}

static int add_list(struct request *r, const json_t *list, const struct ingest_options *o,
                    struct buf *body)
{
    int rc = ERR_OK;
    size_t n = json_array_size(list);
    struct ingest_document *docs = ARENA_ARRAY(r->mem, struct ingest_document, n + 1);
    struct ingest_result *results = ARENA_ARRAY(r->mem, struct ingest_result, n + 1);

    if (!json_is_array(list))
        return FAIL(ERR_ARGUMENT, "'documents' is required: a list of {id, uri, title, text, "
                                  "metadata}");
    if (n > DOCUMENTS_MAX)
        return FAIL(ERR_LIMIT, "%zu documents are over the limit of %d a request", n,
                    DOCUMENTS_MAX);
    for (size_t i = 0; i < n; i++)
        TRY(read_document(json_array_get(list, i), i, r->mem, &docs[i]));
    TRY(ingest_documents(engine_of(r), docs, n, o, results));
    write_results(body, docs, n, results);
out:
    for (size_t i = 0; i < n; i++)
        mem_free(results[i].reason);
    return rc;
}

static int add_json(struct request *r, struct ingest_options *o, struct buf *body)
{
    static const char *const known[] = {"documents", "collection", NULL};
    int rc = ERR_OK;
    struct str collection = {NULL, 0};
    json_t *tree = NULL;

    TRY(json_parse(&tree, buf_view(&r->body), "the request"));
    if (!json_is_object(tree)) {
        rc = FAIL(ERR_ARGUMENT, "the request must be an object with 'documents'");
        goto out;
    }
    TRY(json_only(tree, known, "the request"));
    TRY(json_get_str(tree, "collection", &collection));
    if (collection.p)
        TRY(access_collection(r, collection, &o->collection));
    TRY(add_list(r, json_object_get(tree, "documents"), o, body));
out:
    json_decref(tree);
    return rc;
}

/* ---- adding, as files ---- */

static void write_file(struct jsonw *w, struct str name, const struct ingest_report *report)
{
    const struct ingest_issue *issue = report->n_refused   ? &report->refused[0]
                                       : report->n_skipped ? &report->skipped[0]
                                                           : NULL;
    enum ingest_status status = report->documents   ? INGEST_INGESTED
                                : report->unchanged ? INGEST_UNCHANGED
                                                    : INGEST_REFUSED;

    jsonw_open(w, '{');
    write_result(w, name, status, issue ? issue->reason : NULL, report->chunks);
    jsonw_key(w, "documents"), jsonw_int(w, (int64_t)report->documents);
    jsonw_key(w, "refused");
    jsonw_open(w, '[');
    for (size_t i = 0; i < report->n_refused; i++)
        jsonw_cstr(w, report->refused[i].reason);
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}

static int add_file(struct request *r, const struct part *p, const struct ingest_options *o,
                    struct jsonw *w)
{
    struct ingest_report report;
    const char *name = arena_strndup(r->mem, p->filename.p, p->filename.n);
    int rc;

    ingest_report_init(&report);
    rc = ingest_file_bytes(engine_of(r), name, p->bytes, o, &report);
    if (rc == ERR_OK)
        write_file(w, p->filename, &report);
    ingest_report_done(&report);
    return rc;
}

/* Form fields beside the files: collection, metadata (a JSON object for all of them). */
static int read_field(struct request *r, const struct part *p, struct ingest_options *o,
                      json_t **metadata)
{
    int rc = ERR_OK;

    if (str_eq(p->name, STR_LIT("collection"))) {
        TRY(access_collection(r, p->bytes, &o->collection));
    } else if (str_eq(p->name, STR_LIT("metadata"))) {
        json_decref(*metadata);
        *metadata = NULL;
        TRY(json_parse(metadata, p->bytes, "metadata"));
        if (!json_is_object(*metadata))
            rc = FAIL(ERR_ARGUMENT, "'metadata' must be a JSON object");
    } else {
        rc = FAIL(ERR_ARGUMENT,
                  "the form has an unknown field '%.*s'; known: collection, "
                  "metadata, and files",
                  STR_ARGS(p->name));
    }
out:
    return rc;
}

static int add_multipart(struct request *r, struct ingest_options *o, struct buf *body)
{
    int rc = ERR_OK;
    struct jsonw w = jsonw_to(body);
    struct part *parts;
    json_t *metadata = NULL;
    size_t n;

    TRY(multipart_parse(http_field(&r->head, "content-type"), buf_view(&r->body), r->mem, &parts,
                        &n));
    for (size_t i = 0; i < n; i++)
        if (!parts[i].filename.p)
            TRY(read_field(r, &parts[i], o, &metadata));
    o->metadata = metadata;
    jsonw_open(&w, '{');
    jsonw_key(&w, "documents");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < n; i++)
        if (parts[i].filename.n)
            TRY(add_file(r, &parts[i], o, &w));
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
out:
    json_decref(metadata);
    return rc;
}

static int make_addition(struct request *r, int *status, struct buf *body)
{
    static const char *const known[] = {"collection", NULL};
    int rc = ERR_OK;
    struct ingest_options o = {.tenant = r->caller->tenant, .chunk_chars = -1, .chunk_overlap = -1};

    (void)status;
    TRY(http_query_only(r->head.query, known));
    TRY(collection_param(r, &o.collection));
    if (http_media_is(http_field(&r->head, "content-type"), "multipart/form-data"))
        TRY(add_multipart(r, &o, body));
    else
        TRY(add_json(r, &o, body));
out:
    return rc;
}

void handle_documents_add(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_addition);
}
