/* fake_chat.h - an OpenAI-compatible language model that says a text, and fails as told.
 *
 * Its tokens are the words of the text. "Refused" is a server that has been stopped.
 */
#pragma once
#include <jansson.h>
#include <netinet/tcp.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "support/fake_http.h"

enum fake_chat_fault {
    CHAT_FAKE_FINE,
    CHAT_FAKE_SILENT,      /* reads, never answers */
    CHAT_FAKE_NO_TOKEN,    /* a stream that begins and says nothing */
    CHAT_FAKE_HANGS_UP,    /* closes instead of answering */
    CHAT_FAKE_CUT_FIRST,   /* a stream that is cut before its first token */
    CHAT_FAKE_CUT,         /* after cut_after tokens */
    CHAT_FAKE_STALLS,      /* says nothing more after cut_after tokens */
    CHAT_FAKE_NOT_HTTP,    /* garbage */
    CHAT_FAKE_GARBAGE,     /* events that are not JSON, after cut_after tokens */
    CHAT_FAKE_WRONG_TYPES, /* events of another shape */
    CHAT_FAKE_ERROR,       /* an error object in the stream, after cut_after tokens */
    CHAT_FAKE_ENDLESS,     /* its text again and again */
    CHAT_FAKE_LONG_EVENT,  /* one event that does not end */
    CHAT_FAKE_CHATTER,     /* comments and empty pieces, and nothing else */
    CHAT_FAKE_NO_DONE,     /* the stream ends without [DONE] */
    CHAT_FAKE_LINGERS,     /* [DONE], and the stream goes on */
    CHAT_FAKE_NO_FINISH,   /* no finish_reason, but [DONE] */
    CHAT_FAKE_NO_USAGE,
    CHAT_FAKE_NO_STREAM, /* ignores stream: true */
    CHAT_FAKE_NOT_JSON,  /* 200 and a page */
    CHAT_FAKE_STATUS,    /* `status`, with `headers` */
};

struct fake_chat {
    struct fake_http http;
    _Atomic enum fake_chat_fault fault;
    atomic_int fail_first; /* so many requests fail, then it is fine; 0: for ever */
    atomic_int first_token_ms, tokens_per_s, cut_after, status;
    atomic_int late_first; /* so many requests take five seconds longer to their first token */
    const char *headers;   /* "Retry-After: 1\r\n" */
    const char *text, *finish;
    atomic_int n_left;        /* clients that left before the end */
    _Atomic uint64_t left_ns; /* when the last did, of clock_ns */
    _Atomic bool key_was_right;
    pthread_mutex_t mu; /* guards the field below */
    char body[4096];    /* of the last request */
};

/* False when the client has left meanwhile. */
static inline bool fake_chat_pause(struct fake_chat *c, int fd, int ms)
{
    uint64_t until = clock_ns() + (uint64_t)ms * 1000000;

    do {
        struct pollfd p = {fd, POLLRDHUP, 0};
        int64_t left = ((int64_t)until - (int64_t)clock_ns()) / 1000000;

        if (poll(&p, 1, left > 10 ? 10 : left > 0 ? (int)left : 0) > 0) {
            c->n_left++;
            c->left_ns = clock_ns();
            return false;
        }
    } while (clock_ns() < until && !c->http.stopping);
    return true;
}

static inline void fake_chat_event(int fd, const char *data)
{
    struct buf b;

    buf_init(&b);
    buf_addf(&b, "%zx\r\ndata: %s\n\n\r\n", strlen(data) + 8, data);
    fake_send(fd, b.p, b.n);
    buf_done(&b);
}

static inline void fake_chat_token(int fd, struct str token)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":");
    jsonw_string(&b, token);
    buf_add_str(&b, "},\"finish_reason\":null}]}");
    fake_chat_event(fd, b.p);
    buf_done(&b);
}

/* A word with the space before it, from `from` on. */
static inline struct str fake_chat_word(const char *text, size_t from)
{
    size_t n = text[from] == ' ';

    n += strcspn(text + from + n, " ");
    return (struct str){text + from, n};
}

/* Faults in the middle; false when the stream is over with it. */
static inline bool fake_chat_middle(struct fake_chat *c, int fd, enum fake_chat_fault fault,
                                    int n_said)
{
    if (n_said != c->cut_after)
        return true;
    switch (fault) {
    case CHAT_FAKE_CUT: return false;
    case CHAT_FAKE_STALLS: fake_chat_pause(c, fd, 60000); return false;
    case CHAT_FAKE_GARBAGE: fake_chat_event(fd, "{not JSON at all"); return false;
    case CHAT_FAKE_ERROR:
        fake_chat_event(fd, "{\"error\":{\"message\":\"the fake model broke\"}}");
        return false;
    default: return true;
    }
}

static inline bool fake_chat_say(struct fake_chat *c, int fd, enum fake_chat_fault fault)
{
    int gap_ms = c->tokens_per_s ? 1000 / c->tokens_per_s : 0, n = 0;

    do {
        for (size_t at = 0; c->text[at]; n++) {
            struct str token = fake_chat_word(c->text, at);

            if (!fake_chat_middle(c, fd, fault, n) || !fake_chat_pause(c, fd, n ? gap_ms : 0))
                return false;
            fake_chat_token(fd, token);
            at += token.n;
        }
    } while (fault == CHAT_FAKE_ENDLESS && !c->http.stopping);
    return true;
}

