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

Test(model_files, refuse_what_would_give_other_vectors)
{
    struct tiny_model m;

    tiny_open(&m);
    make_pooling_folder(&m);
    expect_refused(&m, "modules.json", "[{\"type\":\"sentence_transformers.models.Dense\"}]",
                   ERR_UNSUPPORTED, "Dense");
    expect_refused(&m, "1_Pooling/config.json", "{\"pooling_mode_max_tokens\":true}",
                   ERR_UNSUPPORTED, "max_tokens");
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
    expect_refused(&m, "sentence_bert_config.json", "{\"max_seq_length\":-1}", ERR_ARGUMENT,
                   "max_seq_length");
    expect_refused(&m, "sentence_bert_config.json", "{\"max_seq_length\":1000000}", ERR_ARGUMENT,
                   "8192");
    tiny_close(&m);
}
