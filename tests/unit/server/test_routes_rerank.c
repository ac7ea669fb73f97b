#include "server/routes.h"

#include <math.h>

#include "support/fake_rerank.h"
#include "support/live.h"
#include "unit/embed/tiny_model.h"

struct bench {
    struct live l;
    struct tiny_model model;
    struct fake_rerank server;
};

static void set(struct bench *b, const char *name, const char *value)
{
    cr_assert_eq(config_set(&b->l.world.config, name, value, "test"), ERR_OK, "%s", err_text());
}

#define BENCH_OPEN(b)                                                                              \
    do {                                                                                           \
        WORLD_OPEN(&(b)->l.world);                                                                 \
        tiny_open(&(b)->model);                                                                    \
        tiny_make_cross(&(b)->model);                                                              \
        set((b), "rerank.model", (b)->model.dir);                                                  \
        world_reopen(&(b)->l.world);                                                               \
        live_start(&(b)->l, NULL);                                                                 \
    } while (0)

static void bench_close(struct bench *b)
{
    live_close(&b->l);
    tiny_close(&b->model);
}

static json_t *call(const struct bench *b, const char *path, const char *body, int wanted)
{
    int status;
    json_t *reply = live_call(&b->l, "POST", path, body, &status);

    cr_assert_eq(status, wanted, "%s %s: %d", path, body, status);
    return reply;
}

static float direct(const struct bench *b, const char *question, const char *text, bool raw)
{
    struct str t = str_of(text);
    struct rerank_call c = {.question = str_of(question), .texts = &t, .n = 1, .raw = raw};
    float score;

    cr_assert_eq(reranker_score(b->l.world.engine->reranker, &c, &score), ERR_OK);
    return score;
}

static double number(const json_t *list, size_t i, const char *key)
{
    return json_number_value(json_object_get(json_array_get(list, i), key));
}

Test(routes_rerank, text_embeddings_inferences_form_is_sorted_by_score)
{
    static const char *const texts[] = {"c d", "b", "x y z a"};
    struct bench b;
    json_t *reply;

    BENCH_OPEN(&b);
    reply =
        call(&b, "/rerank",
             "{\"query\":\"a b\",\"texts\":[\"c d\",\"b\",\"x y z a\"],\"return_text\":true}", 200);
    cr_expect_eq(json_array_size(reply), 3);
    for (size_t i = 0; i < 3; i++) {
        size_t at = (size_t)number(reply, i, "index");

        cr_expect_float_eq(number(reply, i, "score"), direct(&b, "a b", texts[at], false), 1e-5);
        cr_expect(i == 0 || number(reply, i, "score") <= number(reply, i - 1, "score"));
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(reply, i), "text")),
                         texts[at]);
    }
    json_decref(reply);
    reply = call(&b, "/rerank", "{\"query\":\"a b\",\"texts\":[\"b\"],\"raw_scores\":true}", 200);
    cr_expect_float_eq(number(reply, 0, "score"), direct(&b, "a b", "b", true), 1e-4);
    cr_expect_null(json_object_get(json_array_get(reply, 0), "text"));
    json_decref(reply);
    bench_close(&b);
}

Test(routes_rerank, coheres_form_has_results_meta_and_usage)
{
    static const char body[] =
        "{\"model\":\"ragd-rerank\",\"query\":\"a b\",\"documents\":[\"c d\","
        "{\"text\":\"b\"},\"x\"],\"top_n\":2,\"return_documents\":true}";
    static const char *const paths[] = {"/v1/rerank", "/v2/rerank", "/rerank"};
    static const char *const versions[] = {"1", "2", "1"};
    struct bench b;

    BENCH_OPEN(&b);
    for (size_t i = 0; i < 3; i++) {
        json_t *reply = call(&b, paths[i], body, 200), *results = json_object_get(reply, "results");
        const char *version = NULL;
        int tokens = 0;

        cr_expect_eq(json_unpack(reply, "{s:{s:{s:s}},s:{s:i}}", "meta", "api_version", "version",
                                 &version, "usage", "total_tokens", &tokens),
                     0);
        cr_expect_str_eq(version, versions[i]);
        cr_expect_eq(tokens, 7 + 6 + 6);
        cr_expect_eq(json_array_size(results), 2);
        cr_expect_geq(number(results, 0, "relevance_score"), number(results, 1, "relevance_score"));
        cr_expect(json_is_string(
            json_object_get(json_object_get(json_array_get(results, 0), "document"), "text")));
        json_decref(reply);
    }
    bench_close(&b);
}

