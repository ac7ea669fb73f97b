#include "server/chat_request.h"

#include "support/chat_world.h"

static struct arena *mem;

static int read_text(const struct engine *e, const char *text, struct chat_request *out,
                     struct refusal *why)
{
    json_t *tree = json_loads(text, 0, NULL);
    int rc;

    cr_assert_not_null(tree, "%s", text);
    rc = chat_request_read(e, tree, mem, out, why);
    json_decref(tree);
    return rc;
}

static void expect_query(const struct engine *e, const char *text, const char *wanted)
{
    struct chat_request r;
    struct refusal why;
    json_t *expected = json_loads(wanted, 0, NULL);

    cr_assert_not_null(expected, "%s", wanted);
    cr_assert_eq(read_text(e, text, &r, &why), ERR_OK, "%s: %s", text, err_text());
    cr_expect(json_equal(r.query, expected), "%s: %s", text, json_dumps(r.query, 0));
    json_decref(expected);
    json_decref(r.query);
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]"

Test(chat_request, the_last_message_is_the_question_and_those_before_it_the_history)
{
    struct chat_world c;

    CHAT_WORLD_OPEN(&c, 2);
    mem = arena_new(0);
    expect_query(c.w.engine, "{\"model\":\"ragd\"," MESSAGES "}", "{\"question\":\"x\"}");
    expect_query(c.w.engine,
                 "{\"model\":\"ragd\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                 "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"},"
                 "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"c\"},"
                 "{\"type\":\"text\",\"text\":\"d\"}]}]}",
                 "{\"question\":\"cd\",\"history\":[{\"role\":\"user\",\"content\":\"a\"},"
                 "{\"role\":\"assistant\",\"content\":\"b\"}]}");
    arena_free(mem);
    chat_world_close(&c);
}

Test(chat_request, the_model_and_its_sampling_are_the_querys)
{
    struct chat_world c;

    CHAT_WORLD_OPEN(&c, 2);
    mem = arena_new(0);
    expect_query(c.w.engine,
                 "{\"model\":\"best\",\"max_tokens\":9,\"temperature\":0.5," MESSAGES "}",
                 "{\"question\":\"x\",\"model\":\"best\",\"max_tokens\":9,\"temperature\":0.5}");
    expect_query(c.w.engine,
                 "{\"model\":\"ragd-extractive\",\"max_completion_tokens\":3," MESSAGES "}",
                 "{\"question\":\"x\",\"answer\":\"extractive\",\"max_tokens\":3}");
    expect_query(c.w.engine,
                 "{\"model\":\"ragd\",\"ragd\":{\"k\":2,\"question\":\"y\"}," MESSAGES "}",
                 "{\"question\":\"x\",\"k\":2}");
    arena_free(mem);
    chat_world_close(&c);
}

Test(chat_request, what_nobody_reads_is_named_and_streams_are_told)
{
    struct chat_world c;
    struct chat_request r;
    struct refusal why;

    CHAT_WORLD_OPEN(&c, 1);
    mem = arena_new(0);
    cr_assert_eq(read_text(c.w.engine,
                           "{\"model\":\"ragd\",\"stream\":true,\"seed\":1,\"user\":\"u\","
                           "\"stream_options\":{\"include_usage\":true}," MESSAGES "}",
                           &r, &why),
                 ERR_OK);
    cr_expect(r.stream && r.include_usage);
    cr_expect_str_eq(r.ignored, "seed, user");
    cr_expect_str_eq(r.model, "ragd");
    json_decref(r.query);
    arena_free(mem);
    chat_world_close(&c);
}

Test(chat_request, a_refusal_names_the_member)
{
    static const struct {
        const char *text, *param;
        int status;
    } bad[] = {
        {"[]", NULL, 400},
        {"{" MESSAGES "}", "model", 400},
        {"{\"model\":\"nosuch\"," MESSAGES "}", "model", 404},
        {"{\"model\":\"ragd\"}", "messages", 400},
        {"{\"model\":\"ragd\",\"messages\":[{\"role\":\"user\"}]}", "messages", 400},
        {"{\"model\":\"ragd\",\"messages\":[{\"role\":\"robot\",\"content\":\"x\"},"
         "{\"role\":\"user\",\"content\":\"x\"}]}",
         "messages", 400},
        {"{\"model\":\"ragd\",\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}", "messages",
         400},
        {"{\"model\":\"ragd\",\"n\":2," MESSAGES "}", "n", 400},
        {"{\"model\":\"ragd\",\"tools\":[{}]," MESSAGES "}", "tools", 400},
        {"{\"model\":\"ragd\",\"max_tokens\":0," MESSAGES "}", "max_tokens", 400},
        {"{\"model\":\"ragd\",\"stream\":1," MESSAGES "}", "stream", 400},
        {"{\"model\":\"ragd\",\"ragd\":5," MESSAGES "}", "ragd", 400},
    };
    struct chat_world c;

    CHAT_WORLD_OPEN(&c, 1);
    mem = arena_new(0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct chat_request r;
        struct refusal why = {0};

        cr_expect_lt(read_text(c.w.engine, bad[i].text, &r, &why), 0, "%s", bad[i].text);
        cr_expect_eq(why.status, bad[i].status, "%s", bad[i].text);
        cr_expect(bad[i].param ? why.param && strcmp(why.param, bad[i].param) == 0 : !why.param,
                  "%s: %s", bad[i].text, why.param);
    }
    arena_free(mem);
    chat_world_close(&c);
}
