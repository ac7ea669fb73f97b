#include "ingest/summary.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "simd/simd.h"
#include "text/sentences.h"

/* What reads like a sentence. */
#define BYTES_MIN   40
#define BYTES_MAX   400
#define WORDS_MIN   6
#define LETTERS_MIN 0.75 /* of all that is not white space; rows of figures have fewer */
/* A sentence that says what a chosen one says loses this much of how central it is. */
#define ALIKE_WEIGHT 0.6
#define ITEM_SHARE   0.8f         /* an item of a list counts less */
#define SCALE        (1.0f / 127) /* of the vectors' bytes */

struct sentence {
    struct str text;
    const int8_t *vector; /* [dim] */
    float central;        /* cosine to the mean */
    float alike;          /* to the chosen one that it is most like */
    bool chosen;
};

struct sentences {
    struct sentence *v; /* in the order of the text */
    size_t n, cap, dim;
};

static bool ends_with(struct str s, const char *end)
{
    size_t n = strlen(end);

    return s.n >= n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* As a statement ends; a question does not say what the text says, a dash or colon breaks off. */
static bool ends_as_statement(struct str s)
{
    return ends_with(s, ".") || ends_with(s, "!") || ends_with(s, ".\"") || ends_with(s, ".)") ||
           ends_with(s, "\xe3\x80\x82"); /* ideographic full stop */
}

static bool reads_like_one(struct str s)
{
    size_t letters = 0, blanks = 0;

    if (s.n < BYTES_MIN || s.n > BYTES_MAX || !ends_as_statement(s))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        blanks += isspace(c) != 0;
        letters += isalpha(c) || c >= 0x80;
    }
    return blanks + 1 >= WORDS_MIN && (double)letters >= LETTERS_MIN * (double)(s.n - blanks);
}

/* "(b)(2) ..." and "- ..." are parts of something larger. */
static bool is_item(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];

    return !isalpha(c) && c < 0x80 && c != '"';
}

/* Sentences that the chunk before has had already are passed over. */
static void add_chunk(struct sentences *all, const struct chunk_row *chunk,
                      const struct vector_row *vector, uint32_t said_to)
{
    struct span spans[SENTENCES_PER_CHUNK_MAX];
    size_t n = sentence_split(chunk->text, spans, SENTENCES_PER_CHUNK_MAX);

    if (!vector->sentence_vectors || vector->n_sentences != n)
        return;
    for (size_t i = 0; i < n; i++) {
        struct str text = str_sub(chunk->text, spans[i].start, spans[i].end);

        if (chunk->start + spans[i].start < said_to || !reads_like_one(text))
            continue;
        all->v = mem_grow(all->v, &all->cap, all->n + 1, sizeof *all->v);
        all->v[all->n++] = (struct sentence){
            .text = text, .vector = vector->sentence_vectors + i * all->dim, .alike = 0};
    }
}

static float cosine(const float *a, const int8_t *b, size_t dim)
{
    float dot;

    simd_get()->dot_rows_i8(a, b, 1, dim, SCALE, &dot);
    return dot;
}

static void find_central(struct sentences *all, struct arena *mem)
{
    float *mean = ARENA_ARRAY(mem, float, all->dim);
    float length = 0;

    for (size_t i = 0; i < all->n; i++)
        for (size_t d = 0; d < all->dim; d++)
            mean[d] += (float)all->v[i].vector[d] * SCALE;
    for (size_t d = 0; d < all->dim; d++)
        length += mean[d] * mean[d];
    for (size_t d = 0; d < all->dim && length > 0; d++)
        mean[d] /= sqrtf(length);
    for (size_t i = 0; i < all->n; i++) {
        struct sentence *s = &all->v[i];

        s->central = cosine(mean, s->vector, all->dim) * (is_item(s->text) ? ITEM_SHARE : 1);
    }
}

static struct sentence *best_that_fits(const struct sentences *all, size_t room)
{
    struct sentence *best = NULL;
    float most = 0;

    for (size_t i = 0; i < all->n; i++) {
        struct sentence *s = &all->v[i];
        float gain = s->central - (float)ALIKE_WEIGHT * s->alike;

        if (!s->chosen && s->text.n + 1 <= room && (!best || gain > most)) {
            best = s;
            most = gain;
        }
    }
    return best;
}

