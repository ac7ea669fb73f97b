#include "query/question_alike.h"

#include <math.h>

#include "index/filter.h"
#include "support/chat_world.h"

#define RATIO   "{\"question\":\"What is the minimum CET1 ratio?\",\"semantic\":\"strict\"}"
#define RATIO_2 "{\"question\":\"What's the lowest CET1 ratio?\",\"semantic\":\"strict\"}"
#define HIGHEST "{\"question\":\"What is the maximum CET1 ratio?\",\"semantic\":\"strict\"}"

static void fill(struct world *w)
{
    world_put(w, "capital.md",
              "# Capital\n\nThe minimum CET1 ratio is 4.5 percent of risk-weighted assets.",
              "{\"year\":2024}");
    world_put(w, "reports.md", "Copies of suspicious activity reports are kept for five years.",
              "{\"year\":2019}");
}

static enum cache_status status_of(struct world *w, const char *request)
{
    struct world_reply r;
    enum cache_status status;

    world_ask(w, request, &r);
    status = r.ans.cache;
    world_forget(&r);
    return status;
}

static uint64_t events(struct world *w, enum alike_event event)
{
    struct alike_stats s;

    alike_stats_get(w->engine->alike, &s);
    return s.events[event];
}

Test(question_alike, the_answer_of_a_question_that_means_the_same_is_served_and_names_it)
{
    struct world w;
    struct world_reply a, b;
    const json_t *cache;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, RATIO, &a);
    world_ask(&w, RATIO_2, &b);
    cr_expect_eq(a.ans.cache, CACHE_MISS);
    cr_expect_eq(b.ans.cache, CACHE_SEMANTIC);
    cache = json_object_get(b.json, "cache");
    cr_expect_str_eq(json_string_value(json_object_get(cache, "status")), "semantic");
    cr_expect_str_eq(json_string_value(json_object_get(cache, "question")),
                     "What is the minimum CET1 ratio?");
    cr_expect(json_equal(json_object_get(a.json, "sources"), json_object_get(b.json, "sources")));
    cr_expect_null(json_object_get(json_object_get(a.json, "cache"), "question"));
    cr_expect_eq(events(&w, ALIKE_SERVED), 1);
    world_forget(&a);
    world_forget(&b);
    world_close(&w);
}

Test(question_alike, off_neither_takes_nor_lends)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, "{\"question\":\"What is the minimum CET1 ratio?\"}"), CACHE_MISS);
    cr_expect_eq(status_of(&w, RATIO_2), CACHE_MISS, "who was off did not lend");
    cr_expect_eq(status_of(&w, "{\"question\":\"Define the lowest CET1 ratio.\"}"), CACHE_MISS);
    world_close(&w);
}

Test(question_alike, the_opposite_is_refused_and_counted)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, RATIO), CACHE_MISS);
    cr_expect_eq(status_of(&w, HIGHEST), CACHE_MISS);
    cr_expect_eq(events(&w, ALIKE_REFUSED), 1);
    cr_expect_eq(events(&w, ALIKE_SERVED), 0);
    world_close(&w);
}

Test(question_alike, an_answer_that_was_made_for_the_other_stays_the_others)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, RATIO), CACHE_MISS);
    cr_expect_eq(status_of(&w, RATIO_2), CACHE_SEMANTIC);
    cr_expect_eq(status_of(&w, "{\"question\":\"What's the lowest CET1 ratio?\"}"), CACHE_MISS);
    cr_expect_eq(status_of(&w, RATIO_2), CACHE_HIT, "now it has one of its own");
    world_close(&w);
}

