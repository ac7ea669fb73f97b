#include "embed/bert_config.h"

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"

#define CONFIG_BYTES_MAX (1u << 20)

/* The member must be there, and be this word. */
static int require_word(const json_t *root, const char *key, const char *fallback,
                        const char *wanted)
{
    struct str got = str_of(fallback);
    int rc = json_get_str(root, key, &got);

    if (rc < 0)
        return rc;
    if (!got.p)
        return FAIL(ERR_FORMAT, "'%s' is missing; it must be \"%s\"", key, wanted);
    if (!str_eq(got, str_of(wanted)))
        return FAIL(ERR_UNSUPPORTED, "'%s' is \"%.*s\"; only \"%s\" is supported", key,
                    (int)(got.n < 80 ? got.n : 80), got.p, wanted);
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
    bool is_decoder = false;
    double epsilon = 1e-12;

    TRY(require_word(root, "model_type", NULL, "bert"));
    TRY(require_word(root, "hidden_act", NULL, "gelu"));
    TRY(require_word(root, "position_embedding_type", "absolute", "absolute"));
    TRY(json_get_bool(root, "is_decoder", &is_decoder));
    if (is_decoder)
        return FAIL(ERR_UNSUPPORTED, "'is_decoder' is true; only encoders are supported");
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

int bert_config_read(struct bert_config *out, const char *model_dir)
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
