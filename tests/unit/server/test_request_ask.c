#include "server/request_ask.h"

#include "support/chat_world.h"
#include "support/live.h"

/* A server whose one model is a fake. */
struct talking {
    struct live l;
    struct fake_chat model;
};

static void talking_start(struct talking *t)
{
    struct config_llm *llm = &t->l.world.config.llm[0];

    fake_chat_start(&t->model);
    t->l.world.config.n_llm = 1;
    *llm = (struct config_llm){
        .name = "fast", .model = "m", .timeout_ms = 9000, .first_token_ms = 9000};
    snprintf(llm->url, sizeof llm->url, "http://127.0.0.1:%d/v1", t->model.http.port);
    world_reopen(&t->l.world);
    live_start(&t->l, NULL);
    world_put(&t->l.world, "frogs", "Frogs eat flies.", NULL);
}

static void talking_stop(struct talking *t)
{
    live_close(&t->l);
    fake_chat_stop(&t->model);
}

#define ASK "{\"question\":\"What do frogs eat?\"}"

Test(request_ask, a_question_that_is_wrong_is_refused_in_the_shape_of_its_path)
{
    struct talking t;

    WORLD_OPEN(&t.l.world);
    talking_start(&t);
    cr_expect_eq(live_status(&t.l, "POST", "/query", "{\"question\":\"x\",\"model\":\"y\"}"), 400);
    cr_expect_eq(live_status(&t.l, "POST", "/query/stream", "{\"question\":5}"), 400);
    cr_expect_eq(live_status(&t.l, "POST", "/v1/chat/completions", "{}"), 400);
    talking_stop(&t);
}

Test(request_ask, the_reply_says_what_the_model_said)
{
    struct talking t;
    json_t *reply;
    int status;

    WORLD_OPEN(&t.l.world);
    talking_start(&t);
    t.model.text = "Flies [1].";
    reply = live_call(&t.l, "POST", "/query", ASK, &status);
    cr_expect_eq(status, 200);
    cr_expect_str_eq(json_string_value(json_object_get(reply, "answer")), "Flies [1].");
    cr_expect_str_eq(json_string_value(json_object_get(reply, "model")), "fast");
    json_decref(reply);
    talking_stop(&t);
}

Test(request_ask, what_the_models_server_refuses_is_told_to_who_insists)
{
    struct talking t;

    WORLD_OPEN(&t.l.world);
    talking_start(&t);
    t.model.status = 429;
    t.model.fault = CHAT_FAKE_STATUS;
    cr_expect_eq(live_status(&t.l, "POST", "/query",
                             "{\"question\":\"What do frogs eat?\",\"model\":\"fast\"}"),
                 429);
    cr_expect_eq(live_status(&t.l, "POST", "/query", ASK), 200, "quoted");
    talking_stop(&t);
}
