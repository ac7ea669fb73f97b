/* Questions on several threads, with the idle workers of one pool on their steps, while passages go
 * through the same pool; every vector must be the one it was alone.
 *
 * A plain main, for ThreadSanitizer. Exit 0: all vectors were.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/err.h"
#include "embed/embedder.h"
#include "unit/embed/tiny_model.h"

#define N_ASKERS    3
#define N_QUESTIONS 60
#define N_TEXTS     5
#define DIM         24

static const char *const texts[N_TEXTS] = {
    "a", "b c", "a b c d e f g h i j k l m n o p q r s t u v w x y z", "d e f g h i j k l m n o",
    "z z z a a a z z z a a a z z z a a a z z z a a a z z z a a a z z z a a a z z z a a a z z z a"};

struct race {
    struct embedder *e;
    struct pool *pool;
    float alone[N_TEXTS][DIM];
    atomic_long n_wrong, n_asked;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static void ask(struct race *race, struct pool *pool, size_t i, float to[DIM])
{
    struct arena *mem = arena_new(0);
    float *v = NULL;

    if (embed_query(race->e, pool, str_of(texts[i]), mem, &v) < 0)
        die("question");
    memcpy(to, v, DIM * sizeof *v);
    arena_free(mem);
}

static void *ask_all(void *arg)
{
    struct race *race = arg;
    float v[DIM];

    for (size_t i = 0; i < N_QUESTIONS; i++) {
        ask(race, i % 6 ? race->pool : NULL, i % N_TEXTS, v);
        if (memcmp(v, race->alone[i % N_TEXTS], sizeof v) != 0)
            atomic_fetch_add(&race->n_wrong, 1);
        atomic_fetch_add(&race->n_asked, 1);
    }
    return NULL;
}

static void *read_all(void *arg)
{
    struct race *race = arg;
    struct embed_item items[N_TEXTS];
    float v[N_TEXTS][DIM];

    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < N_TEXTS; i++)
            items[i] = (struct embed_item){.text = str_of(texts[i]), .vector = v[i]};
        if (embed_documents(race->e, race->pool, items, N_TEXTS) < 0)
            die("passages");
        if (memcmp(v, race->alone, sizeof v) != 0)
            atomic_fetch_add(&race->n_wrong, 1);
    }
    return NULL;
}

static long run(const struct tiny_model *m, const char *precision)
{
    struct embedder_options o = {.model_dir = m->dir, .precision = precision};
    struct race race = {.pool = pool_new("race", 3, 64)};
    pthread_t askers[N_ASKERS], reader;

    if (embedder_open(&race.e, &o) < 0)
        die(precision);
    for (size_t i = 0; i < N_TEXTS; i++)
        ask(&race, NULL, i, race.alone[i]);
    for (int i = 0; i < N_ASKERS; i++)
        pthread_create(&askers[i], NULL, ask_all, &race);
    pthread_create(&reader, NULL, read_all, &race);
    for (int i = 0; i < N_ASKERS; i++)
        pthread_join(askers[i], NULL);
    pthread_join(reader, NULL);
    pool_free(race.pool);
    embedder_close(race.e);
    printf("%s: %ld questions, %ld wrong\n", precision, atomic_load(&race.n_asked),
           atomic_load(&race.n_wrong));
    return atomic_load(&race.n_wrong);
}

int main(void)
{
    struct tiny_model m;
    long n_wrong = 0;

    tiny_open(&m);
    n_wrong += run(&m, "f32");
    n_wrong += run(&m, "bf16");
    n_wrong += run(&m, "int8");
    tiny_close(&m);
    return n_wrong ? 1 : 0;
}
