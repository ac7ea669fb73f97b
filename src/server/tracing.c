#include "server/tracing.h"

#include "engine/engine.h"
#include "query/query.h"
#include "server/exchange.h"
#include "server/exporter.h"
#include "server/request_spans.h"
#include "server/routes.h"
#include "server/service.h"

/* ---- which trace ---- */

/* What came in the head: two lines of traceparent are none. */
struct incoming {
    struct str parent, state;
    int n_parents, n_states;
};

static void read_fields(const struct http_head *head, struct incoming *in)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct http_field *f = &head->fields[i];

        if (f->name.n == 11 && str_eq_nocase(f->name, STR_LIT("traceparent"))) {
            in->parent = f->value;
            in->n_parents++;
        } else if (f->name.n == 10 && str_eq_nocase(f->name, STR_LIT("tracestate"))) {
            in->state = f->value;
            in->n_states++;
        }
    }
}

/* Several lines are one list, in their order. */
static const char *state_of(const struct request *r, const struct incoming *in)
{
    struct buf all = {0};
    const char *text;

    if (in->n_states == 0)
        return NULL;
    if (in->n_states == 1)
        return arena_strndup(r->mem, in->state.p, in->state.n);
    for (size_t i = 0; i < r->head.n_fields; i++) {
        if (!str_eq_nocase(r->head.fields[i].name, STR_LIT("tracestate")))
            continue;
        if (all.n)
            buf_add_char(&all, ',');
        buf_add_view(&all, r->head.fields[i].value);
    }
    text = arena_strndup(r->mem, all.p, all.n);
    buf_done(&all);
    return text;
}

static struct tracing *tracing_new(struct request *r)
{
    return r->tracing = ARENA_NEW(r->mem, struct tracing);
}

/* We are a part of the caller's trace; where we record nothing, one that nobody sees. */
static void join(struct request *r, const struct trace_context *parent, bool exports)
{
    struct tracing *t = tracing_new(r);

    t->context = *parent;
    if (exports) {
        memcpy(t->parent_id, parent->span_id, SPAN_ID_BYTES);
        t->has_parent = true;
        t->recorded = parent->sampled;
        http_random_bytes(&r->loop->ids, t->context.span_id, SPAN_ID_BYTES);
    }
    trace_context_write(&t->context, t->text);
}

/* Whoever looks whether we are there is not worth a trace. */
static bool is_probe(const struct request *r)
{
    return r->route && (r->route->handle == handle_healthz || r->route->handle == handle_readyz ||
                        r->route->handle == handle_metrics);
}

static void begin_anew(struct request *r, bool recorded)
{
    struct tracing *t = tracing_new(r);

    http_random_bytes(&r->loop->ids, t->context.trace_id, TRACE_ID_BYTES);
    http_random_bytes(&r->loop->ids, t->context.span_id, SPAN_ID_BYTES);
    t->context.sampled = t->recorded = recorded;
    trace_context_write(&t->context, t->text);
}

/* What is not recorded needs no ids until another server is to be told: most cached replies. */
static void toss(struct request *r)
{
    uint64_t random;

    http_random_bytes(&r->loop->ids, &random, sizeof random);
    if (trace_is_chosen(random, engine_settings(r->loop->service->engine)->trace.sample))
        begin_anew(r, true);
    else
        r->unrecorded = true;
}

void tracing_begin(struct request *r)
{
    struct incoming in = {0};
    struct trace_context parent;
    bool exports = r->loop->service->exporter != NULL;

    read_fields(&r->head, &in);
    if (in.n_parents == 1 && trace_context_parse(in.parent, &parent)) {
        parent.state = state_of(r, &in);
        join(r, &parent, exports);
    } else if (exports && !is_probe(r)) {
        toss(r);
    }
}

void tracing_write_head(const struct request *r, struct buf *out)
{
    if (!r->tracing)
        return;
    buf_add_str(out, "traceresponse: ");
    buf_add(out, r->tracing->text, TRACEPARENT_BYTES - 1);
    buf_add_str(out, "\r\n");
}

const struct trace_context *tracing_context(struct request *r)
{
    if (!r->tracing && r->unrecorded)
        begin_anew(r, false);
    return r->tracing ? &r->tracing->context : NULL;
}

bool tracing_is_recorded(const struct request *r)
{
    return r->tracing && r->tracing->recorded;
}

/* ---- what happened ---- */

void tracing_stages(struct request *r, const struct trace *t)
{
    if (r->tracing)
        r->tracing->stages = t;
}

void tracing_question(struct request *r, const struct query *q)
{
    struct tracing *t = r->tracing;

    if (!tracing_is_recorded(r))
        return;
    t->tenant = arena_strdup(r->mem, q->tenant);
    t->collection = arena_strdup(r->mem, q->collection);
    t->mode = query_mode_name(q->mode);
    t->k = q->k;
    if (engine_settings(r->loop->service->engine)->server.log_questions)
        t->question = (struct str){arena_dup(r->mem, q->question.p, q->question.n), q->question.n};
}

void tracing_over(struct request *r, uint64_t end_ns)
{
    if (tracing_is_recorded(r))
        r->tracing->end_ns = end_ns;
}

void tracing_send(struct request *r)
{
    struct buf spans = {0};
    size_t n;

    if (!tracing_is_recorded(r) || !r->tracing->end_ns)
        return;
    n = request_spans_write(r, &spans);
    exporter_add(r->loop->service->exporter, buf_view(&spans), n);
    buf_done(&spans);
}
