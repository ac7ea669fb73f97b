/* fuzz_sse.c - a stream of events from a server, and what a language model says in it. The first
 * byte says in how large pieces it arrives, which must make no difference. */
#include <stdio.h>

#include "base/err.h"
#include "fuzz/fuzz.h"
#include "generate/chat_wire.h"
#include "net/sse_reader.h"

#define EVENT_MAX 512

struct heard {
    struct buf events; /* told end to end */
    struct chat_reply reply;
    int rc; /* of the reply, once it failed */
};

static int on_event(void *arg, const struct sse_event *e)
{
    struct heard *h = arg;

    FUZZ_TRUE(e->name.n > 0 && e->data.n <= EVENT_MAX);
    buf_addf(&h->events, "%zu %zu %zu:", e->name.n, e->data.n, e->id.n);
    buf_add_view(&h->events, e->name);
    buf_add_view(&h->events, e->data);
    buf_add_view(&h->events, e->id);
    if (h->rc == ERR_OK && !h->reply.done)
        h->rc = chat_reply_chunk(&h->reply, e->data);
    return ERR_OK;
}

static int hear(struct str in, size_t step, struct heard *h)
{
    struct sse_reader r;
    int rc = ERR_OK;

    *h = (struct heard){.rc = ERR_OK};
    buf_init(&h->events);
    chat_reply_init(&h->reply);
    sse_reader_init(&r, EVENT_MAX, on_event, h);
    for (size_t at = 0; at < in.n && rc >= 0; at += step) {
        size_t n = in.n - at < step ? in.n - at : step;

        rc = sse_reader_feed(&r, str_sub(in, at, at + n));
    }
    FUZZ_TRUE(rc == ERR_OK || rc == ERR_LIMIT);
    FUZZ_TRUE(r.retry_ms >= -1);
    sse_reader_done(&r);
    return rc;
}

static void heard_done(struct heard *h)
{
    buf_done(&h->events);
    chat_reply_done(&h->reply);
}

FUZZ_TARGET(sse)
{
    size_t step = (size_t)fuzz_byte(&in) + 1;
    struct heard pieces, whole;
    int rc = hear(in, step, &pieces);

    (void)mem;
    FUZZ_TRUE(hear(in, in.n + 1, &whole) == rc);
    FUZZ_TRUE(str_eq(buf_view(&pieces.events), buf_view(&whole.events)));
    FUZZ_TRUE(pieces.rc == whole.rc);
    FUZZ_TRUE(str_eq(buf_view(&pieces.reply.text), buf_view(&whole.reply.text)));
    heard_done(&pieces);
    heard_done(&whole);
}