Test(question_alike, who_wants_a_fresh_answer_gets_one_and_lends_it_unless_it_is_not_kept)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, "{\"question\":\"What is the minimum CET1 ratio?\","
                               "\"semantic\":\"strict\",\"cache\":\"no-store\"}"),
                 CACHE_BYPASS);
    cr_expect_eq(status_of(&w, "{\"question\":\"What's the lowest CET1 ratio?\","
                               "\"semantic\":\"strict\",\"cache\":\"refresh\"}"),
                 CACHE_MISS, "what is not kept is not lent");
    cr_expect_eq(status_of(&w, "{\"question\":\"What is the minimum CET1 ratio?\","
                               "\"semantic\":\"strict\",\"cache\":\"refresh\"}"),
                 CACHE_MISS);
    cr_expect_eq(status_of(&w, "{\"question\":\"Please tell me the minimum CET1 ratio.\","
                               "\"semantic\":\"strict\",\"cache\":\"only\"}"),
                 CACHE_SEMANTIC);
    world_close(&w);
}

Test(question_alike, a_question_with_turns_before_it_takes_no_part)
{
    struct world w;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, RATIO), CACHE_MISS);
    cr_expect_eq(status_of(&w, "{\"question\":\"What's the lowest CET1 ratio?\",\"semantic\":"
                               "\"strict\",\"history\":[{\"role\":\"user\",\"content\":\"Hi\"}]}"),
                 CACHE_MISS);
    world_close(&w);
}

Test(question_alike, where_the_epoch_moved_the_other_answer_is_served_only_if_it_still_stands)
{
    struct chat_world c;
    struct world_reply r;

    CHAT_WORLD_OPEN(&c, 1);
    c.model.text = "It is 4.5 percent [1].";
    fill(&c.w);
    {
        struct query q;
        struct answer ans = {.mem = arena_new(0)};

        trace_start(&ans.trace);
        query_defaults(&q, c.w.engine);
        q.question = STR_LIT("What is the minimum CET1 ratio?");
        q.semantic = QUERY_SEMANTIC_STRICT;
        q.k = 1;
        cr_assert_eq(query_answer_now(c.w.engine, &q, &ans, NULL, NULL), ERR_OK);
        answer_done(&ans);
        arena_free(ans.mem);
    }
    world_put(&c.w, "new.md", "Frogs eat flies.", NULL);
    world_ask(&c.w,
              "{\"question\":\"What's the lowest CET1 ratio?\",\"k\":1,\"semantic\":\"strict\"}",
              &r);
    cr_expect_eq(r.ans.cache, CACHE_SEMANTIC, "what it stands on has not changed");
    world_forget(&r);
    world_put(&c.w, "capital.md", "The minimum CET1 ratio is 6 percent of risk-weighted assets.",
              NULL);
    {
        struct query q;
        struct answer ans = {.mem = arena_new(0)};

        trace_start(&ans.trace);
        query_defaults(&q, c.w.engine);
        q.question = STR_LIT("What's the lowest CET1 ratio?");
        q.semantic = QUERY_SEMANTIC_STRICT;
        q.k = 1;
        cr_assert_eq(query_run(c.w.engine, &q, &ans), ERR_OK);
        cr_expect_eq(ans.cache, CACHE_MISS);
        cr_assert_not_null(ans.unfinished, "the model is asked");
        cr_expect_not_null(
            strstr(ans.chat->messages[ans.chat->n - 1].text.p, "What's the lowest CET1 ratio?"),
            "with the question that was really asked");
        arena_free(ans.mem);
    }
    chat_world_close(&c);
}

Test(question_alike, a_question_found_by_its_form_needs_no_vector)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    fill(&w);
    cr_expect_eq(status_of(&w, RATIO), CACHE_MISS);
    world_ask(&w, RATIO_2, &r);
    cr_expect_eq(r.ans.cache, CACHE_SEMANTIC);
    cr_expect_eq(r.ans.trace.ns[STAGE_EMBED], 0);
    world_forget(&r);
    cr_expect_eq(status_of(&w, "{\"question\":\"What is the minimum CET1 ratio?\","
                               "\"semantic\":\"strict\",\"mode\":\"keyword\"}"),
                 CACHE_MISS);
    cr_expect_eq(status_of(&w, "{\"question\":\"What's the lowest CET1 ratio?\","
                               "\"semantic\":\"strict\",\"mode\":\"keyword\"}"),
                 CACHE_SEMANTIC, "so questions by words take part");
    world_close(&w);
}

