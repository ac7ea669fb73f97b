/* bench_embed - how fast the encoder is beside what this processor could do.
 *
 *   bench_embed MODEL_DIR [--precision f32|bf16|int8] [--threads N] [--runs N]
 *   bench_embed MODEL_DIR --precision P [--threads N] --serve
 *
 * The first prints a table: a text of 12, 32 and 128 tokens, 64 passages of 128, and 8 questions of
 * 12 as one batch and one by one, with every precision that the encoder opens (or the one named),
 * beside the floor: the operations of the case at the peak of one core, measured in the same run.
 * The last line of a precision says what gathering local questions into batches would gain. Cases
 * and peaks take turns, so that a noisy machine disturbs all alike; minimum and median of N turns
 * (default 9). Texts go in, so our tokenizer's microseconds are in our times.
 *
 * The second is for bench/peers/compare.py: embed_serve.h says what it speaks.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed_case.h"
#include "embed_serve.h"
#include "peak.h"
#include "simd/simd.h"

#define RUNS_MAX 1000

struct options {
    const char *model_dir, *precision;
    int n_threads, n_runs;
    bool serve;
};

typedef int (*run_fn)(struct embed_case *c, struct encoder *en, struct nanoseconds *out);

enum { ONE_BATCH = 4, ONE_BY_ONE = 5 }; /* in shapes */

static const struct {
    const char *name;
    size_t n_texts, n_tokens;
    run_fn run;
} shapes[] = {{"12 tokens", 1, 12, case_run},
              {"32 tokens", 1, 32, case_run},
              {"128 tokens", 1, 128, case_run},
              {"64 x 128 tokens", 64, 128, case_run},
              [ONE_BATCH] = {"8 x 12, batch", 8, 12, case_run},
              [ONE_BY_ONE] = {"8 x 12, one by one", 8, 12, case_run_one_by_one}};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

struct table {
    struct encoder en;
    struct embed_case cases[N_SHAPES];
    double ms[N_SHAPES][RUNS_MAX];
    double peaks[PEAK_N];
};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_embed: %s\n", err_text());
    exit(1);
}

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

static void make_case(struct table *t, size_t i)
{
    char *text = text_of(shapes[i].n_tokens), *texts[64];

    for (size_t j = 0; j < shapes[i].n_texts; j++)
        texts[j] = text;
    case_init(&t->cases[i], &t->en, texts, shapes[i].n_texts);
    mem_free(text);
}

static void measure_peaks(struct table *t)
{
    for (int i = 0; i < PEAK_N; i++) {
        double rate = peak_operations((enum peak_type)i);

        t->peaks[i] = rate > t->peaks[i] ? rate : t->peaks[i];
    }
}

static void take_turns(struct table *t, int n_runs)
{
    struct nanoseconds took;

    for (int r = -1; r < n_runs; r++) { /* run -1 warms up */
        measure_peaks(t);
        for (size_t i = 0; i < N_SHAPES; i++) {
            or_stop(shapes[i].run(&t->cases[i], &t->en, &took));
            if (r >= 0)
                t->ms[i][r] = (double)took.wall / 1e6;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(struct table *t, int n_runs)
{
    for (size_t i = 0; i < N_SHAPES; i++) {
        double floor_ms = case_floor_ms(&t->cases[i], t->en.precision, t->peaks), *ms = t->ms[i];

        qsort(ms, (size_t)n_runs, sizeof *ms, by_size);
        printf("%-5s %-18s %10.3f %10.3f %10.1f %10.3f %9.2f\n", peak_name(t->en.precision),
               shapes[i].name, ms[0], ms[n_runs / 2], 1e3 * (double)shapes[i].n_texts / ms[0],
               floor_ms, ms[0] / floor_ms);
    }
}

/* Minima of the same run, so a noisy machine disturbs the ratio little. */
static void report_batching(const struct table *t)
{
    double batch = t->ms[ONE_BATCH][0], one_by_one = t->ms[ONE_BY_ONE][0];

    printf("%-5s 8 questions of 12 tokens, one by one / as one batch: %.2f / %.2f ms = %.2f\n",
           peak_name(t->en.precision), one_by_one, batch, one_by_one / batch);
}

static void print_peaks(const struct table *t)
{
    printf("peak of one core, 10^9 operations a second:");
    for (int i = 0; i < PEAK_N; i++) {
        if (t->peaks[i] > 0)
            printf(" %s %.0f", peak_name((enum peak_type)i), t->peaks[i] / 1e9);
        else
            printf(" %s none", peak_name((enum peak_type)i));
    }
    printf("\n");
}

/* One precision; false when the encoder does not open with it. */
static bool run_table(struct table *t, const struct options *o, const char *precision)
{
    if (encoder_open(&t->en, o->model_dir, precision, o->n_threads) < 0) {
        printf("%-5s skipped: %s\n", precision, err_text());
        return false;
    }
    for (size_t i = 0; i < N_SHAPES; i++)
        make_case(t, i);
    take_turns(t, o->n_runs);
    report(t, o->n_runs);
    report_batching(t);
    for (size_t i = 0; i < N_SHAPES; i++)
        case_done(&t->cases[i]);
    encoder_close(&t->en);
    return true;
}

static int run_tables(const struct options *o)
{
    static struct table t;
    bool any = false;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("processor %s, level %s, threads %d, runs %d, in turns\n", cpu_model_name(),
           simd_level_name(simd_get()->level), o->n_threads, o->n_runs);
    printf("%-5s %-18s %10s %10s %10s %10s %9s\n", "", "", "min ms", "median ms", "texts/s",
           "floor ms", "x floor");
    for (int i = 0; i < PEAK_N; i++) {
        const char *name = peak_name((enum peak_type)i);

        if (!o->precision || strcmp(o->precision, name) == 0)
            any |= run_table(&t, o, name);
    }
    if (any)
        print_peaks(&t);
    return any ? 0 : 1;
}

static int run_serve(const struct options *o)
{
    struct encoder en;

    or_stop(encoder_open(&en, o->model_dir, o->precision, o->n_threads));
    embed_serve(&en, stdin, stdout);
    encoder_close(&en);
    return 0;
}

static bool parse(struct options *o, int argc, char **argv)
{
    static const struct option words[] = {{"precision", required_argument, NULL, 'p'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"serve", no_argument, NULL, 's'},
                                          {0}};
    int c;

    *o = (struct options){.n_threads = 1, .n_runs = 9};
    while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
        if (c == 'p')
            o->precision = optarg;
        else if (c == 't')
            o->n_threads = atoi(optarg);
        else if (c == 'r')
            o->n_runs = atoi(optarg);
        else if (c == 's')
            o->serve = true;
        else
            return false;
    }
    o->model_dir = optind + 1 == argc ? argv[optind] : NULL;
    return o->model_dir && o->n_threads >= 1 && o->n_threads <= 256 && o->n_runs >= 1 &&
           o->n_runs <= RUNS_MAX && (o->precision || !o->serve);
}

int main(int argc, char **argv)
{
    struct options o;

    if (!parse(&o, argc, argv)) {
        fprintf(stderr,
                "usage: bench_embed MODEL_DIR [--precision f32|bf16|int8] [--threads 1..256] "
                "[--runs 1..%d] [--serve, with a precision]\n",
                RUNS_MAX);
        return 2;
    }
    return o.serve ? run_serve(&o) : run_tables(&o);
}
