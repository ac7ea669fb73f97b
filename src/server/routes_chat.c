/* routes_chat.c - POST /v1/chat/completions: a question as OpenAI's clients ask it. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/chat_request.h"
#include "server/request_ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/sse.h"

/* What a completion has around the reply of /query. */
#define COMPLETION_BYTES 512

/* One completion, whole or in pieces. */
struct completion {
    struct request *r;
    struct ask *ask;
    struct event_log *awaited; /* a model's, that has not said anything yet; NULL: none */
    struct chat_request request;
    int64_t created;
};

static void free_tree(void *tree)
{
    json_decref(tree);
}

/* ---- what both forms have ---- */

/* Opens the object and writes what stands in each. */
static struct jsonw begin_object(const struct completion *c, const char *object, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "id");
    buf_addf(out, "\"chatcmpl-%s\"", c->ask->id + 2); /* without "q_" */
    w.comma = true;
    jsonw_key(&w, "object"), jsonw_cstr(&w, object);
    jsonw_key(&w, "created"), jsonw_int(&w, c->created);
    jsonw_key(&w, "model"), jsonw_cstr(&w, c->request.model);
    return w;
}

/* A count of our own: digits it is. */
static int64_t tokens_of(struct str usage, const char *key)
{
    struct str digits = json_scan_get(usage, key);
    int64_t n = 0;

    for (size_t i = 0; i < digits.n; i++)
        n = n * 10 + (digits.p[i] - '0');
    return n;
}

static void write_usage(struct jsonw *w, struct str usage)
{
    int64_t in = tokens_of(usage, "prompt_tokens"), out = tokens_of(usage, "completion_tokens");

    jsonw_key(w, "usage"), jsonw_open(w, '{');
    jsonw_key(w, "prompt_tokens"), jsonw_int(w, in);
    jsonw_key(w, "completion_tokens"), jsonw_int(w, out);
    jsonw_key(w, "total_tokens"), jsonw_int(w, in + out);
    jsonw_close(w, '}');
}

/* The reply of /query in its parts, after one walk: what is said in OpenAI's own members, and ours,
 * which is the reply without its answer (sources, citations, cache, timings). */
struct parts {
    struct str answer, degraded, usage;
    struct str before, after; /* of the answer: members, without the brackets */
};

static struct parts parts_of(struct str reply)
{
    struct str rest = json_scan_open(reply), key, value;
    const char *end = reply.n ? reply.p + reply.n - 1 : reply.p; /* at the bracket */
    struct parts p = {.before = {rest.p, 0}, .after = rest};

    while (!p.usage.p && json_scan_member(&rest, &key, &value)) {
        if (str_eq(key, STR_LIT("answer"))) {
            p.answer = value;
            p.before.n = (size_t)(key.p - 1 - p.before.p);
            p.after = rest;
        } else if (str_eq(key, STR_LIT("degraded"))) {
            p.degraded = value;
        } else if (str_eq(key, STR_LIT("usage"))) {
            p.usage = value;
        }
    }
    p.after.n = p.after.p < end ? (size_t)(end - p.after.p) : 0;
    return p;
}

static const char *finish_of(const struct parts *p)
{
    static const char cut[] = "\"length\"";

    return p->degraded.n && memmem(p->degraded.p, p->degraded.n, cut, sizeof cut - 1) ? "length"
                                                                                      : "stop";
}

static void write_ours(struct jsonw *w, const struct parts *p)
{
    jsonw_key(w, "ragd"), jsonw_open(w, '{');
    buf_add_view(w->out, p->before); /* ends with its comma */
    buf_add_view(w->out, p->after);
    jsonw_close(w, '}');
}

/* ---- whole ---- */

static void write_message(struct jsonw *w, const struct parts *p)
{
    jsonw_key(w, "choices"), jsonw_open(w, '['), jsonw_open(w, '{');
    jsonw_key(w, "index"), jsonw_int(w, 0);
    jsonw_key(w, "message"), jsonw_open(w, '{');
    jsonw_key(w, "role"), jsonw_cstr(w, "assistant");
    jsonw_key(w, "content"),
        jsonw_raw(w, p->answer.n && p->answer.p[0] == '"' ? p->answer : STR_LIT("\"\""));
    jsonw_close(w, '}');
    jsonw_key(w, "finish_reason"), jsonw_cstr(w, finish_of(p));
    jsonw_close(w, '}'), jsonw_close(w, ']');
}

static void answered(struct ask *a)
{
    struct request *r = a->arg;
    struct completion *c = r->state;
    struct buf text = {0}, body = {0};
    struct parts p;
    struct jsonw w;

    r->on_gone = NULL;
    if (a->rc < 0) {
        request_ask_refuse(r, a);
        request_release(r);
        return;
    }
    request_ask_retry_after(r, a);
    request_ask_reply(r, a, &text);
    p = parts_of(buf_view(&text));
    buf_reserve(&body, text.n + COMPLETION_BYTES);
    w = begin_object(c, "chat.completion", &body);
    write_message(&w, &p);
    write_usage(&w, p.usage);
    write_ours(&w, &p);
    jsonw_close(&w, '}');
    buf_done(&text);
    reply_json(r, 200, &body);
    request_release(r);
}