static void choose(struct sentences *all, size_t room, struct arena *mem)
{
    float *chosen = ARENA_ARRAY(mem, float, all->dim);

    for (struct sentence *s; (s = best_that_fits(all, room));) {
        s->chosen = true;
        room -= s->text.n + 1;
        for (size_t d = 0; d < all->dim; d++)
            chosen[d] = (float)s->vector[d] * SCALE;
        for (size_t i = 0; i < all->n; i++)
            all->v[i].alike = fmaxf(all->v[i].alike, cosine(chosen, all->v[i].vector, all->dim));
    }
}

static void add_chosen(struct buf *b, const struct sentences *all, char between)
{
    bool first = true;

    for (size_t i = 0; i < all->n; i++) {
        if (!all->v[i].chosen)
            continue;
        if (!first)
            buf_add_char(b, between);
        buf_add_view(b, all->v[i].text);
        first = false;
    }
}

static struct str in_arena(struct buf *b, struct arena *mem)
{
    struct str text = {arena_strndup(mem, buf_view(b).p, b->n), b->n};

    buf_done(b);
    return text;
}

/* Of the chunks that end after byte `from`, in about `room` bytes. */
static void add_central(struct buf *b, const struct chunk_row *chunks,
                        const struct vector_row *vectors, size_t n, size_t dim, uint32_t from,
                        size_t room, char between, struct arena *mem)
{
    struct sentences all = {.dim = dim};

    for (size_t i = 0; i < n; i++) {
        uint32_t said_to = i ? chunks[i - 1].end : 0;

        if (chunks[i].end > from)
            add_chunk(&all, &chunks[i], &vectors[i], said_to > from ? said_to : from);
    }
    find_central(&all, mem);
    choose(&all, room, mem);
    add_chosen(b, &all, between);
    mem_free(all.v);
}

struct str summary_titled(struct str title, struct str text, struct arena *mem)
{
    if (title.n == 0 || text.n == 0)
        return text;
    return str_of(arena_printf(mem, "%.*s: %.*s", STR_ARGS(title), STR_ARGS(text)));
}

struct str summary_of(struct str title, const struct chunk_row *chunks,
                      const struct vector_row *vectors, size_t n, size_t dim, struct arena *mem)
{
    struct buf b;

    if (n <= SUMMARY_CHUNKS_MIN)
        return STR_LIT("");
    buf_init(&b);
    add_central(&b, chunks, vectors, n, dim, 0, SUMMARY_CHARS, ' ', mem);
    return summary_titled(title, in_arena(&b, mem), mem);
}

/* ---- what a language model reads ---- */

/* The end of the last whole sentence within `most` bytes, if it is not far before. */
static uint32_t head_of(struct str text, uint32_t most)
{
    struct sentence_walk walk = sentences_of(str_sub(text, 0, utf8_floor(text.p, text.n, most)));
    struct span s = {0};
    uint32_t end = 0;

    while (sentence_next(&walk, &s))
        end = s.end < walk.text.n ? s.end : end;
    return end > most / 2 ? end : (uint32_t)walk.text.n;
}

/* Where no sentence has a vector: the beginnings of chunks at even distances. */
static void add_spread(struct buf *b, const struct chunk_row *chunks, size_t n, uint32_t from,
                       size_t room)
{
    enum { PIECE = 400 };
    size_t first = 0, wanted = room / PIECE;

    while (first < n && chunks[first].start < from)
        first++;
    n -= first;
    wanted = wanted < n ? wanted : n;
    for (size_t i = 0; i < wanted; i++) {
        struct str s = chunks[first + i * n / wanted].text;

        s.n = s.n < PIECE ? s.n : utf8_floor(s.p, s.n, PIECE - 1);
        buf_addf(b, "%s%.*s", i ? "\n" : "", STR_ARGS(s));
    }
}

struct str summary_excerpt(struct str text, const struct chunk_row *chunks,
                           const struct vector_row *vectors, size_t n, size_t dim, size_t most,
                           struct arena *mem)
{
    static const struct str cut = {"\n\n[...]\n\n", 9};
    struct buf b;
    uint32_t head;
    size_t room;

    if (text.n <= most)
        return text;
    head = head_of(text, (uint32_t)(most / 3));
    room = most - head - cut.n;
    buf_init(&b);
    buf_add_view(&b, str_sub(text, 0, head));
    buf_add_view(&b, cut);
    add_central(&b, chunks, vectors, n, dim, head, room, '\n', mem);
    if (b.n == head + cut.n)
        add_spread(&b, chunks, n, head, room);
    return in_arena(&b, mem);
}
