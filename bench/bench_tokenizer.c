/* bench_tokenizer - how fast texts become tokens, beside what touching the same bytes costs.
 *
 *   bench_tokenizer MODEL_DIR [RUNS [FILE...]]
 *
 * The text is the files, one after the other, or 4 MB generated from a fixed seed. In the order
 * printed: memcpy of it, one table look-up a byte of it (what any tokenizer does at the least), all
 * its tokens, its tokens counted; a question of 12 tokens; reading the tokenizer's files, opening
 * it, copying its frozen bytes, thawing them. The cases take turns, so that a noisy machine
 * disturbs all alike; minimum and median of RUNS turns (default 15) in processor time of the
 * thread. "x limit" is the minimum over that of the case that it is held against.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "simd/simd.h"
#include "text/wordpiece.h"

#define RUNS_MAX    1000
#define FILES_MAX   ((size_t)1 << 30)
#define TEXT_BYTES  ((size_t)4 << 20)
#define SEED        20240613u
#define N_QUESTIONS 1000

static const char question[] = "how much capital must the bank hold against risk?";

struct bench {
    const char *model_dir;
    struct wordpiece *w;
    struct buf text, files;
    struct tokens tokens;
    char *copy;   /* of the text or of the frozen bytes, whichever is longer */
    char *frozen; /* aligned */
    size_t n_frozen;
    unsigned sum; /* so that no work is without use */
};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_tokenizer: %s\n", err_text());
    exit(1);
}

/* ---- cases: each does its work once ---- */

static void do_memcpy(struct bench *b)
{
    memcpy(b->copy, b->text.p, b->text.n);
    b->sum += (unsigned char)b->copy[b->sum % b->text.n];
}

static void do_look_up(struct bench *b)
{
    static const unsigned char table[256] = {[' '] = 1, ['.'] = 2, ['a'] = 3};

    for (size_t i = 0; i < b->text.n; i++)
        b->sum = b->sum * 2 + table[(unsigned char)b->text.p[i]];
}

static void do_encode(struct bench *b)
{
    b->tokens.n = 0;
    wordpiece_encode_all(b->w, buf_view(&b->text), &b->tokens);
}

static void do_count(struct bench *b)
{
    b->sum += (unsigned)wordpiece_count(b->w, buf_view(&b->text));
}

static void do_questions(struct bench *b)
{
    struct token out[32];

    for (int i = 0; i < N_QUESTIONS; i++)
        b->sum += (unsigned)wordpiece_encode(b->w, STR_LIT(question), out, 32, NULL);
}

static void do_read(struct bench *b)
{
    static const char *const names[] = {"vocab.txt", "tokenizer.json"};
    char path[4096];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", b->model_dir, names[i]);
        buf_clear(&b->files);
        if (file_read(path, FILES_MAX, &b->files) >= 0)
            b->sum += (unsigned)b->files.n;
    }
}

static void do_open(struct bench *b)
{
    struct wordpiece *w;

    or_stop(wordpiece_open(&w, b->model_dir));
    wordpiece_close(w);
}

static void do_copy_frozen(struct bench *b)
{
    memcpy(b->copy, b->frozen, b->n_frozen);
    b->sum += (unsigned char)b->copy[b->sum % b->n_frozen];
}

static void do_thaw(struct bench *b)
{
    struct wordpiece *w;

    or_stop(wordpiece_thaw(&w, (struct str){b->frozen, b->n_frozen}));
    wordpiece_close(w);
}

static const struct {
    const char *name;
    void (*run)(struct bench *b);
    int limit;    /* the case it is held against */
    int of_text;  /* its rate is bytes of the text a second */
    double times; /* how often a run does it */
} cases[] = {{"memcpy of the text", do_memcpy, 0, 1, 1},
             {"one look-up a byte", do_look_up, 1, 1, 1},
             {"tokens of the text", do_encode, 1, 1, 1},
             {"tokens counted", do_count, 1, 1, 1},
             {"question", do_questions, 4, 0, N_QUESTIONS},
             {"reading the files", do_read, 5, 0, 1},
             {"open", do_open, 5, 0, 1},
             {"memcpy of the frozen bytes", do_copy_frozen, 7, 0, 1},
             {"thaw", do_thaw, 7, 0, 1}};
enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- set-up and report ---- */

