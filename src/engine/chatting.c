#include "engine/chatting.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"

/* Into `key`, which stays empty when the model has none. */
static int read_key(const struct config_llm *llm, struct buf *key)
{
    int rc = ERR_OK;
    struct str text;

    if (*llm->key_env) {
        const char *value = getenv(llm->key_env);

        if (!value || !*value)
            return FAIL(ERR_UNAVAILABLE,
                        "llm '%s': key_env names the variable '%s', which is not set in the "
                        "environment",
                        llm->name, llm->key_env);
        buf_add_str(key, value);
    } else if (*llm->key_file) {
        TRY(file_read(llm->key_file, CHATTING_KEY_MAX, key));
        text = str_trim(buf_view(key));
        if (text.n == 0)
            return FAIL(ERR_UNAVAILABLE, "llm '%s': '%s' is empty", llm->name, llm->key_file);
        memmove(key->p, text.p, text.n);
        buf_cut(key, text.n);
    }
    buf_add_char(key, '\0');
out:
    return rc;
}

int chatting_open_models(struct chat_models **out, const struct config *c)
{
    int rc = ERR_OK;
    struct chat_model_options options[CONFIG_LLMS_MAX];
    struct buf keys[CONFIG_LLMS_MAX] = {0};

    *out = NULL;
    if (c->n_llm == 0)
        return ERR_OK;
    for (size_t i = 0; i < c->n_llm; i++) {
        const struct config_llm *llm = &c->llm[i];

        TRY(read_key(llm, &keys[i]));
        options[i] = (struct chat_model_options){.name = llm->name,
                                                 .url = llm->url,
                                                 .model = llm->model,
                                                 .key = keys[i].p,
                                                 .timeout_ms = llm->timeout_ms,
                                                 .first_token_ms = llm->first_token_ms,
                                                 .price_in = llm->price_in,
                                                 .price_out = llm->price_out};
    }
    TRY(chat_models_new(out, options, c->n_llm));
out:
    for (size_t i = 0; i < c->n_llm; i++)
        buf_done(&keys[i]);
    return rc;
}

int chatting_open_prompt(struct prompt_template **out, const struct config *c)
{
    return prompt_template_open(out, *c->prompt.file ? c->prompt.file : NULL);
}

struct digest chatting_model_digest(const struct chat_model *m)
{
    struct digester *d = digester_new();

    digester_add_str(d, m->name);
    digester_add_str(d, m->url);
    digester_add_str(d, m->model);
    return digester_finish(d);
}

struct digest chatting_digest(const struct chat_models *models, const struct prompt_template *t)
{
    struct digester *d = digester_new();
    struct digest part = prompt_template_digest(t);

    digester_add(d, part.b, DIGEST_BYTES);
    for (size_t i = 0; models && i < chat_models_n(models); i++) {
        part = chatting_model_digest(chat_models_get(models, i));
        digester_add(d, part.b, DIGEST_BYTES);
    }
    return digester_finish(d);
}
