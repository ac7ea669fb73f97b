#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "embed/model_files.h"
#include "unit/embed/tiny_model.h"

static void expect_refused(struct tiny_model *m, const char *name, const char *text, int code,
                           const char *reason)
{
    struct model_files f = {.max_tokens = 77};
    char path[128];
    int rc;

    tiny_write_text(m, name, text);
    rc = model_files_read(&f, m->dir);
    cr_expect_eq(rc, code, "%s: %d (%s)", text, rc, err_text());
    cr_expect(strstr(err_text(), reason), "'%s' lacks '%s'", err_text(), reason);
    cr_expect(strstr(err_text(), name), "'%s' names the file", err_text());
    cr_expect_eq(f.max_tokens, 77, "the output stays untouched");
    snprintf(path, sizeof path, "%s/%s", m->dir, name);
    unlink(path);
}

static void make_pooling_folder(const struct tiny_model *m)
{
    char path[128];

    snprintf(path, sizeof path, "%s/1_Pooling", m->dir);
    cr_assert_eq(mkdir(path, 0700), 0);
}

Test(model_files, may_all_be_absent)
{
    struct tiny_model m;
    struct model_files f = {0};

    tiny_open(&m);
    cr_expect_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect(f.max_tokens == 0 && !f.cls_pooling);
    tiny_close(&m);
}

Test(model_files, say_limit_and_pooling)
{
    struct tiny_model m;
    struct model_files f = {0};

    tiny_open(&m);
    make_pooling_folder(&m);
    tiny_write_text(&m, "sentence_bert_config.json", "{\"max_seq_length\": 256}");
    tiny_write_text(&m, "1_Pooling/config.json",
                    "{\"word_embedding_dimension\":24,\"pooling_mode_cls_token\":true,"
                    "\"pooling_mode_mean_tokens\":false}");
    tiny_write_text(&m, "modules.json",
                    "[{\"type\":\"sentence_transformers.models.Transformer\"},"
                    "{\"type\":\"sentence_transformers.models.Pooling\"},"
                    "{\"type\":\"sentence_transformers.models.Normalize\"}]");
    cr_expect_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect(f.max_tokens == 256 && f.cls_pooling);
    tiny_close(&m);
}

/* As sentence-transformers 6 writes them: the limit has moved, pooling is one word. */
Test(model_files, are_read_as_newer_ones_are_written)
{
    struct tiny_model m;
    struct model_files f = {0};

    tiny_open(&m);
    make_pooling_folder(&m);
    tiny_write_text(&m, "sentence_bert_config.json",
                    "{\"transformer_task\":\"feature-extraction\",\"module_output_name\":\"x\"}");
    tiny_write_text(&m, "tokenizer_config.json",
                    "{\"max_length\":128,\"model_max_length\":200,\"do_lower_case\":true}");
    tiny_write_text(
        &m, "1_Pooling/config.json",
        "{\"embedding_dimension\":24,\"pooling_mode\":\"cls\",\"include_prompt\":true}");
    tiny_write_text(
        &m, "modules.json",
        "[{\"type\":\"sentence_transformers.base.modules.transformer.Transformer\",\"path\":\"\"},"
        "{\"type\":\"sentence_transformers.sentence_transformer.modules.pooling.Pooling\","
        "\"path\":\"1_Pooling\"},"
        "{\"type\":\"sentence_transformers.base.modules.normalize.Normalize\","
        "\"path\":\"2_Normalize\"}]");
    cr_assert_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect(f.max_tokens == 200 && f.cls_pooling && !f.lower_case);
    tiny_write_text(&m, "1_Pooling/config.json", "{\"pooling_mode\":\"mean\"}");
    cr_assert_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect_not(f.cls_pooling);
    tiny_close(&m);
}

Test(model_files, the_tokenizers_limit_counts_only_when_no_other_does)
{
    struct tiny_model m;
    struct model_files f = {0};

    tiny_open(&m);
    tiny_write_text(&m, "tokenizer_config.json",
                    "{\"model_max_length\":1000000000000000019884624838656}");
    cr_assert_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect_eq(f.max_tokens, 0, "which is how no limit is written");
    tiny_write_text(&m, "tokenizer_config.json", "{\"model_max_length\":512}");
    tiny_write_text(&m, "sentence_bert_config.json",
                    "{\"max_seq_length\":128,\"do_lower_case\":true}");
    cr_assert_eq(model_files_read(&f, m.dir), ERR_OK, "%s", err_text());
    cr_expect_eq(f.max_tokens, 128);
    cr_expect(f.lower_case);
    tiny_close(&m);
}

static void expect_prompts(const struct tiny_model *m, const char *prompts, const char *query,
                           const char *document)
{
    struct model_files f = {0};

    tiny_write_text(m, "config_sentence_transformers.json", prompts);
    cr_assert_eq(model_files_read(&f, m->dir), ERR_OK, "%s", err_text());
    cr_expect_str_eq(f.query_prompt ? f.query_prompt : "(null)", query);
    cr_expect_str_eq(f.document_prompt ? f.document_prompt : "(null)", document);
    model_files_done(&f);
}

