#include "embed/reranker.h"

#include <math.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/cross_encoder.h"
#include "embed/rerank_remote.h"
#include "net/upstream.h"

struct reranker {
    struct cross_encoder *cross;  /* or: */
    struct rerank_remote *remote; /* one of them is NULL */
    struct reranker_info info;
};

/* ---- opening ---- */

static void fill_local_info(struct reranker *r)
{
    const struct model *m = cross_model(r->cross);
    const struct pack_facts *f = &m->facts;

    r->info = (struct reranker_info){.kind = "local",
                                     .name = cross_name(r->cross),
                                     .was_reached = true,
                                     .max_tokens = cross_max_tokens(r->cross),
                                     .n_frame = CROSS_FRAME,
                                     .n_layers = f->config.n_layers,
                                     .hidden = f->config.hidden,
                                     .precision = precision_name(f->precision),
                                     .weight_bytes = f->source.size,
                                     .memory_bytes = pack_memory_bytes(bert_pack(m->bert)),
                                     .pack = m->pack_path};
}

static void fill_remote_info(struct reranker *r, const struct rerank_remote_options *o)
{
    r->info = (struct reranker_info){.kind = o->kind == RERANK_TEI ? "tei" : "cohere",
                                     .name = rerank_remote_model(r->remote),
                                     .url = rerank_remote_url(r->remote),
                                     .was_reached = rerank_remote_was_reached(r->remote)};
}

int reranker_open(struct reranker **out, const struct reranker_options *o)
{
    int rc = ERR_OK;
    struct reranker *r = mem_calloc(1, sizeof *r);
    struct cross_options local = {.model_dir = o->model_dir,
                                  .precision = o->precision,
                                  .pack = o->pack,
                                  .max_tokens = o->max_tokens};

    if (o->remote) {
        TRY(rerank_remote_open(&r->remote, o->remote));
        fill_remote_info(r, o->remote);
    } else {
        TRY(cross_open(&r->cross, &local));
        fill_local_info(r);
    }
    *out = r;
    r = NULL; /* handed over */
out:
    reranker_close(r);
    return rc;
}

void reranker_close(struct reranker *r)
{
    if (!r)
        return;
    cross_close(r->cross);
    rerank_remote_close(r->remote);
    mem_free(r);
}

const struct reranker_info *reranker_info(const struct reranker *r)
{
    return &r->info;
}

struct digest reranker_fingerprint(const struct reranker *r)
{
    return r->cross ? cross_fingerprint(r->cross) : rerank_remote_fingerprint(r->remote);
}

bool reranker_remote_stats(const struct reranker *r, struct upstream_stats *out)
{
    if (r->remote)
        rerank_remote_stats(r->remote, out);
    return r->remote != NULL;
}

size_t reranker_count(const struct reranker *r, struct str text)
{
    return r->cross ? cross_count(r->cross, text) : 0;
}

/* ---- scores ---- */

static int score_here(struct reranker *r, const struct rerank_call *call, float *scores)
{
    struct cross_call c = {.pool = call->pool,
                           .question = call->question,
                           .texts = call->texts,
                           .n = call->n,
                           .until_ns = call->until_ns};
    int rc = cross_score(r->cross, &c, scores);

    for (size_t i = 0; i < call->n && !call->raw; i++)
        scores[i] = 1 / (1 + expf(-scores[i])); /* NAN stays NAN */
    return rc;
}

static int score_there(struct reranker *r, const struct rerank_call *call, float *scores)
{
    uint64_t now = clock_ns();
    struct rerank_remote_call c = {
        .question = call->question, .texts = call->texts, .n = call->n, .raw = call->raw};

    if (call->until_ns)
        c.within_ms = call->until_ns > now ? (int64_t)((call->until_ns - now) / 1000000) : 0;
    if (call->until_ns && c.within_ms < 1)
        c.within_ms = 1;
    return rerank_remote_score(r->remote, &c, scores);
}

int reranker_score(struct reranker *r, const struct rerank_call *call, float *scores)
{
    return r->cross ? score_here(r, call, scores) : score_there(r, call, scores);
}
