/* bench_tiers - what an answer takes, by where it comes from.
 *
 *   bench_tiers CONFIG QUESTIONS N [REDIS_URL]
 *
 * CONFIG names a data folder with documents; the first N of QUESTIONS, one a line, are asked one
 * after another, as /query asks them, reply written. In this order:
 *
 *   made          fresh runs, nothing is looked up
 *   hit           again at the same epoch
 *   revalidated   after a document came that matters to none: retrieval with the kept vector, and
 *                 the same prompt
 *   stored        memory is empty, as after a restart; the store has them
 *   shared        the same out of Redis
 *
 * Prints, a line each and by tabs: where from, how many of the N came from there, and of these p50
 * and p99 in microseconds, without the embedding and with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "query/query.h"
#include "rows.h"

struct bench {
    struct engine *e;
    struct lines questions;
    size_t n;
};

static void or_stop(int rc)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "bench_tiers: %s\n", err_text());
    exit(1);
}

struct cost {
    uint64_t without_embedding, whole;
};

static enum cache_status ask(struct bench *b, size_t i, enum query_cache how, struct cost *cost)
{
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    struct buf reply = {0};
    enum cache_status status;
    struct digest key;

    trace_start(&ans.trace);
    query_defaults(&q, b->e);
    q.question = lines_at(&b->questions, i);
    q.cache = how;
    or_stop(query_prepare(&q, ans.mem));
    key = query_key(b->e, &q, ans.mem);
    if (!query_cached(b->e, &q, &key, &ans))
        or_stop(query_run(b->e, &q, &ans));
    query_reply(&ans, "q_bench", &reply);
    status = ans.cache;
    cost->whole = trace_total_ns(&ans.trace);
    cost->without_embedding = cost->whole - ans.trace.ns[STAGE_EMBED];
    buf_done(&reply);
    answer_done(&ans);
    arena_free(ans.mem);
    return status;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double at(uint64_t *v, size_t n, double share)
{
    return n ? (double)v[(size_t)((double)(n - 1) * share)] / 1000 : 0;
}

static void measure(struct bench *b, const char *name, enum cache_status wanted,
                    enum query_cache how)
{
    uint64_t *without = mem_calloc(b->n, sizeof *without), *whole = mem_calloc(b->n, sizeof *whole);
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        struct cost c;

        if (ask(b, i, how, &c) != wanted)
            continue;
        without[n] = c.without_embedding;
        whole[n++] = c.whole;
    }
    qsort(without, n, sizeof *without, by_size);
    qsort(whole, n, sizeof *whole, by_size);
    printf("%s\t%zu\t%.1f\t%.1f\t%.1f\t%.1f\n", name, n, at(without, n, 0.5), at(without, n, 0.99),
           at(whole, n, 0.5), at(whole, n, 0.99));
    mem_free(without);
    mem_free(whole);
}

/* About nothing that the questions ask for; the epoch moves. */
static void add_a_document(struct bench *b)
{
    struct ingest_document d = {.id = STR_LIT("bench-tiers"),
                                .text = STR_LIT("Zyzzyva qwertz uiop asdfgh yxcvbn.")};
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_result r = {0};

    or_stop(ingest_documents(b->e, &d, 1, &o, &r));
    mem_free(r.reason);
}

static void ask_all(struct bench *b, int times)
{
    struct cost c;

    for (int k = 0; k < times; k++)
        for (size_t i = 0; i < b->n; i++)
            ask(b, i, QUERY_CACHE_DEFAULT, &c);
}

static void reopen(struct bench *b, const struct config *c)
{
    engine_close(b->e);
    b->e = NULL;
    or_stop(engine_open(&b->e, c));
}

int main(int argc, char **argv)
{
    struct config config;
    struct bench b = {0};
    struct cost cost;

    if (argc < 4) {
        fputs("usage: bench_tiers CONFIG QUESTIONS N [REDIS_URL]\n", stderr);
        return 2;
    }
    or_stop(config_load(&config, argv[1]));
    or_stop(lines_open(&b.questions, argv[2]));
    b.n = (size_t)atol(argv[3]) < b.questions.n ? (size_t)atol(argv[3]) : b.questions.n;
    reopen(&b, &config);
    ask(&b, 0, QUERY_CACHE_NO_STORE, &cost); /* warm */
    measure(&b, "made", CACHE_MISS, QUERY_CACHE_REFRESH);
    measure(&b, "hit", CACHE_HIT, QUERY_CACHE_DEFAULT);
    add_a_document(&b);
    measure(&b, "revalidated", CACHE_REVALIDATED, QUERY_CACHE_DEFAULT);
    ask_all(&b, TIERS_POPULAR + 1);
    reopen(&b, &config);
    measure(&b, "stored", CACHE_STORED, QUERY_CACHE_DEFAULT);
    if (argc > 4) {
        snprintf(config.redis.url, sizeof config.redis.url, "%s", argv[4]);
        config.cache.store_bytes = 0;
        reopen(&b, &config);
        while (tiers_ticket(b.e->tiers) == 0)
            ;
        measure(&b, "made", CACHE_MISS, QUERY_CACHE_REFRESH);
        reopen(&b, &config);
        measure(&b, "shared", CACHE_SHARED, QUERY_CACHE_DEFAULT);
    }
    engine_close(b.e);
    lines_close(&b.questions);
    return 0;
}
