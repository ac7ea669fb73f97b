/* routes_embed.c - POST /v1/embeddings and POST /embed: the encoder alone, in slices
 * (server/slices.h).
 */
#include "base/err.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/embed_request.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/slices.h"

/* Tokens of a slice for each thread: two batches of the encoder, so that none waits long for the
 * last. */
#define SLICE_TOKENS 512

struct embedding {
    struct embed_request wanted;
    struct embedder *model; /* a reference, the same for all slices */
};

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

static int read_wanted(struct request *r, struct slices *s)
{
    struct embedding *state = s->state;
    struct embed_request *m = &state->wanted;
    const struct engine *e = engine_of(r);
    int rc = embed_request_read(m, dialect_of_path(r->head.path), buf_view(&r->body), state->model,
                                (size_t)engine_settings(e)->limits.reply_bytes, r->mem, &s->why);

    if (rc < 0)
        return rc;
    s->n = m->n;
    s->n_tokens = m->n_tokens;
    s->ignored = m->ignored;
    return ERR_OK;
}

/* ---- the reply ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "base64 holds little-endian floats");

static void write_vector(struct jsonw *w, const struct embed_request *m, size_t i, size_t dim)
{
    const float *v = m->items[i].vector;

    if (m->base64)
        jsonw_base64(w, v, dim * sizeof *v);
    else
        jsonw_floats(w, v, dim);
}

static void write_openai(struct jsonw *w, const struct embed_request *m,
                         const struct embedder_info *info)
{
    jsonw_open(w, '{');
    jsonw_key(w, "object"), jsonw_cstr(w, "list");
    jsonw_key(w, "data"), jsonw_open(w, '[');
    for (size_t i = 0; i < m->n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, "object"), jsonw_cstr(w, "embedding");
        jsonw_key(w, "index"), jsonw_int(w, (int64_t)i);
        jsonw_key(w, "embedding"), write_vector(w, m, i, info->dim);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
    jsonw_key(w, "model"), jsonw_cstr(w, info->name);
    jsonw_key(w, "usage"), jsonw_open(w, '{');
    jsonw_key(w, "prompt_tokens"), jsonw_int(w, (int64_t)m->n_tokens);
    jsonw_key(w, "total_tokens"), jsonw_int(w, (int64_t)m->n_tokens);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

static void write_tei(struct jsonw *w, const struct embed_request *m,
                      const struct embedder_info *info)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < m->n; i++)
        write_vector(w, m, i, info->dim);
    jsonw_close(w, ']');
}

static void write_reply(struct request *r, const struct slices *s, struct buf *out)
{
    const struct embedding *state = s->state;
    const struct embed_request *m = &state->wanted;
    const struct embedder_info *info = embedder_info(state->model);
    struct jsonw w = jsonw_to(out);

    (void)r;
    if (m->dialect == DIALECT_TEI)
        write_tei(&w, m, info);
    else
        write_openai(&w, m, info);
}

/* ---- a slice ---- */

/* How many items from n_done on make the next slice. */
static size_t slice_of(const struct embed_request *m, size_t n_done, size_t n_threads)
{
    size_t n = 0, n_tokens = 0;

    while (n_done + n < m->n) {
        n_tokens += m->items[n_done + n].n_ids;
        if (n > 0 && n_tokens > SLICE_TOKENS * n_threads)
            break;
        n++;
    }
    return n;
}

static void make_room(struct request *r, struct embed_request *m, size_t dim)
{
    float *vectors = ARENA_ARRAY(r->mem, float, m->n *dim);

    for (size_t i = 0; i < m->n; i++)
        m->items[i].vector = vectors + i * dim;
}

static int embed_slice(struct request *r, struct slices *s)
{
    struct engine *e = engine_of(r);
    struct embedding *state = s->state;
    struct embed_request *m = &state->wanted;
    size_t n = slice_of(m, s->n_done, (size_t)pool_threads(e->pool));
    int rc;

    if (s->n_done == 0)
        make_room(r, m, embedder_info(state->model)->dim);
    rc = embed_documents(state->model, e->pool, m->items + s->n_done, n);
    return rc < 0 ? rc : (int)n;
}

static void forget(void *state)
{
    struct embedding *m = state;

    embedder_close(m->model);
}

void handle_embed(struct request *r)
{
    static const struct slices_work work = {STAGE_EMBED, read_wanted, embed_slice, write_reply};

    struct embedding *state = ARENA_NEW(r->mem, struct embedding);

    state->model = engine_embedder(engine_of(r));
    request_defer(r, forget, state);
    slices_start(r, &work, state);
}
