#include "server/metrics_page.h"

#include "server/exporter.h"
#include "server/metrics.h"
#include "server/service.h"
#include "support/world.h"

static struct buf page_of(struct world *w, struct exporter *x)
{
    static const struct metrics_route routes[] = {{"GET", "/a"}};
    struct service s = {.engine = w->engine,
                        .metrics = metrics_new(routes, 1),
                        .io = pool_new("io", 1, 1),
                        .exporter = x};
    struct buf b = {0};

    metrics_page_write(&s, &b);
    pool_free(s.io);
    metrics_free(s.metrics);
    return b;
}

Test(metrics_page, each_name_has_one_head)
{
    struct world w;
    struct buf b;

    WORLD_OPEN(&w);
    b = page_of(&w, NULL);
    for (const char *p = b.p; (p = strstr(p, "# TYPE ")); p++) {
        char head[128];
        size_t n = strcspn(p, "\n");

        cr_assert_lt(n, sizeof head - 1);
        memcpy(head, p, n);
        head[n] = '\0';
        cr_expect_null(strstr(p + n, head), "%s", head);
    }
    buf_done(&b);
    world_close(&w);
}

Test(metrics_page, tells_of_the_store_the_workers_and_what_is_in_flight)
{
    static const char *const names[] = {
        "\nragd_documents 0\n",     "\nragd_chunks 0\n",         "\nragd_collections ",
        "\nragd_index_segments ",   "\nragd_store_bytes ",       "\nragd_store_wal_bytes ",
        "\nragd_workers ",          "\nragd_workers_busy 0\n",   "\nragd_requests_in_flight 0\n",
        "\nragd_streams_open 0\n",  "\nragd_io_queue_depth 0\n", "\nragd_ingested_chunks_total 0\n",
        "ragd_build_info{version=",
    };
    struct world w;
    struct buf b;

    WORLD_OPEN(&w);
    b = page_of(&w, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_expect(strstr(b.p, names[i]), "%s", names[i]);
    cr_expect_null(strstr(b.p, "ragd_trace_spans_total"));
    buf_done(&b);
    world_close(&w);
}

Test(metrics_page, spans_are_told_where_they_are_sent)
{
    struct exporter_options o = {
        .url = "http://127.0.0.1:9/v1/traces", .service = "s", .timeout_ms = 100};
    struct exporter *x = NULL;
    struct world w;
    struct buf b;

    WORLD_OPEN(&w);
    cr_assert_eq(exporter_new(&x, &o), ERR_OK, "%s", err_text());
    b = page_of(&w, x);
    cr_expect(strstr(b.p, "\nragd_trace_spans_total{outcome=\"dropped\"} 0\n"));
    buf_done(&b);
    exporter_free(x);
    world_close(&w);
}