/* ---- in pieces ---- */

/* delta: the JSON of "delta"; finish NULL: not yet. Without choices when delta is empty. */
static void write_chunk(const struct completion *c, struct str delta, const char *finish,
                        const struct parts *reply, bool usage, struct buf *out)
{
    struct jsonw w;

    buf_add_str(out, "data: ");
    w = begin_object(c, "chat.completion.chunk", out);
    jsonw_key(&w, "choices"), jsonw_open(&w, '[');
    if (delta.n) {
        jsonw_open(&w, '{');
        jsonw_key(&w, "index"), jsonw_int(&w, 0);
        jsonw_key(&w, "delta"), jsonw_raw(&w, delta);
        jsonw_key(&w, "finish_reason"), jsonw_cstr(&w, finish);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
    if (usage)
        write_usage(&w, reply->usage);
    if (finish)
        write_ours(&w, reply);
    jsonw_close(&w, '}');
    buf_add_str(out, "\n\n");
}

/* `data` is {"text": TEXT}. */
static void write_token(const struct completion *c, struct str data, struct buf *out)
{
    struct buf delta = {0};

    buf_add_str(&delta, "{\"content\":");
    buf_add_view(&delta, json_scan_get(data, "text"));
    buf_add_char(&delta, '}');
    write_chunk(c, buf_view(&delta), NULL, NULL, false, out);
    buf_done(&delta);
}

static void write_end(const struct completion *c, struct str reply, struct buf *out)
{
    struct parts p = parts_of(reply);

    write_chunk(c, STR_LIT("{}"), finish_of(&p), &p, false, out);
    if (c->request.include_usage)
        write_chunk(c, STR_LIT(""), NULL, &p, true, out);
    buf_add_str(out, "data: [DONE]\n\n");
}

/* Borrows from the problem (RFC 9457). */
static struct refusal refusal_of(const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));

    return (struct refusal){(int)json_integer_value(json_object_get(problem, "status")),
                            code ? code : "", NULL, str_of(detail ? detail : "")};
}

static void write_failure(struct str data, struct buf *out)
{
    json_t *problem = json_loadb(data.p, data.n, 0, NULL);
    struct refusal why = refusal_of(problem);

    buf_add_str(out, "data: ");
    refusal_write(out, DIALECT_OPENAI, &why);
    buf_add_str(out, "\n\n");
    json_decref(problem);
}

static void write_event(void *arg, const struct event_log *l, size_t i, struct buf *out)
{
    const struct completion *c = arg;
    struct event e = event_log_at(l, i);

    if (strcmp(e.name, "sources") == 0 && i == 0)
        write_chunk(c, STR_LIT("{\"role\":\"assistant\",\"content\":\"\"}"), NULL, NULL, false,
                    out);
    else if (strcmp(e.name, "token") == 0)
        write_token(c, e.data, out);
    else if (strcmp(e.name, "reset") == 0) /* nothing can be taken back: another paragraph */
        write_token(c, STR_LIT("{\"text\":\"\\n\\n\"}"), out);
    else if (strcmp(e.name, "done") == 0)
        write_end(c, e.data, out);
    else if (strcmp(e.name, "error") == 0)
        write_failure(e.data, out);
}

/* ---- until a model says something ----
 *
 * The sources, which are there first, come last in this form. So nothing is lost by waiting for
 * what follows them, and a model that refuses is told by the status, which clients know. */

/* Whoever streams it watches it already. */
static void stop_waiting(struct completion *c)
{
    struct event_log *l = c->awaited;

    c->awaited = NULL;
    event_log_unwatch(l, c);
    event_log_unref(l);
    request_release(c->r);
}

static void refuse(struct completion *c, struct str data)
{
    json_t *problem = json_loadb(data.p, data.n, 0, NULL);
    struct refusal why = refusal_of(problem);

    request_ask_refuse_as(c->r, c->ask, &why);
    json_decref(problem);
}

static void look(void *arg)
{
    struct completion *c = arg;
    struct event first;

    if (!c->awaited || event_log_count(c->awaited) < 2)
        return;
    first = event_log_at(c->awaited, 1);
    c->r->on_gone = NULL;
    if (strcmp(first.name, "error") == 0) {
        refuse(c, first.data);
    } else {
        request_ask_retry_after(c->r, c->ask);
        sse_stream_as(c->r, event_log_ref(c->awaited), write_event, c);
    }
    stop_waiting(c);
}

