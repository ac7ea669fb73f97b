#include "server/seen.h"

#include <criterion/criterion.h>

#include "base/mem.h"

static struct seen_question question(const char *text)
{
    struct seen_question q = {.key = digest_of(text, strlen(text))};

    q.query.question = str_of(text);
    q.query.tenant = "t";
    q.query.collection = "c";
    return q;
}

static void add(struct seen *s, uint64_t generation, const char *a, const char *b)
{
    struct str parts[] = {str_of(a), str_of(b)};
    struct seen_question q = question(b);

    q.more = str_of(a);
    seen_add(s, generation, parts, 2, &q);
}

static const struct seen_question *find(struct seen *s, uint64_t generation, const char *a,
                                        const char *b)
{
    struct str parts[] = {str_of(a), str_of(b)};

    return seen_find(s, generation, parts, 2);
}

Test(seen, finds_a_request_with_all_that_a_hit_needs)
{
    struct seen *s = seen_new();
    const struct seen_question *q;
    struct seen_question same = question("what?");

    cr_expect_null(find(s, 0, "/query", "what?"));
    add(s, 0, "/query", "what?");
    q = find(s, 0, "/query", "what?");
    cr_assert_not_null(q);
    cr_expect(digest_eq(&q->key, &same.key));
    cr_expect(str_eq(q->query.question, STR_LIT("what?")));
    cr_expect_str_eq(q->query.tenant, "t");
    cr_expect_str_eq(q->query.collection, "c");
    cr_expect(str_eq(q->more, STR_LIT("/query")));
    seen_free(s);
}

Test(seen, every_part_tells_requests_apart)
{
    struct seen *s = seen_new();

    add(s, 0, "ab", "c");
    cr_expect_null(find(s, 0, "a", "bc"));
    cr_expect_null(find(s, 0, "ab", "d"));
    cr_expect_null(find(s, 0, "ab", ""));
    cr_expect_not_null(find(s, 0, "ab", "c"));
    seen_free(s);
}

Test(seen, under_other_models_nothing_was_seen)
{
    struct seen *s = seen_new();

    add(s, 1, "r", "a");
    cr_expect_null(find(s, 2, "r", "a"));
    cr_expect_null(find(s, 1, "r", "a"), "forgotten for good");
    add(s, 2, "r", "b");
    add(s, 3, "r", "c");
    cr_expect_null(find(s, 3, "r", "b"));
    cr_expect_not_null(find(s, 3, "r", "c"));
    seen_free(s);
}

Test(seen, a_key_that_was_overtaken_while_it_was_made_is_never_found)
{
    struct seen *s = seen_new();

    cr_expect_null(find(s, 2, "r", "a"));
    add(s, 1, "r", "a"); /* began before the change */
    cr_expect_null(find(s, 2, "r", "a"));
    seen_free(s);
}

Test(seen, stays_within_its_bytes_by_forgetting_all)
{
    struct seen *s = seen_new();
    char text[4001];
    size_t n_found = 0;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 4000; i++) {
        memcpy(text,
               &(char[]){(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676)},
               3);
        add(s, 0, "r", text);
        n_found += find(s, 0, "r", text) != NULL;
    }
    cr_expect_eq(n_found, 4000, "the newest is always there");
    memcpy(text, "aaa", 3);
    cr_expect_null(find(s, 0, "r", text));
    seen_free(s);
}

Test(seen, a_long_request_is_read_each_time)
{
    struct seen *s = seen_new();
    char *text = mem_alloc(SEEN_REQUEST_MAX + 2);

    memset(text, 'x', SEEN_REQUEST_MAX + 1);
    text[SEEN_REQUEST_MAX + 1] = '\0';
    add(s, 0, "", text);
    cr_expect_null(find(s, 0, "", text));
    text[SEEN_REQUEST_MAX] = '\0';
    add(s, 0, "", text);
    cr_expect_not_null(find(s, 0, "", text));
    mem_free(text);
    seen_free(s);
}
