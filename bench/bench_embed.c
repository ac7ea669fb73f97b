/* bench_embed - how fast the encoder is beside what this processor could do.
 *
 *   bench_embed MODEL_DIR [RUNS]
 *
 * In the order printed: the fused-multiply-add peak of the chosen level (a product that stays in
 * the first-level cache, so loads count too); a question of 12, 32 and 128 tokens on one thread; 64
 * passages of 128 tokens on one thread and on all. The cases take turns, so that a noisy machine
 * disturbs all alike; minimum and median of RUNS turns (default 7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/embedder.h"
#include "simd/simd.h"
#include "text/wordpiece.h"

#define RUNS_MAX   1000
#define N_PASSAGES 64

struct bench {
    struct embedder *e;
    struct pool *pool;
    struct arena *mem;
    char *texts[129]; /* texts[n]: n tokens in all */
    struct embed_item items[N_PASSAGES];
};

/* ---- cases: each does its work once and says how many operations that was ---- */

/* Multiply-adds of a text of n tokens, counted twice. */
static double operations(const struct bench *b, double n)
{
    const struct embedder_info *i = embedder_info(b->e);
    double h = (double)i->hidden, wide = (double)i->intermediate;

    return (double)i->n_layers * n * (8 * h * h + 4 * h * wide + 4 * n * h);
}

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_embed: %s\n", err_text());
    exit(1);
}

static double do_question(struct bench *b, size_t n)
{
    float *v;

    or_stop(embed_query(b->e, NULL, str_of(b->texts[n]), b->mem, &v));
    arena_reset(b->mem);
    return operations(b, (double)n);
}

static double do_passages(struct bench *b, size_t all_threads)
{
    or_stop(embed_documents(b->e, all_threads ? b->pool : NULL, b->items, N_PASSAGES));
    return N_PASSAGES * operations(b, 128);
}

static const struct {
    const char *name;
    double (*run)(struct bench *b, size_t arg);
    size_t arg;
    double n_texts;
} cases[] = {{"question, 12 tokens", do_question, 12, 1},
             {"question, 32 tokens", do_question, 32, 1},
             {"question, 128 tokens", do_question, 128, 1},
             {"64 x 128 tokens, 1 thread", do_passages, 0, N_PASSAGES},
             {"64 x 128 tokens, all threads", do_passages, 1, N_PASSAGES}};
enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- set-up and report ---- */

/* A text of n tokens with [CLS] and [SEP]; every word here is one token of an English vocabulary.
 */
static char *text_of(size_t n)
{
    static const char *const words[] = {"bank ", "capital ", "risk ", "the ", "of ", "report "};
    char *text = mem_calloc(n + 1, 8);

    for (size_t i = 2; i < n; i++)
        strcat(text, words[i % 6]);
    return text;
}

static void open_bench(struct bench *b, const char *model_dir)
{
    uint64_t start = clock_ns();

    or_stop(embedder_open(
        &b->e, &(struct embedder_options){.model_dir = model_dir, .precision = getenv("P")}));
    printf("model     %s, opened in %.0f ms\n", embedder_info(b->e)->name, clock_ms_since(start));
    b->pool = pool_new("bench", cpu_count(), 256);
    b->mem = arena_new(0);
    for (size_t i = 0; i < N_CASES; i++)
        if (cases[i].run == do_question)
            b->texts[cases[i].arg] = text_of(cases[i].arg);
    for (size_t i = 0; i < N_PASSAGES; i++)
        b->items[i] = (struct embed_item){
            .text = str_of(b->texts[128]),
            .vector = mem_calloc(embedder_info(b->e)->dim, sizeof(float)),
        };
}

static void close_bench(struct bench *b)
{
    for (size_t i = 0; i < N_PASSAGES; i++)
        mem_free(b->items[i].vector);
    for (size_t i = 0; i < sizeof b->texts / sizeof *b->texts; i++)
        mem_free(b->texts[i]);
    arena_free(b->mem);
    pool_free(b->pool);
    embedder_close(b->e);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(double ms[N_CASES][RUNS_MAX], const double *n_operations, int n_runs)
{
    double peak = 0;

    printf("%-30s %10s %10s %10s %8s %8s\n", "", "min ms", "median ms", "texts/s", "GFLOP/s",
           "of peak");
    for (size_t i = 0; i < N_CASES; i++) {
        double rate;

        qsort(ms[i], (size_t)n_runs, sizeof **ms, by_size);
        rate = n_operations[i] / ms[i][0] / 1e6;
        peak = i == 0 ? rate : peak;
        printf("%-30s %10.3f %10.3f %10.1f %8.1f %7.0f%%\n", cases[i].name, ms[i][0],
               ms[i][n_runs / 2], 1e3 * cases[i].n_texts / ms[i][0], rate, 100 * rate / peak);
    }
}

int main(int argc, char **argv)
{
    static double ms[N_CASES][RUNS_MAX];
    double n_operations[N_CASES] = {0};
    int n_runs = argc > 2 ? atoi(argv[2]) : 7;
    struct bench b = {0};

    if (argc < 2 || n_runs < 1 || n_runs > RUNS_MAX) {
        fprintf(stderr, "usage: bench_embed MODEL_DIR [RUNS, 1 to %d]\n", RUNS_MAX);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("processor %s, %d for us\nlevel     %s, f32\nruns      %d, in turns\n", cpu_model_name(),
           cpu_count(), simd_level_name(simd_get()->level), n_runs);
    open_bench(&b, argv[1]);
    for (int r = -1; r < n_runs; r++) { /* run -1 warms up */
        for (size_t i = 0; i < N_CASES; i++) {
            uint64_t start = clock_ns();

            n_operations[i] = cases[i].run(&b, cases[i].arg);
            if (r >= 0)
                ms[i][r] = clock_ms_since(start);
        }
    }
    report(ms, n_operations, n_runs);
    close_bench(&b);
    return 0;
}
