#include "generate/chat_wire.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static void expect_ask(const struct chat_ask *a, const char *wanted)
{
    struct buf out;

    buf_init(&out);
    chat_ask_write(a, &out);
    cr_expect_str_eq(out.p, wanted);
    buf_done(&out);
}

Test(chat_wire, a_request_says_only_what_was_asked_for)
{
    struct chat_ask a = {.messages = STR_LIT("[]"), .model = "m", .temperature = NAN};

    expect_ask(&a, "{\"model\":\"m\",\"messages\":[],\"stream\":false}");
    a.stream = true;
    a.temperature = 0;
    a.max_tokens = 7;
    expect_ask(&a, "{\"model\":\"m\",\"messages\":[],\"temperature\":0,\"max_tokens\":7,"
                   "\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
}

Test(chat_wire, messages_keep_their_roles_and_are_always_valid)
{
    struct chat_message m[] = {{CHAT_SYSTEM, STR_LIT("be \"brief\"")},
                               {CHAT_USER, STR_LIT("a\nb\xFF")},
                               {CHAT_ASSISTANT, STR_LIT("")}};
    struct buf out;

    buf_init(&out);
    chat_messages_write(m, 3, &out);
    cr_expect_str_eq(out.p, "[{\"role\":\"system\",\"content\":\"be \\\"brief\\\"\"},"
                            "{\"role\":\"user\",\"content\":\"a\\nb\xEF\xBF\xBD\"},"
                            "{\"role\":\"assistant\",\"content\":\"\"}]");
    buf_done(&out);
}

Test(chat_wire, a_stream_adds_up)
{
    struct chat_reply r;

    chat_reply_init(&r);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"choices\":[{\"delta\":{\"role\":\"assistant\","
                                              "\"content\":\"\"},\"finish_reason\":null}]}")),
                 ERR_OK);
    cr_expect_eq(r.text.n, 0);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                                              "\"a\\u00e9\"}}],\"usage\":null}")),
                 ERR_OK);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"choices\":[{\"delta\":{\"content\":\" b\"}}]}")),
                 ERR_OK);
    cr_expect_str_eq(r.text.p, "a\xC3\xA9 b");
    cr_expect_str_eq(r.finish, "");
    cr_expect_eq(
        chat_reply_chunk(&r, STR_LIT("{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}")),
        ERR_OK);
    cr_expect_str_eq(r.finish, "stop");
    cr_expect_not(r.usage_known);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
                                              "\"completion_tokens\":3,\"total_tokens\":15}}")),
                 ERR_OK);
    cr_expect(r.usage_known);
    cr_expect_eq(r.prompt_tokens, 12);
    cr_expect_eq(r.completion_tokens, 3);
    cr_expect_not(r.done);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("[DONE]")), ERR_OK);
    cr_expect(r.done);
    chat_reply_done(&r);
}

Test(chat_wire, a_whole_reply_has_text_finish_and_usage)
{
    struct chat_reply r;

    chat_reply_init(&r);
    cr_expect_eq(
        chat_reply_whole(&r, STR_LIT("{\"id\":\"x\",\"choices\":[{\"message\":{\"role\":"
                                     "\"assistant\",\"content\":\"yes\"},\"finish_reason\":"
                                     "\"length\"}],\"usage\":{\"prompt_tokens\":1,"
                                     "\"completion_tokens\":2}}")),
        ERR_OK, "%s", err_text());
    cr_expect_str_eq(r.text.p, "yes");
    cr_expect_str_eq(r.finish, "length");
    cr_expect(r.usage_known);
    cr_expect_eq(r.completion_tokens, 2);
    chat_reply_done(&r);
}

static void refuse(bool whole, struct str s, int code, const char *reason)
{
    struct chat_reply r;
    int rc;

    chat_reply_init(&r);
    rc = whole ? chat_reply_whole(&r, s) : chat_reply_chunk(&r, s);
    cr_expect_eq(rc, code, "%.*s: %d", STR_ARGS(s), rc);
    cr_expect(strstr(err_text(), reason), "%.*s: %s", STR_ARGS(s), err_text());
    cr_expect_eq(r.text.n, 0);
    chat_reply_done(&r);
}

