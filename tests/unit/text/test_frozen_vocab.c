#include "text/frozen_vocab.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "text/trie.h"
#include "text/vocab.h"

enum { N_TOKENS = 6 };

/* "sea" and "##son" stand for words; of two equal tokens the last counts. */
static void make_vocab(struct vocab *v)
{
    static const struct str tokens[N_TOKENS] = {STR_LIT("[UNK]"), STR_LIT("[CLS]"),
                                                STR_LIT("[SEP]"), STR_LIT("sea"),
                                                STR_LIT("##son"), STR_LIT("##")};

    *v = (struct vocab){.unk = 0, .cls = 1, .sep = 2, .lower_case = true, .n_tokens = N_TOKENS};
    v->tokens = mem_dup(tokens, sizeof(tokens));
    v->specials[v->n_specials++] = (struct special_token){tokens[2], 2};
    v->specials[v->n_specials++] = (struct special_token){STR_LIT("<x>"), 5};
}

static struct str make(void)
{
    struct vocab v;
    struct str bytes;

    make_vocab(&v);
    cr_assert_eq(frozen_vocab_make(&v, &bytes), ERR_OK, "%s", err_text());
    mem_free(v.tokens);
    return bytes;
}

static int32_t value_of(const struct frozen_vocab *f, uint32_t base, const char *key)
{
    const struct trie_node *node = NULL;

    for (; *key; key++) {
        node = trie_step(f->nodes, base, (uint8_t)*key);
        if (!node)
            return TRIE_NONE;
        base = node->base;
    }
    return node->value;
}

Test(frozen_vocab, says_what_the_vocabulary_says)
{
    struct str bytes = make();
    struct frozen_vocab f;

    cr_assert_eq(frozen_vocab_view(&f, bytes), ERR_OK, "%s", err_text());
    cr_expect_eq(f.n_ids, N_TOKENS);
    cr_expect_eq(f.cls, 1);
    cr_expect_eq(f.sep, 2);
    cr_expect(f.lower_case);
    cr_expect_eq(value_of(&f, f.words, "sea"), 3);
    cr_expect_eq(value_of(&f, f.words, "son"), TRIE_NONE);
    cr_expect_eq(value_of(&f, f.suffixes, "son"), 4);
    cr_expect_eq(value_of(&f, f.words, "##"), 5, "only what follows \"##\" makes a suffix");
    cr_assert_eq(f.n_specials, 2);
    cr_expect(str_eq(frozen_special_text(&f, 0), STR_LIT("[SEP]")));
    cr_expect(str_eq(frozen_special_text(&f, 1), STR_LIT("<x>")));
    cr_expect_eq(f.specials[1].id, 5);
    mem_free((char *)bytes.p);
}

Test(frozen_vocab, is_the_same_bytes_for_the_same_vocabulary)
{
    struct str a = make(), b = make();

    cr_expect(str_eq(a, b));
    mem_free((char *)a.p);
    mem_free((char *)b.p);
}

/* Puts a number of 32 bits where the byte table has it, and views. */
static void expect_refused(size_t at, uint32_t number, const char *why)
{
    struct str bytes = make();
    struct frozen_vocab f = {.n_ids = 77};

    memcpy((char *)bytes.p + at, &number, sizeof(number));
    cr_expect_eq(frozen_vocab_view(&f, bytes), ERR_FORMAT, "%u at %zu", number, at);
    cr_expect(strstr(err_text(), why), "'%s' is not in: %s", why, err_text());
    cr_expect_eq(f.n_ids, 77, "outputs stay untouched");
    mem_free((char *)bytes.p);
}

Test(frozen_vocab, refuses_what_does_not_hang_together)
{
    struct str bytes = make();
    uint32_t n_nodes;

    memcpy(&n_nodes, bytes.p + 12, sizeof(n_nodes));
    mem_free((char *)bytes.p);
    expect_refused(0, 0, "name");
    expect_refused(8, 0, "version 0;");
    expect_refused(12, n_nodes + 1, "should have");
    expect_refused(12, UINT32_MAX, "limit");
    expect_refused(16, n_nodes - 255, "node");
    expect_refused(20, UINT32_MAX, "node");
    expect_refused(24, 0, "[UNK]");
    expect_refused(24, N_TOKENS - 1, "special token");
    expect_refused(24, VOCAB_TOKENS_MAX + 1, "limit");
    expect_refused(28, N_TOKENS, "[UNK]");
    expect_refused(32, UINT32_MAX, "[CLS]");
    expect_refused(36, N_TOKENS, "[SEP]");
    expect_refused(44, VOCAB_SPECIALS_MAX + 1, "limit");
    expect_refused(48, 7, "should have");
    expect_refused(128 + 4, N_TOKENS, "node");
    expect_refused(128 + 8 * (n_nodes - 1), n_nodes, "node");
}

Test(frozen_vocab, refuses_special_tokens_outside)
{
    struct str bytes = make();
    uint32_t n_nodes, at;

    memcpy(&n_nodes, bytes.p + 12, sizeof(n_nodes));
    mem_free((char *)bytes.p);
    at = 128 + 8 * n_nodes;
    expect_refused(at, 4, "special token"); /* [4, 9) of 8 bytes of text */
    expect_refused(at, UINT32_MAX, "special token");
    expect_refused(at + 4, 0, "special token"); /* an empty one would stand everywhere */
    expect_refused(at + 4, 9, "special token");
    expect_refused(at + 8, N_TOKENS, "special token");
}

Test(frozen_vocab, refuses_a_vocabulary_that_needs_too_many_nodes)
{
    enum { N = 70000 };
    struct vocab v = {.n_tokens = N};
    char *text = mem_alloc(N * TRIE_KEY_MAX);
    unsigned seed = 3;
    struct str bytes = {"kept", 4};

    v.tokens = mem_calloc(N, sizeof(*v.tokens));
    for (size_t i = 0; i < (size_t)N * TRIE_KEY_MAX; i++)
        text[i] = (char)('a' + rand_r(&seed) % 26); /* hardly two begin alike */
    for (size_t i = 0; i < N; i++)
        v.tokens[i] = (struct str){text + i * TRIE_KEY_MAX, TRIE_KEY_MAX};
    cr_expect_eq(frozen_vocab_make(&v, &bytes), ERR_LIMIT);
    cr_expect(str_eq(bytes, STR_LIT("kept")));
    mem_free(v.tokens);
    mem_free(text);
}
