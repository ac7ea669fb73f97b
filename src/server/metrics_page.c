#include "server/metrics_page.h"

#include "embed/remote.h"
#include "engine/engine.h"
#include "net/upstream.h"
#include "server/cache_report.h"
#include "server/exporter.h"
#include "server/limits_report.h"
#include "server/metrics.h"
#include "server/model_metrics.h"
#include "server/process_metrics.h"
#include "server/service.h"

/* ---- what others do for us ---- */

static void write_embed_metrics(struct engine *e, struct buf *out)
{
    struct embedder *model = engine_embedder(e);
    struct remote_stats s;
    bool remote = embedder_remote_stats(model, &s);

    embedder_close(model);
    if (!remote)
        return;
    metrics_total(out, "ragd_embed_requests_total", "Requests to the embedding server.",
                  (double)s.requests);
    metrics_total(out, "ragd_embed_failures_total", "Requests that the embedding server failed.",
                  (double)s.failures);
    metrics_total(out, "ragd_embed_retries_total", "Requests that were tries again.",
                  (double)s.retries);
    metrics_gauge(out, "ragd_embed_waiting", "Questions that wait for a request.", s.waiting);
    metrics_gauge(out, "ragd_embed_breaker_open", "1: the embedding server is left alone.", s.open);
}

static void write_rerank_metrics(const struct reranker *rr, struct buf *out)
{
    struct upstream_stats s;

    if (!rr || !reranker_remote_stats(rr, &s))
        return;
    metrics_total(out, "ragd_rerank_requests_total", "Requests to the reranking server.",
                  (double)s.requests);
    metrics_total(out, "ragd_rerank_failures_total", "Requests that the reranking server failed.",
                  (double)s.failures);
    metrics_total(out, "ragd_rerank_retries_total", "Requests that were tries again.",
                  (double)s.retries);
    metrics_gauge(out, "ragd_rerank_breaker_open", "1: the reranking server is left alone.",
                  s.open);
}

/* ---- ourselves ---- */

static void write_build(const struct engine *e, struct embedder *model, struct buf *out)
{
    const struct embedder_info *info = embedder_info(model);
    struct buf labels = {0};

    metrics_label(&labels, "version", RAGD_VERSION);
    metrics_label(&labels, "embedder", info->kind);
    metrics_label(&labels, "model", info->name);
    metrics_label(&labels, "precision", info->precision);
    metrics_label(&labels, "reranker", e->reranker ? reranker_info(e->reranker)->name : "");
    metrics_head(out, "ragd_build_info", "gauge", "1; what this server is, in its labels.");
    metrics_sample(out, "ragd_build_info", labels.p, 1);
    buf_done(&labels);
}

static void write_in_flight(struct service *s, struct buf *out)
{
    struct pool *pool = s->engine->pool;

    metrics_gauge(out, "ragd_connections", "Open connections.", s->n_connections);
    metrics_gauge(out, "ragd_queue_depth", "Questions and ingest work waiting.",
                  (double)pool_depth(pool));
    metrics_gauge(out, "ragd_workers", "Compute threads.", pool_threads(pool));
    metrics_gauge(out, "ragd_workers_busy", "Compute threads that work.", pool_busy(pool));
    metrics_gauge(out, "ragd_io_queue_depth", "Requests waiting for the database.",
                  (double)pool_depth(s->io));
}

static void write_documents(struct engine *e, struct buf *out)
{
    struct retriever_totals t;
    struct store_load load;

    retriever_totals(e->retriever, &t);
    store_load_get(e->store, &load);
    metrics_gauge(out, "ragd_collections", "Collections.", (double)t.collections);
    metrics_gauge(out, "ragd_documents", "Documents that can be found.", (double)t.documents);
    metrics_gauge(out, "ragd_chunks", "Chunks that can be found.", (double)t.chunks);
    metrics_gauge(out, "ragd_index_segments", "Segments of the indexes.", (double)t.segments);
    metrics_gauge(out, "ragd_index_bytes", "Memory of the indexes.", (double)t.bytes);
    metrics_gauge(out, "ragd_store_bytes", "The database's file.", (double)load.bytes);
    metrics_gauge(out, "ragd_store_wal_bytes", "The database's log.", (double)load.wal_bytes);
    metrics_gauge(out, "ragd_store_writes_waiting", "Writes that wait for the writer.",
                  (double)load.writes_waiting);
    metrics_gauge(out, "ragd_ingests_running", "Ingests that go on.", e->n_ingesting);
    metrics_total(out, "ragd_ingested_documents_total", "Documents written, new or changed.",
                  (double)e->ingested.documents);
    metrics_total(out, "ragd_ingested_chunks_total", "Chunks of these.",
                  (double)e->ingested.chunks);
    metrics_total(out, "ragd_ingest_refused_total", "Documents read, but not written.",
                  (double)e->ingested.refused);
}

static void write_exporter(struct exporter *x, struct buf *out)
{
    const char *name = "ragd_trace_spans_total";
    struct exporter_stats s;

    if (!x)
        return;
    exporter_stats_get(x, &s);
    metrics_head(out, name, "counter", "Spans, by what became of them.");
    metrics_sample(out, name, "outcome=\"sent\"", (double)s.sent);
    metrics_sample(out, name, "outcome=\"dropped\"", (double)s.dropped);
    metrics_sample(out, name, "outcome=\"failed\"", (double)s.failed);
    metrics_gauge(out, "ragd_trace_spans_waiting", "Spans that are to be sent.", (double)s.waiting);
}

void metrics_page_write(struct service *s, struct buf *out)
{
    struct engine *e = s->engine;
    struct embedder *model = engine_embedder(e);

    write_build(e, model, out);
    embedder_close(model);
    metrics_write(s->metrics, out);
    write_in_flight(s, out);
    cache_report_metrics(e, out);
    write_documents(e, out);
    write_embed_metrics(e, out);
    write_rerank_metrics(e->reranker, out);
    model_metrics_write(e->chat_models, out);
    limits_report_metrics(e->spending, out);
    write_exporter(s->exporter, out);
    process_metrics_write(e->started_ms, out);
}
