#include "server/request_spans.h"

#include <time.h>

#include "base/err.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/otlp.h"
#include "server/request_ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/tracing.h"

/* All spans of a request on their way into one text. */
struct writing {
    struct request *r;
    uint64_t wall_offset_ns; /* from clock_ns to 1970 */
    struct buf *out;
    size_t n;
};

static uint64_t wall_offset(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - clock_ns();
}

static struct otlp_span span_of(const struct writing *w, enum otlp_kind kind, struct str name,
                                uint64_t start_ns, uint64_t end_ns)
{
    return (struct otlp_span){.context = w->r->tracing->context,
                              .kind = kind,
                              .name = name,
                              .start_ns = start_ns + w->wall_offset_ns,
                              .end_ns = end_ns + w->wall_offset_ns};
}

static void write_span(struct writing *w, const struct otlp_span *s)
{
    otlp_span_write(s, w->out);
    w->n++;
}

/* ---- the request's own ---- */

/* "host" of "host:port", "[v6]:port". */
static struct str host_of(struct str host)
{
    const char *end =
        host.n && host.p[0] == '[' ? memchr(host.p, ']', host.n) : memchr(host.p, ':', host.n);

    if (!end)
        return host;
    return str_sub(host, 0, (size_t)(end - host.p) + (*end == ']'));
}

static void add_http(struct otlp_span *s, const struct request *r)
{
    struct str host = http_field(&r->head, "host");

    otlp_add(s, OTLP_S("http.request.method", r->head.method));
    if (r->route)
        otlp_add(s, OTLP_S("http.route", str_of(r->route->pattern)));
    otlp_add(s, OTLP_I("http.response.status_code", r->status));
    otlp_add(s, OTLP_S("url.path", r->head.path));
    otlp_add(s, OTLP_S("url.scheme", STR_LIT("http")));
    if (host.n)
        otlp_add(s, OTLP_S("server.address", host_of(host)));
    otlp_add(s, OTLP_S("network.protocol.version",
                       r->head.http_minor ? STR_LIT("1.1") : STR_LIT("1.0")));
    otlp_add(s, OTLP_I("http.request.body.size", (int64_t)r->n_received));
    otlp_add(s, OTLP_I("http.response.body.size", (int64_t)r->n_sent));
    otlp_add(s, OTLP_S("ragd.request_id", str_of(r->id)));
}

