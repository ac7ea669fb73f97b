#include "server/tracing.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/exporter.h"
#include "server/routes.h"
#include "server/service.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* A request to a server that is not there, with these head fields. */
struct made {
    struct engine engine;
    struct service service;
    struct loop loop;
    struct http_field fields[4];
    struct request r;
};

static void make(struct made *m, bool exports, const char *const *lines, size_t n)
{
    struct exporter_options o = {
        .url = "http://127.0.0.1:9/v1/traces", .service = "s", .timeout_ms = 50};

    memset(m, 0, sizeof *m);
    m->service.engine = &m->engine;
    m->loop.service = &m->service;
    m->r.loop = &m->loop;
    m->r.mem = arena_new(0);
    for (size_t i = 0; i < n; i++)
        m->fields[i] = (struct http_field){str_of(lines[2 * i]), str_of(lines[2 * i + 1])};
    m->r.head.fields = m->fields;
    m->r.head.n_fields = n;
    if (exports)
        cr_assert_eq(exporter_new(&m->service.exporter, &o), ERR_OK, "%s", err_text());
    tracing_begin(&m->r);
}

static void unmake(struct made *m)
{
    exporter_free(m->service.exporter);
    arena_free(m->r.mem);
}

static const char *told(const struct made *m)
{
    static char line[160];
    struct buf b = {0};

    tracing_write_head(&m->r, &b);
    snprintf(line, sizeof line, "%s", b.n ? b.p : "");
    buf_done(&b);
    return line;
}

Test(tracing, without_traces_and_without_a_parent_there_is_none)
{
    struct made m;

    make(&m, false, NULL, 0);
    cr_expect_null(m.r.tracing);
    cr_expect_null(tracing_context(&m.r));
    cr_expect_not(tracing_is_recorded(&m.r));
    cr_expect_str_eq(told(&m), "");
    tracing_over(&m.r, clock_ns());
    tracing_send(&m.r);
    unmake(&m);
}

Test(tracing, a_parent_is_passed_on_as_it_came_where_nothing_is_recorded)
{
    static const char *const lines[] = {"Traceparent", PARENT, "tracestate", "a=b"};
    char text[TRACEPARENT_BYTES];
    struct made m;

    make(&m, false, lines, 2);
    trace_context_write(tracing_context(&m.r), text);
    cr_expect_str_eq(text, PARENT);
    cr_expect_str_eq(tracing_context(&m.r)->state, "a=b");
    cr_expect_not(tracing_is_recorded(&m.r));
    unmake(&m);
}

Test(tracing, a_parent_that_is_sampled_is_recorded_under_an_id_of_our_own)
{
    static const char *const lines[] = {"traceparent", PARENT,       "tracestate",
                                        "a=b",         "tracestate", "c=d"};
    struct made m;

    make(&m, true, lines, 3);
    cr_expect(tracing_is_recorded(&m.r));
    cr_expect(m.r.tracing->has_parent);
    cr_expect_eq(m.r.tracing->parent_id[0], 0xb7);
    cr_expect_str_eq(tracing_context(&m.r)->state, "a=b,c=d");
    cr_expect(strstr(told(&m), "traceresponse: 00-0af7651916cd43dd8448eb211c80319c-"));
    cr_expect_null(strstr(told(&m), "b7ad6b7169203331"));
    unmake(&m);
}

Test(tracing, two_parents_are_none)
{
    static const char *const lines[] = {"traceparent", PARENT, "traceparent", PARENT};
    struct made m;

    make(&m, false, lines, 2);
    cr_expect_null(m.r.tracing);
    unmake(&m);
}

Test(tracing, a_trace_of_our_own_is_recorded_by_chance)
{
    struct made m;

    make(&m, true, NULL, 0);
    cr_expect_null(m.r.tracing, "nobody knows of it yet");
    cr_assert_not_null(tracing_context(&m.r));
    cr_expect_not(tracing_is_recorded(&m.r), "a share of 0");
    cr_expect(strstr(told(&m), "-00\r\n"));
    cr_expect_eq(tracing_context(&m.r), &m.r.tracing->context, "the same for everybody");
    m.engine.config.trace.sample = 1;
    m.r.tracing = NULL;
    tracing_begin(&m.r);
    cr_expect(tracing_is_recorded(&m.r));
    cr_expect_not(m.r.tracing->has_parent);
    cr_expect(strstr(told(&m), "-01\r\n"));
    unmake(&m);
}

Test(tracing, whoever_looks_whether_we_are_there_begins_no_trace)
{
    struct made m;

    make(&m, true, NULL, 0);
    m.r.unrecorded = false;
    for (size_t i = 0; i < routes_count(); i++)
        if (route_at(i)->handle == handle_healthz)
            m.r.route = route_at(i);
    tracing_begin(&m.r);
    cr_expect_null(tracing_context(&m.r));
    unmake(&m);
}

Test(tracing, what_is_over_is_sent_once_it_is_let_go)
{
    static const char *const lines[] = {"traceparent", PARENT};
    struct exporter_stats s;
    struct made m;

    make(&m, true, lines, 1);
    m.r.head.method = STR_LIT("GET");
    m.r.status = 200;
    tracing_send(&m.r);
    exporter_stats_get(m.service.exporter, &s);
    cr_expect_eq(s.waiting, 0, "it was never answered");
    tracing_over(&m.r, clock_ns());
    tracing_send(&m.r);
    exporter_stats_get(m.service.exporter, &s);
    cr_expect_eq(s.waiting + s.failed, 1);
    unmake(&m);
}
