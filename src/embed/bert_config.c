#include "embed/bert_config.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"

#define CONFIG_BYTES_MAX (1u << 20)
#define WORD_BYTES_SHOWN 80

/* Ends every refusal of another class: what may be given instead. */
#define WHAT_WORKS                                                                                 \
    "BERT sentence models are supported (model_type \"bert\": all-MiniLM, bge, and those of e5 "   \
    "and gte that are built on BERT)"

/* The member must be this word, or that other name of the same thing (may be NULL). Without a
 * fallback it must be there. */
static int require_word(const json_t *root, const char *key, const char *fallback,
                        const char *wanted, const char *alias)
{
    struct str got = str_of(fallback);
    int rc = json_get_str(root, key, &got);

    if (rc < 0)
        return rc;
    if (!got.p)
        return FAIL(ERR_FORMAT, "'%s' is missing; it must be \"%s\"; " WHAT_WORKS, key, wanted);
    if (!str_eq(got, str_of(wanted)) && !(alias && str_eq(got, str_of(alias))))
        return FAIL(ERR_UNSUPPORTED, "'%s' is \"%.*s\", and must be \"%s\"; " WHAT_WORKS, key,
                    (int)(got.n < WORD_BYTES_SHOWN ? got.n : WORD_BYTES_SHOWN), got.p, wanted);
    return ERR_OK;
}

/* Members that a BERT encoder does not have, or has as false or null. Each would make other
 * vectors of the same tensors, without any error. */
static int refuse_members_of_others(const json_t *root)
{
    static const struct {
        const char *key, *reason;
    } others[] = {
        {"is_decoder", "decoders look at the tokens before only"},
        {"is_encoder_decoder", "an encoder alone is wanted"},
        {"add_cross_attention", "an encoder has no cross-attention"},
        {"quantization_config", "give the model's weights as F32, F16 or BF16"},
        {"rope_theta", "rotary positions are not those of BERT"},
        {"rope_parameters", "rotary positions are not those of BERT"},
        {"rope_scaling", "rotary positions are not those of BERT"},
        {"rotary_emb_base", "rotary positions are not those of BERT"},
        {"rotary_emb_fraction", "rotary positions are not those of BERT"},
        {"alibi_starting_size", "ALiBi positions are not those of BERT"},
        {"auto_map", "the model is computed by code of its own"},
    };

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const json_t *v = json_object_get(root, others[i].key);

        if (v && !json_is_null(v) && !json_is_false(v))
            return FAIL(ERR_UNSUPPORTED, "'%s' is set; %s; " WHAT_WORKS, others[i].key,
                        others[i].reason);
    }
    return ERR_OK;
}

static int require_size(const json_t *root, const char *key, int64_t max, size_t *out)
{
    int64_t n = 0;
    int rc = json_get_int(root, key, 1, max, &n);

    if (rc < 0)
        return rc;
    if (n == 0)
        return FAIL(ERR_FORMAT, "'%s' is missing; it must be from 1 to %lld", key, (long long)max);
    *out = (size_t)n;
    return ERR_OK;
}

static int read_config(const json_t *root, struct bert_config *c)
{
    int rc = ERR_OK;
    double epsilon = 1e-12;

    TRY(require_word(root, "model_type", NULL, "bert", NULL));
    TRY(require_word(root, "hidden_act", "gelu", "gelu", "gelu_python"));
    TRY(require_word(root, "position_embedding_type", "absolute", "absolute", NULL));
    TRY(refuse_members_of_others(root));
    TRY(require_size(root, "hidden_size", BERT_MAX_HIDDEN, &c->hidden));
    TRY(require_size(root, "num_hidden_layers", BERT_MAX_LAYERS, &c->n_layers));
    TRY(require_size(root, "num_attention_heads", BERT_MAX_HIDDEN, &c->n_heads));
    TRY(require_size(root, "intermediate_size", BERT_MAX_INTERMEDIATE, &c->intermediate));
    TRY(require_size(root, "vocab_size", BERT_MAX_VOCAB, &c->vocab_size));
    TRY(require_size(root, "max_position_embeddings", BERT_MAX_POSITIONS, &c->n_positions));
    TRY(require_size(root, "type_vocab_size", 16, &c->n_types));
    TRY(json_get_real(root, "layer_norm_eps", 0, 1e-2, &epsilon));
    c->epsilon = (float)epsilon;
    if (c->hidden % c->n_heads != 0)
        return FAIL(ERR_FORMAT, "'hidden_size' %zu is not a multiple of the %zu attention heads",
                    c->hidden, c->n_heads);
out:
    return rc;
}

/* ---- a cross-encoder's ---- */

static bool names_class(const json_t *names, const char *wanted)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (name && strcmp(name, wanted) == 0)
            return true;
    }
    return false;
}

/* How many labels there are is told by their names, in files of today; num_labels is of old ones,
 * and two is what the reference takes when neither is there. */
static int read_head(const json_t *root, struct bert_config *c)
{
    static const char class[] = "BertForSequenceClassification";
    const json_t *names = json_object_get(root, "id2label");
    int64_t n = names ? (int64_t)json_object_size(names) : 2;
    int rc = names ? ERR_OK : json_get_int(root, "num_labels", 0, INT32_MAX, &n);

    if (rc < 0)
        return rc;
    if (!names_class(json_object_get(root, "architectures"), class))
        return FAIL(ERR_UNSUPPORTED,
                    "'architectures' does not name %s; a cross-encoder of that class is supported, "
                    "such as ms-marco-MiniLM",
                    class);
    if (n != 1)
        return FAIL(ERR_UNSUPPORTED,
                    "it has %lld labels; a cross-encoder that reranks has one, the score",
                    (long long)n);
    c->n_labels = 1;
    return ERR_OK;
}

static int read_file(struct bert_config *out, const char *model_dir, bool cross)
{
    int rc = ERR_OK;
    struct bert_config c = {0};
    struct buf path, text;
    json_t *root = NULL;

    buf_init(&path);
    buf_init(&text);
    buf_addf(&path, "%s/config.json", model_dir);
    TRY(file_read(path.p, CONFIG_BYTES_MAX, &text));
    TRY(json_parse(&root, buf_view(&text), path.p));
    rc = read_config(root, &c);
    if (rc == ERR_OK && cross)
        rc = read_head(root, &c);
    if (rc < 0) {
        err_context(rc, "model configuration '%s'", path.p);
        goto out;
    }
    *out = c;
out:
    json_decref(root);
    buf_done(&text);
    buf_done(&path);
    return rc;
}

int bert_config_read(struct bert_config *out, const char *model_dir)
{
    return read_file(out, model_dir, false);
}

int bert_config_read_cross(struct bert_config *out, const char *model_dir)
{
    return read_file(out, model_dir, true);
}
