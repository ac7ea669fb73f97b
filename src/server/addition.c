#include "server/addition.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "server/http.h"
#include "server/multipart.h"

/* What became of one file. */
struct outcome {
    size_t documents, chunks, unchanged;
    const char **refused; /* reasons; borrowed from the report */
    size_t n_refused;
    const char *reason; /* the first of them, or why it was skipped */
};

struct addition {
    struct arena *mem;
    struct ingest_options options;
    json_t *tree, *metadata; /* the documents' strings lie in the tree */
    size_t n;

    struct ingest_document *docs; /* JSON */
    struct ingest_result *results;

    struct buf body; /* multipart: the parts lie in it */
    struct part *files;
    struct outcome *outcomes;
    struct ingest_report report; /* of all files so far */

    const struct addition_run *how; /* while it is ingested */
    size_t n_done;
};

void addition_free(struct addition *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n && a->results; i++)
        mem_free(a->results[i].reason);
    ingest_report_done(&a->report);
    json_decref(a->tree);
    json_decref(a->metadata);
    buf_done(&a->body);
    arena_free(a->mem); /* a itself lies in it */
}

const char *addition_collection(const struct addition *a)
{
    return a->options.collection;
}

size_t addition_count(const struct addition *a)
{
    return a->n;
}

/* ---- reading JSON ---- */

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

static int read_list(struct addition *a, const json_t *list)
{
    int rc = ERR_OK;
    size_t n = json_array_size(list);

    if (!json_is_array(list))
        return FAIL(ERR_ARGUMENT, "'documents' is required: a list of {id, uri, title, text, "
                                  "metadata}");
    if (n > ADDITION_DOCUMENTS)
        return FAIL(ERR_LIMIT, "%zu documents are over the limit of %d a request", n,
                    ADDITION_DOCUMENTS);
    a->docs = ARENA_ARRAY(a->mem, struct ingest_document, n + 1);
    for (size_t i = 0; i < n; i++)
        TRY(read_document(json_array_get(list, i), i, a->mem, &a->docs[i]));
    a->results = ARENA_ARRAY(a->mem, struct ingest_result, n + 1);
    a->n = n;
out:
    return rc;
}

static int read_json(struct addition *a)
{
    static const char *const known[] = {"documents", "collection", NULL};
    int rc = ERR_OK;
    struct str collection = {NULL, 0};

    TRY(json_parse(&a->tree, buf_view(&a->body), "the request"));
    buf_done(&a->body); /* the tree has copies */
    if (!json_is_object(a->tree)) {
        rc = FAIL(ERR_ARGUMENT, "the request must be an object with 'documents'");
        goto out;
    }
    TRY(json_only(a->tree, known, "the request"));
    TRY(json_get_str(a->tree, "collection", &collection));
    if (collection.p)
        a->options.collection = arena_strndup(a->mem, collection.p, collection.n);
    TRY(read_list(a, json_object_get(a->tree, "documents")));
out:
    return rc;
}

/* ---- reading a form ---- */

