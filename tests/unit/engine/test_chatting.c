#include "engine/chatting.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static void one_model(struct config *c)
{
    config_defaults(c);
    c->n_llm = 1;
    c->llm[0] = (struct config_llm){.name = "fast",
                                    .url = "http://127.0.0.1:9/v1",
                                    .model = "small",
                                    .timeout_ms = 1000,
                                    .first_token_ms = 500};
}

Test(chatting, without_models_there_are_none)
{
    struct config c;
    struct chat_models *m = (void *)&c;

    config_defaults(&c);
    cr_assert_eq(chatting_open_models(&m, &c), ERR_OK);
    cr_expect_null(m);
}

Test(chatting, keys_come_from_the_environment_or_a_file)
{
    char path[] = "/tmp/ragd-key-XXXXXX";
    struct config c;
    struct chat_models *m;
    int fd = mkstemp(path);

    cr_assert_eq(write(fd, " secret-2\n", 10), 10);
    close(fd);
    one_model(&c);
    setenv("RAGD_TEST_LLM_KEY", "secret-1", 1);
    strcpy(c.llm[0].key_env, "RAGD_TEST_LLM_KEY");
    cr_assert_eq(chatting_open_models(&m, &c), ERR_OK, "%s", err_text());
    cr_expect_str_eq(chat_models_get(m, 0)->key, "secret-1");
    chat_models_free(m);
    *c.llm[0].key_env = '\0';
    snprintf(c.llm[0].key_file, sizeof c.llm[0].key_file, "%s", path);
    cr_assert_eq(chatting_open_models(&m, &c), ERR_OK, "%s", err_text());
    cr_expect_str_eq(chat_models_get(m, 0)->key, "secret-2");
    chat_models_free(m);
    cr_assert_eq(truncate(path, 0), 0);
    cr_expect_eq(chatting_open_models(&m, &c), ERR_UNAVAILABLE);
    unlink(path);
    cr_expect_lt(chatting_open_models(&m, &c), 0);
    cr_expect(strstr(err_text(), path), "%s", err_text());
}

Test(chatting, a_key_that_is_named_and_not_there_is_told_by_the_name_of_its_variable)
{
    struct config c;
    struct chat_models *m;

    one_model(&c);
    unsetenv("RAGD_TEST_LLM_KEY");
    strcpy(c.llm[0].key_env, "RAGD_TEST_LLM_KEY");
    cr_expect_eq(chatting_open_models(&m, &c), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "'RAGD_TEST_LLM_KEY'"), "%s", err_text());
}

Test(chatting, a_template_that_is_named_is_read)
{
    struct config c;
    struct prompt_template *t;

    config_defaults(&c);
    cr_assert_eq(chatting_open_prompt(&t, &c), ERR_OK);
    prompt_template_close(t);
    strcpy(c.prompt.file, "/nosuch/prompt.txt");
    cr_expect_lt(chatting_open_prompt(&t, &c), 0);
}

Test(chatting, another_template_or_model_is_another_digest)
{
    struct config c;
    struct chat_models *m;
    struct prompt_template *t;
    struct digest none, one, other;

    one_model(&c);
    cr_assert_eq(chatting_open_models(&m, &c), ERR_OK);
    cr_assert_eq(chatting_open_prompt(&t, &c), ERR_OK);
    none = chatting_digest(NULL, t);
    one = chatting_digest(m, t);
    cr_expect_not(digest_eq(&none, &one));
    prompt_template_close(t);
    cr_assert_eq(prompt_template_parse(&t, STR_LIT("{context} {question}"), "test"), ERR_OK);
    other = chatting_digest(m, t);
    cr_expect_not(digest_eq(&one, &other));
    prompt_template_close(t);
    chat_models_free(m);
}

Test(chatting, a_model_is_told_from_another_by_all_that_changes_its_answers)
{
    struct chat_model a = {.name = "a", .url = "u", .model = "m", .price_in = 1}, b = a;
    struct digest first = chatting_model_digest(&a), other;

    b.price_in = 2;
    other = chatting_model_digest(&b);
    cr_expect(digest_eq(&first, &other), "the same for another price");
    b.model = "n";
    other = chatting_model_digest(&b);
    cr_expect_not(digest_eq(&first, &other));
}
