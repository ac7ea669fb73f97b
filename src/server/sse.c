#include "server/sse.h"

#include "base/err.h"
#include "base/json_scan.h"
#include "base/jsonw.h"
#include "server/exchange.h"
#include "text/sentences.h"

/* What an event has around its data. */
#define EVENT_BYTES 96

void sse_format(struct buf *out, const char *generation, int64_t n, const char *name,
                struct str data)
{
    buf_reserve(out, data.n + EVENT_BYTES);
    if (n >= 0) {
        buf_add_str(out, "id: ");
        buf_add_str(out, generation);
        buf_add_char(out, '-');
        buf_add_u64(out, (uint64_t)n);
        buf_add_char(out, '\n');
    }
    buf_add_str(out, "event: ");
    buf_add_str(out, name);
    buf_add_str(out, "\ndata: ");
    buf_add_view(out, data);
    buf_add(out, "\n\n", 2);
}

/* ---- from a reply to its events ---- */

void sse_add_member(struct event_log *l, const char *event, const char *key, struct str value)
{
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);

    buf_reserve(&b, value.n + EVENT_BYTES);
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

static void add_answer(struct event_log *l, struct str answer)
{
    struct buf text = {0};

    if (json_scan_text(answer, &text)) /* else null */
        add_tokens(l, buf_view(&text));
    buf_done(&text);
}

static void add_citations(struct event_log *l, struct str citations)
{
    struct str rest = json_scan_open(citations), citation;

    while (json_scan_element(&rest, &citation))
        event_log_add(l, "citation", citation);
}

void sse_add_citations(struct event_log *l, struct str reply)
{
    add_citations(l, json_scan_get(reply, "citations"));
}

/* The parts of a reply that become events, in one walk. */
struct parts {
    struct str answer, sources, citations;
};

static struct parts parts_of(struct str reply)
{
    struct str rest = json_scan_open(reply), key, value;
    struct parts p = {0};

    while (!p.citations.p && json_scan_member(&rest, &key, &value)) { /* the last of them */
        if (str_eq(key, STR_LIT("answer")))
            p.answer = value;
        else if (str_eq(key, STR_LIT("sources")))
            p.sources = value;
        else if (str_eq(key, STR_LIT("citations")))
            p.citations = value;
    }
    return p;
}

void sse_add_reset(struct event_log *l, struct str sources)
{
    event_log_add(l, "reset", STR_LIT("{}"));
    if (sources.n)
        sse_add_member(l, "sources", "sources", sources);
}

void sse_add_stand_in(struct event_log *l, struct str reply, bool said)
{
    struct parts p = parts_of(reply);

    if (said)
        sse_add_reset(l, p.sources);
    add_answer(l, p.answer);
}

int sse_log_of_reply(struct event_log **out, const struct digest *request, struct str reply)
{
    struct parts p = parts_of(reply);
    struct event_log *l;

    if (!p.answer.n || !p.sources.n)
        return FAIL(ERR_FORMAT, "the reply has no answer or no sources");
    l = event_log_new(request);
    sse_add_member(l, "sources", "sources", p.sources);
    add_answer(l, p.answer);
    add_citations(l, p.citations);
    event_log_add(l, "done", reply);
    event_log_finish(l);
    *out = l;
    return ERR_OK;
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
    json_scan_text(json_scan_get(data, "text"), out);
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
    stream_add(r, out.p, out.n);
    buf_done(&out);
}

static bool is_over(const struct cursor *c)
{
    return c->next == event_log_count(c->log) && event_log_is_finished(c->log);
}

static bool can_go_on(const struct request *r, const struct cursor *c)
{
    return c->next < event_log_count(c->log) && r->conn && stream_has_room(r);
}

static void end(struct request *r, struct cursor *c)
{
    c->ended = true;
    request_hold(r); /* leaving may end what the request waits for */
    event_log_unwatch(c->log, r);
    stream_end(r);
    request_release(r);
}

/* An event of a generation that nobody knows: who comes back with its id, here or elsewhere, is
 * answered from the beginning. */
static void stop(struct request *r)
{
    struct cursor *c = r->state;
    struct event_log *last = event_log_new(&(struct digest){0});
    struct buf problem = {0}, out = {0};

    http_problem(&problem, 503, "stopping", STR_LIT(STOPPING_TEXT));
    event_log_add(last, "error", buf_view(&problem));
    event_log_finish(last);
    c->write(c->arg, last, 0, &out);
    stream_add(r, out.p, out.n);
    event_log_unref(last);
    buf_done(&problem);
    buf_done(&out);
    if (!c->ended)
        end(r, c);
}

/* A write may find that the client is gone, which calls on_gone: `pumping` keeps that from ending
 * the request twice. */
static void pump(struct request *r)
{
    struct cursor *c = r->state;

    if (c->pumping || c->ended)
        return;
    c->pumping = true;
    do {
        while (can_go_on(r, c))
            write_event(r, c, c->next++);
        if (!is_over(c)) /* else the end goes with it */
            stream_flush(r);
    } while (can_go_on(r, c));
    c->pumping = false;
    if (is_over(c) || !r->conn)
        end(r, c);
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
    r->on_stop = stop;
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
        stream_add(r, out.p, out.n);
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
