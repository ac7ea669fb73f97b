#include "query/query.h"

#include "base/json.h"
#include "index/filter.h"
#include "support/world.h"

static int parse(struct query *q, const char *request, struct arena *mem, json_t **tree)
{
    json_error_t e;

    *tree = json_loads(request, JSON_DECODE_ANY, &e);
    cr_assert_not_null(*tree, "%s", e.text);
    *q =
        (struct query){.tenant = "default", .collection = "default", .k = 5, .context_chars = 4000};
    return query_from_json(q, *tree, false, mem);
}

static void expect_refused(const char *request, int code, const char *said)
{
    struct arena *mem = arena_new(0);
    struct query q;
    json_t *tree;
    int rc = parse(&q, request, mem, &tree);

    cr_expect_eq(rc, code, "%s gave %s (%s)", request, err_name(rc), err_text());
    cr_expect(strstr(err_text(), said), "'%s' does not say '%s'", err_text(), said);
    json_decref(tree);
    arena_free(mem);
}

Test(request, every_member_arrives)
{
    struct arena *mem = arena_new(0);
    struct query q;
    json_t *tree;

    cr_assert_eq(
        parse(&q,
              "{\"question\":\"Why?\",\"k\":7,\"collection\":\"books\",\"mode\":\"vector\","
              "\"fusion\":\"rrf\",\"ef\":50,\"context_chars\":900,\"answer\":\"none\","
              "\"cache\":\"refresh\",\"deadline_ms\":20,\"filter\":{\"a\":1},"
              "\"recall_target\":0.95,\"mmr\":0.75,\"collapse\":true,\"window\":3,"
              "\"explain\":true,\"semantic\":\"strict\"}",
              mem, &tree),
        ERR_OK, "%s", err_text());
    cr_expect(str_eq(q.question, STR_LIT("Why?")));
    cr_expect_eq(q.k, 7);
    cr_expect_str_eq(q.collection, "books");
    cr_expect_eq(q.mode, SEARCH_VECTOR);
    cr_expect_eq(q.fusion, FUSION_RRF);
    cr_expect_eq(q.ef, 50);
    cr_expect_eq(q.context_chars, 900);
    cr_expect_eq(q.answer, QUERY_ANSWER_NONE);
    cr_expect_eq(q.cache, QUERY_CACHE_REFRESH);
    cr_expect_eq(q.deadline_ms, 20);
    cr_expect_not_null(q.filter);
    cr_expect_eq(q.recall_target, 0.95);
    cr_expect_eq(q.diversity, 0.25);
    cr_expect(q.collapse);
    cr_expect_eq(q.window, 3);
    cr_expect(q.explain);
    cr_expect_eq(q.semantic, QUERY_SEMANTIC_STRICT);
    json_decref(tree);
    arena_free(mem);
}

Test(request, what_is_wrong_is_named)
{
    expect_refused("{}", ERR_ARGUMENT, "question");
    expect_refused("[]", ERR_ARGUMENT, "object");
    expect_refused("{\"question\":\" \\n\\t\"}", ERR_ARGUMENT, "question");
    expect_refused("{\"question\":7}", ERR_ARGUMENT, "'question' must be a string");
    expect_refused("{\"question\":\"a\",\"k\":0}", ERR_ARGUMENT, "'k' is 0");
    expect_refused("{\"question\":\"a\",\"k\":101}", ERR_ARGUMENT, "from 1 to 100");
    expect_refused("{\"question\":\"a\",\"mode\":\"psychic\"}", ERR_ARGUMENT, "hybrid");
    expect_refused("{\"question\":\"a\",\"colour\":\"red\"}", ERR_ARGUMENT, "'colour'");
    expect_refused("{\"question\":\"a\",\"mmr\":1.5}", ERR_ARGUMENT, "from 0 to 1");
    expect_refused("{\"question\":\"a\",\"mmr\":-0.5}", ERR_ARGUMENT, "from 0 to 1");
    expect_refused("{\"question\":\"a\",\"collapse\":1}", ERR_ARGUMENT, "'collapse'");
    expect_refused("{\"question\":\"a\",\"window\":4}", ERR_ARGUMENT, "from 0 to 3");
    expect_refused("{\"question\":\"a\",\"window\":-1}", ERR_ARGUMENT, "from 0 to 3");
    expect_refused("{\"question\":\"a\",\"explain\":\"yes\"}", ERR_ARGUMENT, "'explain'");
    expect_refused("{\"question\":\"a\",\"recall_target\":0.4}", ERR_ARGUMENT, "from 0.5 to 1");
    expect_refused("{\"question\":\"a\",\"recall_target\":1.1}", ERR_ARGUMENT, "from 0.5 to 1");
    expect_refused("{\"question\":\"a\",\"rerank\":\"twice\"}", ERR_ARGUMENT,
                   "off, lexical, model");
}

