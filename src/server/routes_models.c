/* routes_models.c - GET /v1/models and /v1/models/{id}, as OpenAI lists them. */
#include "base/jsonw.h"
#include "engine/engine.h"
#include "server/embed_request.h"
#include "server/rerank_request.h"
#include "server/routes.h"
#include "server/service.h"

#define EXTRACTIVE_MODEL "ragd-extractive"
#define CHOOSING_MODEL   "ragd" /* whichever the server takes */

static struct engine *engine_of(const struct request *r)
{
    return r->loop->service->engine;
}

/* `created` is when this server began to offer it: the model's own age is not known. */
static void write_model(struct jsonw *w, const struct engine *e, const char *id)
{
    jsonw_open(w, '{');
    jsonw_key(w, "id"), jsonw_cstr(w, id);
    jsonw_key(w, "object"), jsonw_cstr(w, "model");
    jsonw_key(w, "created"), jsonw_int(w, e->started_ms / 1000);
    jsonw_key(w, "owned_by"), jsonw_cstr(w, "ragd");
    jsonw_close(w, '}');
}

void handle_models_list(struct request *r)
{
    struct engine *e = engine_of(r);
    struct embedder *model = engine_embedder(e);
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);

    jsonw_open(&w, '{');
    jsonw_key(&w, "object"), jsonw_cstr(&w, "list");
    jsonw_key(&w, "data"), jsonw_open(&w, '[');
    write_model(&w, e, embedder_info(model)->name);
    if (e->reranker)
        write_model(&w, e, reranker_info(e->reranker)->name);
    write_model(&w, e, EXTRACTIVE_MODEL);
    write_model(&w, e, CHOOSING_MODEL);
    for (size_t i = 0; e->chat_models && i < chat_models_n(e->chat_models); i++)
        write_model(&w, e, chat_models_get(e->chat_models, i)->name);
    embedder_close(model);
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    reply_json(r, 200, &body);
}

/* The other names of the models are known too, though not listed twice. */
static bool write_known(struct jsonw *w, struct engine *e, struct str id)
{
    struct embedder *model = engine_embedder(e);
    const char *known[6 + CONFIG_LLMS_MAX] = {embedder_info(model)->name, EXTRACTIVE_MODEL,
                                              CHOOSING_MODEL, EMBED_MODEL_ALIAS};
    size_t n = 4;
    bool found = false;

    if (e->reranker) {
        known[n++] = reranker_info(e->reranker)->name;
        known[n++] = RERANK_MODEL_ALIAS;
    }
    for (size_t i = 0; e->chat_models && i < chat_models_n(e->chat_models); i++)
        known[n++] = chat_models_get(e->chat_models, i)->name;
    for (size_t i = 0; !found && i < n; i++) {
        found = str_eq(id, str_of(known[i]));
        if (found)
            write_model(w, e, known[i]);
    }
    embedder_close(model);
    return found;
}

void handle_model_get(struct request *r)
{
    struct buf body = {0};
    struct jsonw w = jsonw_to(&body);
    struct str id = r->tail;
    char detail[256];

    if (write_known(&w, engine_of(r), id)) {
        reply_json(r, 200, &body);
        return;
    }
    snprintf(detail, sizeof detail,
             "the model '%.*s' does not exist here; GET /v1/models lists them",
             (int)(id.n < 128 ? id.n : 128), id.p);
    reply_refusal(r, &(struct refusal){404, "model_not_found", "model", str_of(detail)});
}
