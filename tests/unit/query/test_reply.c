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
    ans.n_passages = 1;
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
        query_search_reply(&q, &ans, &found);
        cr_expect(strstr(found.p, cases[i].names), "%s", found.p);
        buf_done(&body);
        buf_done(&found);
    }
}

/* A hit with two neighbours, a second hit, and the search that brought them. */
static struct answer two_hits(struct passage p[4])
{
    struct answer ans = {.mem = arena_new(0), .hits = {.n = 2, .n_allowed = 7}, .passages = p};

    for (int i = 0; i < 4; i++)
        p[i] = (struct passage){.document = STR_LIT("d"),
                                .text = STR_LIT("text"),
                                .chunk_id = (uint64_t)i + 1,
                                .start = (uint32_t)i * 10,
                                .end = (uint32_t)i * 10 + 4,
                                .source = i == 3,
                                .is_neighbour = i == 1 || i == 2};
    p[0].hit.duplicates = 3;
    ans.n_passages = 4;
    ans.hits.plan = (struct search_plan){
        .by_vector = PLAN_GRAPH, .ef = 128, .n_visited = 6, .n_words = 3, .n_words_known = 2};
    trace_start(&ans.trace);
    return ans;
}

static json_t *search_reply(const struct query *q, struct answer *ans)
{
    struct buf b;
    json_t *v;

    buf_init(&b);
    query_search_reply(q, ans, &b);
    v = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b.p);
    buf_done(&b);
    return v;
}

Test(reply, a_hit_has_its_window_and_says_how_many_it_stands_for)
{
    struct passage p[4];
    struct answer ans = two_hits(p);
    struct query q = {.window = 1};
    json_t *v = search_reply(&q, &ans), *hits = json_object_get(v, "hits"), *window;

    cr_assert_eq(json_array_size(hits), 2, "neighbours are no hits");
    window = json_object_get(json_array_get(hits, 0), "window");
    cr_assert_eq(json_array_size(window), 2);
    cr_expect_eq(number(json_array_get(window, 1), "start"), 20);
    cr_expect_eq(number(json_array_get(hits, 0), "duplicates"), 3);
    cr_expect_eq(number(json_array_get(hits, 0), "end"), 4, "its own place stays exact");
    cr_expect_eq(json_array_size(json_object_get(json_array_get(hits, 1), "window")), 0);
    json_decref(v);
    q.window = 0;
    v = search_reply(&q, &ans);
    cr_expect_null(json_object_get(json_array_get(json_object_get(v, "hits"), 0), "window"));
    json_decref(v);
    arena_free(ans.mem);
}

Test(reply, a_quote_of_a_neighbour_names_the_source_that_it_stands_beside)
{
    struct passage p[4];
    struct answer ans = two_hits(p);
    struct citation c[] = {{.i_passage = 2, .start = 20, .end = 24, .text = STR_LIT("text")},
                           {.i_passage = 3, .start = 30, .end = 34, .text = STR_LIT("text")}};
    struct query q = {.window = 1};
    struct buf b;

    ans.extract.citations = c;
    ans.extract.n_citations = 2;
    p[3].kind = CHUNK_SUMMARY;
    buf_init(&b);
    reply_body(&q, &ans, &b);
    cr_expect(strstr(b.p, "\"source\":1,\"start\":20"), "%s", b.p);
    cr_expect(strstr(b.p, "\"source\":2,\"start\":null,\"end\":null"), "%s", b.p);
    cr_expect(strstr(b.p, "\"kind\":\"summary\""));
    buf_done(&b);
    arena_free(ans.mem);
}

Test(reply, explains_the_search_when_asked)
{
    struct passage p[4];
    struct answer ans = two_hits(p);
    struct query q = {.explain = true};
    json_t *v = search_reply(&q, &ans);
    const json_t *search = json_object_get(json_object_get(v, "explain"), "search");

    cr_expect_str_eq(json_string_value(json_object_get(search, "plan")), "graph");
    cr_expect_eq(number(search, "candidates_visited"), 6);
    cr_expect_eq(number(search, "allowed"), 7);
    cr_expect_eq(number(search, "ef"), 128);
    cr_expect(json_is_null(json_object_get(search, "recall_target")));
    cr_expect_eq(number(json_object_get(search, "words"), "known"), 2);
    cr_expect(strstr(reply_explain_text(&q, &ans), "\"plan\":\"graph\""));
    json_decref(v);
    ans.hits.plan = (struct search_plan){.by_vector = PLAN_NONE};
    q.recall_target = 0.9;
    v = search_reply(&q, &ans);
    search = json_object_get(json_object_get(v, "explain"), "search");
    cr_expect(json_is_null(json_object_get(search, "plan")));
    cr_expect(json_is_null(json_object_get(search, "ef")));
    cr_expect_float_eq(number(search, "recall_target"), 0.9, 1e-9);
    json_decref(v);
    q.explain = false;
    v = search_reply(&q, &ans);
    cr_expect_null(json_object_get(v, "explain"));
    json_decref(v);
    arena_free(ans.mem);
}