Test(request, reuse_by_meaning_is_off_where_neither_request_nor_setting_say_strict)
{
    struct engine e = {0};
    struct query q;

    config_defaults(&e.config);
    query_defaults(&q, &e);
    cr_expect_eq(q.semantic, QUERY_SEMANTIC_OFF);
    strcpy(e.config.cache.semantic, "strict");
    query_defaults(&q, &e);
    cr_expect_eq(q.semantic, QUERY_SEMANTIC_STRICT);
    expect_refused("{\"question\":\"a\",\"semantic\":\"loose\"}", ERR_ARGUMENT, "off, strict");
}

Test(request, neutral_values_are_accepted)
{
    struct arena *mem = arena_new(0);
    struct query q;
    json_t *tree;

    cr_expect_eq(parse(&q,
                       "{\"question\":\"a\",\"rerank\":\"off\",\"semantic\":\"off\",\"window\":0,"
                       "\"model\":\"auto\",\"collapse\":false,\"history\":[],\"mmr\":null}",
                       mem, &tree),
                 ERR_OK, "%s", err_text());
    cr_expect_eq(q.diversity, 0);
    json_decref(tree);
    arena_free(mem);
}

Test(request, the_modes_are_those_of_the_contract)
{
    static const char *const words[] = {"hybrid", "vector", "keyword", "summary"};

    for (int i = 0; i < 4; i++) {
        struct arena *mem = arena_new(0);
        struct query q;
        json_t *tree;

        cr_assert_eq(parse(&q, arena_printf(mem, "{\"question\":\"a\",\"mode\":\"%s\"}", words[i]),
                           mem, &tree),
                     ERR_OK, "%s", err_text());
        cr_expect_eq((int)q.mode, i);
        json_decref(tree);
        arena_free(mem);
    }
}

static struct str prepared(const char *question, struct arena *mem)
{
    struct query q = {.question = str_of(question)};

    cr_assert_eq(query_prepare(&q, mem), ERR_OK, "%s", err_text());
    return q.question;
}

Test(request, a_question_has_one_form)
{
    struct arena *mem = arena_new(0);

    cr_expect(str_eq(prepared("  What \n is\tCET1? ", mem), STR_LIT("What is CET1?")));
    cr_expect(str_eq(prepared("Caf\x65\xcc\x81", mem), STR_LIT("Caf\xc3\xa9")), "NFC");
    cr_expect(str_eq(prepared("a\xc2\xa0\xe3\x80\x80z", mem), STR_LIT("a z")), "Unicode blanks");
    cr_expect_not(str_eq(prepared("cet1", mem), prepared("CET1", mem)), "case is kept");
    arena_free(mem);
}

Test(request, a_budget_is_in_characters_or_in_tokens)
{
    struct arena *mem = arena_new(0);
    struct query q;
    json_t *tree;

    cr_assert_eq(parse(&q, "{\"question\":\"x\",\"context_tokens\":50}", mem, &tree), ERR_OK);
    cr_expect_eq(q.context_tokens, 50);
    json_decref(tree);
    cr_assert_eq(parse(&q, "{\"question\":\"x\"}", mem, &tree), ERR_OK);
    cr_expect_eq(q.context_tokens, 0);
    cr_expect_eq(q.context_chars, 4000);
    json_decref(tree);
    arena_free(mem);
    expect_refused("{\"question\":\"x\",\"context_tokens\":50,\"context_chars\":50}", ERR_ARGUMENT,
                   "give one of them");
    expect_refused("{\"question\":\"x\",\"context_tokens\":0}", ERR_ARGUMENT, "context_tokens");
    expect_refused("{\"question\":\"x\",\"context_tokens\":100001}", ERR_ARGUMENT, "100000");
}

Test(request, a_question_that_is_too_long_or_not_utf8_is_refused)
{
    struct arena *mem = arena_new(0);
    char *big = mem_calloc(1, QUESTION_BYTES_MAX + 2);
    struct query q = {.question = {"\xff\xfe", 2}};

    cr_expect_eq(query_prepare(&q, mem), ERR_FORMAT);
    memset(big, 'a', QUESTION_BYTES_MAX + 1);
    q.question = str_of(big);
    cr_expect_eq(query_prepare(&q, mem), ERR_LIMIT);
    mem_free(big);
    arena_free(mem);
}

/* The question key is built from one struct; each field in turn must make it another. */
/* Its text asks the same without the rest. */
static bool is_plain_by_key(struct engine *e, const struct query *q, struct arena *mem)
{
    struct query plain;
    struct digest a, b;

    query_defaults(&plain, e);
    plain.question = q->question;
    plain.tenant = q->tenant;
    plain.collection = q->collection;
    a = query_key(e, &plain, mem);
    b = query_key(e, q, mem);
    return digest_eq(&a, &b);
}