/* More tokens than a slice has, in a body that a worker reads. */
Test(routes_rerank, long_lists_run_in_slices_and_each_text_keeps_its_score)
{
    struct bench b;
    struct buf body = {0};
    json_t *reply;

    BENCH_OPEN(&b);
    buf_add_str(&body, "{\"query\":\"a b\",\"texts\":[\"c\"");
    for (int i = 1; i < 300; i++)
        buf_addf(&body, ",\"%c %c d e f g h i j k l m\"", 'a' + i % 26, 'a' + i / 26);
    buf_add_str(&body, "]}");
    reply = call(&b, "/rerank", body.p, 200);
    cr_expect_eq(json_array_size(reply), 300);
    for (size_t i = 0; i < 300; i++)
        if (number(reply, i, "index") == 0)
            cr_expect_float_eq(number(reply, i, "score"), direct(&b, "a b", "c", false), 1e-5);
    json_decref(reply);
    buf_done(&body);
    bench_close(&b);
}

Test(routes_rerank, each_form_is_refused_in_its_own)
{
    struct bench b;
    json_t *reply;

    BENCH_OPEN(&b);
    reply = call(&b, "/rerank", "{\"query\":\"a\",\"texts\":[]}", 400);
    cr_expect_str_eq(json_string_value(json_object_get(reply, "error_type")), "Empty");
    json_decref(reply);
    reply = call(&b, "/rerank", "{\"query\":\"a\",\"documents\":[]}", 400);
    cr_expect(json_is_string(json_object_get(reply, "message")));
    json_decref(reply);
    reply = call(&b, "/v1/rerank", "{\"query\":\"a\",\"documents\":[7]}", 400);
    cr_expect(json_is_string(json_object_get(reply, "message")));
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(reply, "error"), "param")),
                     "documents");
    json_decref(reply);
    reply = call(&b, "/v2/rerank", "{\"query\":\"a\",\"documents\":[\"b\"],\"model\":\"x\"}", 404);
    json_decref(reply);
    cr_expect_eq(live_status(&b.l, "GET", "/v2/rerank", NULL), 405);
    bench_close(&b);
}

Test(routes_rerank, without_a_reranker_it_says_so)
{
    struct live l;
    int status;
    json_t *reply;

    LIVE_OPEN(&l, NULL);
    reply = live_call(&l, "POST", "/rerank", "{\"query\":\"a\",\"texts\":[\"b\"]}", &status);
    cr_expect_eq(status, 501);
    cr_expect(strstr(json_string_value(json_object_get(reply, "error")), "rerank.model"));
    json_decref(reply);
    cr_expect_eq(live_status(&l, "POST", "/query", "{\"question\":\"a\",\"rerank\":\"model\"}"),
                 400);
    cr_expect_eq(live_status(&l, "POST", "/search", "{\"question\":\"a\",\"rerank\":\"model\"}"),
                 400);
    live_close(&l);
}

Test(routes_rerank, the_model_is_listed_and_known_by_its_names)
{
    struct bench b;
    json_t *reply;
    char path[160];

    BENCH_OPEN(&b);
    snprintf(path, sizeof path, "/v1/models/%s", reranker_info(b.l.world.engine->reranker)->name);
    cr_expect_eq(live_status(&b.l, "GET", path, NULL), 200);
    cr_expect_eq(live_status(&b.l, "GET", "/v1/models/ragd-rerank", NULL), 200);
    reply = live_call(&b.l, "GET", "/v1/models", NULL, &(int){0});
    cr_expect_eq(json_array_size(json_object_get(reply, "data")), 4);
    json_decref(reply);
    bench_close(&b);
}

Test(routes_rerank, a_reranking_server_is_behind_the_door_and_its_faults_are_503)
{
    struct bench b;
    char url[128];
    json_t *reply;

    WORLD_OPEN(&b.l.world);
    fake_rerank_start(&b.server);
    set(&b, "rerank.kind", "tei");
    set(&b, "rerank.url", fake_url(&b.server.http, "", url));
    set(&b, "rerank.batch", "2");
    set(&b, "rerank.timeout_ms", "300");
    world_reopen(&b.l.world);
    live_start(&b.l, NULL);
    reply =
        call(&b, "/v1/rerank", "{\"query\":\"cash\",\"documents\":[\"a\",\"b\",\"cash\"]}", 200);
    cr_expect_eq(number(json_object_get(reply, "results"), 0, "index"), 2);
    cr_expect_eq(b.server.texts_max, 2);
    json_decref(reply);
    b.server.fault = RERANK_500;
    reply = call(&b, "/rerank", "{\"query\":\"cash\",\"texts\":[\"a\"]}", 503);
    cr_expect_str_eq(json_string_value(json_object_get(reply, "error_type")), "Overloaded");
    json_decref(reply);
    reply = live_call(&b.l, "GET", "/metrics", NULL, &(int){0});
    json_decref(reply);
    live_close(&b.l);
    fake_rerank_stop(&b.server);
}
