#include "cache/answers.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/mem.h"
#include "cache/origin.h"

static const float vector[2] = {0.6f, 0.8f};

static struct answers *fresh(void)
{
    return answers_new(&(struct answers_options){1 << 20, 60000});
}

static struct digest named(const char *s)
{
    return digest_of(s, strlen(s));
}

static bool store(struct answers *a, const char *prompt, const char *reply, uint64_t ticket,
                  const char *document)
{
    struct str doc = str_of(document);
    struct answer_origin o = {named(prompt), "t", "c", 1, &doc, 1};
    struct lru_value *v = origin_value(str_of(reply), &o, 60000);
    bool kept = answers_put(a, v, ticket);

    lru_value_unref(v);
    return kept;
}

static void ask(struct answers *a, const char *question, uint64_t epoch, const char *prompt)
{
    struct digest q = named(question), p = named(prompt);

    answers_remember(a, &q, epoch, vector, 2, &p);
}

static enum answers_state state_of(struct answers *a, const char *question, uint64_t epoch)
{
    struct digest q = named(question);
    struct answers_entry e;

    answers_find(a, &q, epoch, &e);
    lru_value_unref(e.reply);
    mem_free(e.vector);
    return e.state;
}

Test(answers, a_question_seen_at_this_epoch_is_a_hit)
{
    struct answers *a = fresh();

    cr_expect_eq(state_of(a, "q", 1), ANSWERS_MISS);
    ask(a, "q", 1, "p");
    store(a, "p", "reply", answers_ticket(a), "d");
    cr_expect_eq(state_of(a, "q", 1), ANSWERS_HIT);
    cr_expect_eq(state_of(a, "other", 1), ANSWERS_MISS);
    answers_free(a);
}

Test(answers, when_the_collection_has_moved_the_vector_and_the_prompt_come_back)
{
    struct answers *a = fresh();
    struct digest q = named("q"), p = named("p");
    struct answers_entry e;

    ask(a, "q", 1, "p");
    store(a, "p", "reply", answers_ticket(a), "d");
    answers_find(a, &q, 2, &e);
    cr_expect_eq(e.state, ANSWERS_MOVED);
    cr_expect_null(e.reply);
    cr_expect_eq(e.dim, 2);
    cr_expect_float_eq(e.vector[1], 0.8f, 0);
    cr_expect(digest_eq(&e.prompt_hash, &p));
    mem_free(e.vector);
    answers_free(a);
}

Test(answers, an_evicted_answer_still_saves_the_embedding)
{
    struct answers *a = fresh();

    ask(a, "q", 1, "p"); /* its answer was never stored */
    cr_expect_eq(state_of(a, "q", 1), ANSWERS_MOVED);
    answers_free(a);
}

Test(answers, purging_a_document_drops_exactly_the_answers_that_show_it)
{
    struct answers *a = fresh();
    struct digest p1 = named("p1"), p2 = named("p2");
    struct lru_value *v;
    struct answers_stats s;

    store(a, "p1", "shows d1", answers_ticket(a), "d1");
    store(a, "p2", "shows d2", answers_ticket(a), "d2");
    answers_purge_document(a, "t", "c", STR_LIT("d1"));
    cr_expect_null(answers_get(a, &p1));
    v = answers_get(a, &p2);
    cr_expect_not_null(v);
    lru_value_unref(v);
    answers_stats_get(a, &s);
    cr_expect_eq(s.purged, 1);
    answers_free(a);
}

Test(answers, the_same_document_of_another_collection_is_another_document)
{
    struct answers *a = fresh();
    struct digest p = named("p");
    struct lru_value *v;

    store(a, "p", "reply", answers_ticket(a), "d");
    answers_purge_document(a, "t", "other", STR_LIT("d"));
    v = answers_get(a, &p);
    cr_expect_not_null(v);
    lru_value_unref(v);
    answers_free(a);
}

Test(answers, a_run_that_began_before_the_purge_cannot_bring_a_deleted_document_back)
{
    struct answers *a = fresh();
    struct digest p = named("p");
    uint64_t before = answers_ticket(a);

    answers_purge_document(a, "t", "c", STR_LIT("d"));
    cr_expect_not(store(a, "p", "shows the deleted document", before, "d"));
    cr_expect_null(answers_get(a, &p));
    cr_expect(store(a, "p", "a new document of that name", answers_ticket(a), "d"));
    answers_free(a);
}

