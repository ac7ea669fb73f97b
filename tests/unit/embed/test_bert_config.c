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

/* A member's replacement in a configuration that is right otherwise. */
#define BERT(...) "{\"model_type\":\"bert\",\"hidden_act\":\"gelu\"," SIZES __VA_ARGS__ "}"

static void expect_accepted(const char *config)
{
    struct tiny_model m;
    struct bert_config c = {0};

    tiny_open(&m);
    tiny_write_text(&m, "config.json", config);
    cr_expect_eq(bert_config_read(&c, m.dir), ERR_OK, "%s: %s", config, err_text());
    cr_expect_eq(c.hidden, 24);
    tiny_close(&m);
}

/* Refused with the word that was found, and with what works. */
static void expect_other_class(const char *config, const char *reason)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_refused(&m, config, ERR_UNSUPPORTED, reason);
    cr_expect(strstr(err_text(), "BERT sentence models are supported"), "%s", err_text());
    cr_expect(strstr(err_text(), "all-MiniLM, bge"), "%s", err_text());
    tiny_close(&m);
}

/* By other names of the same function, and as files say it that were written long ago or lately. */
Test(bert_config, accepts_every_way_to_say_it)
{
    expect_accepted("{\"model_type\":\"bert\"," SIZES "}");
    expect_accepted("{\"model_type\":\"bert\",\"hidden_act\":\"gelu_python\"," SIZES "}");
    expect_accepted(BERT(",\"is_decoder\":false,\"add_cross_attention\":false"));
    expect_accepted(
        BERT(",\"position_embedding_type\":\"absolute\",\"gradient_checkpointing\":true"));
    expect_accepted(
        BERT(",\"rope_parameters\":null,\"quantization_config\":null,\"auto_map\":null"));
    expect_accepted(
        BERT(",\"dtype\":\"float32\",\"tie_word_embeddings\":true,\"bos_token_id\":null"));
}

Test(bert_config, refuses_roberta)
{
    expect_other_class("{\"architectures\":[\"RobertaModel\"],\"model_type\":\"roberta\","
                       "\"hidden_act\":\"gelu\",\"pad_token_id\":1," SIZES "}",
                       "'model_type' is \"roberta\"");
}

Test(bert_config, refuses_xlm_roberta)
{
    expect_other_class("{\"architectures\":[\"XLMRobertaModel\"],\"model_type\":\"xlm-roberta\","
                       "\"hidden_act\":\"gelu\",\"pad_token_id\":1," SIZES "}",
                       "'model_type' is \"xlm-roberta\"");
}

Test(bert_config, refuses_mpnet)
{
    expect_other_class("{\"architectures\":[\"MPNetModel\"],\"model_type\":\"mpnet\","
                       "\"hidden_act\":\"gelu\",\"relative_attention_num_buckets\":32," SIZES "}",
                       "'model_type' is \"mpnet\"");
}

Test(bert_config, refuses_distilbert)
{
    expect_other_class("{\"architectures\":[\"DistilBertModel\"],\"model_type\":\"distilbert\","
                       "\"activation\":\"gelu\",\"dim\":24,\"hidden_dim\":40,\"n_heads\":3,"
                       "\"n_layers\":2,\"vocab_size\":60,\"max_position_embeddings\":64}",
                       "'model_type' is \"distilbert\"");
}

Test(bert_config, refuses_modernbert)
{
    expect_other_class("{\"architectures\":[\"ModernBertModel\"],\"model_type\":\"modernbert\","
                       "\"hidden_activation\":\"gelu\",\"global_rope_theta\":160000.0," SIZES "}",
                       "'model_type' is \"modernbert\"");
}

Test(bert_config, refuses_t5)
{
    expect_other_class("{\"architectures\":[\"T5EncoderModel\"],\"model_type\":\"t5\","
                       "\"d_model\":24,\"d_ff\":40,\"num_layers\":2,\"num_heads\":3,"
                       "\"is_encoder_decoder\":true,\"vocab_size\":60}",
                       "'model_type' is \"t5\"");
}

Test(bert_config, refuses_nomic_bert)
{
    expect_other_class("{\"architectures\":[\"NomicBertModel\"],\"model_type\":\"nomic_bert\","
                       "\"activation_function\":\"swiglu\",\"rotary_emb_fraction\":1.0,"
                       "\"n_embd\":24,\"n_head\":3,\"n_layer\":2,\"vocab_size\":60}",
                       "'model_type' is \"nomic_bert\"");
}

Test(bert_config, refuses_a_configuration_that_names_no_type)
{
    struct tiny_model m;

    tiny_open(&m);
    expect_refused(&m, "{\"hidden_act\":\"gelu\"," SIZES "}", ERR_FORMAT,
                   "'model_type' is missing; it must be \"bert\"");
    tiny_close(&m);
}

Test(bert_config, refuses_gelu_new)
{
    expect_other_class("{\"model_type\":\"bert\",\"hidden_act\":\"gelu_new\"," SIZES "}",
                       "'hidden_act' is \"gelu_new\", and must be \"gelu\"");
}

