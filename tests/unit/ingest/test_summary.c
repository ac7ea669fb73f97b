#include "ingest/summary.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "text/sentences.h"

#define DIM    8
#define CHUNKS 12

/* A document of chunks of one sentence, each with its vector on an axis; `lean` towards axis 0. */
struct made {
    struct arena *mem;
    struct chunk_row chunks[CHUNKS];
    struct vector_row vectors[CHUNKS];
    uint32_t at;
    size_t n;
};

static void add(struct made *m, const char *text, int axis, int lean)
{
    struct chunk_row *c = &m->chunks[m->n];
    int8_t *v = ARENA_ARRAY(m->mem, int8_t, DIM);

    *c = (struct chunk_row){.start = m->at, .text = str_of(text)};
    c->end = m->at += (uint32_t)c->text.n;
    v[axis] = 90;
    v[0] = (int8_t)(v[0] + lean);
    m->vectors[m->n++] = (struct vector_row){.sentence_vectors = v, .n_sentences = 1, .dim = DIM};
}

/* Ten chunks: the theme is axis 0, of which two say the same; the others are on axes of their own.
 */
static struct made document(void)
{
    struct made m = {.mem = arena_new(0)};

    add(&m, "The weather was fine on the day of the meeting.", 1, 10);
    add(&m, "The bank must hold enough capital for its losses.", 0, 20);
    add(&m, "The bank must hold enough capital for any losses.", 0, 20);
    for (int i = 2; i < 8; i++)
        add(&m, "Some words that say a different thing at each place.", i, 40);
    add(&m, "Capital is counted in two tiers by the rule at hand.", 2, 85);
    return m;
}

static struct str summary(struct made *m)
{
    return summary_of(STR_LIT(""), m->chunks, m->vectors, m->n, DIM, m->mem);
}

Test(summary, says_the_central_sentences_in_the_order_of_the_text)
{
    struct made m = document();
    struct str s = summary(&m);
    const char *first = strstr(s.p, "The bank must hold"), *second = strstr(s.p, "Capital is");

    cr_assert_not_null(first, "%s", s.p);
    cr_assert_not_null(second, "%s", s.p);
    cr_expect_lt(first, second);
    cr_expect_leq(s.n, SUMMARY_CHARS);
    arena_free(m.mem);
}

/* Of more than a third of the room. */
static struct str long_sentence(struct arena *mem, const char *end)
{
    struct buf b;
    struct str s;

    buf_init(&b);
    buf_add_str(&b, "The bank must hold ");
    while (b.n < SUMMARY_CHARS / 2 - 20)
        buf_add_str(&b, "and keep ");
    buf_addf(&b, "%s.", end);
    s = (struct str){arena_strndup(mem, b.p, b.n), b.n};
    buf_done(&b);
    return s;
}

/* There is no room for three: the one that says the same must not take that of the other. */
Test(summary, prefers_what_is_not_said_yet)
{
    struct made m = document();
    struct str s;

    m.chunks[1].text = long_sentence(m.mem, "capital");
    m.chunks[2].text = long_sentence(m.mem, "capitals");
    s = summary(&m);
    cr_expect((strstr(s.p, "capital.") != NULL) != (strstr(s.p, "capitals.") != NULL), "%s", s.p);
    cr_expect_not_null(strstr(s.p, "Capital is counted"));
    arena_free(m.mem);
}

Test(summary, leaves_out_rows_labels_questions_and_what_breaks_off)
{
    static const char *const none[] = {
        "Net sales 31,657 32,765 2.5% 30,274 30,109 (1.2)% 4,711.",
        "Part II Item 7 of the annual report of the company",
        "What must the bank hold against the losses it makes?",
        "The bank must hold capital against each one of these:",
        "Too short a line.",
    };
    struct made m = {.mem = arena_new(0)};

    for (size_t i = 0; i < 10; i++)
        add(&m, none[i % 5], 0, 20);
    cr_expect_eq(summary(&m).n, 0);
    m.n--;
    add(&m, "The bank must hold enough capital for its losses.", 0, 20);
    cr_expect(str_eq(summary(&m), STR_LIT("The bank must hold enough capital for its losses.")));
    arena_free(m.mem);
}

