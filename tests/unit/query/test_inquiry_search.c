#include "query/inquiry.h"

#include <sqlite3.h>

#include "support/remote_world.h"
#include "support/two_models.h"
#include "unit/embed/tiny_model.h"
#include "unit/query/query_fixture.h"

Test(inquiry_search, a_filter_narrows_what_may_answer)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, "{\"question\":\"What is the minimum ratio?\",\"filter\":{\"topic\":\"aml\"}}",
              &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(r.json, "sources"), 0), "document")),
                     "reports.md");
    world_forget(&r);
    world_close(&w);
}

/* Some 60 sentences in chunks of one or two, the answer in one of them. */
static void fill_long(struct world *w)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 60; i++)
        buf_addf(&b, "Clause %d of the manual treats matter number %d of the office. %s", i, i,
                 i == 30 ? "The minimum CET1 ratio is 4.5 percent of risk-weighted assets. " : "");
    w->config.chunk.chars = 200;
    w->config.chunk.overlap = 0;
    world_reopen(w);
    world_put(w, "manual", b.p, NULL);
    buf_done(&b);
}

Test(inquiry_search, a_window_brings_the_neighbours_into_the_context_and_the_source_stays_itself)
{
    struct world w;
    struct world_reply alone, wide;
    json_t *a, *b;

    WORLD_OPEN(&w);
    fill_long(&w);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}", &alone);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1,\"window\":2}", &wide);
    a = json_array_get(json_object_get(alone.json, "sources"), 0);
    b = json_array_get(json_object_get(wide.json, "sources"), 0);
    cr_expect_eq(json_array_size(json_object_get(wide.json, "sources")), 1);
    cr_expect(json_equal(json_object_get(a, "text"), json_object_get(b, "text")));
    cr_expect(json_equal(json_object_get(a, "start"), json_object_get(b, "start")));
    cr_expect_eq(json_array_size(json_object_get(b, "window")), 4);
    cr_expect_gt(context_render(&wide.ans.context, STR_LIT("m"), wide.ans.mem).n,
                 3 * context_render(&alone.ans.context, STR_LIT("m"), alone.ans.mem).n);
    cr_expect_eq(wide.ans.cache, CACHE_MISS);
    cr_expect_not_null(strstr(json_string_value(json_object_get(wide.json, "answer")), "4.5"));
    world_forget(&alone);
    world_forget(&wide);
    world_close(&w);
}

Test(inquiry_search, mode_summary_answers_from_the_documents_it_chose)
{
    struct world w;
    struct world_reply r, summary;
    const json_t *plan, *source;

    WORLD_OPEN(&w);
    fill_long(&w);
    fill(&w);
    world_ask(&w,
              "{\"question\":\"What is the minimum CET1 ratio?\",\"mode\":\"summary\","
              "\"explain\":true}",
              &r);
    plan = json_object_get(json_object_get(r.json, "explain"), "search");
    cr_expect_eq(json_integer_value(json_object_get(plan, "documents")), 3);
    cr_expect_not_null(strstr(json_string_value(json_object_get(r.json, "answer")), "4.5"));
    world_ask(&w,
              "{\"question\":\"What does the manual treat?\","
              "\"filter\":{\"_kind\":\"summary\"}}",
              &summary);
    source = json_array_get(json_object_get(summary.json, "sources"), 0);
    cr_expect_eq(json_array_size(json_object_get(summary.json, "sources")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(source, "kind")), "summary");
    cr_expect(json_is_null(json_object_get(source, "start")));
    world_forget(&r);
    world_forget(&summary);
    world_close(&w);
}

/* ---- with an embedding server ---- */

static const char *degraded_of(const struct world_reply *r)
{
    json_t *list = json_object_get(r->json, "degraded");

    return json_array_size(list) == 1 ? json_string_value(json_array_get(list, 0)) : NULL;
}

