#include "corpus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "rows.h"

#define N_CENTRES      4096
#define N_WORDS        100000
#define N_TOPIC_WORDS  300
#define N_SHORTEST     12
#define N_LENGTHS      16
#define N_ASKED        6    /* words of a question that is made */
#define ZIPF_OFFSET    20.0 /* stop words are not among them */
#define MAIN_PART      0.75f
#define OTHER_PART     0.45f
#define NOISE_PART     0.30f
#define QUESTIONS_FROM ((uint64_t)1 << 40) /* sentences that are never put */

/* Texts and a vector for each. */
struct rows {
    struct lines texts;
    struct table vectors;
};

struct corpus {
    struct rows base, questions; /* without texts: none */
    float *centres;              /* [n_centres, CORPUS_DIM]; of the base when it is there */
    size_t n_centres;
    double *zipf; /* [N_WORDS] cumulated, to 1 */
};

/* ---- numbers of chance that can be asked for in any order ---- */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u; /* splitmix64's steps */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t next_number(uint64_t *state)
{
    return mix(*state += 0x9e3779b97f4a7c15u);
}

static double next_share(uint64_t *state)
{
    return (double)(next_number(state) >> 11) * 0x1p-53;
}

static uint64_t state_of(uint64_t i, uint64_t what)
{
    return mix(mix(CORPUS_SEED + what) ^ i);
}

/* ---- what is real ---- */

static void rows_close(struct rows *r)
{
    lines_close(&r->texts);
    table_close(&r->vectors);
}

static int rows_open(struct rows *out, const char *dir, const char *name)
{
    int rc = ERR_OK;
    struct rows r = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/%s.txt", dir, name);
    TRY(lines_open(&r.texts, path));
    snprintf(path, sizeof path, "%s/%s.f32", dir, name);
    TRY(table_open(&r.vectors, path, CORPUS_DIM * sizeof(float)));
    if (r.texts.n == 0 || r.vectors.n != r.texts.n) {
        rc = FAIL(ERR_FORMAT, "%s: %zu vectors of %zu lines", path, r.vectors.n, r.texts.n);
        goto out;
    }
    *out = r;
    r = (struct rows){0}; /* handed over */
out:
    rows_close(&r);
    return rc;
}

static const float *row_vector(const struct rows *r, uint64_t i)
{
    return table_floats(&r->vectors, i % r->vectors.n, CORPUS_DIM);
}

static void row_text(const struct rows *r, uint64_t i, struct buf *text)
{
    buf_add_view(text, lines_at(&r->texts, i % r->texts.n));
}

/* ---- what is made ---- */

/* A number that is about normal: of twelve even ones the sum has the variance 1. */
static float next_normal(uint64_t *state)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += next_share(state);
    return (float)sum;
}

static void make_unit(float *v)
{
    float square = 0;

    for (size_t i = 0; i < CORPUS_DIM; i++)
        square += v[i] * v[i];
    for (size_t i = 0; i < CORPUS_DIM; i++)
        v[i] /= sqrtf(square);
}

static void make_centres(struct corpus *c)
{
    uint64_t state = state_of(0, 1);

    c->n_centres = N_CENTRES;
    c->centres = mem_calloc(N_CENTRES * CORPUS_DIM, sizeof *c->centres);
    for (size_t i = 0; i < N_CENTRES * CORPUS_DIM; i++)
        c->centres[i] = next_normal(&state);
    for (size_t i = 0; i < N_CENTRES; i++)
        make_unit(c->centres + i * CORPUS_DIM);
}

static void make_zipf(struct corpus *c)
{
    double sum = 0;

    c->zipf = mem_calloc(N_WORDS, sizeof *c->zipf);
    for (size_t i = 0; i < N_WORDS; i++)
        c->zipf[i] = sum += 1 / ((double)i + ZIPF_OFFSET);
    for (size_t i = 0; i < N_WORDS; i++)
        c->zipf[i] /= sum;
}

static const float *centre(const struct corpus *c, uint64_t i)
{
    return c->base.texts.n ? row_vector(&c->base, i) : c->centres + i % c->n_centres * CORPUS_DIM;
}

