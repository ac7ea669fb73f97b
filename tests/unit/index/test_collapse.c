#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "index/collapse.h"

#define DIM 4
#define MAX 8

/* Passages of words separated by blanks, with vectors on an axis or between two. */
struct text {
    const char *words;
    const float *vector;
};

static const float x[DIM] = {1, 0, 0, 0}, y[DIM] = {0, 1, 0, 0},
                   nearly_x[DIM] = {0.99f, 0.141067f, 0, 0};

struct made {
    const struct text *texts;
    struct arena *mem;
    int asked[MAX];
};

static const uint64_t *words_of(void *arg, size_t i, size_t *n)
{
    struct made *m = arg;
    uint64_t *words = arena_alloc(m->mem, 64 * sizeof *words);
    const char *p = m->texts[i].words;

    m->asked[i]++;
    for (*n = 0; *p; p += p[strcspn(p, " ")] != '\0') {
        size_t len = strcspn(p, " ");

        words[(*n)++] = collapse_word((struct str){p, len});
        p += len;
    }
    *n = collapse_sort(words, *n);
    return words;
}

static size_t run(struct made *m, size_t n, uint32_t *kept, uint32_t *duplicates)
{
    const float *vectors[MAX];

    for (size_t i = 0; i < n; i++)
        vectors[i] = m->texts[i].vector;
    return collapse(vectors, n, DIM, words_of, m, m->mem, kept, duplicates);
}

Test(collapse, shows_the_best_of_what_says_the_same_and_counts_the_others)
{
    static const struct text texts[] = {{"a b c d e f g h i j k", x},
                                        {"something else", y},
                                        {"a b c d e f g h i j k", nearly_x},
                                        {"k j i h g f e d c b a", x},
                                        {"a b c d e f g h i j k l", x}};
    struct made m = {.texts = texts, .mem = arena_new(0)};
    uint32_t kept[MAX], duplicates[MAX];

    cr_assert_eq(run(&m, 5, kept, duplicates), 2);
    cr_expect_eq(kept[0], 0);
    cr_expect_eq(kept[1], 1);
    cr_expect_eq(duplicates[0], 3, "the order of words and one more among twelve change nothing");
    cr_expect_eq(duplicates[1], 0);
    arena_free(m.mem);
}

Test(collapse, keeps_what_means_something_else_or_says_it_in_other_words)
{
    static const struct text texts[] = {
        {"a b c d e f g h i j", x}, {"a b c d e f g h i j", y}, {"a b c d e f g h x y", x}};
    struct made m = {.texts = texts, .mem = arena_new(0)};
    uint32_t kept[MAX], duplicates[MAX];

    cr_expect_eq(run(&m, 3, kept, duplicates), 3);
    cr_expect_eq(duplicates[0], 0);
    arena_free(m.mem);
}

Test(collapse, a_figure_that_only_one_has_keeps_them_apart)
{
    static const struct text texts[] = {
        {"net sales rose to 31,657 million in the year that ended in december", x},
        {"net sales rose to 32,765 million in the year that ended in december", x},
        {"net sales rose to million in the year that ended in december", x},
        {"net sales rose to 31,657 million in the year that ended in december", x}};
    struct made m = {.texts = texts, .mem = arena_new(0)};
    uint32_t kept[MAX], duplicates[MAX];

    cr_assert_eq(run(&m, 4, kept, duplicates), 3);
    cr_expect_eq(duplicates[0], 1);
    cr_expect_eq(kept[2], 2);
    arena_free(m.mem);
}

Test(collapse, asks_for_words_only_where_vectors_agree_and_once)
{
    static const struct text texts[] = {{"a", x}, {"b", y}, {"c", x}, {"d", x}};
    struct made m = {.texts = texts, .mem = arena_new(0)};
    uint32_t kept[MAX], duplicates[MAX];

    cr_expect_eq(run(&m, 4, kept, duplicates), 4);
    cr_expect_eq(m.asked[0], 1);
    cr_expect_eq(m.asked[1], 0);
    cr_expect_eq(m.asked[2], 1);
    arena_free(m.mem);
}

Test(collapse, without_a_vector_the_words_decide)
{
    static const struct text texts[] = {{"a b c", x}, {"a b c", NULL}, {"d", NULL}};
    struct made m = {.texts = texts, .mem = arena_new(0)};
    uint32_t kept[MAX], duplicates[MAX];

    cr_assert_eq(run(&m, 3, kept, duplicates), 2);
    cr_expect_eq(duplicates[0], 1);
    cr_expect_eq(kept[1], 2);
    cr_expect_eq(run(&m, 0, kept, duplicates), 0);
    arena_free(m.mem);
}

Test(collapse, words_with_a_digit_are_told_apart)
{
    uint64_t words[] = {5, 3, 5, 1, 3};

    cr_expect_eq(collapse_word(STR_LIT("2019")) & 1, 1);
    cr_expect_eq(collapse_word(STR_LIT("q3")) & 1, 1);
    cr_expect_eq(collapse_word(STR_LIT("capital")) & 1, 0);
    cr_assert_eq(collapse_sort(words, 5), 3);
    cr_expect_eq(words[0], 1);
    cr_expect_eq(words[2], 5);
}
