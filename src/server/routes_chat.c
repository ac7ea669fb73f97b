/* routes_chat.c - POST /v1/chat/completions: a question as OpenAI's clients ask it. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/chat_request.h"
#include "server/request_ask.h"
#include "server/routes.h"
#include "server/service.h"
#include "server/sse.h"

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

static int64_t tokens_of(const json_t *reply, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(reply, "usage"), key));
}

static void write_usage(struct jsonw *w, const json_t *reply)
{
    int64_t in = tokens_of(reply, "prompt_tokens"), out = tokens_of(reply, "completion_tokens");

    jsonw_key(w, "usage"), jsonw_open(w, '{');
    jsonw_key(w, "prompt_tokens"), jsonw_int(w, in);
    jsonw_key(w, "completion_tokens"), jsonw_int(w, out);
    jsonw_key(w, "total_tokens"), jsonw_int(w, in + out);
    jsonw_close(w, '}');
}

/* The reply of /query without what stands elsewhere: sources, citations, cache, timings. */
static void write_ours(struct jsonw *w, json_t *reply)
{
    char *text;

    json_object_del(reply, "answer");
    text = json_dumps(reply, JSON_COMPACT);
    jsonw_key(w, "ragd"), jsonw_raw(w, str_of(text ? text : "{}"));
    free(text);
}

/* ---- whole ---- */

static void write_message(struct jsonw *w, const json_t *reply)
{
    const json_t *answer = json_object_get(reply, "answer");

    jsonw_key(w, "choices"), jsonw_open(w, '['), jsonw_open(w, '{');
    jsonw_key(w, "index"), jsonw_int(w, 0);
    jsonw_key(w, "message"), jsonw_open(w, '{');
    jsonw_key(w, "role"), jsonw_cstr(w, "assistant");
    jsonw_key(w, "content");
    jsonw_str(w, (struct str){json_is_string(answer) ? json_string_value(answer) : "",
                              json_string_length(answer)});
    jsonw_close(w, '}');
    jsonw_key(w, "finish_reason"), jsonw_cstr(w, "stop");
    jsonw_close(w, '}'), jsonw_close(w, ']');
}

static void answered(struct ask *a)
{
    struct request *r = a->arg;
    struct completion *c = r->state;
    struct buf text = {0}, body = {0};
    struct jsonw w;
    json_t *reply;

    r->on_gone = NULL;
    if (a->rc < 0) {
        request_ask_refuse(r, a);
        request_release(r);
        return;
    }
    request_ask_retry_after(r, a);
    request_ask_reply(r, a, &text);
    reply = json_loadb(text.p, text.n, 0, NULL);
    w = begin_object(c, "chat.completion", &body);
    write_message(&w, reply);
    write_usage(&w, reply);
    write_ours(&w, reply);
    jsonw_close(&w, '}');
    json_decref(reply);
    buf_done(&text);
    reply_json(r, 200, &body);
    request_release(r);
}

/* ---- in pieces ---- */

/* delta: the JSON of "delta"; finish NULL: not yet. Without choices when delta is empty. */
static void write_chunk(const struct completion *c, struct str delta, const char *finish,
                        json_t *reply, bool usage, struct buf *out)
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
        write_usage(&w, reply);
    if (finish)
        write_ours(&w, reply);
    jsonw_close(&w, '}');
    buf_add_str(out, "\n\n");
}

static void write_token(const struct completion *c, struct str data, struct buf *out)
{
    struct buf text = {0}, delta = {0};

    sse_token_text(data, &text);
    buf_add_str(&delta, "{\"content\":");
    jsonw_string(&delta, buf_view(&text));
    buf_add_char(&delta, '}');
    write_chunk(c, buf_view(&delta), NULL, NULL, false, out);
    buf_done(&text);
    buf_done(&delta);
}

static void write_end(const struct completion *c, struct str data, struct buf *out)
{
    json_t *reply = json_loadb(data.p, data.n, 0, NULL);

    write_chunk(c, STR_LIT("{}"), "stop", reply, false, out);
    if (c->request.include_usage)
        write_chunk(c, STR_LIT(""), NULL, reply, true, out);
    buf_add_str(out, "data: [DONE]\n\n");
    json_decref(reply);
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
    struct completion *c = ARENA_NEW(r->mem, struct completion);
    struct event_log *l;
    struct refusal why;

    c->r = r;
    c->created = clock_wall_ms() / 1000;
    if (read_request(r, c, &why) < 0 || make_ask(r, c, &why) < 0) {
        reply_refusal(r, &why);
        return;
    }
    if (*c->request.ignored)
        buf_addf(&r->extra, "x-ragd-ignored: %s\r\n", c->request.ignored);
    c->ask->began = c->request.stream ? stream_began : request_ask_began;
    c->ask->follows = c->request.stream;
    l = c->request.stream ? ask_live(c->ask) : NULL;
    if (l)
        stream_when_it_speaks(c, l);
    else
        request_ask_start(r, c->ask);
}
