#include "query/reply.h"

#include "support/world.h"

static json_t *timings_of(const struct trace *t)
{
    struct buf b;
    json_t *v;

    buf_init(&b);
    query_timings(t, &b);
    v = json_loadb(b.p, b.n, 0, NULL);
    buf_done(&b);
    cr_assert_not_null(v);
    return v;
}

static double number(const json_t *o, const char *key)
{
    cr_assert(json_is_number(json_object_get(o, key)), "%s", key);
    return json_number_value(json_object_get(o, key));
}

Test(reply, the_stages_and_other_add_up_to_the_total)
{
    struct trace t;
    json_t *v;
    double sum = 0;

    trace_start(&t);
    t.start_ns -= 10000000; /* ten milliseconds ago */
    t.ns[STAGE_EMBED] = 4000000;
    t.ns[STAGE_SEARCH] = 1000000;
    v = timings_of(&t);
    for (int i = 0; i < N_STAGES; i++) {
        char key[32];

        snprintf(key, sizeof key, "%s_ms", stage_name((enum stage)i));
        sum += number(v, key);
    }
    sum += number(v, "other_ms");
    cr_expect_float_eq(sum, number(v, "total_ms"), number(v, "total_ms") * 0.01);
    json_decref(v);
}

Test(reply, time_between_stages_shows_up_as_other)
{
    struct trace t;
    json_t *v;

    trace_start(&t);
    t.ns[STAGE_EMBED] = 1000;
    usleep(20000); /* a path that was delayed between stages */
    v = timings_of(&t);
    cr_expect_geq(number(v, "other_ms"), 19);
    json_decref(v);
}

Test(reply, is_valid_json_whatever_the_texts_hold)
{
    struct answer ans = {.mem = arena_new(0), .cache = CACHE_MISS};
    struct passage p = {.document = STR_LIT("a\"b\\c\n.md"),
                        .title = STR_LIT("\xff broken"),
                        .text = STR_LIT("tab\there"),
                        .chunk_id = 0xfedcba9876543210u,
                        .hit = {.score = 0.5, .vector_score = 0.25f}};
    struct query q = {.answer = QUERY_ANSWER_AUTO};
    struct buf body, reply;
    json_t *v, *source;

    buf_init(&body);
    buf_init(&reply);
    p.hit.keyword_score = __builtin_nanf("");
    ans.hits.n = 1;
    ans.passages = &p;
    trace_start(&ans.trace);
    reply_body(&q, &ans, &body);
    ans.shared = lru_value_new(body.p, body.n, 3600000);
    query_reply(&ans, "q_1", &reply);
    v = json_loadb(reply.p, reply.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", reply.p);
    source = json_array_get(json_object_get(v, "sources"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(source, "document")), "a\"b\\c\n.md");
    cr_expect_str_eq(json_string_value(json_object_get(source, "chunk")), "fedcba9876543210");
    cr_expect(json_is_null(json_object_get(source, "page")));
    cr_expect(json_is_null(json_object_get(json_object_get(source, "scores"), "keyword")));
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(v, "cache"), "status")),
                     "miss");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "cache"), "ttl_s")), 3600);
    json_decref(v);
    answer_done(&ans);
    arena_free(ans.mem);
    buf_done(&body);
    buf_done(&reply);
}

Test(reply, names_each_stage_that_was_left_out)
{
    static const struct {
        unsigned degraded;
        const char *names, *answer;
    } cases[] = {{0, "\"degraded\":[]", "\"answer\":\"yes\""},
                 {DEGRADED_EMBED, "\"degraded\":[\"embed\"]", "\"answer\":\"yes\""},
                 {DEGRADED_GENERATE, "\"degraded\":[\"generate\"]", "\"answer\":null"},
                 {DEGRADED_EMBED | DEGRADED_GENERATE, "\"degraded\":[\"embed\",\"generate\"]",
                  "\"answer\":null"}};
    struct query q = {.answer = QUERY_ANSWER_AUTO};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer ans = {.degraded = cases[i].degraded, .extract.text = STR_LIT("yes")};
        struct buf body, found;

        buf_init(&body);
        buf_init(&found);
        reply_body(&q, &ans, &body);
        cr_expect(strstr(body.p, cases[i].names), "%s", body.p);
        cr_expect(strstr(body.p, cases[i].answer), "%s", body.p);
        trace_start(&ans.trace);
        query_search_reply(&ans, &found);
        cr_expect(strstr(found.p, cases[i].names), "%s", found.p);
        buf_done(&body);
        buf_done(&found);
    }
}