Test(bert_config, refuses_gelu_pytorch_tanh)
{
    expect_other_class("{\"model_type\":\"bert\",\"hidden_act\":\"gelu_pytorch_tanh\"," SIZES "}",
                       "'hidden_act' is \"gelu_pytorch_tanh\", and must be \"gelu\"");
}

Test(bert_config, refuses_relu)
{
    expect_other_class("{\"model_type\":\"bert\",\"hidden_act\":\"relu\"," SIZES "}",
                       "'hidden_act' is \"relu\", and must be \"gelu\"");
}

Test(bert_config, refuses_relative_positions)
{
    expect_other_class(BERT(",\"position_embedding_type\":\"relative_key\""),
                       "'position_embedding_type' is \"relative_key\", and must be \"absolute\"");
    expect_other_class(BERT(",\"position_embedding_type\":\"relative_key_query\""),
                       "\"relative_key_query\"");
}

Test(bert_config, refuses_alibi_positions)
{
    expect_other_class(BERT(",\"position_embedding_type\":\"alibi\",\"auto_map\":{}"), "\"alibi\"");
    expect_other_class(BERT(",\"alibi_starting_size\":512"), "'alibi_starting_size' is set; ALiBi");
}

Test(bert_config, refuses_rotary_positions)
{
    expect_other_class(BERT(",\"position_embedding_type\":\"rope\""), "\"rope\"");
    expect_other_class(BERT(",\"rope_theta\":10000.0"), "'rope_theta' is set; rotary");
    expect_other_class(BERT(",\"rope_scaling\":{\"type\":\"ntk\"}"), "'rope_scaling' is set");
    expect_other_class(BERT(",\"rotary_emb_fraction\":1.0"), "'rotary_emb_fraction' is set");
}

Test(bert_config, refuses_decoders)
{
    expect_other_class(BERT(",\"is_decoder\":true"), "'is_decoder' is set; decoders");
    expect_other_class(BERT(",\"add_cross_attention\":true"), "'add_cross_attention' is set");
    expect_other_class(BERT(",\"is_encoder_decoder\":true"), "'is_encoder_decoder' is set");
}

Test(bert_config, refuses_quantized_weights)
{
    expect_other_class(
        BERT(",\"quantization_config\":{\"quant_method\":\"bitsandbytes\"}"),
        "'quantization_config' is set; give the model's weights as F32, F16 or BF16");
}

Test(bert_config, refuses_models_with_code_of_their_own)
{
    expect_other_class(BERT(",\"auto_map\":{\"AutoModel\":\"them/code--modeling.Model\"}"),
                       "'auto_map' is set; the model is computed by code of its own");
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

/* ---- of a cross-encoder ---- */

#define CROSS(more) BERT(",\"architectures\":[\"BertForSequenceClassification\"]" more)

static int read_cross(const char *text, struct bert_config *c)
{
    struct tiny_model m;
    int rc;

    tiny_open(&m);
    tiny_write_text(&m, "config.json", text);
    rc = bert_config_read_cross(c, m.dir);
    tiny_close(&m);
    return rc;
}

Test(bert_config, a_cross_encoder_has_one_label_by_its_names_or_by_number)
{
    struct bert_config c = {0};

    cr_assert_eq(read_cross(CROSS(",\"id2label\":{\"0\":\"LABEL_0\"}"), &c), ERR_OK, "%s",
                 err_text());
    cr_expect_eq(c.n_labels, 1);
    cr_expect_eq(c.hidden, 24);
    cr_expect_eq(read_cross(CROSS(",\"num_labels\":1"), &c), ERR_OK, "%s", err_text());
    cr_expect_eq(read_cross(CROSS(",\"num_labels\":3"), &c), ERR_UNSUPPORTED);
    cr_expect(strstr(err_text(), "3 labels"), "%s", err_text());
    cr_expect_eq(read_cross(CROSS(""), &c), ERR_UNSUPPORTED);
    cr_expect(strstr(err_text(), "2 labels"), "the reference's default: %s", err_text());
    cr_expect_eq(read_cross(CROSS(",\"id2label\":{\"0\":\"no\",\"1\":\"yes\"}"), &c),
                 ERR_UNSUPPORTED);
}

Test(bert_config, an_encoder_is_no_cross_encoder_and_has_no_labels)
{
    struct tiny_model m;
    struct bert_config c = {0};

    cr_expect_eq(read_cross(BERT(""), &c), ERR_UNSUPPORTED);
    cr_expect(strstr(err_text(), "BertForSequenceClassification"), "%s", err_text());
    tiny_open(&m);
    tiny_write_text(&m, "config.json", CROSS(",\"num_labels\":1"));
    cr_assert_eq(bert_config_read(&c, m.dir), ERR_OK, "%s", err_text());
    cr_expect_eq(c.n_labels, 0);
    tiny_close(&m);
}