Test(answers, clearing_forgets_answers_and_questions_but_not_purges)
{
    struct answers *a = fresh();
    uint64_t before = answers_ticket(a);

    ask(a, "q", 1, "p");
    store(a, "p", "reply", before, "d");
    answers_purge_document(a, "t", "c", STR_LIT("gone"));
    answers_clear(a);
    cr_expect_eq(state_of(a, "q", 1), ANSWERS_MISS);
    cr_expect_not(store(a, "p", "late", before, "gone"));
    answers_free(a);
}

Test(answers, the_document_index_is_bounded_by_what_is_alive)
{
    struct answers *a = answers_new(&(struct answers_options){20000, 60000});
    char prompt[32];
    struct answers_stats s;

    for (int i = 0; i < 5000; i++) { /* nearly all of them are evicted at once */
        snprintf(prompt, sizeof prompt, "p%d", i);
        store(a, prompt, "a reply of a certain length", answers_ticket(a), "the same document");
    }
    answers_stats_get(a, &s);
    cr_expect_leq(s.answers.bytes, s.answers.bytes_max);
    answers_purge_document(a, "t", "c", STR_LIT("the same document"));
    answers_stats_get(a, &s);
    cr_expect_eq(s.answers.entries, 0);
    answers_free(a);
}

Test(answers, storing_the_same_answer_again_and_again_takes_no_more_room)
{
    struct answers *a = fresh();
    struct answers_stats s;

    for (int i = 0; i < 100000; i++) {
        store(a, "p", "reply", answers_ticket(a), "d");
        store(a, "p2", "reply", answers_ticket(a), "d"); /* so that no two in a row are equal */
    }
    answers_purge_document(a, "t", "c", STR_LIT("d"));
    answers_stats_get(a, &s);
    cr_expect_eq(s.answers.entries, 0);
    cr_expect_eq(s.purged, 2);
    answers_free(a);
}

Test(answers, many_purges_are_forgotten_one_by_one_and_remembered_as_a_whole)
{
    struct answers *a = fresh();
    uint64_t before = answers_ticket(a);
    char id[32];

    for (int i = 0; i < 25000; i++) {
        snprintf(id, sizeof id, "d%d", i);
        answers_purge_document(a, "t", "c", str_of(id));
    }
    cr_expect_not(store(a, "p", "late", before, "d0"), "its own moment is forgotten by now");
    cr_expect_not(store(a, "p", "late", before, "never purged"), "an old run may store nothing");
    cr_expect(store(a, "p", "new", answers_ticket(a), "d0"));
    answers_free(a);
}

Test(answers, outcomes_are_counted_once_a_question)
{
    struct answers *a = fresh();
    struct answers_stats s;

    ask(a, "q", 1, "p");
    state_of(a, "q", 1);
    state_of(a, "q", 2);
    answers_count(a, ANSWERS_OUTCOME_HIT);
    answers_count(a, ANSWERS_OUTCOME_REVALIDATED);
    answers_stats_get(a, &s);
    cr_expect_eq(s.outcomes[ANSWERS_OUTCOME_HIT], 1);
    cr_expect_eq(s.outcomes[ANSWERS_OUTCOME_REVALIDATED], 1);
    cr_expect_eq(s.outcomes[ANSWERS_OUTCOME_STORED], 0);
    cr_expect_eq(s.outcomes[ANSWERS_OUTCOME_MISS], 0, "looking counts nothing");
    cr_expect_eq(answers_hit_rate(&s), 1);
    answers_count(a, ANSWERS_OUTCOME_MISS);
    answers_stats_get(a, &s);
    cr_expect_float_eq(answers_hit_rate(&s), 2.0 / 3, 1e-9);
    answers_free(a);
}

Test(answers, every_outcome_has_a_name_of_its_own)
{
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(answers_outcome_name((enum answers_outcome)i),
                              answers_outcome_name((enum answers_outcome)j));
}

Test(answers, what_was_saved_is_told)
{
    struct answers *a = fresh();
    struct lru_value *v = lru_value_new("x", 1, 1000);
    struct answers_stats s;

    v->made_us = 5000;
    v->tokens_in = 7;
    answers_saved(a, v, 1000000);
    answers_stats_get(a, &s);
    cr_expect_eq(s.saved.answers, 1);
    cr_expect_float_eq(s.saved.ms, 4, 1e-9);
    cr_expect_eq(s.saved.tokens_in, 7);
    lru_value_unref(v);
    answers_free(a);
}
