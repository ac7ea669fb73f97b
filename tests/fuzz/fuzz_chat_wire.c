/* fuzz_chat_wire.c - what a language model's server replies: as one event, as a whole, as a
 * refusal. What is kept of it is UTF-8. */
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "generate/chat_wire.h"

static void check(struct chat_reply *r)
{
    FUZZ_TRUE(utf8_valid(r->text.n ? r->text.p : "", r->text.n));
    FUZZ_TRUE(strlen(r->finish) < CHAT_FINISH_MAX);
    chat_reply_done(r);
}

FUZZ_TARGET(chat_wire)
{
    struct chat_reply r;
    struct buf words;

    (void)mem;
    chat_reply_init(&r);
    (void)chat_reply_chunk(&r, in);
    (void)chat_reply_chunk(&r, in);
    check(&r);
    chat_reply_init(&r);
    (void)chat_reply_whole(&r, in);
    check(&r);
    buf_init(&words);
    chat_refusal_words(in, &words);
    FUZZ_TRUE(words.n <= in.n);
    buf_done(&words);
}
