#include "server/sse.h"

#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "server/exchange.h"
#include "text/sentences.h"

void sse_format(struct buf *out, const char *generation, int64_t n, const char *name,
                struct str data)
{
    if (n >= 0)
        buf_addf(out, "id: %s-%lld\n", generation, (long long)n);
    buf_addf(out, "event: %s\ndata: ", name);
    buf_add_view(out, data);
    buf_add(out, "\n\n", 2);
}

/* ---- from a reply to its events ---- */

void sse_add_member(struct event_log *l, const char *event, const char *key, struct str value)
{
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);

    jsonw_open(&w, '{');
    jsonw_key(&w, key);
    jsonw_raw(&w, value);
    jsonw_close(&w, '}');
    event_log_add(l, event, buf_view(&b));
    buf_done(&b);
}

void sse_add_token(struct event_log *l, struct str text)
{
    struct buf b = {0};

    jsonw_string(&b, text);
    sse_add_member(l, "token", "text", buf_view(&b));
    buf_done(&b);
}

/* Past the marks that a quoted sentence is followed by: "[1] [2] ". */
static size_t after_marks(struct str text, size_t at)
{
    while (at < text.n && text.p[at] == '[') {
        size_t i = at + 1;

        while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
            i++;
        if (i == at + 1 || i == text.n || text.p[i] != ']')
            break;
        at = i + 1;
        while (at < text.n && text.p[at] == ' ')
            at++;
    }
    return at;
}

/* Sentence by sentence; together the tokens are the answer, byte for byte. */
static void add_tokens(struct event_log *l, struct str text)
{
    struct sentence_walk walk = sentences_of(text);
    struct span s;
    size_t from = 0;

    while (sentence_next(&walk, &s)) {
        size_t end = after_marks(text, s.start);

        if (s.start > from) {
            sse_add_token(l, str_sub(text, from, end));
            from = end;
        }
    }
    if (text.n > from)
        sse_add_token(l, str_sub(text, from, text.n));
}

static void add_answer(struct event_log *l, const json_t *reply)
{
    const json_t *answer = json_object_get(reply, "answer");

    if (json_is_string(answer))
        add_tokens(l, (struct str){json_string_value(answer), json_string_length(answer)});
}

void sse_add_stand_in(struct event_log *l, struct str reply, bool said)
{
    json_t *root = json_loadb(reply.p, reply.n, 0, NULL);
    char *sources = json_dumps(json_object_get(root, "sources"), JSON_COMPACT);

    if (said)
        event_log_add(l, "reset", STR_LIT("{}"));
    if (said && sources)
        sse_add_member(l, "sources", "sources", str_of(sources));
    add_answer(l, root);
    free(sources);
    json_decref(root);
}

static void add_citations(struct event_log *l, const json_t *citations)
{
    size_t i;
    json_t *c;

    json_array_foreach(citations, i, c) {
        char *text = json_dumps(c, JSON_COMPACT);

        if (text)
            event_log_add(l, "citation", str_of(text));
        free(text);
    }
}

void sse_add_citations(struct event_log *l, struct str reply)
{
    json_t *root = json_loadb(reply.p, reply.n, 0, NULL);

    add_citations(l, json_object_get(root, "citations"));
    json_decref(root);
}

int sse_log_of_reply(struct event_log **out, const struct digest *request, struct str reply)
{
    int rc = ERR_OK;
    struct event_log *l = NULL;
    json_t *root = NULL;
    char *sources = NULL;

    TRY(json_parse(&root, reply, "the reply"));
    sources = json_dumps(json_object_get(root, "sources"), JSON_COMPACT);
    if (!sources) {
        rc = FAIL(ERR_FORMAT, "the reply has no sources");
        goto out;
    }
    l = event_log_new(request);
    sse_add_member(l, "sources", "sources", str_of(sources));
    add_answer(l, root);
    add_citations(l, json_object_get(root, "citations"));
    event_log_add(l, "done", reply);
    event_log_finish(l);
    *out = l;
out:
    free(sources);
    json_decref(root);
    return rc;
}