/* English by its looks: common words more often than rare ones, a made-up word now and then. */
static void generate(struct buf *out)
{
    static const char *const words[] = {
        "the",    "of",       "and",    "to",     "in",         "a",         "capital",   "bank",
        "risk",   "report",   "for",    "is",     "that",       "with",      "on",        "market",
        "credit", "under",    "shall",  "by",     "securities", "exchange",  "Federal",   "company",
        "assets", "interest", "income", "amount", "2023",       "statement", "regulation"};
    static const char *const syllables[] = {"re", "con", "ta", "ver", "li", "quor", "ment", "ish"};
    enum { N_WORDS = sizeof words / sizeof *words };
    unsigned seed = SEED;

    while (out->n < TEXT_BYTES) {
        unsigned dice = (unsigned)rand_r(&seed), a = dice % N_WORDS, c = dice / N_WORDS % N_WORDS;

        if (dice % 11 == 0)
            for (unsigned i = 0; i < 2 + dice / 11 % 3; i++)
                buf_add_str(out, syllables[(unsigned)rand_r(&seed) % 8]);
        else
            buf_add_str(out, words[a < c ? a : c]);
        buf_add_str(out, dice % 17 == 0 ? ".\n" : dice % 13 == 0 ? ", " : " ");
    }
}

static void open_bench(struct bench *b, const char *model_dir, int n_files, char **files)
{
    struct buf frozen;

    b->model_dir = model_dir;
    buf_init(&b->text);
    buf_init(&b->files);
    for (int i = 0; i < n_files; i++)
        or_stop(file_read(files[i], FILES_MAX, &b->text));
    if (b->text.n == 0)
        generate(&b->text);
    or_stop(wordpiece_open(&b->w, model_dir));
    buf_init(&frozen);
    wordpiece_freeze(b->w, &frozen);
    b->n_frozen = frozen.n;
    b->frozen = mem_alloc_aligned(frozen.n);
    memcpy(b->frozen, frozen.p, frozen.n);
    b->copy = mem_calloc(b->text.n > frozen.n ? b->text.n : frozen.n, 1);
    buf_done(&frozen);
}

static void close_bench(struct bench *b)
{
    wordpiece_close(b->w);
    mem_free(b->tokens.v);
    mem_free(b->copy);
    mem_free(b->frozen);
    buf_done(&b->text);
    buf_done(&b->files);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const struct bench *b, double us[N_CASES][RUNS_MAX], int n_runs)
{
    printf("%-28s %10s %10s %10s %10s\n", "", "min us", "median us", "MB/s", "x limit");
    for (size_t i = 0; i < N_CASES; i++) {
        qsort(us[i], (size_t)n_runs, sizeof **us, by_size);
        printf("%-28s %10.2f %10.2f", cases[i].name, us[i][0], us[i][n_runs / 2]);
        if (cases[i].of_text)
            printf(" %10.0f", (double)b->text.n / us[i][0]);
        else
            printf(" %10s", "");
        if (cases[i].limit != (int)i)
            printf(" %10.2f", us[i][0] / us[cases[i].limit][0]);
        printf("\n");
    }
}

/* Of this thread; other work on the machine does not count. */
static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    static double us[N_CASES][RUNS_MAX];
    int n_runs = argc > 2 ? atoi(argv[2]) : 15;
    struct bench b = {0};

    if (argc < 2 || n_runs < 1 || n_runs > RUNS_MAX) {
        fprintf(stderr, "usage: bench_tokenizer MODEL_DIR [RUNS, 1 to %d [FILE...]]\n", RUNS_MAX);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_bench(&b, argv[1], argc > 3 ? argc - 3 : 0, argv + 3);
    printf("processor %s, %d for us\nlevel     %s\nruns      %d, in turns, processor time\n",
           cpu_model_name(), cpu_count(), simd_level_name(simd_get()->level), n_runs);
    for (int r = -1; r < n_runs; r++) { /* run -1 warms up */
        for (size_t i = 0; i < N_CASES; i++) {
            double start = now_us();

            cases[i].run(&b);
            if (r >= 0)
                us[i][r] = (now_us() - start) / cases[i].times;
        }
    }
    printf("text      %zu bytes, %zu tokens, %s\n", b.text.n, b.tokens.n,
           argc > 3 ? "from files" : "generated, seed 20240613");
    printf("question  %zu tokens with [CLS] and [SEP]\nfrozen    %zu bytes\n",
           wordpiece_count(b.w, STR_LIT(question)) + 2, b.n_frozen);
    report(&b, us, n_runs);
    close_bench(&b);
    return 0;
}