static void degraded_words(unsigned degraded, struct buf *out)
{
    static const struct {
        unsigned bits;
        const char *word;
    } parts[] = {
        {DEGRADED_EMBED, "embed"},   {DEGRADED_RERANK, "rerank"},
        {DEGRADED_MODEL, "model"},   {DEGRADED_GENERATE | DEGRADED_QUOTED, "generate"},
        {DEGRADED_LENGTH, "length"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (degraded & parts[i].bits)
            buf_addf(out, "%s%s", out->n ? " " : "", parts[i].word);
}

/* `words` is borrowed by the span. */
static void add_question(struct otlp_span *s, const struct request *r, struct buf *words)
{
    const struct tracing *t = r->tracing;
    const struct answer *a = r->ask ? &r->ask->answer : NULL;

    if (t->question.n)
        otlp_add(s, OTLP_S("ragd.question", t->question));
    if (t->tenant) {
        otlp_add(s, OTLP_S("ragd.tenant", str_of(t->tenant)));
        otlp_add(s, OTLP_S("ragd.collection", str_of(t->collection)));
        otlp_add(s, OTLP_S("ragd.mode", str_of(t->mode)));
        otlp_add(s, OTLP_I("ragd.k", t->k));
    }
    if (!a)
        return;
    if (r->cache)
        otlp_add(s, OTLP_S("ragd.cache.status", str_of(r->cache)));
    degraded_words(a->degraded, words);
    if (words->n)
        otlp_add(s, OTLP_L("ragd.degraded", buf_view(words)));
    if (a->generated.cost > 0)
        otlp_add(s, OTLP_F("ragd.cost", a->generated.cost));
}

/* A server's span has failed when the server did (5xx). */
static void write_request(struct writing *w)
{
    struct request *r = w->r;
    const struct tracing *t = r->tracing;
    const char *pattern = r->route ? r->route->pattern : "";
    struct buf name = {0}, words = {0};
    struct otlp_span s;

    buf_add_view(&name, r->head.method);
    buf_addf(&name, "%s%s", *pattern ? " " : "", pattern);
    s = span_of(w, OTLP_SERVER, buf_view(&name), r->start_ns, t->end_ns);
    s.parent_id = t->has_parent ? t->parent_id : NULL;
    s.parent_is_remote = t->has_parent;
    add_http(&s, r);
    add_question(&s, r, &words);
    s.failed = r->status >= 500;
    if (s.failed)
        otlp_add(&s, OTLP_S("error.type", str_of(http_reason(r->status))));
    write_span(w, &s);
    buf_done(&name);
    buf_done(&words);
}

/* ---- stages and models ---- */

static void add_gen_ai(struct otlp_span *s, const struct chat_tried *c, const struct chat_model *m)
{
    otlp_add(s, OTLP_S("gen_ai.operation.name", STR_LIT("chat")));
    otlp_add(s, OTLP_S("gen_ai.provider.name", STR_LIT("openai"))); /* whose form we speak */
    otlp_add(s, OTLP_S("gen_ai.system", STR_LIT("openai")));        /* its name until 1.36 */
    otlp_add(s, OTLP_S("gen_ai.request.model", str_of(m->model)));
    if (c->model[0])
        otlp_add(s, OTLP_S("gen_ai.response.model", str_of(c->model)));
    if (c->finish[0])
        otlp_add(s, OTLP_L("gen_ai.response.finish_reasons", str_of(c->finish)));
    if (!c->usage_known)
        return;
    otlp_add(s, OTLP_I("gen_ai.usage.input_tokens", (int64_t)c->prompt_tokens));
    otlp_add(s, OTLP_I("gen_ai.usage.output_tokens", (int64_t)c->completion_tokens));
}

static void add_try(struct otlp_span *s, const struct chat_tried *c, const struct chat_model *m)
{
    otlp_add(s, OTLP_S("ragd.model", str_of(m->name)));
    if (c->status)
        otlp_add(s, OTLP_I("http.response.status_code", c->status));
    if (c->resends)
        otlp_add(s, OTLP_I("http.request.resend_count", c->resends));
    if (c->hedge)
        otlp_add(s, OTLP_B("ragd.hedge", true));
    if (c->cancelled)
        otlp_add(s, OTLP_B("ragd.cancelled", true));
    if (c->rc < 0)
        otlp_add(s, OTLP_S("error.type", str_of(err_name(c->rc))));
}

/* One request to a model's server, whose own id it has. */
static void write_try(struct writing *w, const struct chat_tried *c, const unsigned char *parent_id)
{
    const struct chat_model *m =
        chat_models_get(w->r->loop->service->engine->chat_models, c->i_model);
    struct buf name = {0};
    struct otlp_span s;

    buf_addf(&name, "chat %s", m->model);
    s = span_of(w, OTLP_CLIENT, buf_view(&name), c->start_ns, c->end_ns);
    memcpy(s.context.span_id, c->context.span_id, SPAN_ID_BYTES);
    s.parent_id = parent_id;
    s.event = c->first_token_ns ? "first_token" : NULL;
    s.event_ns = c->first_token_ns + w->wall_offset_ns;
    s.failed = c->rc < 0;
    s.message = c->error;
    add_gen_ai(&s, c, m);
    add_try(&s, c, m);
    write_span(w, &s);
    buf_done(&name);
}

static void write_stages(struct writing *w)
{
    struct request *r = w->r;
    const struct trace *t = r->tracing->stages;
    const struct ask *a = r->ask;

    for (int i = 0; t && i < N_STAGES; i++) {
        struct otlp_span s = span_of(w, OTLP_INTERNAL, str_of(stage_name((enum stage)i)),
                                     t->first_ns[i], t->first_ns[i] + t->ns[i]);

        if (!t->ns[i])
            continue;
        http_random_bytes(&r->loop->ids, s.context.span_id, SPAN_ID_BYTES);
        s.parent_id = r->tracing->context.span_id;
        write_span(w, &s);
        for (size_t k = 0; a && i == STAGE_GENERATE && k < a->n_tries; k++)
            write_try(w, &a->tries[k], s.context.span_id);
    }
}

size_t request_spans_write(struct request *r, struct buf *out)
{
    struct writing w = {.r = r, .wall_offset_ns = wall_offset(), .out = out};

    write_request(&w);
    write_stages(&w);
    return w.n;
}
