/* routes_embed.c - POST /v1/embeddings and POST /embed: the encoder alone.
 *
 *   loop: small bodies are read here ---\
 *         large ones by the worker        > pool: a slice -> loop -> pool: the next ... -> reply
 *
 * One input is like a question and goes in the questions' lane. A list goes in the bulk lane and is
 * embedded a slice at a time, each to the end of the lane: questions go first, and of two lists the
 * short one does not wait for the whole of the long one. When the client leaves, the rest is not
 * embedded.
 */
#include "base/err.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/embed_request.h"
#include "server/routes.h"
#include "server/service.h"

/* A body up to this size is read on the loop, tokens included: some 50 microseconds. */
#define SMALL_BODY 2048
/* Tokens of a slice for each thread: two batches of the encoder, so that none waits long for the
 * last. */
#define SLICE_TOKENS 512

struct embedding {
    struct embed_request wanted;
    struct refusal why; /* when reading failed */
    bool read;
    size_t n_done;
    struct trace trace;
    struct buf body;
    struct embedder *model; /* a reference, the same for all slices */
};

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

static void forget(void *state)
{
    struct embedding *m = state;

    buf_done(&m->body);
    embedder_close(m->model);
}

static int read_wanted(struct request *r)
{
    struct embedding *m = r->state;
    const struct engine *e = engine_of(r);
    int rc = embed_request_read(&m->wanted, dialect_of_path(r->head.path), buf_view(&r->body),
                                m->model, (size_t)e->config.limits.reply_bytes, r->mem, &m->why);

    m->read = rc == ERR_OK;
    return rc;
}

static void refuse(struct request *r, int rc, const char *text)
{
    struct embedding *m = r->state;

    if (m->read) { /* then the encoder failed, and what is wrong with its files is our matter */
        reply_error(r, rc == ERR_FORMAT ? ERR_SYSTEM : rc, text);
        return;
    }
    m->why.detail = str_of(text);
    reply_refusal(r, &m->why);
}

/* ---- the reply ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "base64 holds little-endian floats");

static void write_vector(struct jsonw *w, const struct embedding *m, size_t i, size_t dim)
{
    const float *v = m->wanted.items[i].vector;

    if (m->wanted.base64)
        jsonw_base64(w, v, dim * sizeof *v);
    else
        jsonw_floats(w, v, dim);
}

static void write_openai(struct jsonw *w, const struct embedding *m,
                         const struct embedder_info *info)
{
    jsonw_open(w, '{');
    jsonw_key(w, "object"), jsonw_cstr(w, "list");
    jsonw_key(w, "data"), jsonw_open(w, '[');
    for (size_t i = 0; i < m->wanted.n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, "object"), jsonw_cstr(w, "embedding");
        jsonw_key(w, "index"), jsonw_int(w, (int64_t)i);
        jsonw_key(w, "embedding"), write_vector(w, m, i, info->dim);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_key(w, "model"), jsonw_cstr(w, info->name);
    jsonw_key(w, "usage"), jsonw_open(w, '{');
    jsonw_key(w, "prompt_tokens"), jsonw_int(w, (int64_t)m->wanted.n_tokens);
    jsonw_key(w, "total_tokens"), jsonw_int(w, (int64_t)m->wanted.n_tokens);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

static void write_tei(struct jsonw *w, const struct embedding *m, const struct embedder_info *info)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < m->wanted.n; i++)
        write_vector(w, m, i, info->dim);
    jsonw_close(w, ']');
}

static void write_reply(struct embedding *m, const struct embedder_info *info)
{
    struct jsonw w = jsonw_to(&m->body);

    if (m->wanted.dialect == DIALECT_TEI)
        write_tei(&w, m, info);
    else
        write_openai(&w, m, info);
}

/* ---- running ---- */

/* How many items from n_done on make the next slice. */
static size_t slice_of(const struct embedding *m, size_t n_threads)
{
    size_t n = 0, n_tokens = 0;

    while (m->n_done + n < m->wanted.n) {
        n_tokens += m->wanted.items[m->n_done + n].n_ids;
        if (n > 0 && n_tokens > SLICE_TOKENS * n_threads)
            break;
        n++;
    }
    return n;
}

static void make_room(struct request *r, size_t dim)
{
    struct embedding *m = r->state;
    float *vectors = ARENA_ARRAY(r->mem, float, m->wanted.n *dim);

    for (size_t i = 0; i < m->wanted.n; i++)
        m->wanted.items[i].vector = vectors + i * dim;
}

static int embed_slice(struct request *r)
{
    int rc = ERR_OK;
    struct engine *e = engine_of(r);
    struct embedding *m = r->state;
    const struct embedder_info *info = embedder_info(m->model);
    uint64_t since_ns = trace_add(&m->trace, STAGE_QUEUE, r->work.submitted_ns);
    size_t n;

    if (!m->read)
        TRY(read_wanted(r));
    if (m->n_done == 0)
        make_room(r, info->dim);
    n = slice_of(m, (size_t)pool_threads(e->pool));
    TRY(embed_documents(m->model, e->pool, m->wanted.items + m->n_done, n));
    m->n_done += n;
    since_ns = trace_add(&m->trace, STAGE_EMBED, since_ns);
    if (m->n_done == m->wanted.n) {
        write_reply(m, info);
        trace_add(&m->trace, STAGE_REPLY, since_ns);
    }
    r->work.submitted_ns = clock_ns(); /* the way back is waiting too */
out:
    return rc;
}

static void finish(struct request *r)
{
    struct embedding *m = r->state;

    if (*m->wanted.ignored)
        buf_addf(&r->extra, "x-ragd-ignored: %s\r\n", m->wanted.ignored);
    reply_timing(r, &m->trace);
    reply_json(r, 200, &m->body);
}

static void slice_done(struct request *r, int rc)
{
    struct embedding *m = r->state;

    trace_add(&m->trace, STAGE_QUEUE, r->work.submitted_ns);
    if (rc < 0)
        refuse(r, rc, r->work.error);
    else if (!r->conn)
        reply_problem(r, 503, "cancelled", "the client has left");
    else if (m->n_done < m->wanted.n)
        request_work_again(r, engine_of(r)->pool, QUEUE_BULK);
    else
        finish(r);
}

void handle_embed(struct request *r)
{
    int rc = ERR_OK;
    struct embedding *m = ARENA_NEW(r->mem, struct embedding);
    bool small = r->body.n <= SMALL_BODY;

    r->state = m;
    m->model = engine_embedder(engine_of(r));
    request_defer(r, forget, m);
    m->trace.start_ns = r->start_ns;
    if (small)
        TRY(read_wanted(r));
    trace_add(&m->trace, STAGE_QUEUE, r->start_ns);
    request_work(r, engine_of(r)->pool, small && m->wanted.n == 1 ? QUEUE_URGENT : QUEUE_BULK,
                 embed_slice, slice_done);
out:
    if (rc < 0)
        refuse(r, rc, err_text());
}
