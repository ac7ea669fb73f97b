#include <criterion/criterion.h>
#include <string.h>

#include "base/err.h"
#include "embed/bert_config.h"
#include "unit/embed/tiny_model.h"

#define SIZES                                                                                      \
    "\"hidden_size\":24,\"num_hidden_layers\":2,\"num_attention_heads\":3,"                        \
    "\"intermediate_size\":40,\"vocab_size\":60,\"max_position_embeddings\":64,"                   \
    "\"type_vocab_size\":2"

static void expect_refused(struct tiny_model *m, const char *config, int code, const char *reason)
{
    struct bert_config c = {.hidden = 77};
    int rc;

    tiny_write_text(m, "config.json", config);
    rc = bert_config_read(&c, m->dir);
    cr_expect_eq(rc, code, "%s: %d (%s)", config, rc, err_text());
    cr_expect(strstr(err_text(), reason), "'%s' lacks '%s'", err_text(), reason);
    cr_expect(strstr(err_text(), "config.json"), "'%s' names the file", err_text());
    cr_expect_eq(c.hidden, 77, "the output stays untouched");
}

Test(bert_config, reads_the_sizes)
{
    struct tiny_model m;
    struct bert_config c = {0};

    tiny_open(&m);
    cr_assert_eq(bert_config_read(&c, m.dir), ERR_OK, "%s", err_text());
    cr_expect(c.hidden == 24 && c.n_layers == 2 && c.n_heads == 3 && c.intermediate == 40);
    cr_expect(c.vocab_size == 60 && c.n_positions == 64 && c.n_types == 2);
    cr_expect_float_eq(c.epsilon, 1e-12f, 1e-15f);
    tiny_close(&m);
}

Test(bert_config, refuses_models_of_another_class)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_refused(&m, "{\"model_type\":\"roberta\",\"hidden_act\":\"gelu\"," SIZES "}",
                   ERR_UNSUPPORTED, "roberta");
    expect_refused(&m, "{\"hidden_act\":\"gelu\"," SIZES "}", ERR_FORMAT, "model_type");
    expect_refused(&m, "{\"model_type\":\"bert\",\"hidden_act\":\"gelu_new\"," SIZES "}",
                   ERR_UNSUPPORTED, "gelu_new");
    expect_refused(&m,
                   "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\","
                   "\"position_embedding_type\":\"relative_key\"," SIZES "}",
                   ERR_UNSUPPORTED, "relative_key");
    expect_refused(
        &m, "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"is_decoder\":true," SIZES "}",
        ERR_UNSUPPORTED, "is_decoder");
    tiny_close(&m);
}

Test(bert_config, refuses_sizes_that_are_missing_absurd_or_do_not_fit)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_refused(&m, "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\"}", ERR_FORMAT,
                   "hidden_size");
    expect_refused(&m, "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":0}",
                   ERR_ARGUMENT, "hidden_size");
    expect_refused(&m, "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":1e3}",
                   ERR_ARGUMENT, "integer");
    expect_refused(&m,
                   "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":1000000000}",
                   ERR_ARGUMENT, "4096");
    expect_refused(&m,
                   "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\",\"hidden_size\":24,"
                   "\"num_hidden_layers\":2,\"num_attention_heads\":5,\"intermediate_size\":40,"
                   "\"vocab_size\":60,\"max_position_embeddings\":64,\"type_vocab_size\":2}",
                   ERR_FORMAT, "heads");
    tiny_close(&m);
}

Test(bert_config, refuses_files_that_are_no_configuration)
{
    struct tiny_model m;
    struct bert_config c = {0};

    tiny_open(&m);
    expect_refused(&m, "{", ERR_FORMAT, "JSON");
    expect_refused(&m, "[]", ERR_FORMAT, "model_type");
    cr_expect_eq(bert_config_read(&c, "/nowhere"), ERR_NOT_FOUND);
    tiny_close(&m);
}
