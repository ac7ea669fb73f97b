#include "base/err.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/access.h"
#include "server/routes.h"
#include "server/service.h"

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

struct listing {
    struct jsonw w;
    const struct request *r;
    struct store_reader *reader;
    int64_t n_documents, n_chunks; /* of one collection, that are there for the caller */
};

static int count_one(void *arg, const struct document_row *d)
{
    struct listing *l = arg;

    if (!access_sees_document(l->r, d))
        return ERR_OK;
    l->n_documents++;
    l->n_chunks += d->n_chunks;
    return ERR_OK;
}

/* How many a filter hides is not told either. */
static int count(struct listing *l, const struct collection_row *c)
{
    bool all = !l->r->caller->filter;

    l->n_documents = all ? c->n_documents : 0;
    l->n_chunks = all ? c->n_chunks : 0;
    return all ? ERR_OK : store_each_document(l->reader, c->id, STR_LIT(""), 0, count_one, l);
}

static int list_one(void *arg, const struct collection_row *c)
{
    int rc = ERR_OK;
    struct listing *l = arg;
    const struct caller *caller = l->r->caller;

    if (strcmp(c->tenant, caller->tenant) != 0 || !caller_sees(caller, c->name))
        return ERR_OK;
    TRY(count(l, c));
    jsonw_open(&l->w, '{');
    jsonw_key(&l->w, "name"), jsonw_cstr(&l->w, c->name);
    jsonw_key(&l->w, "documents"), jsonw_int(&l->w, l->n_documents);
    jsonw_key(&l->w, "chunks"), jsonw_int(&l->w, l->n_chunks);
    jsonw_key(&l->w, "epoch"), jsonw_int(&l->w, c->epoch);
    jsonw_key(&l->w, "settings");
    jsonw_raw(&l->w, str_of(c->settings && *c->settings ? c->settings : "{}"));
    jsonw_close(&l->w, '}');
out:
    return rc;
}

static int make_list(struct request *r, int *status, struct buf *body)
{
    struct store_reader *reader = store_reader_get(engine_of(r)->store);
    struct listing l = {.w = jsonw_to(body), .r = r, .reader = reader};
    int rc;

    (void)status;
    jsonw_open(&l.w, '{');
    jsonw_key(&l.w, "collections");
    jsonw_open(&l.w, '[');
    rc = store_each_collection(reader, list_one, &l);
    jsonw_close(&l.w, ']');
    jsonw_close(&l.w, '}');
    store_reader_put(engine_of(r)->store, reader);
    return rc;
}

void handle_collections_list(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_list);
}

/* Without a body one that is there stays as it is. */
static int put_collection(struct request *r, int *status)
{
    struct engine *e = engine_of(r);
    struct str settings = buf_view(&r->body);
    int rc = retriever_create_collection(e->retriever, r->caller->tenant, r->tail.p, settings);

    *status = rc == ERR_EXISTS ? 200 : 201; /* the same PUT again is fine */
    if (rc != ERR_EXISTS)
        return rc;
    if (settings.n == 0)
        return ERR_OK;
    return retriever_set_settings(e->retriever, r->caller->tenant, r->tail.p, settings);
}

static int make_collection(struct request *r, int *status, struct buf *body)
{
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    struct jsonw w = jsonw_to(body);
    struct store_reader *reader = NULL;
    struct arena *mem = arena_new(0);
    struct collection_row row;
    const char *name;

    TRY(access_collection(r, r->tail, &name));
    TRY(put_collection(r, status));
    reader = store_reader_get(e->store);
    TRY(store_find_collection(reader, r->caller->tenant, r->tail.p, mem, &row));
    jsonw_open(&w, '{');
    jsonw_key(&w, "name"), jsonw_str(&w, r->tail);
    jsonw_key(&w, "settings"), jsonw_raw(&w, str_of(row.settings));
    jsonw_close(&w, '}');
out:
    if (reader)
        store_reader_put(e->store, reader);
    arena_free(mem);
    return rc;
}

void handle_collection_put(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_collection);
}

static int make_drop(struct request *r, int *status, struct buf *body)
{
    struct engine *e = engine_of(r);
    const char *name;
    int rc = access_collection(r, r->tail, &name);

    (void)status, (void)body;
    if (rc == ERR_OK)
        rc = retriever_drop_collection(e->retriever, r->caller->tenant, r->tail.p);
    if (rc == ERR_OK)
        asked_forget(e->asked, r->caller->tenant, r->tail.p);
    if (rc == ERR_OK)
        static_encoders_dropped(e->static_encoders, r->caller->tenant, r->tail.p);
    if (rc == ERR_OK)
        rc = adapters_remove(e->adapters, r->caller->tenant, r->tail.p, NULL);
    return rc;
}

void handle_collection_delete(struct request *r)
{
    request_answer_on(r, r->loop->service->io, make_drop);
}
