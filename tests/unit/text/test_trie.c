#include "text/trie.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/err.h"

#define KEY(s, v) ((struct trie_key){STR_LIT(s), (v)})

/* The value of the longest key that the text begins with, and its length. */
static int32_t longest(const struct trie *t, uint32_t root, const char *text, size_t *len)
{
    uint32_t base = root;
    int32_t best = TRIE_NONE;
    const struct trie_node *node;

    *len = 0;
    for (size_t i = 0; text[i] && (node = trie_step(t->nodes, base, (uint8_t)text[i])); i++) {
        base = node->base;
        if (node->value != TRIE_NONE) {
            best = node->value;
            *len = i + 1;
        }
    }
    return best;
}

Test(trie, finds_the_longest_key)
{
    struct trie_key keys[] = {KEY("a", 1), KEY("abc", 2), KEY("abcde", 3), KEY("b", 4)};
    struct trie t;
    uint32_t root;
    size_t n;

    trie_init(&t);
    cr_assert_eq(trie_add(&t, keys, 4, &root), ERR_OK);
    cr_expect_eq(longest(&t, root, "abcdx", &n), 2);
    cr_expect_eq(n, 3);
    cr_expect_eq(longest(&t, root, "abcde", &n), 3);
    cr_expect_eq(longest(&t, root, "bcd", &n), 4);
    cr_expect_eq(longest(&t, root, "cab", &n), TRIE_NONE);
    cr_expect_eq(longest(&t, root, "", &n), TRIE_NONE);
    trie_done(&t);
}

Test(trie, keeps_lists_apart)
{
    struct trie_key words[] = {KEY("ing", 1), KEY("in", 2)};
    struct trie_key suffixes[] = {KEY("ing", 3), KEY("\xC3\xA9", 4)};
    struct trie t;
    uint32_t a, b, none;
    size_t n;

    trie_init(&t);
    cr_assert_eq(trie_add(&t, words, 2, &a), ERR_OK);
    cr_assert_eq(trie_add(&t, suffixes, 2, &b), ERR_OK);
    cr_assert_eq(trie_add(&t, NULL, 0, &none), ERR_OK);
    cr_expect_eq(longest(&t, a, "ing", &n), 1);
    cr_expect_eq(longest(&t, b, "ing", &n), 3);
    cr_expect_eq(longest(&t, b, "in", &n), TRIE_NONE);
    cr_expect_eq(longest(&t, b, "\xC3\xA9t\xC3\xA9", &n), 4);
    cr_expect_eq(longest(&t, none, "ing", &n), TRIE_NONE);
    trie_done(&t);
}

Test(trie, lets_the_largest_of_equal_keys_count)
{
    struct trie_key keys[] = {KEY("same", 7), KEY("same", 9), KEY("same", 8)};
    struct trie t;
    uint32_t root;
    size_t n;

    trie_init(&t);
    cr_assert_eq(trie_add(&t, keys, 3, &root), ERR_OK);
    cr_expect_eq(longest(&t, root, "same", &n), 9);
    trie_done(&t);
}

Test(trie, refuses_keys_over_the_limit)
{
    char text[TRIE_KEY_MAX + 1];
    struct trie_key key = {{text, TRIE_KEY_MAX}, 5};
    struct trie t;
    uint32_t root;

    memset(text, 'k', sizeof(text));
    trie_init(&t);
    cr_expect_eq(trie_add(&t, &key, 1, &root), ERR_OK);
    key.text.n++;
    cr_expect_eq(trie_add(&t, &key, 1, &root), ERR_LIMIT);
    trie_done(&t);
}

Test(trie, agrees_with_a_plain_search)
{
    enum { N_KEYS = 3000, N_TEXTS = 3000, LEN = 12 };
    static char texts[N_KEYS][LEN + 1], probe[LEN + 1];
    static struct trie_key keys[N_KEYS], sorted[N_KEYS];
    struct trie t;
    uint32_t root;
    unsigned seed = 20240613;

    for (int i = 0; i < N_KEYS; i++) {
        size_t n = 1 + (size_t)rand_r(&seed) % LEN;

        for (size_t k = 0; k < n; k++)
            texts[i][k] = (char)(1 + rand_r(&seed) % (i % 2 ? 255 : 3));
        keys[i] = sorted[i] = (struct trie_key){{texts[i], n}, i};
    }
    trie_init(&t);
    cr_assert_eq(trie_add(&t, sorted, N_KEYS, &root), ERR_OK);
    for (int i = 0; i < N_TEXTS; i++) {
        int32_t best = TRIE_NONE;
        size_t best_n = 0, n;

        for (size_t k = 0; k < LEN; k++)
            probe[k] = (char)(1 + rand_r(&seed) % (i % 2 ? 255 : 3));
        for (int k = 0; k < N_KEYS; k++)
            if (str_starts(str_of(probe), keys[k].text) && keys[k].text.n >= best_n) {
                best = keys[k].value;
                best_n = keys[k].text.n;
            }
        cr_assert_eq(longest(&t, root, probe, &n), best, "text %d", i);
        cr_assert_eq(n, best_n);
    }
    trie_done(&t);
}

Test(trie, refuses_nodes_that_lead_outside)
{
    enum { N = 300 };
    struct trie_node nodes[N] = {{.base = N - 256, .value = TRIE_NONE}};

    cr_expect(trie_valid(nodes, N, 1));
    cr_expect_not(trie_valid(nodes, N - 1, 1));
    nodes[N - 1].base = N - 255;
    cr_expect_not(trie_valid(nodes, N, 1));
    cr_expect_not(trie_valid(nodes, 255, 1), "even base 0 reaches 256 places");
    cr_expect_not(trie_valid(NULL, 0, 1));
}

Test(trie, refuses_nodes_with_values_that_there_are_not)
{
    struct trie_node nodes[256] = {{.value = 0}};

    cr_expect(trie_valid(nodes, 256, 1));
    nodes[7].value = 1;
    cr_expect_not(trie_valid(nodes, 256, 1));
    nodes[7].value = TRIE_NONE;
    cr_expect(trie_valid(nodes, 256, 1));
    nodes[7].value = TRIE_NONE - 1;
    cr_expect_not(trie_valid(nodes, 256, 1));
    nodes[7].value = INT32_MAX;
    cr_expect_not(trie_valid(nodes, 256, 1));
}

Test(trie, finds_what_it_holds_wherever_its_nodes_lie)
{
    struct trie_key keys[] = {KEY("one", 1), KEY("once", 2)};
    struct trie t, copy;
    uint32_t root;
    size_t n;

    trie_init(&t);
    cr_assert_eq(trie_add(&t, keys, 2, &root), ERR_OK);
    cr_expect(trie_base_fits(root, t.n));
    cr_expect(trie_valid(t.nodes, t.n, 3));
    cr_expect_not(trie_valid(t.nodes, t.n, 2));
    copy = (struct trie){.nodes = malloc(t.n * sizeof(*t.nodes))};
    memcpy(copy.nodes, t.nodes, t.n * sizeof(*t.nodes));
    trie_done(&t);
    cr_expect_eq(longest(&copy, root, "once", &n), 2);
    cr_expect_eq(longest(&copy, root, "on\xFF\xFF", &n), TRIE_NONE);
    free(copy.nodes);
}
