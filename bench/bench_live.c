/* bench_live - questions through the whole retriever, alone and while documents come.
 *
 *   bench_live DATA_DIR N [wall|cpu [SECONDS]]
 *
 * A collection of N chunks of the data (scripts/bench-data); one thread asks, question after
 * question, what asking.h says without the fetch. Then SECONDS (default 10) alone and SECONDS while
 * RATE chunks a second come, in turns of half a second, so that a disturbance of the machine hits
 * both alike. Vectors are there already, on both sides: it is the index that is measured. By
 * the processor's clock, for machines that are busy with other things, waiting is not seen.
 *
 * Prints a name, a tab and a number a line: nanoseconds, but for "ingest chunks/s".
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "asking.h"
#include "base/clock.h"
#include "base/err.h"

#define N_ASKED    2000
#define ASK_NS     2000000000u
#define TURN_NS    500000000u
#define RATE       1000 /* twice what two cores embed */
#define AT_ONCE    SHELF_CHUNKS * 8
#define SECONDS    10
#define WARM_UP_NS 200000000u

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_live: %s\n", err_text());
    exit(1);
}

static void print_times(const char *what, struct times *t)
{
    printf("%s p50\t%llu\n%s p99\t%llu\n", what, (unsigned long long)times_at(t, 0.5), what,
           (unsigned long long)times_at(t, 0.99));
    times_done(t);
}

/* ---- one state, every kind of search ---- */

static void measure_still(struct shelf *s, clockid_t clock)
{
    static const struct {
        const char *name;
        enum search_mode mode;
        const char *filter;
    } kinds[] = {{"vector", SEARCH_VECTOR, NULL},
                 {"words", SEARCH_KEYWORD, NULL},
                 {"hybrid", SEARCH_HYBRID, NULL},
                 {"hybrid filter", SEARCH_HYBRID, "part < 100"},
                 {"vector filter 50 %", SEARCH_VECTOR, "part < 500"},
                 {"vector filter 10 %", SEARCH_VECTOR, "part < 100"},
                 {"vector filter 1 %", SEARCH_VECTOR, "part < 10"},
                 {"vector filter 0.1 %", SEARCH_VECTOR, "part < 1"}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct times took = {0}, unused = {0};
        struct asking a = {s, clock, kinds[i].mode, kinds[i].filter, 0, N_ASKED, WARM_UP_NS};

        or_stop(asking_run(&a, &unused, NULL));
        a.ns_max = ASK_NS;
        or_stop(asking_run(&a, &took, NULL));
        print_times(kinds[i].name, &took);
        times_done(&unused);
    }
}

/* ---- while documents come ---- */

struct stream {
    struct shelf *shelf;
    uint64_t next; /* sentence */
    size_t n_put;
    atomic_bool runs, ends;
};

static void pause_ns(uint64_t ns)
{
    nanosleep(&(struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}, NULL);
}

/* Puts AT_ONCE chunks, then waits for the rest of the time that they stand for. */
static void *stream_main(void *arg)
{
    struct stream *s = arg;
    uint64_t each_ns = 1000000000u / RATE * (AT_ONCE);

    while (!atomic_load(&s->ends)) {
        uint64_t begin = clock_ns(), took;

        if (atomic_load(&s->runs)) {
            or_stop(shelf_put(s->shelf, s->next, AT_ONCE));
            s->next += AT_ONCE;
            s->n_put += AT_ONCE;
        }
        took = clock_ns() - begin;
        if (took < each_ns)
            pause_ns(each_ns - took);
    }
    return NULL;
}

static void measure_live(struct shelf *s, clockid_t clock, uint64_t next, int seconds)
{
    static const char *const names[2][2] = {{"vector p99 idle", "vector p99 ingest"},
                                            {"hybrid p99 idle", "hybrid p99 ingest"}};
    static const enum search_mode modes[2] = {SEARCH_VECTOR, SEARCH_HYBRID};
    struct stream stream = {.shelf = s, .next = next};
    struct times took[2][2] = {0}; /* mode; alone, while they come */
    size_t n_turns = (size_t)seconds * 1000000000u / TURN_NS;
    pthread_t thread;

    pthread_create(&thread, NULL, stream_main, &stream);
    for (size_t i = 0; i < 2 * n_turns; i++) {
        struct asking a = {s, clock, modes[i / 2 % 2], NULL, i * 97, SIZE_MAX, TURN_NS};

        atomic_store(&stream.runs, i % 2);
        or_stop(asking_run(&a, &took[i / 2 % 2][i % 2], NULL));
        atomic_store(&stream.runs, false);
        pause_ns(TURN_NS / 5); /* the last batch ends */
    }
    atomic_store(&stream.ends, true);
    pthread_join(thread, NULL);
    for (int m = 0; m < 2; m++)
        for (int w = 0; w < 2; w++) {
            printf("%s\t%llu\n", names[m][w], (unsigned long long)times_at(&took[m][w], 0.99));
            times_done(&took[m][w]);
        }
    printf("ingest chunks/s\t%.0f\n",
           (double)stream.n_put / ((double)n_turns * (double)TURN_NS / 1e9));
}

int main(int argc, char **argv)
{
    struct corpus *corpus = NULL;
    struct shelf shelf;
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) / SHELF_CHUNKS * SHELF_CHUNKS : 0;
    int seconds = argc > 4 ? atoi(argv[4]) : SECONDS;
    clockid_t clock;
    uint64_t settled;

    if (argc < 3 || argc > 5 || n == 0 || seconds < 1 ||
        !clock_of(argc > 3 ? argv[3] : "wall", &clock)) {
        fprintf(stderr, "usage: bench_live DATA_DIR N [wall|cpu [SECONDS]]\n");
        return 2;
    }
    or_stop(corpus_open(&corpus, argv[1]));
    or_stop(shelf_open(&shelf, corpus, NULL));
    or_stop(shelf_put(&shelf, 0, n));
    or_stop(shelf_settle(&shelf, &settled));
    measure_still(&shelf, clock);
    measure_live(&shelf, clock, n, seconds);
    shelf_close(&shelf);
    corpus_close(corpus);
    return 0;
}