Test(chat_wire, another_shape_is_refused_with_its_reason)
{
    refuse(false, STR_LIT("{not JSON"), ERR_FORMAT, "not valid JSON");
    refuse(false, STR_LIT(""), ERR_FORMAT, "the model's reply");
    refuse(false, STR_LIT("[]"), ERR_FORMAT, "must be an object");
    refuse(false, STR_LIT("{}"), ERR_FORMAT, "'choices'");
    refuse(false, STR_LIT("{\"choices\":{\"delta\":7}}"), ERR_FORMAT, "'choices'");
    refuse(false, STR_LIT("{\"choices\":[7]}"), ERR_FORMAT, "objects");
    refuse(false, STR_LIT("{\"choices\":[{\"message\":{}}]}"), ERR_FORMAT, "'delta'");
    refuse(false, STR_LIT("{\"choices\":[{\"delta\":\"x\"}]}"), ERR_FORMAT, "'delta'");
    refuse(false, STR_LIT("{\"choices\":[{\"delta\":{\"content\":7}}]}"), ERR_FORMAT, "'content'");
    refuse(false, STR_LIT("{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":true}]}"),
           ERR_FORMAT, "'finish_reason'");
    refuse(false,
           STR_LIT("{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":"
                   "\"a reason that has no end, none at all\"}]}"),
           ERR_FORMAT, "'finish_reason'");
    refuse(false, STR_LIT("{\"choices\":[],\"usage\":7}"), ERR_FORMAT, "'usage'");
    refuse(false, STR_LIT("{\"choices\":[],\"usage\":{\"prompt_tokens\":1.5}}"), ERR_FORMAT,
           "'prompt_tokens'");
    refuse(false, STR_LIT("{\"choices\":[],\"usage\":{\"completion_tokens\":-1}}"), ERR_FORMAT,
           "'completion_tokens'");
    refuse(false, STR_LIT("{\"choices\":[],\"usage\":{\"prompt_tokens\":NaN}}"), ERR_FORMAT,
           "not valid JSON");
    refuse(true, STR_LIT("{\"choices\":[]}"), ERR_FORMAT, "empty");
    refuse(true, STR_LIT("{\"choices\":[{\"delta\":{\"content\":\"x\"}}]}"), ERR_FORMAT,
           "'message'");
    refuse(true, STR_LIT("<html>welcome</html>"), ERR_FORMAT, "not valid JSON");
}

Test(chat_wire, bytes_that_are_not_utf8_are_refused)
{
    refuse(false, STR_LIT("{\"choices\":[{\"delta\":{\"content\":\"\xFF\"}}]}"), ERR_FORMAT,
           "not UTF-8");
    refuse(false, STR_LIT("{\"choices\":[{\"delta\":{\"content\":\"\\ud800\"}}]}"), ERR_FORMAT,
           "not valid JSON");
}

Test(chat_wire, deep_nesting_is_refused)
{
    char deep[400];

    memset(deep, '[', sizeof deep);
    refuse(false, (struct str){deep, sizeof deep}, ERR_LIMIT, "nested deeper");
}

Test(chat_wire, what_the_server_says_went_wrong_is_passed_on)
{
    refuse(false, STR_LIT("{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}"),
           ERR_UNAVAILABLE, "overloaded");
    refuse(true, STR_LIT("{\"error\":\"out of memory\"}"), ERR_UNAVAILABLE, "out of memory");
    refuse(false, STR_LIT("{\"error\":{\"code\":7},\"choices\":[]}"), ERR_UNAVAILABLE, "error");
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Damaged replies are read or refused, and never read beyond their end. */
Test(chat_wire, damaged_replies_are_read_or_refused)
{
    static const char fine[] =
        "{\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\\u00e9b\"},\"message\":"
        "{\"content\":\"yes\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,"
        "\"completion_tokens\":3},\"error\":null}";
    static const char marks[] = "{}[]\",:0";
    unsigned seed = 42;
    int n_read = 0;

    for (int i = 0; i < 20000; i++) {
        size_t n = sizeof fine - 1 - (i % 3 ? 0 : next(&seed) % 40);
        char *damaged = malloc(n); /* of its own size, so that reading beyond it is seen */
        struct chat_reply r;
        int rc;

        memcpy(damaged, fine, n);
        for (unsigned k = next(&seed) % 4; k > 0; k--)
            damaged[next(&seed) % n] = k % 2 ? marks[next(&seed) % 8] : (char)next(&seed);
        chat_reply_init(&r);
        rc = i % 2 ? chat_reply_chunk(&r, (struct str){damaged, n})
                   : chat_reply_whole(&r, (struct str){damaged, n});
        n_read += rc == ERR_OK;
        cr_assert(rc == ERR_OK || rc == ERR_FORMAT || rc == ERR_UNAVAILABLE || rc == ERR_LIMIT,
                  "%.*s: %d", (int)n, damaged, rc);
        chat_reply_done(&r);
        free(damaged);
    }
    cr_expect_gt(n_read, 2000);
}

static void expect_words(struct str body, const char *words)
{
    struct buf b;

    buf_init(&b);
    chat_refusal_words(body, &b);
    cr_expect(str_eq(buf_view(&b), str_of(words)), "%.*s", STR_ARGS(buf_view(&b)));
    buf_done(&b);
}

Test(chat_wire, a_refusals_words_are_its_message_and_nothing_else)
{
    expect_words(STR_LIT("{\"error\":{\"message\":\"too many\",\"type\":\"x\"}}"), "too many");
    expect_words(STR_LIT("{\"error\":\"too many\"}"), "too many");
    expect_words(STR_LIT("{\"error\":{\"message\":7}}"), "");
    expect_words(STR_LIT("[1]"), "");
    expect_words(STR_LIT("<html>busy</html>"), "");
    expect_words(STR_LIT(""), "");
}

Test(chat_wire, what_the_model_calls_itself_first_is_kept)
{
    struct chat_reply r;

    chat_reply_init(&r);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"model\":\"a-1\",\"choices\":[]}")), ERR_OK);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"model\":\"b-2\",\"choices\":[]}")), ERR_OK);
    cr_expect_eq(chat_reply_chunk(&r, STR_LIT("{\"model\":7,\"choices\":[]}")), ERR_OK);
    cr_expect_str_eq(r.model, "a-1");
    chat_reply_done(&r);
}
