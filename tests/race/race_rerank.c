/* Pairs scored on several threads with one pool, by a model here and by a server that fails in
 * between; every score that comes must be the one it was alone.
 *
 * A plain main, for ThreadSanitizer. Exit 0: all scores were.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/err.h"
#include "embed/rerank_remote.h"
#include "embed/reranker.h"
#include "support/fake_rerank.h"
#include "unit/embed/tiny_model.h"

#define N_ASKERS 3
#define N_ROUNDS 40
#define N_TEXTS  12

static const char *const words[N_TEXTS] = {
    "a",     "b c",         "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "d e f", "z z a a z a", "g h i j k l m n o p q r s t u v w x y z a b c d e f g h i j k l",
    "",      "q",           "q a",
    "x y z", "o p",         "m m m m m m m"};

struct race {
    struct reranker *r;
    struct pool *pool;
    struct str texts[N_TEXTS];
    float alone[N_TEXTS];
    struct fake_rerank *server; /* NULL: the model is here */
    atomic_long n_wrong, n_scored;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static int score(struct race *race, bool hurried, float *scores)
{
    struct rerank_call call = {.pool = race->pool,
                               .question = STR_LIT("a q z"),
                               .texts = race->texts,
                               .n = N_TEXTS,
                               .until_ns = hurried ? clock_ns() + 3000000 : 0};

    return reranker_score(race->r, &call, scores);
}

/* Some rounds have little time; a server fails in some. What has a score has the right one. */
static void *score_all(void *arg)
{
    struct race *race = arg;
    float scores[N_TEXTS];

    for (int i = 0; i < N_ROUNDS; i++) {
        if (race->server)
            race->server->fault = i % 8 == 5 ? RERANK_NULL : RERANK_FINE;
        (void)score(race, i % 4 == 3, scores);
        for (size_t j = 0; j < N_TEXTS; j++) {
            if (isnan(scores[j]))
                continue;
            atomic_fetch_add(&race->n_scored, 1);
            if (scores[j] != race->alone[j])
                atomic_fetch_add(&race->n_wrong, 1);
        }
    }
    return NULL;
}

static long run(const struct reranker_options *o, struct fake_rerank *server)
{
    struct race race = {.pool = pool_new("race", 3, 64), .server = server};
    pthread_t threads[N_ASKERS];

    if (reranker_open(&race.r, o) < 0)
        die("open");
    for (size_t i = 0; i < N_TEXTS; i++)
        race.texts[i] = str_of(words[i]);
    if (score(&race, false, race.alone) < 0)
        die("alone");
    for (int i = 0; i < N_ASKERS; i++)
        pthread_create(&threads[i], NULL, score_all, &race);
    for (int i = 0; i < N_ASKERS; i++)
        pthread_join(threads[i], NULL);
    pool_free(race.pool);
    reranker_close(race.r);
    printf("%ld scores, %ld wrong\n", race.n_scored, race.n_wrong);
    return race.n_scored > 0 ? race.n_wrong : 1;
}

int main(void)
{
    struct tiny_model m;
    struct fake_rerank server;
    char url[128];
    struct reranker_options local = {.precision = "int8", .pack = "off"};
    struct rerank_remote_options there = {.kind = RERANK_COHERE, .timeout_ms = 2000, .batch = 5};
    struct reranker_options remote = {.remote = &there};
    long n_wrong;

    tiny_open(&m);
    tiny_make_cross(&m);
    local.model_dir = m.dir;
    n_wrong = run(&local, NULL);
    tiny_close(&m);
    fake_rerank_start(&server);
    there.url = fake_url(&server.http, "", url);
    n_wrong += run(&remote, &server);
    fake_rerank_stop(&server);
    return n_wrong ? 1 : 0;
}