/* ---- from events to a socket ---- */

struct cursor {
    struct event_log *log;
    size_t next;
    sse_write_fn write;
    void *arg;
    bool pumping, ended;
};

static void write_as_event(void *arg, const struct event_log *l, size_t i, struct buf *out)
{
    struct event e = event_log_at(l, i);

    (void)arg;
    sse_format(out, event_log_id(l), (int64_t)i, e.name, e.data);
}

void sse_token_text(struct str data, struct buf *out)
{
    json_t *token = json_loadb(data.p, data.n, 0, NULL);
    const json_t *text = json_object_get(token, "text");

    buf_add(out, json_string_value(text), json_string_length(text));
    json_decref(token);
}

static void write_as_text(void *arg, const struct event_log *l, size_t i, struct buf *out)
{
    struct event e = event_log_at(l, i);

    (void)arg;
    if (strcmp(e.name, "token") == 0)
        sse_token_text(e.data, out);
    else if (strcmp(e.name, "reset") == 0)
        buf_add_str(out, "\n\n");
}

static void write_event(struct request *r, const struct cursor *c, size_t i)
{
    struct buf out = {0};

    c->write(c->arg, c->log, i, &out);
    stream_write(r, out.p, out.n);
    buf_done(&out);
}

/* A write may find that the client is gone, which calls on_gone: `pumping` keeps that from ending
 * the request twice. */
static void pump(struct request *r)
{
    struct cursor *c = r->state;
    bool more;

    if (c->pumping || c->ended)
        return;
    c->pumping = true;
    while (c->next < event_log_count(c->log) && r->conn && stream_has_room(r))
        write_event(r, c, c->next++);
    c->pumping = false;
    more = c->next < event_log_count(c->log) || !event_log_is_finished(c->log);
    if (more && r->conn)
        return;
    c->ended = true;
    request_hold(r); /* leaving may end what the request waits for */
    event_log_unwatch(c->log, r);
    stream_end(r);
    request_release(r);
}

static void told(void *r)
{
    pump(r);
}

static void tick(struct request *r)
{
    if (r->streaming && r->loop->now_ms - r->written_ms >= SSE_COMMENT_MS && stream_has_room(r))
        stream_write(r, ": still here\n\n", 14);
}

static void unref_log(void *log)
{
    event_log_unref(log);
}

/* Plain text has no room for comments. */
static void begin(struct request *r, struct event_log *l, size_t from, sse_write_fn write,
                  void *arg)
{
    struct cursor *c = ARENA_NEW(r->mem, struct cursor);
    bool plain = write == write_as_text;

    *c = (struct cursor){.log = l, .next = from, .write = write, .arg = arg};
    request_defer(r, unref_log, l);
    event_log_watch(l, told, r);
    r->state = c;
    r->on_drain = r->on_gone = pump;
    r->on_tick = plain ? NULL : tick;
    stream_begin(r, plain ? "text/plain; charset=utf-8" : "text/event-stream");
}

void sse_stream(struct request *r, struct event_log *l, size_t from, bool reset)
{
    struct buf out = {0};

    request_hold(r); /* the first write may find that the client is gone, and end it */
    begin(r, l, from, write_as_event, NULL);
    if (reset && r->streaming) {
        sse_format(&out, "", -1, "reset", STR_LIT("{}"));
        stream_write(r, out.p, out.n);
        buf_done(&out);
    }
    pump(r);
    request_release(r);
}

void sse_stream_text(struct request *r, struct event_log *l)
{
    request_hold(r);
    begin(r, l, 0, write_as_text, NULL);
    pump(r);
    request_release(r);
}

void sse_stream_as(struct request *r, struct event_log *l, sse_write_fn write, void *arg)
{
    request_hold(r);
    begin(r, l, 0, write, arg);
    pump(r);
    request_release(r);
}