static inline bool fake_chat_finish(struct fake_chat *c, int fd, enum fake_chat_fault fault)
{
    char finish[128];

    if (fault != CHAT_FAKE_NO_FINISH) {
        snprintf(finish, sizeof finish,
                 "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}", c->finish);
        fake_chat_event(fd, finish);
    }
    if (fault != CHAT_FAKE_NO_USAGE)
        fake_chat_event(fd, "{\"choices\":[],\"usage\":{\"prompt_tokens\":1000,"
                            "\"completion_tokens\":500,\"total_tokens\":1500}}");
    if (fault != CHAT_FAKE_NO_DONE)
        fake_chat_event(fd, "[DONE]");
    if (fault == CHAT_FAKE_LINGERS)
        return fake_chat_pause(c, fd, 60000);
    fake_text(fd, "0\r\n\r\n");
    return true;
}

/* For as long as the client listens. */
static inline void fake_chat_forever(struct fake_chat *c, int fd, const char *part)
{
    char chunk[256];

    snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(part), part);
    while (!c->http.stopping && fake_chat_pause(c, fd, 0))
        fake_text(fd, chunk);
}

static inline bool fake_chat_stream(struct fake_chat *c, int fd, enum fake_chat_fault fault)
{
    fake_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    switch (fault) {
    case CHAT_FAKE_NO_TOKEN: fake_chat_pause(c, fd, 60000); return false;
    case CHAT_FAKE_CUT_FIRST: return false;
    case CHAT_FAKE_WRONG_TYPES: fake_chat_event(fd, "{\"choices\":{\"delta\":7}}"); return false;
    case CHAT_FAKE_LONG_EVENT: fake_chat_forever(c, fd, "data: and on and on"); return false;
    case CHAT_FAKE_CHATTER:
        fake_chat_forever(c, fd,
                          ": wait\ndata: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n");
        return false;
    default: return fake_chat_say(c, fd, fault) && fake_chat_finish(c, fd, fault);
    }
}

static inline bool fake_chat_whole(struct fake_chat *c, int fd)
{
    struct buf b;

    buf_init(&b);
    buf_add_str(&b, "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    jsonw_string(&b, str_of(c->text));
    buf_addf(&b,
             "},\"finish_reason\":\"%s\"}],\"usage\":{\"prompt_tokens\":1000,"
             "\"completion_tokens\":500}}",
             c->finish);
    fake_reply(fd, 200, "Content-Type: application/json\r\n", b.p);
    buf_done(&b);
    return true;
}

static inline enum fake_chat_fault fake_chat_next_fault(struct fake_chat *c)
{
    enum fake_chat_fault fault = c->fault;

    if (c->fail_first > 0 && --c->fail_first == 0)
        c->fault = CHAT_FAKE_FINE; /* this one still fails */
    return fault;
}

static inline bool fake_chat_fn(struct fake_http *f, int fd, int i, struct str head,
                                struct str body)
{
    struct fake_chat *c = f->arg;
    enum fake_chat_fault fault = fake_chat_next_fault(c);
    int late_ms = c->first_token_ms;

    (void)i;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    c->key_was_right = memmem(head.p, head.n, "Authorization: Bearer sesame-42\r\n", 33) != NULL;
    pthread_mutex_lock(&c->mu);
    snprintf(c->body, sizeof c->body, "%.*s", STR_ARGS(body));
    pthread_mutex_unlock(&c->mu);
    if (c->late_first > 0 && c->late_first-- > 0)
        late_ms += 5000;
    if (fault == CHAT_FAKE_SILENT)
        late_ms = 60000;
    if (!fake_chat_pause(c, fd, late_ms))
        return false;
    switch (fault) {
    case CHAT_FAKE_HANGS_UP: return false;
    case CHAT_FAKE_NOT_HTTP: fake_text(fd, "\x01\x02 what? \xff\xfe\r\n\r\n"); return false;
    case CHAT_FAKE_NOT_JSON: fake_reply(fd, 200, "", "<html>welcome</html>"); return true;
    case CHAT_FAKE_NO_STREAM: return fake_chat_whole(c, fd);
    case CHAT_FAKE_STATUS:
        fake_reply(fd, c->status, c->headers, "{\"error\":{\"message\":\"as told\"}}");
        return true;
    default: return fake_chat_stream(c, fd, fault);
    }
}

static inline void fake_chat_start_on(struct fake_chat *c, int port)
{
    memset(c, 0, sizeof *c);
    c->text = "all is well with the fake model";
    c->finish = "stop";
    c->headers = "";
    c->status = 500;
    pthread_mutex_init(&c->mu, NULL);
    fake_start_on(&c->http, port, fake_chat_fn, c);
}

static inline void fake_chat_start(struct fake_chat *c)
{
    fake_chat_start_on(c, 0);
}

static inline void fake_chat_stop(struct fake_chat *c)
{
    fake_stop(&c->http);
}

/* The next n requests (0: all) fail. */
static inline void fake_chat_fail(struct fake_chat *c, enum fake_chat_fault fault, int n)
{
    c->fail_first = n;
    c->fault = fault;
}