Test(inquiry_search, an_embedding_server_finds_and_the_words_answer)
{
    struct remote_world r;
    struct world_reply reply;
    json_t *source;

    remote_world_open(&r, "openai");
    fill(&r.w);
    world_ask(&r.w, capital, &reply);
    cr_expect_eq(json_array_size(json_object_get(reply.json, "degraded")), 0);
    cr_expect(json_is_true(json_object_get(reply.json, "answered")));
    cr_expect(strstr(json_string_value(json_object_get(reply.json, "answer")), "4.5 percent"));
    source = json_array_get(json_object_get(reply.json, "sources"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(source, "document")), "capital.md");
    cr_expect(json_is_number(json_object_get(json_object_get(source, "scores"), "vector")));
    world_forget(&reply);
    remote_world_close(&r);
}

Test(inquiry_search, without_its_embedding_server_a_hybrid_answer_comes_from_words_and_says_so)
{
    struct remote_world r;
    struct world_reply reply;
    json_t *source;

    remote_world_open(&r, "openai");
    fill(&r.w);
    fake_embed_fail(&r.server, FAKE_500, 0);
    for (int i = 0; i < 2; i++) {
        world_ask(&r.w, capital, &reply);
        cr_expect_str_eq(degraded_of(&reply), "embed");
        cr_expect_eq(reply.ans.cache, CACHE_MISS, "it is not cached");
        cr_expect(strstr(json_string_value(json_object_get(reply.json, "answer")), "4.5 percent"));
        source = json_array_get(json_object_get(reply.json, "sources"), 0);
        cr_expect(json_is_null(json_object_get(json_object_get(source, "scores"), "vector")));
        world_forget(&reply);
    }
    fake_embed_fail(&r.server, FAKE_FINE, 0);
    for (int i = 0; i < 400; i++) { /* the breaker is open for a second or two */
        world_ask(&r.w, capital, &reply);
        if (!reply.ans.degraded)
            break;
        world_forget(&reply);
        usleep(25000);
    }
    cr_assert_eq(reply.ans.degraded, 0);
    world_forget(&reply);
    world_ask(&r.w, capital, &reply);
    cr_expect_eq(reply.ans.cache, CACHE_HIT, "a whole answer is");
    world_forget(&reply);
    remote_world_close(&r);
}

Test(inquiry_search, a_tokenizer_of_our_own_makes_no_encoder_of_an_embedding_server)
{
    struct remote_world r;
    struct world_reply reply;
    struct tiny_model m;

    tiny_open(&m);
    remote_world_prepare(&r, "openai");
    cr_assert_eq(config_set(&r.w.config, "model.path", m.dir, "test"), ERR_OK);
    world_reopen(&r.w);
    cr_assert_not_null(embedder_tokenizer(r.w.engine->embedder));
    cr_expect(static_encoders_off(r.w.engine->static_encoders));
    fill(&r.w);
    fake_embed_fail(&r.server, FAKE_500, 0);
    world_ask(&r.w, capital, &reply);
    cr_expect_str_eq(degraded_of(&reply), "embed");
    cr_expect(strstr(json_string_value(json_object_get(reply.json, "answer")), "4.5 percent"));
    world_forget(&reply);
    remote_world_close(&r);
    tiny_close(&m);
}

Test(inquiry_search,
     without_its_embedding_server_a_question_by_vectors_fails_and_one_by_words_does_not)
{
    struct remote_world r;
    struct world_reply reply;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    remote_world_open(&r, "tei");
    fill(&r.w);
    fake_embed_fail(&r.server, FAKE_NOT_JSON, 0);
    query_defaults(&q, r.w.engine);
    q.question = STR_LIT("What is the minimum CET1 ratio?");
    q.mode = SEARCH_VECTOR;
    trace_start(&ans.trace);
    cr_expect_eq(query_run(r.w.engine, &q, &ans), ERR_UNAVAILABLE);
    cr_expect(strstr(err_text(), "embedding server"), "%s", err_text());
    world_ask(&r.w, "{\"question\":\"What is CET1?\",\"mode\":\"keyword\"}", &reply);
    cr_expect_eq(reply.ans.degraded, 0);
    world_forget(&reply);
    arena_free(ans.mem);
    remote_world_close(&r);
}

