#include "index/lexical.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "index/bm25.h"
#include "index/fields.h"

/* Words and pairs are bits: pair i is the question's words i and i + 1 (neighbours) or i and i + 2
 * (skips). A pair's words may stand in the question several times, so two words mean a set. */
typedef uint32_t bits;
_Static_assert(LEXICAL_WORDS_MAX <= 32, "a word is a bit");

/* Terms are found by their hash. Four times as many slots as words: most terms of a passage are
 * none of the question's, and most of those meet a free slot at once. */
#define SLOTS      (4u * LEXICAL_WORDS_MAX)
#define SLOT_SHIFT 25 /* of a 32-bit hash: 7 bits are left, for 128 slots */
_Static_assert(SLOTS == 1u << (32 - SLOT_SHIFT), "a slot for each hash");

struct slot {
    uint32_t term; /* BM25_NONE: free */
    uint32_t word;
};

struct lexical {
    uint32_t n;                          /* different words that are looked at */
    struct slot slots[SLOTS];            /* of the present segment */
    bits *neighbours, *skips;            /* [n, n] pairs that the two words are, in this order */
    double neighbour[LEXICAL_WORDS_MAX]; /* a pair's share of all neighbours */
    double skip[LEXICAL_WORDS_MAX];      /* of all skips */
    double word[LEXICAL_WORDS_MAX];      /* a word's share of all words */
};

/* ---- the question ---- */

/* weights[i] becomes pair i's share of all pairs of words i and i + step. */
static void share_pairs(const struct lexical_question *q, size_t n, size_t step, double *weights)
{
    double sum = 0;

    for (size_t i = 0; i + step < n; i++) {
        double a = q->idf[q->order[i]], b = q->idf[q->order[i + step]];

        weights[i] = a < b ? a : b;
        sum += weights[i];
    }
    for (size_t i = 0; i + step < n && sum > 0; i++)
        weights[i] /= sum;
}

static void share_words(const struct lexical_question *q, size_t n, double *weights)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += q->idf[i];
    for (size_t i = 0; i < n && sum > 0; i++)
        weights[i] = q->idf[i] / sum;
}

static void note_pairs(const struct lexical_question *q, size_t n, size_t step, uint32_t n_words,
                       bits *pairs)
{
    for (size_t i = 0; i + step < n; i++)
        pairs[q->order[i] * n_words + q->order[i + step]] |= (bits)1 << i;
}

struct lexical *lexical_new(const struct lexical_question *q, struct arena *mem)
{
    struct lexical *l = ARENA_NEW(mem, struct lexical);
    size_t n = q->n < LEXICAL_WORDS_MAX ? q->n : LEXICAL_WORDS_MAX;

    for (size_t i = 0; i < n; i++) {
        CHECK(q->order[i] < q->n_words);
        CHECK(q->order[i] <= i); /* numbered as they come, so n words have numbers below n */
        l->n = q->order[i] >= l->n ? q->order[i] + 1 : l->n;
    }
    l->neighbours = ARENA_ARRAY(mem, bits, (size_t)l->n * l->n);
    l->skips = ARENA_ARRAY(mem, bits, (size_t)l->n * l->n);
    note_pairs(q, n, 1, l->n, l->neighbours);
    note_pairs(q, n, 2, l->n, l->skips);
    share_pairs(q, n, 1, l->neighbour);
    share_pairs(q, n, 2, l->skip);
    share_words(q, l->n, l->word);
    return l;
}

static uint32_t slot_of(uint32_t term)
{
    return (term * 0x9e3779b1u) >> SLOT_SHIFT;
}

void lexical_terms(struct lexical *l, const uint32_t *terms)
{
    memset(l->slots, 0xff, sizeof l->slots);
    for (uint32_t w = 0; w < l->n; w++) {
        uint32_t i = slot_of(terms[w]);

        if (terms[w] == BM25_NONE)
            continue;
        while (l->slots[i].term != BM25_NONE)
            i = (i + 1) % SLOTS;
        l->slots[i] = (struct slot){terms[w], w};
    }
}

/* ---- a passage ---- */

/* The last words of the question that were met in this field, in a ring. */
#define RECENT 8
_Static_assert(LEXICAL_NEAR <= RECENT && LEXICAL_SKIP <= LEXICAL_NEAR, "all that are near");

struct met {
    size_t at;
    uint32_t word;
};

struct passage_pairs {
    struct met recent[RECENT];
    size_t n_recent;           /* met in this field so far */
    bits adjacent, near, skip; /* pairs */
    bits names, heading;       /* words */
};

static bool find_word(const struct lexical *l, uint32_t term, uint32_t *word)
{
    uint32_t i = slot_of(term);

    for (; l->slots[i].term != BM25_NONE; i = (i + 1) % SLOTS)
        if (l->slots[i].term == term) {
            *word = l->slots[i].word;
            return true;
        }
    return false;
}

static void meet(const struct lexical *l, struct passage_pairs *p, uint32_t word, size_t at)
{
    for (size_t i = p->n_recent; i-- > 0 && p->n_recent - i <= RECENT;) {
        const struct met *m = &p->recent[i % RECENT];
        bits forward = l->neighbours[m->word * l->n + word];
        size_t gap = at - m->at;

        if (gap > LEXICAL_NEAR)
            break;
        p->near |= forward | l->neighbours[word * l->n + m->word];
        if (gap == 1)
            p->adjacent |= forward;
        if (gap <= LEXICAL_SKIP)
            p->skip |= l->skips[m->word * l->n + word];
    }
    p->recent[p->n_recent++ % RECENT] = (struct met){at, word};
}

static double sum_of(bits set, const double *weights)
{
    double sum = 0;

    for (; set; set &= set - 1)
        sum += weights[__builtin_ctz(set)];
    return sum;
}

double lexical_bonus(const struct lexical *l, const uint32_t *sequence, size_t n)
{
    struct passage_pairs p = {.n_recent = 0};
    uint32_t field = 0, word;

    for (size_t i = 0; i < n; i++) {
        if (sequence[i] == BM25_BREAK) {
            field++;
            p.n_recent = 0;
        } else if (find_word(l, sequence[i], &word)) {
            meet(l, &p, word, i);
            if (field == FIELD_NAMES)
                p.names |= (bits)1 << word;
            else if (field == FIELD_HEADING)
                p.heading |= (bits)1 << word;
        }
    }
    return LEXICAL_W_ADJACENT * sum_of(p.adjacent, l->neighbour) +
           LEXICAL_W_NEAR * sum_of(p.near, l->neighbour) +
           LEXICAL_W_SKIP * sum_of(p.skip, l->skip) + LEXICAL_W_NAMES * sum_of(p.names, l->word) +
           LEXICAL_W_HEADING * sum_of(p.heading, l->word);
}