/* Form fields beside the files: collection, metadata (a JSON object for all of them). */
static int read_field(struct addition *a, const struct part *p)
{
    int rc = ERR_OK;

    if (str_eq(p->name, STR_LIT("collection"))) {
        a->options.collection = arena_strndup(a->mem, p->bytes.p, p->bytes.n);
    } else if (str_eq(p->name, STR_LIT("metadata"))) {
        json_decref(a->metadata);
        a->metadata = NULL;
        TRY(json_parse(&a->metadata, p->bytes, "metadata"));
        if (!json_is_object(a->metadata))
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

/* A file input that nothing was chosen for has an empty name: no file. */
static int read_form(struct addition *a, struct str content_type)
{
    int rc = ERR_OK;
    struct part *parts;
    size_t n;

    TRY(multipart_parse(content_type, buf_view(&a->body), a->mem, &parts, &n));
    a->files = parts; /* files move to the front */
    for (size_t i = 0; i < n; i++)
        if (!parts[i].filename.p)
            TRY(read_field(a, &parts[i]));
        else if (parts[i].filename.n)
            a->files[a->n++] = parts[i];
    a->outcomes = ARENA_ARRAY(a->mem, struct outcome, a->n + 1);
    a->options.metadata = a->metadata;
out:
    return rc;
}

static void add_view(struct digester *d, struct str s)
{
    digester_add(d, s.p, s.n);
}

static struct digest digest_form(const struct addition *a)
{
    struct digester *d = digester_new();
    char *metadata = a->metadata ? json_canonical(a->metadata) : NULL;

    digester_add_str(d, a->options.collection);
    digester_add_str(d, metadata);
    for (size_t i = 0; i < a->n; i++) {
        add_view(d, a->files[i].filename);
        add_view(d, a->files[i].bytes);
    }
    mem_free(metadata);
    return digester_finish(d);
}

static struct digest digest_json(const char *collection, const struct buf *body)
{
    struct digester *d = digester_new();

    digester_add_str(d, collection);
    add_view(d, buf_view(body));
    return digester_finish(d);
}

int addition_read(struct addition **out, const struct addition_source *from, struct digest *content)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct addition *a = ARENA_NEW(mem, struct addition);
    bool form = http_media_is(from->content_type, "multipart/form-data");

    a->mem = mem;
    a->body = *from->body;
    buf_init(from->body);
    a->options = (struct ingest_options){.tenant = arena_strdup(mem, from->tenant),
                                         .collection = arena_strdup(mem, from->collection),
                                         .chunk_chars = -1,
                                         .chunk_overlap = -1};
    if (content && !form)
        *content = digest_json(from->collection, &a->body);
    TRY(form ? read_form(a, from->content_type) : read_json(a));
    if (content && form)
        *content = digest_form(a);
    *out = a;
    a = NULL; /* handed over */
out:
    addition_free(a);
    return rc;
}

/* ---- ingesting ---- */

static void tell(const struct addition *a, size_t done, const struct ingest_report *report)
{
    if (a->how->tell)
        a->how->tell(a->how->arg, done, report);
}

static void on_documents(void *arg, const struct ingest_progress *p)
{
    tell(arg, p->n_files_done, p->report);
}

/* Chunks of a long file are told as they come in. */
static void on_file(void *arg, const struct ingest_progress *p)
{
    const struct addition *a = arg;

    tell(a, a->n_done, p->report);
}

/* What the report has more than `before` is of this file. */
static void settle(struct addition *a, const struct ingest_report *before, struct outcome *o)
{
    const struct ingest_report *now = &a->report;

    o->documents = now->documents - before->documents;
    o->chunks = now->chunks - before->chunks;
    o->unchanged = now->unchanged - before->unchanged;
    o->n_refused = now->n_refused - before->n_refused;
    o->refused = ARENA_ARRAY(a->mem, const char *, o->n_refused + 1);
    for (size_t i = 0; i < o->n_refused; i++)
        o->refused[i] = now->refused[before->n_refused + i].reason;
    if (o->n_refused)
        o->reason = o->refused[0];
    else if (now->n_skipped > before->n_skipped)
        o->reason = now->skipped[before->n_skipped].reason;
}

static int ingest_files(struct addition *a, struct engine *e)
{
    int rc = ERR_OK;

    for (a->n_done = 0; a->n_done < a->n; a->n_done++) {
        const struct part *p = &a->files[a->n_done];
        struct ingest_report before = a->report;

        if (a->how->cancel && atomic_load(a->how->cancel))
            return FAIL(ERR_CANCELLED, "cancelled");
        TRY(ingest_file_bytes(e, arena_strndup(a->mem, p->filename.p, p->filename.n), p->bytes,
                              &a->options, &a->report));
        settle(a, &before, &a->outcomes[a->n_done]);
        tell(a, a->n_done + 1, &a->report);
    }
out:
    return rc;
}

int addition_ingest(struct addition *a, struct engine *e, const struct addition_run *how)
{
    int rc;

    a->how = how;
    a->options.cancel = how->cancel;
    a->options.progress_arg = a;
    a->options.progress = a->docs ? on_documents : on_file;
    if (a->docs)
        rc = ingest_documents(e, a->docs, a->n, &a->options, a->results);
    else
        rc = ingest_files(a, e);
    a->how = NULL;
    return rc;
}

/* ---- telling ---- */

static void write_status(struct jsonw *w, struct str id, enum ingest_status status,
                         const char *reason, size_t chunks)
{
    static const char *const words[] = {"ingested", "unchanged", "refused", "left"};

    jsonw_key(w, "id"), jsonw_str(w, id);
    jsonw_key(w, "status"), jsonw_cstr(w, words[status]);
    jsonw_key(w, "reason"), jsonw_cstr(w, reason);
    jsonw_key(w, "chunks"), jsonw_int(w, (int64_t)chunks);
}

static void write_document(struct jsonw *w, const struct addition *a, size_t i)
{
    const struct ingest_result *r = &a->results[i];

    jsonw_open(w, '{');
    write_status(w, a->docs[i].id, r->status, r->reason, r->chunks);
    jsonw_close(w, '}');
}

static void write_file(struct jsonw *w, const struct addition *a, size_t i)
{
    const struct outcome *o = &a->outcomes[i];
    enum ingest_status status = o->documents   ? INGEST_INGESTED
                                : o->unchanged ? INGEST_UNCHANGED
                                               : INGEST_REFUSED;

    jsonw_open(w, '{');
    write_status(w, a->files[i].filename, status, o->reason, o->chunks);
    jsonw_key(w, "documents"), jsonw_int(w, (int64_t)o->documents);
    jsonw_key(w, "refused");
    jsonw_open(w, '[');
    for (size_t k = 0; k < o->n_refused; k++)
        jsonw_cstr(w, o->refused[k]);
    jsonw_close(w, ']');
    jsonw_close(w, '}');
}

void addition_write(const struct addition *a, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "documents");
    jsonw_open(&w, '[');
    for (size_t i = 0; i < a->n; i++)
        if (a->docs)
            write_document(&w, a, i);
        else
            write_file(&w, a, i);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
}