Test(summary, begins_with_the_title_when_there_is_one)
{
    struct made m = document();
    struct str bare = summary(&m);
    struct str s = summary_of(STR_LIT("12 CFR 3"), m.chunks, m.vectors, m.n, DIM, m.mem);

    cr_assert_eq(s.n, bare.n + 10);
    cr_expect(str_eq(str_sub(s, 0, 10), STR_LIT("12 CFR 3: ")));
    cr_expect(str_eq(str_sub(s, 10, s.n), bare));
    arena_free(m.mem);
}

Test(summary, a_sentence_that_two_chunks_share_is_taken_once)
{
    struct made m = document();
    struct str s;

    m.chunks[2].start = m.chunks[1].start; /* the whole of it is overlap */
    m.chunks[2].text = m.chunks[1].text;
    m.chunks[2].end = m.chunks[1].end;
    s = summary(&m);
    cr_assert_not_null(strstr(s.p, "The bank must hold"));
    cr_expect_null(strstr(strstr(s.p, "The bank must hold") + 1, "The bank must hold"));
    arena_free(m.mem);
}

Test(summary, a_short_document_and_one_without_sentence_vectors_have_none)
{
    struct made m = document();

    cr_expect_eq(
        summary_of(STR_LIT("A title"), m.chunks, m.vectors, SUMMARY_CHUNKS_MIN, DIM, m.mem).n, 0);
    for (size_t i = 0; i < m.n; i++)
        m.vectors[i].sentence_vectors = NULL;
    cr_expect_eq(summary(&m).n, 0);
    arena_free(m.mem);
}

/* The text of what `document` has, as the chunks say where they stand. */
static struct str text_of(const struct made *m, struct arena *mem)
{
    struct buf b;
    struct str s;

    buf_init(&b);
    for (size_t i = 0; i < m->n; i++)
        buf_add_view(&b, m->chunks[i].text);
    s = (struct str){arena_strndup(mem, b.p, b.n), b.n};
    buf_done(&b);
    return s;
}

Test(summary, an_excerpt_of_what_fits_is_all_of_it)
{
    struct made m = document();
    struct str text = text_of(&m, m.mem);

    cr_expect(str_eq(summary_excerpt(text, m.chunks, m.vectors, m.n, DIM, text.n, m.mem), text));
    arena_free(m.mem);
}

Test(summary, an_excerpt_is_the_beginning_and_the_central_sentences_of_the_rest)
{
    struct made m = document();
    struct str text = text_of(&m, m.mem);
    struct str s = summary_excerpt(text, m.chunks, m.vectors, m.n, DIM, 300, m.mem);
    const char *cut = strstr(s.p, "\n\n[...]\n\n");

    cr_expect_leq(s.n, 300);
    cr_expect_eq(memcmp(s.p, text.p, 40), 0);
    cr_assert_not_null(cut);
    cr_expect_not_null(strstr(cut, "Capital is counted"));
    arena_free(m.mem);
}

Test(summary, an_excerpt_without_vectors_is_the_beginning_and_pieces_of_the_rest)
{
    struct made m = document();
    struct str text, s;

    for (size_t i = 0; i < m.n; i++)
        m.vectors[i].sentence_vectors = NULL;
    for (int i = 0; i < 2; i++)
        add(&m, long_sentence(m.mem, "capital").p, 0, 20);
    text = text_of(&m, m.mem);
    s = summary_excerpt(text, m.chunks, m.vectors, m.n - 2, DIM, 900, m.mem);
    cr_expect_leq(s.n, 900);
    cr_expect_not_null(strstr(s.p, "[...]\n\nSome words that say"));
    arena_free(m.mem);
}

Test(summary, an_excerpt_cuts_no_character_in_two)
{
    struct made m = {.mem = arena_new(0)};
    char *text = arena_zalloc(m.mem, 3001);
    struct str s;

    for (int i = 0; i < 1000; i++)
        memcpy(text + 3 * i, "\xe3\x81\x82", 3);
    add(&m, text, 0, 20);
    for (size_t most = 300; most < 304; most++) {
        s = summary_excerpt(str_of(text), m.chunks, m.vectors, m.n, DIM, most, m.mem);
        cr_expect_eq((strstr(s.p, "\n") - s.p) % 3, 0);
        cr_expect_leq(s.n, most);
    }
    arena_free(m.mem);
}
