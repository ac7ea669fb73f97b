#include "server/routes.h"

#include <math.h>

#include "base/jsonw.h"

#include "support/plug.h"
#include "unit/embed/tiny_model.h"

static json_t *call(const struct live *l, const char *path, const char *body, int wanted)
{
    int status;
    json_t *reply = live_call(l, "POST", path, body, &status);

    cr_assert_eq(status, wanted, "%s %s: %d", path, body, status);
    return reply;
}

static json_t *entry(json_t *reply, size_t i)
{
    return json_array_get(json_object_get(reply, "data"), i);
}

Test(routes_embed, gives_each_input_its_vector_and_counts_tokens)
{
    struct live l;
    json_t *reply, *v;
    double squares = 0;

    LIVE_OPEN(&l, NULL);
    reply = call(&l, "/v1/embeddings", "{\"input\":[\"a cat\",\"a dog\"]}", 200);
    v = json_object_get(entry(reply, 1), "embedding");
    cr_expect_eq(json_array_size(v), embedder_info(l.world.engine->embedder)->dim);
    for (size_t i = 0; i < json_array_size(v); i++)
        squares += json_real_value(json_array_get(v, i)) * json_real_value(json_array_get(v, i));
    cr_expect_float_eq(squares, 1, 1e-5);
    cr_expect_eq(json_integer_value(json_object_get(entry(reply, 1), "index")), 1);
    cr_expect_eq(
        json_integer_value(json_object_get(json_object_get(reply, "usage"), "total_tokens")), 8);
    json_decref(reply);
    live_close(&l);
}

Test(routes_embed, base64_holds_the_floats)
{
    struct live l;
    json_t *floats, *coded;
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);
    float v[4096];
    size_t n;

    LIVE_OPEN(&l, NULL);
    floats = call(&l, "/v1/embeddings", "{\"input\":\"a cat\"}", 200);
    coded = call(&l, "/v1/embeddings", "{\"input\":\"a cat\",\"encoding_format\":\"base64\"}", 200);
    n = embedder_info(l.world.engine->embedder)->dim;
    for (size_t i = 0; i < n; i++)
        v[i] = (float)json_real_value(
            json_array_get(json_object_get(entry(floats, 0), "embedding"), i));
    jsonw_base64(&w, v, n * sizeof *v);
    b.p[b.n - 1] = '\0';
    cr_expect_str_eq(json_string_value(json_object_get(entry(coded, 0), "embedding")), b.p + 1);
    buf_done(&b);
    json_decref(floats);
    json_decref(coded);
    live_close(&l);
}

/* More tokens than a slice has, in a body that a worker reads. */
Test(routes_embed, long_lists_run_in_slices_and_keep_their_order)
{
    struct live l;
    struct buf body = {0};
    json_t *reply, *alone;

    LIVE_OPEN(&l, NULL);
    buf_add_str(&body, "{\"encoding_format\":\"base64\",\"input\":[\"first\"");
    for (int i = 1; i < 120; i++)
        buf_addf(&body, ",\"number %d of many that are to be embedded\"", i);
    buf_add_str(&body, ",\"last\"]}");
    reply = call(&l, "/v1/embeddings", body.p, 200);
    cr_expect_eq(json_array_size(json_object_get(reply, "data")), 121);
    alone = call(&l, "/v1/embeddings", "{\"encoding_format\":\"base64\",\"input\":\"last\"}", 200);
    cr_expect_str_eq(json_string_value(json_object_get(entry(reply, 120), "embedding")),
                     json_string_value(json_object_get(entry(alone, 0), "embedding")));
    json_decref(reply);
    json_decref(alone);
    buf_done(&body);
    live_close(&l);
}

Test(routes_embed, embed_gives_bare_lists)
{
    struct live l;
    json_t *reply;

    LIVE_OPEN(&l, NULL);
    reply = call(&l, "/embed", "{\"inputs\":\"a cat\"}", 200);
    cr_expect_eq(json_array_size(reply), 1);
    cr_expect_eq(json_array_size(json_array_get(reply, 0)),
                 embedder_info(l.world.engine->embedder)->dim);
    json_decref(reply);
    live_close(&l);
}

Test(routes_embed, refusals_name_the_member_whoever_reads_the_body)
{
    struct live l;
    struct buf body = {0};
    json_t *reply;

    LIVE_OPEN(&l, NULL);
    reply = call(&l, "/v1/embeddings", "{\"input\":\"a\",\"model\":\"x\"}", 404);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(reply, "error"), "param")),
                     "model");
    json_decref(reply);
    buf_add_str(&body, "{\"input\":[\"");
    for (int i = 0; i < 1500; i++)
        buf_add_str(&body, "a ");
    buf_add_str(&body, "\"]}");
    reply = call(&l, "/v1/embeddings", body.p, 400);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(reply, "error"), "param")),
                     "input");
    json_decref(reply);
    reply = call(&l, "/embed", "{\"inputs\":[]}", 400);
    cr_expect_str_eq(json_string_value(json_object_get(reply, "error_type")), "Empty");
    json_decref(reply);
    buf_done(&body);
    live_close(&l);
}

Test(routes_embed, an_encoder_that_fails_is_our_fault)
{
    struct live l;
    struct tiny_model m;
    json_t *reply;

    WORLD_OPEN(&l.world);
    tiny_open(&m);
    tiny_find(&m, "encoder.layer.1.output.LayerNorm.weight")->v[3] = NAN;
    tiny_write_weights(&m, "F32");
    strcpy(l.world.config.model.precision, "f32"); /* others are compared with it, and refused */
    snprintf(l.world.config.model.path, sizeof l.world.config.model.path, "%s", m.dir);
    world_reopen(&l.world);
    live_start(&l, NULL);
    reply = call(&l, "/v1/embeddings", "{\"input\":[\"a\",\"b\"]}", 500);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(reply, "error"), "type")),
                     "server_error");
    json_decref(reply);
    live_close(&l);
    tiny_close(&m);
}

/* ---- overload ---- */

Test(routes_embed, each_lane_that_is_full_is_503_with_retry_after)
{
    struct live l;
    struct plug plug;
    struct pool *pool;
    uint64_t flow;

    WORLD_OPEN(&l.world);
    l.world.config.server.workers = 1;
    l.world.config.server.queue = 1;
    world_reopen(&l.world);
    live_start(&l, NULL);
    pool = l.world.engine->pool;
    flow = pool_flow("default"); /* theirs, who share its room */
    plug_init(&plug);
    cr_assert_eq(pool_submit_for(pool, QUEUE_URGENT, flow, plug_worker, &plug), ERR_OK);
    sem_wait(&plug.started); /* the one worker has it */
    cr_assert_eq(pool_submit_for(pool, QUEUE_BULK, flow, plug_worker, &plug), ERR_OK);
    expect_busy(&l, "/v1/embeddings", "{\"input\":[\"a\",\"b\"]}", "\"error\":");
    expect_busy(&l, "/embed", "{\"inputs\":[\"a\",\"b\"]}", "\"error\":");
    cr_assert_eq(pool_submit_for(pool, QUEUE_URGENT, flow, plug_worker, &plug), ERR_OK);
    expect_busy(&l, "/v1/embeddings", "{\"input\":\"a\"}", "\"error\":");
    for (int i = 0; i < 3; i++)
        sem_post(&plug.go_on);
    sem_wait(&plug.started);
    sem_wait(&plug.started);
    json_decref(call(&l, "/v1/embeddings", "{\"input\":[\"a\",\"b\"]}", 200));
    live_close(&l);
}
