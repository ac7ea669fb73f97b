/* compare_precisions - how near the vectors of bf16 and int8 come to those of f32.
 *
 *   compare_precisions MODEL_DIR < texts       one text a line
 *
 * Prints the mean and the smallest cosine to f32 for each precision, over all texts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/embedder.h"
#include "simd/simd.h"

#define TEXTS_MAX 100000

struct texts {
    struct embed_item *items;
    size_t n;
};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "compare_precisions: %s\n", err_text());
    exit(1);
}

static void read_texts(struct texts *t)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    t->items = mem_calloc(TEXTS_MAX, sizeof *t->items);
    while (t->n < TEXTS_MAX && (n = getline(&line, &cap, stdin)) >= 0)
        t->items[t->n++].text = str_of(mem_strdup(line));
    free(line);
}

/* The vectors of all texts, [n, dim]; *dim is set. */
static float *embed(const char *model_dir, const char *precision, struct texts *t, size_t *dim)
{
    struct embedder *e = NULL;
    struct embedder_options o = {.model_dir = model_dir, .precision = precision};
    struct pool *pool = pool_new("embed", cpu_count(), 256);
    float *vectors;

    or_stop(embedder_open(&e, &o));
    *dim = embedder_info(e)->dim;
    vectors = mem_alloc_aligned(t->n * *dim * sizeof *vectors);
    for (size_t i = 0; i < t->n; i++)
        t->items[i].vector = vectors + i * *dim;
    or_stop(embed_documents(e, pool, t->items, t->n));
    pool_free(pool);
    embedder_close(e);
    return vectors;
}

static void compare(const char *precision, const float *got, const float *want, size_t n,
                    size_t dim)
{
    double sum = 0, least = 1;

    for (size_t i = 0; i < n; i++) {
        double cosine = simd_get()->dot(got + i * dim, want + i * dim, dim);

        sum += cosine;
        least = cosine < least ? cosine : least;
    }
    printf("%-5s  mean %.6f  smallest %.6f\n", precision, sum / (double)n, least);
}

int main(int argc, char **argv)
{
    static const char *const precisions[] = {"bf16", "int8"};
    struct texts texts = {0};
    size_t dim;
    float *exact;

    if (argc != 2) {
        fprintf(stderr, "usage: compare_precisions MODEL_DIR < texts\n");
        return 2;
    }
    read_texts(&texts);
    if (texts.n == 0) {
        fprintf(stderr, "compare_precisions: no texts on standard input\n");
        return 2;
    }
    exact = embed(argv[1], "f32", &texts, &dim);
    printf("cosine to f32 over %zu texts, level %s\n", texts.n, simd_level_name(simd_get()->level));
    for (size_t i = 0; i < 2; i++) {
        float *got = embed(argv[1], precisions[i], &texts, &dim);

        compare(precisions[i], got, exact, texts.n, dim);
        mem_free(got);
    }
    mem_free(exact);
    for (size_t i = 0; i < texts.n; i++)
        mem_free((void *)(uintptr_t)texts.items[i].text.p);
    mem_free(texts.items);
    return 0;
}
