/* large.c - what takes long: inputs of a megabyte, each a kept one with a piece of it said again
 * and again. Work that grows with the square of an input shows here and in no fuzzer's small
 * inputs.
 *
 *   large [--bytes N] [NAME...]    N of an input (default 2^20), of the targets named, or all
 *
 * A target fails when one of its inputs takes over SECONDS of processor time; it is written beside
 * this program as NAME.slow. Speaks TAP. To be built without sanitizers.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/corpus.h"

#define SECONDS 1.0
#define STARTS  6 /* of pieces, of each length */

struct slowest {
    double seconds;
    struct buf input;
    size_t n_runs;
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void time_one(size_t target, struct str in, struct slowest *s)
{
    double seconds, from = now_s();

    fuzz_run(target, in.p, in.n);
    seconds = now_s() - from;
    s->n_runs++;
    if (seconds <= s->seconds)
        return;
    s->seconds = seconds;
    buf_clear(&s->input);
    buf_add_view(&s->input, in);
}

/* What stands before and behind the piece stays, so that a bracket keeps its end. */
static void repeat(struct str in, size_t from, size_t to, size_t n_bytes, struct buf *out)
{
    buf_clear(out);
    buf_add(out, in.p, from);
    while (out->n + (in.n - to) + (to - from) <= n_bytes)
        buf_add(out, in.p + from, to - from);
    buf_add(out, in.p + to, in.n - to);
}

static void time_file(size_t target, struct str in, size_t n_bytes, struct slowest *s)
{
    struct buf b;

    buf_init(&b);
    repeat(in, 0, in.n, n_bytes, &b);
    time_one(target, buf_view(&b), s);
    for (size_t n = 1; n <= 64 && n <= in.n; n *= 2)
        for (size_t i = 0; i < STARTS; i++) {
            size_t from = (in.n - n) * i / (STARTS - 1);

            repeat(in, from, from + n, n_bytes, &b);
            time_one(target, buf_view(&b), s);
        }
    buf_done(&b);
}

static bool time_target(size_t target, size_t n_bytes)
{
    static struct corpus c;
    struct slowest s = {0};
    bool ok;

    buf_init(&s.input);
    corpus_read(&c, fuzz_target_name(target));
    for (size_t i = 0; i < c.n; i++)
        if (c.v[i].n > 0 && c.v[i].n < n_bytes)
            time_file(target, buf_view(&c.v[i]), n_bytes, &s);
    corpus_done(&c);
    ok = s.n_runs > 0 && s.seconds < SECONDS;
    printf("%sok %zu - %s: %zu inputs, the slowest %.3f s\n", ok ? "" : "not ", target + 1,
           fuzz_target_name(target), s.n_runs, s.seconds);
    fflush(stdout);
    if (!ok && s.n_runs) {
        char path[256];

        snprintf(path, sizeof path, "build/%s.slow", fuzz_target_name(target));
        FUZZ_TRUE(file_write_atomic(path, s.input.p, s.input.n) == ERR_OK);
    }
    buf_done(&s.input);
    return ok;
}

static bool is_wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    size_t n_bytes = CORPUS_FILE_MAX, n_failed = 0, n = fuzz_n_targets();
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++)
        if (strcmp(argv[at], "--bytes") == 0 && at + 1 < argc)
            n_bytes = strtoull(argv[++at], NULL, 10);
    printf("1..%zu\n", n);
    for (size_t i = 0; i < n; i++)
        if (is_wanted(fuzz_target_name(i), argv + at, argc - at))
            n_failed += !time_target(i, n_bytes);
        else
            printf("ok %zu - %s # SKIP not asked for\n", i + 1, fuzz_target_name(i));
    return n_failed > 0;
}
