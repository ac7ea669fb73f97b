/* routes_rerank.c - POST /rerank, /v1/rerank and /v2/rerank: the reranker alone, in slices
 * (server/slices.h). With a reranking server this is a door to it, in either form.
 */
#include <stdlib.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/rerank_request.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/slices.h"
#include "text/tokens.h"

/* Tokens of a slice for each thread: as routes_embed.c. */
#define SLICE_TOKENS 512

struct reranking {
    struct rerank_request wanted;
    float *scores; /* [wanted.n] */
};

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

/* As they will be read; guessed where a server counts. */
static size_t tokens_of(const struct rerank_request *m)
{
    size_t n = m->n_tokens_all;

    for (size_t i = 0; m->n_tokens_all == 0 && i < m->n; i++)
        n += tokens_count(NULL, m->question) + tokens_count(NULL, m->texts[i]);
    return n;
}

static int read_wanted(struct request *r, struct slices *s)
{
    struct reranking *m = s->state;
    const struct engine *e = engine_of(r);
    int rc = rerank_request_read(&m->wanted, r->head.path, buf_view(&r->body), e->reranker,
                                 (size_t)engine_settings(e)->limits.reply_bytes, r->mem, &s->why);

    r->dialect = m->wanted.dialect;
    if (rc < 0)
        return rc;
    m->scores = ARENA_ARRAY(r->mem, float, m->wanted.n);
    s->n = m->wanted.n;
    s->n_tokens = tokens_of(&m->wanted);
    s->ignored = m->wanted.ignored;
    return ERR_OK;
}

/* ---- the reply ---- */

struct ranked {
    float score;
    size_t i;
};

static int best_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->i < y->i ? -1 : 1;
}

static void write_tei(struct jsonw *w, const struct rerank_request *m, const struct ranked *ranks)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < m->top_n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, "index"), jsonw_int(w, (int64_t)ranks[i].i);
        if (m->return_texts)
            jsonw_key(w, "text"), jsonw_str(w, m->texts[ranks[i].i]);
        jsonw_key(w, "score"), jsonw_real(w, ranks[i].score);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

static void write_result(struct jsonw *w, const struct rerank_request *m, const struct ranked *rank)
{
    jsonw_open(w, '{');
    jsonw_key(w, "index"), jsonw_int(w, (int64_t)rank->i);
    jsonw_key(w, "relevance_score"), jsonw_real(w, rank->score);
    if (m->return_texts) {
        jsonw_key(w, "document"), jsonw_open(w, '{');
        jsonw_key(w, "text"), jsonw_str(w, m->texts[rank->i]);
        jsonw_close(w, '}');
    }
    jsonw_close(w, '}');
}

/* As Cohere's client reads it; a request is one search unit there. */
static void write_meta(struct jsonw *w, const char *version)
{
    jsonw_key(w, "meta"), jsonw_open(w, '{');
    jsonw_key(w, "api_version"), jsonw_open(w, '{');
    jsonw_key(w, "version"), jsonw_cstr(w, version);
    jsonw_close(w, '}');
    jsonw_key(w, "billed_units"), jsonw_open(w, '{');
    jsonw_key(w, "search_units"), jsonw_int(w, 1);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

static void write_cohere(struct jsonw *w, const struct request *r, const struct rerank_request *m,
                         const struct ranked *ranks)
{
    jsonw_open(w, '{');
    jsonw_key(w, "id"), jsonw_cstr(w, r->id);
    jsonw_key(w, "model"), jsonw_cstr(w, reranker_info(engine_of(r)->reranker)->name);
    jsonw_key(w, "results"), jsonw_open(w, '[');
    for (size_t i = 0; i < m->top_n; i++)
        write_result(w, m, &ranks[i]);
    jsonw_close(w, ']');
    write_meta(w, str_starts(r->head.path, STR_LIT("/v2/")) ? "2" : "1");
    jsonw_key(w, "usage"), jsonw_open(w, '{');
    jsonw_key(w, "prompt_tokens"), jsonw_int(w, (int64_t)m->n_tokens_all);
    jsonw_key(w, "total_tokens"), jsonw_int(w, (int64_t)m->n_tokens_all);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

static void write_reply(struct request *r, const struct slices *s, struct buf *out)
{
    const struct reranking *m = s->state;
    struct ranked *ranks = ARENA_ARRAY(r->mem, struct ranked, m->wanted.n);
    struct jsonw w = jsonw_to(out);

    for (size_t i = 0; i < m->wanted.n; i++)
        ranks[i] = (struct ranked){m->scores[i], i};
    qsort(ranks, m->wanted.n, sizeof *ranks, best_first);
    if (m->wanted.dialect == DIALECT_TEI)
        write_tei(&w, &m->wanted, ranks);
    else
        write_cohere(&w, r, &m->wanted, ranks);
}

/* ---- a slice ---- */

/* How many texts from n_done on make the next slice: so many tokens, or one request's texts. */
static size_t slice_of(const struct engine *e, const struct rerank_request *m, size_t n_done)
{
    size_t n = 0, n_tokens = 0, n_max = m->n - n_done;
    size_t tokens_max = SLICE_TOKENS * (size_t)pool_threads(e->pool);

    if (reranker_info(e->reranker)->url && n_max > (size_t)e->config.rerank.batch)
        n_max = (size_t)e->config.rerank.batch;
    while (n < n_max) {
        n_tokens += m->n_tokens[n_done + n];
        if (n > 0 && n_tokens > tokens_max)
            break;
        n++;
    }
    return n;
}

static int rerank_slice(struct request *r, struct slices *s)
{
    struct engine *e = engine_of(r);
    struct reranking *m = s->state;
    size_t n = slice_of(e, &m->wanted, s->n_done);
    struct rerank_call call = {.pool = e->pool,
                               .question = m->wanted.question,
                               .texts = m->wanted.texts + s->n_done,
                               .n = n,
                               .raw = m->wanted.raw};
    int rc = reranker_score(e->reranker, &call, m->scores + s->n_done);

    return rc < 0 ? rc : (int)n;
}

void handle_rerank(struct request *r)
{
    static const struct slices_work work = {STAGE_RERANK, read_wanted, rerank_slice, write_reply};

    slices_start(r, &work, ARENA_NEW(r->mem, struct reranking));
}
