#include "server/request_ask.h"

#include "embed/adapter.h"
#include "server/routes.h"
#include "server/seen.h"
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

/* ---- asked before, byte for byte ---- */

/* The reply to a POST with a header line of its own; mem_free it. */
static char *post(const struct live *l, const char *path, const char *line, const char *body)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
             "Content-Length: %zu\r\n\r\n%s",
             path, line, strlen(body), body);
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

/* The status and what the cache had to do with it: "200 hit". */
static const char *outcome(const struct live *l, const char *path, const char *line,
                           const char *body)
{
    static char text[64];
    char *reply = post(l, path, line, body);
    const char *cache = strstr(reply, "Cache-Status: ragd-answer; ");
    int status = 0;

    cr_expect_eq(sscanf(reply, "HTTP/1.1 %d", &status), 1, "%s", reply);
    snprintf(text, sizeof text, "%d %.*s", status, cache ? (int)strcspn(cache + 27, ";\r") : 0,
             cache ? cache + 27 : "");
    mem_free(reply);
    return text;
}

Test(request_ask, a_request_of_the_same_bytes_gets_the_same_reply_again)
{
    struct live l;
    static const char *const paths[] = {"/query", "/query/stream"};

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    cr_expect_str_eq(outcome(&l, "/query", "", ASK), "200 fwd=miss");
    for (int i = 0; i < 3; i++) {
        for (size_t p = 0; p < 2; p++) {
            char *reply = post(&l, paths[p], "", ASK);

            cr_expect(strstr(reply, "ragd-answer; hit; ttl="), "%s", reply);
            cr_expect(strstr(reply, "Frogs eat flies."), "%s", reply);
            cr_expect(strstr(reply, "x-request-id: "), "%s", reply);
            mem_free(reply);
        }
    }
    live_close(&l);
}

/* Whether a request with this use of the cache is known when it comes again. */
static bool is_learnt(enum query_cache cache)
{
    static const struct route route = {.pattern = "/query"};
    struct loop loop = {.seen = seen_new()};
    struct caller *caller = caller_operator("t");
    struct request r = {.loop = &loop, .route = &route, .caller = caller};
    struct ask a = {
        .query = {.question = STR_LIT("x"), .tenant = "t", .collection = "c", .cache = cache}};
    struct str parts[4] = {
        STR_LIT("/query"), {NULL, 0}, STR_LIT(ASK), {(const char *)&caller->id, sizeof caller->id}};
    bool found;

    buf_add_str(&r.body, ASK);
    request_ask_learn(&r, &a, STR_LIT(""));
    found = seen_find(loop.seen, 0, parts, 4) != NULL;
    buf_done(&r.body);
    seen_free(loop.seen);
    caller_unref(caller);
    return found;
}

Test(request_ask, a_request_that_is_not_to_be_stored_is_not_or_one_that_never_takes_what_is)
{
    cr_expect(is_learnt(QUERY_CACHE_DEFAULT));
    cr_expect(is_learnt(QUERY_CACHE_ONLY));
    cr_expect_not(is_learnt(QUERY_CACHE_NO_STORE));
    cr_expect_not(is_learnt(QUERY_CACHE_REFRESH));
}

Test(request_ask, what_was_seen_is_answered_as_the_documents_are_now)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    for (int i = 0; i < 3; i++)
        mem_free(post(&l, "/query", "", ASK));
    world_put(&l.world, "frogs", "Frogs eat cake.", NULL);
    reply = post(&l, "/query", "", ASK);
    cr_expect(strstr(reply, "fwd=miss") && strstr(reply, "cake"), "%s", reply);
    mem_free(reply);
    cr_expect_str_eq(outcome(&l, "/query", "", ASK), "200 hit");
    cr_expect_eq(live_status(&l, "DELETE", "/cache", NULL), 204);
    cr_expect_str_eq(outcome(&l, "/query", "", ASK), "200 fwd=miss");
    live_close(&l);
}

Test(request_ask, what_was_refused_is_refused_again)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    for (int i = 0; i < 3; i++)
        cr_expect_str_eq(outcome(&l, "/query", "", "{\"question\":\"x\",\"k\":0}"), "400 ");
    mem_free(post(&l, "/query", "", ASK));
    cr_expect_str_eq(outcome(&l, "/query", "Origin: http://evil.example\r\n", ASK), "403 ");
    cr_expect_str_eq(outcome(&l, "/search", "", ASK), "200 ", "another route, another reply");
    live_close(&l);
}