Test(request, every_field_that_changes_the_answer_changes_the_key)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct filter *filter = NULL;
    struct query base, q;
    struct digest k0, k;

    WORLD_OPEN(&w);
    query_defaults(&base, w.engine);
    base.question = STR_LIT("What is CET1?");
    k0 = query_key(w.engine, &base, mem);
    cr_assert_eq(filter_from_text(&filter, STR_LIT("year>=2020"), mem), ERR_OK);
#define EXPECT_ANOTHER_KEY(change)                                                                 \
    do {                                                                                           \
        q = base;                                                                                  \
        change;                                                                                    \
        k = query_key(w.engine, &q, mem);                                                          \
        cr_expect_not(digest_eq(&k, &k0), #change);                                                \
        cr_expect_eq(query_is_plain(w.engine, &q), is_plain_by_key(w.engine, &q, mem), #change);   \
    } while (0)
    EXPECT_ANOTHER_KEY(q.question = STR_LIT("What is CET2?"));
    EXPECT_ANOTHER_KEY(q.tenant = "other");
    EXPECT_ANOTHER_KEY(q.collection = "other");
    EXPECT_ANOTHER_KEY(q.k = 6);
    EXPECT_ANOTHER_KEY(q.mode = SEARCH_KEYWORD);
    EXPECT_ANOTHER_KEY(q.mode = SEARCH_SUMMARY);
    EXPECT_ANOTHER_KEY(q.fusion = FUSION_RRF);
    EXPECT_ANOTHER_KEY(q.rerank = RERANK_LEXICAL);
    EXPECT_ANOTHER_KEY(q.ef = 7);
    EXPECT_ANOTHER_KEY(q.recall_target = 0.9);
    EXPECT_ANOTHER_KEY(q.diversity = 0.3);
    EXPECT_ANOTHER_KEY(q.collapse = true);
    EXPECT_ANOTHER_KEY(q.window = 1);
    EXPECT_ANOTHER_KEY(q.explain = true);
    EXPECT_ANOTHER_KEY(q.filter = filter);
    EXPECT_ANOTHER_KEY(q.context_chars = 10);
    EXPECT_ANOTHER_KEY(q.context_tokens = 10);
    EXPECT_ANOTHER_KEY(q.answer = QUERY_ANSWER_NONE);
#undef EXPECT_ANOTHER_KEY
    q = base;
    q.deadline_ms = 5;
    q.cache = QUERY_CACHE_REFRESH;
    q.semantic = QUERY_SEMANTIC_STRICT;
    k = query_key_under(w.engine, &base, &(struct digest){{1}}, NULL, mem);
    cr_expect_not(digest_eq(&k, &k0), "another model");
    k = query_key(w.engine, &q, mem);
    cr_expect(digest_eq(&k, &k0), "how long we wait and how the cache is used change no answer");
    k0 = query_flight_key(w.engine, &base, &k0);
    k = query_flight_key(w.engine, &q, &k);
    cr_expect_not(digest_eq(&k, &k0), "but who wants it strictly shares no run with who does not");
    arena_free(mem);
    world_close(&w);
}

Test(request, who_has_only_the_key_counts_what_is_known)
{
    struct world w;
    struct arena *mem = arena_new(0);
    struct asked_question *v;
    struct query q;
    struct digest key;

    WORLD_OPEN(&w);
    query_defaults(&q, w.engine);
    key = digest_of("key", 3);
    query_was_asked(w.engine, &q, &key);
    cr_expect_eq(asked_popular(w.engine->asked, NULL, NULL, 1, 9, mem, &v), 0, "no text");
    q.question = STR_LIT("What is CET1?");
    q.model = NULL;
    query_was_asked(w.engine, &q, &key);
    cr_expect_eq(asked_popular(w.engine->asked, NULL, NULL, 1, 9, mem, &v), 0, "nor all of it");
    q.model = "auto";
    query_was_asked(w.engine, &q, &key);
    q.question = (struct str){NULL, 0};
    query_was_asked(w.engine, &q, &key);
    cr_assert_eq(asked_popular(w.engine->asked, NULL, NULL, 1, 9, mem, &v), 1);
    cr_expect_eq(v[0].count, 2);
    cr_expect(str_eq(v[0].text, STR_LIT("What is CET1?")));
    q.precomputing = true;
    query_was_asked(w.engine, &q, &key);
    cr_assert_eq(asked_popular(w.engine->asked, NULL, NULL, 1, 9, mem, &v), 1);
    cr_expect_eq(v[0].count, 2, "nobody asked");
    arena_free(mem);
    world_close(&w);
}

/* A key that was made before a change must be known as such. */
Test(request, keys_are_of_another_generation_after_another_model)
{
    struct world w;
    struct embedder *model;
    uint64_t before;

    WORLD_OPEN(&w);
    before = query_keys_generation(w.engine);
    cr_expect_eq(query_keys_generation(w.engine), before);
    model = engine_embedder(w.engine);
    engine_take_model(w.engine, model);
    cr_expect_neq(query_keys_generation(w.engine), before);
    embedder_close(model);
    world_close(&w);
}
