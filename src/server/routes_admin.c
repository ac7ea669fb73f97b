#include "base/clock.h"
#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "server/cache_report.h"
#include "server/limits_report.h"
#include "server/metrics_page.h"
#include "server/model_metrics.h"
#include "server/routes.h"
#include "server/service.h"

void handle_healthz(struct request *r)
{
    struct buf body = {0};

    buf_add_str(&body, "{\"status\":\"ok\"}");
    reply_json(r, 200, &body);
}

void handle_readyz(struct request *r)
{
    struct buf body = {0};

    if (r->loop->service->stopping) {
        reply_problem(r, 503, "unavailable", "the server is stopping");
        return;
    }
    if (retriever_is_read(r->loop->service->engine->retriever) < 0) {
        reply_problem(r, 503, "unavailable", "%s", err_text());
        return;
    }
    buf_add_str(&body, "{\"status\":\"ready\"}");
    reply_json(r, 200, &body);
}

void handle_version(struct request *r)
{
    struct embedder *embedder = engine_embedder(r->loop->service->engine);
    const struct embedder_info *model = embedder_info(embedder);
    const struct reranker *reranker = r->loop->service->engine->reranker;
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);

    jsonw_open(&w, '{');
    jsonw_key(&w, "name"), jsonw_cstr(&w, "ragd");
    jsonw_key(&w, "version"), jsonw_cstr(&w, RAGD_VERSION);
    jsonw_key(&w, "embedder"), jsonw_cstr(&w, model->kind);
    jsonw_key(&w, "model"), jsonw_cstr(&w, model->name);
    jsonw_key(&w, "precision"), jsonw_cstr(&w, model->precision);
    jsonw_key(&w, "dimensions"), jsonw_int(&w, (int64_t)model->dim);
    jsonw_key(&w, "reranker"), jsonw_cstr(&w, reranker ? reranker_info(reranker)->name : NULL);
    jsonw_close(&w, '}');
    embedder_close(embedder);
    reply_json(r, 200, &body);
}

/* ---- /cache ---- */

void handle_cache_get(struct request *r)
{
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);

    cache_report_json(r->loop->service->engine, &w);
    reply_json(r, 200, &body);
}

static int forget_answers(struct request *r, int *status, struct buf *body)
{
    (void)status, (void)body;
    return engine_forget_answers(r->loop->service->engine);
}

void handle_cache_delete(struct request *r)
{
    request_answer_on(r, r->loop->service->io, forget_answers);
}

/* ---- /stats and /metrics ---- */

void handle_stats(struct request *r)
{
    struct service *s = r->loop->service;
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);

    jsonw_open(&w, '{');
    jsonw_key(&w, "uptime_s");
    jsonw_int(&w, (clock_wall_ms() - s->engine->started_ms) / 1000);
    jsonw_key(&w, "requests"), jsonw_int(&w, (int64_t)metrics_requests(s->metrics));
    jsonw_key(&w, "connections"), jsonw_int(&w, s->n_connections);
    jsonw_key(&w, "runs"), jsonw_int(&w, (int64_t)metrics_counter(s->metrics, COUNT_RUNS));
    jsonw_key(&w, "joined"), jsonw_int(&w, (int64_t)metrics_counter(s->metrics, COUNT_JOINED));
    jsonw_key(&w, "queued"), jsonw_int(&w, (int64_t)pool_depth(s->engine->pool));
    jsonw_key(&w, "resident_bytes"), jsonw_int(&w, (int64_t)mem_resident_bytes());
    jsonw_key(&w, "index_bytes"), jsonw_int(&w, (int64_t)retriever_bytes(s->engine->retriever));
    jsonw_key(&w, "cache"), cache_report_json(s->engine, &w);
    jsonw_key(&w, "limits"), limits_report_json(s->engine->spending, &w);
    jsonw_key(&w, "models"), model_metrics_json(s->engine->chat_models, &w);
    jsonw_close(&w, '}');
    reply_json(r, 200, &body);
}

void handle_metrics(struct request *r)
{
    struct buf body = {0};

    metrics_page_write(r->loop->service, &body);
    reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