Test(model_files, give_the_prompts)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_prompts(&m, "{\"__version__\":{\"pytorch\":\"1.8.1\"}}", "(null)", "(null)");
    expect_prompts(&m, "{\"prompts\":null,\"default_prompt_name\":null}", "(null)", "(null)");
    expect_prompts(&m, "{\"prompts\":{\"query\":\"\",\"document\":\"\"}}", "", "");
    expect_prompts(&m, "{\"prompts\":{\"query\":\"query: \",\"passage\":\"passage: \"}}",
                   "query: ", "passage: ");
    expect_prompts(&m, "{\"prompts\":{\"corpus\":\"c\",\"passage\":\"p\",\"document\":\"d\"}}",
                   "(null)", "d");
    tiny_close(&m);
}

Test(model_files, refuse_a_prompt_without_end)
{
    struct tiny_model m;
    struct buf b;

    tiny_open(&m);
    buf_init(&b);
    buf_add_str(&b, "{\"prompts\":{\"query\":\"");
    for (size_t i = 0; i <= MODEL_PROMPT_BYTES_MAX; i++)
        buf_add_char(&b, 'x');
    buf_add_str(&b, "\"}}");
    expect_refused(&m, "config_sentence_transformers.json", b.p, ERR_LIMIT, "1001 bytes");
    buf_done(&b);
    tiny_close(&m);
}

/* A CLS model whose subfolder was forgotten would be pooled as a mean. */
Test(model_files, a_pooling_that_is_named_must_be_there)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_refused(&m, "modules.json",
                   "[{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"1_Pooling\"}]",
                   ERR_NOT_FOUND, "'1_Pooling/config.json' is not there");
    tiny_close(&m);
}

Test(model_files, refuse_what_would_give_other_vectors)
{
    struct tiny_model m;

    tiny_open(&m);
    make_pooling_folder(&m);
    expect_refused(&m, "modules.json", "[{\"type\":\"sentence_transformers.models.Dense\"}]",
                   ERR_UNSUPPORTED, "Dense");
    expect_refused(&m, "modules.json",
                   "[{\"type\":\"sentence_transformers.models.Transformer\","
                   "\"path\":\"0_Transformer\"}]",
                   ERR_UNSUPPORTED, "'0_Transformer'");
    expect_refused(&m, "modules.json",
                   "[{\"type\":\"sentence_transformers.models.Pooling\",\"path\":\"2_Pool\"}]",
                   ERR_UNSUPPORTED, "'2_Pool'");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}",
                   ERR_UNSUPPORTED, "pooling is 'max'; 'mean' and 'cls' are supported");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode_mean_sqrt_len_tokens\":true}",
                   ERR_UNSUPPORTED, "'mean_sqrt_len'");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode_weightedmean_tokens\":true}",
                   ERR_UNSUPPORTED, "'weightedmean'");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode_lasttoken\":true}",
                   ERR_UNSUPPORTED, "'lasttoken'");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode\":\"lasttoken\"}", ERR_UNSUPPORTED,
                   "'lasttoken'");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode\":[\"mean\",\"cls\"]}",
                   ERR_UNSUPPORTED, "list");
    expect_refused(&m, "1_Pooling/config.json",
                   "{\"pooling_mode\":\"mean\",\"include_prompt\":false}", ERR_UNSUPPORTED,
                   "include_prompt");
    expect_refused(&m, "1_Pooling/config.json",
                   "{\"pooling_mode_cls_token\":true,\"pooling_mode_mean_tokens\":true}",
                   ERR_UNSUPPORTED, "both");
    tiny_close(&m);
}

Test(model_files, refuse_what_makes_no_sense)
{
    struct tiny_model m;

    tiny_open(&m);
    make_pooling_folder(&m);
    expect_refused(&m, "modules.json", "{}", ERR_FORMAT, "list");
    expect_refused(&m, "modules.json", "[{}]", ERR_FORMAT, "type");
    expect_refused(&m, "modules.json", "[", ERR_FORMAT, "JSON");
    expect_refused(&m, "1_Pooling/config.json", "{}", ERR_FORMAT, "pooling");
    expect_refused(&m, "1_Pooling/config.json", "[]", ERR_FORMAT, "object");
    expect_refused(&m, "config_sentence_transformers.json", "[]", ERR_FORMAT, "object");
    expect_refused(&m, "config_sentence_transformers.json", "{\"prompts\":[]}", ERR_FORMAT,
                   "object");
    expect_refused(&m, "config_sentence_transformers.json", "{\"prompts\":{\"query\":7}}",
                   ERR_ARGUMENT, "'query' must be a string");
    expect_refused(&m, "config_sentence_transformers.json",
                   "{\"prompts\":{\"passage\":\"a\\u0000b\"}}", ERR_FORMAT, "NUL");
    expect_refused(&m, "tokenizer_config.json", "{\"model_max_length\":\"many\"}", ERR_ARGUMENT,
                   "model_max_length");
    expect_refused(&m, "sentence_bert_config.json", "{\"max_seq_length\":-1}", ERR_ARGUMENT,
                   "max_seq_length");
    expect_refused(&m, "sentence_bert_config.json", "{\"max_seq_length\":1000000}", ERR_ARGUMENT,
                   "8192");
    tiny_close(&m);
}