Test(inquiry_search, a_deadline_leaves_time_for_words_when_the_embedding_server_is_silent)
{
    struct remote_world r;
    struct world_reply reply;

    remote_world_open(&r, "openai");
    fill(&r.w);
    fake_embed_fail(&r.server, FAKE_SILENT, 0);
    world_ask(&r.w, "{\"question\":\"What is the minimum CET1 ratio?\",\"deadline_ms\":2500}",
              &reply);
    cr_expect_str_eq(degraded_of(&reply), "embed", "half a second is left for the rest");
    cr_expect(strstr(json_string_value(json_object_get(reply.json, "answer")), "4.5 percent"));
    world_forget(&reply);
    remote_world_close(&r);
}

/* Searches for the opposite of what is asked. */
static struct adapter *opposite(struct world *w)
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

static const char capital_by_vectors[] =
    "{\"question\":\"How much capital must a bank hold?\",\"mode\":\"vector\",\"k\":1}";

Test(inquiry_search, an_adapter_turns_the_search_and_makes_another_key)
{
    struct world w;
    struct world_reply plain, turned, again;
    struct adapter *a;

    WORLD_OPEN(&w);
    world_put(&w, "capital", "A bank must hold capital of 8 percent.", NULL);
    world_put(&w, "garden", "Roses are cut back in the spring.", NULL);
    a = opposite(&w);
    world_ask(&w, capital_by_vectors, &plain);
    cr_assert_eq(adapters_put(w.engine->adapters, "default", "default", a), ERR_OK);
    world_ask(&w, capital_by_vectors, &turned);
    cr_assert_eq(adapters_remove(w.engine->adapters, "default", "default", NULL), ERR_OK);
    world_ask(&w, capital_by_vectors, &again);
    cr_expect(str_eq(plain.ans.passages[0].document, STR_LIT("capital")));
    cr_expect_eq(turned.ans.cache, CACHE_MISS);
    cr_expect(str_eq(turned.ans.passages[0].document, STR_LIT("garden")));
    cr_expect_gt(turned.ans.hits.v[0].vector_score, -0.3f, "judged by the plain vector");
    cr_expect_float_eq(turned.ans.hits.v[0].score, -turned.ans.hits.v[0].vector_score, 1e-5);
    cr_expect_eq(again.ans.cache, CACHE_HIT, "that of the plain model still stands");
    world_forget(&plain), world_forget(&turned), world_forget(&again);
    adapter_unref(a);
    world_close(&w);
}

Test(inquiry_search, a_vector_is_never_compared_with_another_models_index)
{
    struct two_models t;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};
    struct embedder *other;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    other = open_tiny(&t.two);
    engine_take_model(t.w.engine, other); /* as if its index never came */
    embedder_close(other);
    query_defaults(&q, t.w.engine);
    q.question = STR_LIT("abc");
    cr_assert_eq(query_prepare(&q, ans.mem), ERR_OK);
    trace_start(&ans.trace);
    cr_expect_eq(query_run(t.w.engine, &q, &ans), ERR_TIMEOUT, "it waits for one, and in vain");
    answer_done(&ans);
    arena_free(ans.mem);
    two_models_close(&t);
}

/* Behind the engine's back. */
static void damage_sentence_vectors(struct world *w, const char *sql)
{
    char path[sizeof w->config.data + 8];
    sqlite3 *db;

    engine_close(w->engine);
    w->engine = NULL;
    snprintf(path, sizeof path, "%s/ragd.db", w->config.data);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    world_reopen(w);
}

static void expect_damage_to_be_told(const char *sql)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    damage_sentence_vectors(&w, sql);
    for (int i = 0; i < 2; i++) {
        world_ask(&w, "{\"question\":\"What is the minimum ratio?\"}", &r);
        cr_expect_eq(r.ans.degraded, DEGRADED_EMBED);
        cr_expect_eq(r.ans.cache, CACHE_MISS);
        world_forget(&r);
    }
    world_close(&w);
}

Test(inquiry_search, damaged_sentence_vectors_are_told_and_the_answer_is_not_kept)
{
    expect_damage_to_be_told("UPDATE sentence_vectors SET vectors = zeroblob(length(vectors))");
}

/* As it looks when an index of the database is damaged. */
Test(inquiry_search, sentence_vectors_that_are_not_found_are_told_too)
{
    expect_damage_to_be_told("DELETE FROM sentence_vectors");
    expect_damage_to_be_told("DELETE FROM vectors");
}
