#include "query/question_chat.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "generate/follow_up.h"
#include "generate/routing.h"

/* A model is not asked for less. */
#define LEAST_NS 50000000u

bool question_chat_wanted(const struct engine *e, const struct query *q)
{
    return q->answer == QUERY_ANSWER_CHAT || (q->answer == QUERY_ANSWER_AUTO && e->chat_models);
}

/* "fast" is the first of the list and "best" the last, where no model has that name. */
static int find_model(const struct engine *e, const char *name)
{
    int i = chat_models_find(e->chat_models, name);

    if (i < 0 && strcmp(name, "fast") == 0)
        i = 0;
    if (i < 0 && strcmp(name, "best") == 0)
        i = (int)chat_models_n(e->chat_models) - 1;
    return i;
}

static bool is_auto(const struct query *q)
{
    return strcmp(q->model, "auto") == 0;
}

int question_chat_check(const struct engine *e, const struct query *q)
{
    if (!e->chat_models && (q->answer == QUERY_ANSWER_CHAT || !is_auto(q)))
        return FAIL(ERR_ARGUMENT,
                    "no language model is configured (`llm` in the configuration), so 'answer' "
                    "cannot be 'chat', and 'model' nothing but 'auto'");
    if (e->chat_models && !is_auto(q) && find_model(e, q->model) < 0)
        return FAIL(ERR_ARGUMENT, "there is no language model '%.40s'", q->model);
    return ERR_OK;
}

/* The key of a question and what is asked must be of one template, whatever is reloaded between. */
static const struct chat_prompt *prompt_of(const struct engine *e, const struct query *q)
{
    return q->prompt ? q->prompt : engine_prompt(e);
}

static void add_sampling(struct digester *d, const struct query *q)
{
    digester_add_u64(d, (uint64_t)q->max_tokens);
    digester_add(d, &q->temperature, sizeof q->temperature);
}

const char *question_chat_settings(const struct engine *e, const struct query *q, struct arena *mem)
{
    struct digester *d;
    struct digest digest;
    char hex[DIGEST_HEX];
    size_t n = q->n_history;
    const struct chat_message *history = prompt_history(q->history, q->n_history, &n);

    if (!question_chat_wanted(e, q) || !e->chat_models)
        return "";
    d = digester_new();
    digester_add(d, prompt_of(e, q)->digest.b, DIGEST_BYTES);
    digester_add_str(d, q->model);
    add_sampling(d, q);
    for (size_t i = 0; i < n; i++) {
        digester_add_u64(d, (uint64_t)history[i].role);
        digester_add(d, history[i].text.p, history[i].text.n);
    }
    digest = digester_finish(d);
    digest_hex(&digest, hex);
    return arena_strdup(mem, hex);
}

/* ---- choosing ---- */

static void choose_by_rules(const struct engine *e, const struct query *q, const struct answer *ans,
                            struct question_chat *c)
{
    struct route_question question = {.text = q->question,
                                      .tenant = q->tenant,
                                      .n_history = q->n_history,
                                      .passages = ans->passages,
                                      .n_passages = ans->n_passages,
                                      .searched = true};
    struct route_choice choice = route_choose(&question, NULL, ans->mem);

    c->models[0] = find_model(e, route_name(choice.route));
    c->by = choice.route == ROUTE_FAST ? CHAT_CHOSEN_FAST : CHAT_CHOSEN_BEST;
    c->reason = choice.reason;
}

static uint64_t until_ns(const struct query *q, const struct answer *ans)
{
    if (q->deadline_ms == 0)
        return 0;
    return ans->trace.start_ns + (uint64_t)(q->deadline_ms - QUESTION_CHAT_LAST_MS) * 1000000u;
}

/* Everybody else in their order. */
static void add_stand_ins(const struct engine *e, struct question_chat *c)
{
    c->n_models = 1;
    for (size_t i = 0; i < chat_models_n(e->chat_models) && !c->forced; i++)
        if ((int)i != c->models[0])
            c->models[c->n_models++] = (int)i;
}

struct question_chat *question_chat_choose(const struct engine *e, const struct query *q,
                                           const struct answer *ans)
{
    struct question_chat *c = ARENA_NEW(ans->mem, struct question_chat);

    c->until_ns = until_ns(q, ans);
    c->forced = !is_auto(q) || q->answer == QUERY_ANSWER_CHAT;
    if (c->until_ns && c->until_ns < clock_ns() + LEAST_NS)
        return NULL;
    if (is_auto(q)) {
        choose_by_rules(e, q, ans, c);
    } else {
        c->models[0] = find_model(e, q->model);
        c->reason = "asked for";
        c->by = CHAT_CHOSEN_ASKED;
    }
    add_stand_ins(e, c);
    c->choice = chat_models_get(e->chat_models, (size_t)c->models[0])->name;
    return c;
}

const char *question_chat_name(const struct engine *e, const struct question_chat *c,
                               struct arena *mem)
{
    struct digest model =
        chatting_model_digest(chat_models_get(e->chat_models, (size_t)c->models[0]));
    char hex[DIGEST_HEX];

    digest_hex(&model, hex);
    return arena_printf(mem, "chat %s", hex);
}

/* ---- asking ---- */

void question_chat_write(const struct engine *e, const struct query *q, struct answer *ans)
{
    struct chat_message *messages;
    size_t n = q->n_history;
    const struct chat_message *history = prompt_history(q->history, q->n_history, &n);

    prompt_messages(prompt_of(e, q)->template, &ans->context, q->question, history, n, ans->mem,
                    &messages, &ans->chat->n);
    ans->chat->messages = messages;
    chat_models_chosen(e->chat_models, (size_t)ans->chat->models[0], ans->chat->by);
}