/* The reply goes nowhere, but it is what ends a request. */
static void client_gone(struct request *r)
{
    reply_problem(r, 503, "cancelled", "the client has left");
    stop_waiting(r->state);
}

/* `l` is taken. */
static void stream_when_it_speaks(struct completion *c, struct event_log *l)
{
    request_hold(c->r);
    c->awaited = l;
    event_log_watch(l, look, c);
    c->r->gone_at_eof = true;
    c->r->on_gone = client_gone;
    if (c->r->conn)
        look(c);
    else
        client_gone(c->r);
}

static void stream_began(struct ask *a)
{
    struct request *r = a->arg;

    r->cache = cache_status_name(a->answer.cache);
    a->left = true; /* the stream is all that keeps the model going */
    stream_when_it_speaks(r->state, event_log_ref(a->log));
}

static void stream_answered(struct ask *a)
{
    struct request *r = a->arg;
    struct completion *c = r->state;
    struct buf text = {0};
    struct event_log *l;
    int rc = ERR_OK;

    if (a->log) {
        request_release(r); /* the log has told all */
        return;
    }
    if (a->rc < 0) {
        request_ask_refuse(r, a);
    } else {
        request_ask_retry_after(r, a);
        request_ask_reply(r, a, &text);
        rc = sse_log_of_reply(&l, &a->key, buf_view(&text));
        if (rc < 0)
            reply_error(r, rc, err_text());
        else
            sse_stream_as(r, l, write_event, c);
    }
    buf_done(&text);
    request_release(r);
}

/* ---- the route ---- */

static int read_request(struct request *r, struct completion *c, struct refusal *why)
{
    json_t *tree = NULL;
    int rc = json_parse(&tree, buf_view(&r->body), "the request");

    *why = (struct refusal){400, "invalid_request", NULL, STR_LIT("")};
    if (rc < 0) {
        why->detail = str_of(arena_strdup(r->mem, err_text()));
        return rc;
    }
    request_defer(r, free_tree, tree);
    rc = chat_request_read(r->loop->service->engine, tree, r->mem, &c->request, why);
    if (rc == ERR_OK)
        request_defer(r, free_tree, c->request.query);
    return rc;
}

/* Of a request that comes again: "S" or "W", "U" or "-", then model and what is ignored, each with
 * its NUL. */
static struct str to_remember(const struct completion *c, struct arena *mem)
{
    const struct chat_request *q = &c->request;
    const char *text = arena_printf(mem, "%c%c%s%c%s", q->stream ? 'S' : 'W',
                                    q->include_usage ? 'U' : '-', q->model, '\0', q->ignored);

    return (struct str){text, 2 + strlen(q->model) + 1 + strlen(q->ignored) + 1};
}

static void name_ignored(struct request *r, const struct completion *c)
{
    if (*c->request.ignored)
        buf_addf(&r->extra, "x-ragd-ignored: %s\r\n", c->request.ignored);
}

static void completed_again(struct ask *a, struct str more)
{
    struct request *r = a->arg;
    struct completion *c = r->state = ARENA_NEW(r->mem, struct completion);
    const char *text = arena_dup(r->mem, more.p, more.n);

    c->r = r;
    c->ask = a;
    c->created = clock_wall_ms() / 1000;
    c->request.stream = text[0] == 'S';
    c->request.include_usage = text[1] == 'U';
    c->request.model = text + 2;
    c->request.ignored = text + 2 + strlen(text + 2) + 1;
    name_ignored(r, c);
    a->done = c->request.stream ? stream_answered : answered;
}

static int make_ask(struct request *r, struct completion *c, struct refusal *why)
{
    int rc =
        request_ask(r, c->request.query, c->request.stream ? stream_answered : answered, &c->ask);

    r->state = c;
    if (rc < 0)
        *why = (struct refusal){http_status_of(rc), "invalid_request", NULL,
                                str_of(arena_strdup(r->mem, err_text()))};
    return rc;
}

void handle_chat_completions(struct request *r)
{
    struct completion *c;
    struct event_log *l;
    struct refusal why;

    if (request_ask_again(r, completed_again, NULL))
        return;
    c = ARENA_NEW(r->mem, struct completion);
    c->r = r;
    c->created = clock_wall_ms() / 1000;
    if (read_request(r, c, &why) < 0 || make_ask(r, c, &why) < 0) {
        reply_refusal(r, &why);
        return;
    }
    request_ask_learn(r, c->ask, to_remember(c, r->mem));
    name_ignored(r, c);
    c->ask->began = c->request.stream ? stream_began : request_ask_began;
    c->ask->follows = c->request.stream;
    l = c->request.stream ? ask_live(c->ask) : NULL;
    r->cache = l ? cache_status_name(CACHE_JOINED) : NULL;
    if (l)
        stream_when_it_speaks(c, l);
    else
        request_ask_start(r, c->ask);
}