static size_t n_centres(const struct corpus *c)
{
    return c->base.texts.n ? c->base.texts.n : c->n_centres;
}

/* What the text and the vector of sentence i have in common. */
static uint64_t main_centre(const struct corpus *c, uint64_t i)
{
    return state_of(i, 2) % n_centres(c);
}

static void made_vector(const struct corpus *c, uint64_t i, float *v)
{
    uint64_t state = state_of(i, 3);
    const float *a = centre(c, main_centre(c, i)), *b = centre(c, next_number(&state));
    float noise = NOISE_PART / sqrtf(CORPUS_DIM);

    for (size_t d = 0; d < CORPUS_DIM; d++)
        v[d] = MAIN_PART * a[d] + OTHER_PART * b[d] + noise * next_normal(&state);
    make_unit(v);
}

static size_t zipf_word(const struct corpus *c, double share)
{
    size_t low = 0, high = N_WORDS - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c->zipf[middle] < share)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Two syllables or more: another rank is another word. */
static void add_word(struct buf *text, size_t rank)
{
    static const char first[] = "bdfgklmnprstvz", second[] = "aeiou";
    size_t n = (sizeof first - 1) * (sizeof second - 1);

    for (rank += n; rank > 0; rank /= n) {
        char syllable[2] = {first[rank % n % (sizeof first - 1)],
                            second[rank % n / (sizeof first - 1)]};

        buf_add(text, syllable, 2);
    }
}

static void made_text(const struct corpus *c, uint64_t i, size_t n_words, struct buf *text)
{
    uint64_t state = state_of(i, 4), topic = state_of(main_centre(c, i), 5);

    for (size_t w = 0; w < n_words; w++) {
        double share = next_share(&state);
        bool of_topic = next_number(&state) % 3 == 0;

        if (of_topic) {
            uint64_t own = topic + next_number(&state) % N_TOPIC_WORDS;

            share = next_share(&own);
        }
        add_word(text, zipf_word(c, share));
        buf_add(text, w + 1 < n_words ? " " : ".", 1);
    }
}

/* ---- the corpus ---- */

static bool is_ready(const char *dir)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/READY-100k", dir ? dir : "");
    return dir && access(path, R_OK) == 0;
}

int corpus_open(struct corpus **out, const char *dir)
{
    int rc = ERR_OK;
    struct corpus *c = mem_calloc(1, sizeof *c);

    if (is_ready(dir)) {
        TRY(rows_open(&c->base, dir, "base-100k"));
        TRY(rows_open(&c->questions, dir, "queries"));
    } else {
        make_centres(c);
    }
    make_zipf(c);
    *out = c;
    c = NULL; /* handed over */
out:
    corpus_close(c);
    return rc;
}

void corpus_close(struct corpus *c)
{
    if (!c)
        return;
    rows_close(&c->base);
    rows_close(&c->questions);
    mem_free(c->centres);
    mem_free(c->zipf);
    mem_free(c);
}

size_t corpus_real(const struct corpus *c)
{
    return c->base.texts.n;
}

void corpus_text(const struct corpus *c, uint64_t i, struct buf *text)
{
    if (i < c->base.texts.n)
        row_text(&c->base, i, text);
    else
        made_text(c, i, N_SHORTEST + state_of(i, 6) % N_LENGTHS, text);
}

void corpus_vector(const struct corpus *c, uint64_t i, float *vector)
{
    if (i < c->base.texts.n)
        memcpy(vector, row_vector(&c->base, i), CORPUS_DIM * sizeof *vector);
    else
        made_vector(c, i, vector);
}

void corpus_question(const struct corpus *c, uint64_t i, struct buf *text, float *vector)
{
    if (c->questions.texts.n) {
        row_text(&c->questions, i, text);
        memcpy(vector, row_vector(&c->questions, i), CORPUS_DIM * sizeof *vector);
    } else {
        made_text(c, QUESTIONS_FROM + i, N_ASKED, text);
        made_vector(c, QUESTIONS_FROM + i, vector);
    }
}