/* Searches for the opposite of what is asked. */
static struct adapter *opposite(const struct world *w)
{
    size_t dim = embedder_info(w->engine->embedder)->dim;
    float *weights = mem_calloc(dim * dim, sizeof *weights);
    struct adapter_origin origin = {.model = embedder_fingerprint(w->engine->embedder)};
    struct adapter *a;

    for (size_t i = 0; i < dim; i++)
        weights[i * dim + i] = -1;
    a = adapter_new(&origin, weights, dim);
    mem_free(weights);
    return a;
}

#define BY_VECTORS "{\"question\":\"What do frogs eat?\",\"mode\":\"vector\",\"k\":1}"

Test(request_ask, an_adapter_makes_another_question_of_the_same_bytes)
{
    struct live l;
    struct adapters *adapters;
    struct adapter *a;
    char *reply;

    LIVE_OPEN(&l, NULL);
    adapters = l.world.engine->adapters;
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    world_put(&l.world, "capital", "A bank must hold capital of 8 percent.", NULL);
    mem_free(post(&l, "/query", "", BY_VECTORS));
    cr_expect_str_eq(outcome(&l, "/query", "", BY_VECTORS), "200 hit");
    a = opposite(&l.world);
    cr_assert_eq(adapters_put(adapters, "default", "default", a), ERR_OK);
    reply = post(&l, "/query", "", BY_VECTORS);
    cr_expect(strstr(reply, "fwd=miss") && strstr(reply, "\"capital\""), "%s", reply);
    mem_free(reply);
    cr_assert_eq(adapters_remove(adapters, "default", "default", NULL), ERR_OK);
    reply = post(&l, "/query", "", BY_VECTORS);
    cr_expect(strstr(reply, "; hit; ") && strstr(reply, "\"frogs\""), "%s", reply);
    mem_free(reply);
    adapter_unref(a);
    live_close(&l);
}

/* ---- Cache-Control of the request ---- */

Test(request_ask, cache_control_says_which_kept_answers_will_do)
{
    struct live l;
    static const char *const paths[] = {"/query", "/query/stream"};

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    for (size_t i = 0; i < 2; i++) {
        const char *path = paths[i];

        cr_expect_eq(live_status(&l, "DELETE", "/cache", NULL), 204);
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: only-if-cached\r\n", ASK), "504 ");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: no-store\r\n", ASK), "200 fwd=bypass");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: no-cache\r\n", ASK), "200 fwd=miss");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: only-if-cached\r\n", ASK), "200 hit");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: max-age=60\r\n", ASK), "200 hit");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: max-stale, foo=1\r\n", ASK), "200 hit");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: min-fresh=60\r\n", ASK), "200 hit");
        cr_expect_str_eq(outcome(&l, path, "Cache-Control: min-fresh=86400\r\n", ASK),
                         "200 fwd=miss", "no answer lives so long");
    }
    live_close(&l);
}

Test(request_ask, no_cache_looks_again_and_keeps_what_stands)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    mem_free(post(&l, "/query", "", ASK));
    for (int i = 0; i < 2; i++) {
        reply = post(&l, "/query", "Cache-Control: no-cache\r\n", ASK);
        cr_expect(strstr(reply, "detail=revalidated"), "%s", reply);
        cr_expect(strstr(reply, "\r\nAge: 0\r\n"), "%s", reply);
        cr_expect(strstr(reply, "\"status\":\"revalidated\""), "%s", reply);
        cr_expect(strstr(reply, "\"embed_ms\":0,") || strstr(reply, "\"embed_ms\":0.0"),
                  "with the kept vector: %s", reply);
        mem_free(reply);
    }
    cr_expect_str_eq(outcome(&l, "/query", "Cache-Control: no-cache, only-if-cached\r\n", ASK),
                     "200 hit");
    live_close(&l);
}

Test(request_ask, what_the_body_says_of_the_cache_wins)
{
    struct live l;
    static const char fresh[] = "{\"question\":\"What do frogs eat?\",\"cache\":\"refresh\"}";
    static const char plain[] = "{\"question\":\"What do frogs eat?\",\"cache\":\"default\"}";

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    mem_free(post(&l, "/query", "", ASK));
    cr_expect_str_eq(outcome(&l, "/query", "Cache-Control: only-if-cached\r\n", fresh),
                     "200 fwd=miss");
    cr_expect_str_eq(outcome(&l, "/query", "Cache-Control: no-store\r\n", plain), "200 hit");
    live_close(&l);
}