/* ---- what is compared, with made vectors ---- */

static bool finds(struct world *w, const char *kept, const char *asked)
{

    struct arena *mem = arena_new(0);
    struct digest scope = digest_of(kept, strlen(kept)), key = scope;
    struct alike_question found;
    struct query q;
    float vector[2] = {1, 0};
    bool there;

    query_defaults(&q, w->engine);
    q.question = str_of(asked);
    alike_keep(w->engine->alike, &scope, &key, str_of(kept), vector, 2);
    there = question_alike_find(w->engine, &q, &scope, vector, 2, mem, &found);
    cr_expect(!there || str_eq(found.text, str_of(kept)));
    arena_free(mem);
    return there;
}

Test(question_alike, an_acronym_is_what_the_collection_says_and_nothing_else)
{
    struct world w;

    WORLD_OPEN(&w);
    world_put(&w, "a", "Every branch has a Zonal Quality Review (ZQR) once a year.", NULL);
    cr_expect(finds(&w, "When is the ZQR due?", "When is the zonal quality review due?"));
    cr_expect(finds(&w, "When is the zonal quality review due?", "When is the ZQR due?"));
    cr_expect_not(finds(&w, "When is the ZQR due?", "When is the zonal quota rule due?"),
                  "the letters fit, but here it is something else");
    world_remove(&w, "a");
    world_put(&w, "b", "Nothing of the kind.", NULL);
    cr_expect(finds(&w, "Where is the ZQR due?", "Where is the zonal quota rule due?"),
              "nobody says otherwise any more");
    world_close(&w);
}

Test(question_alike, never_finds_the_question_itself)
{
    struct world w;

    WORLD_OPEN(&w);
    cr_expect_not(finds(&w, "When is it due?", "When is it due?"));
    world_close(&w);
}

/* The scope is the key without the question: each field in turn makes it another. */
Test(question_alike, scopes_differ_by_everything_but_the_question)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct digest model = {{1}}, other = {{2}}, scope, s;
    struct filter *filter = NULL;
    struct query base, q;

    WORLD_OPEN(&w);
    cr_assert_eq(filter_from_text(&filter, STR_LIT("year>=2020"), mem), ERR_OK);
    query_defaults(&base, w.engine);
    base.question = STR_LIT("Why?");
    scope = question_alike_scope(w.engine, &base, &model, NULL, mem);
#define EXPECT_ANOTHER(change)                                                                     \
    do {                                                                                           \
        q = base;                                                                                  \
        change;                                                                                    \
        s = question_alike_scope(w.engine, &q, &model, NULL, mem);                                 \
        cr_expect_not(digest_eq(&s, &scope), #change);                                             \
    } while (0)
    EXPECT_ANOTHER(q.tenant = "other");
    EXPECT_ANOTHER(q.collection = "other");
    EXPECT_ANOTHER(q.k = 6);
    EXPECT_ANOTHER(q.filter = filter);
    EXPECT_ANOTHER(q.mode = SEARCH_VECTOR);
    EXPECT_ANOTHER(q.answer = QUERY_ANSWER_NONE);
    EXPECT_ANOTHER(q.context_chars = 10);
#undef EXPECT_ANOTHER
    s = question_alike_scope(w.engine, &base, &other, NULL, mem);
    cr_expect_not(digest_eq(&s, &scope), "vectors of another model");
    q = base;
    q.question = STR_LIT("Why not?");
    s = question_alike_scope(w.engine, &q, &model, NULL, mem);
    cr_expect(digest_eq(&s, &scope));
    arena_free(mem);
    world_close(&w);
}
