#include "asking.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/filter.h"

#define K 10

void times_add(struct times *t, uint64_t ns)
{
    t->ns = mem_grow(t->ns, &t->cap, t->n + 1, sizeof *t->ns);
    t->ns[t->n++] = ns;
}

void times_done(struct times *t)
{
    mem_free(t->ns);
    *t = (struct times){0};
}

bool clock_of(const char *name, clockid_t *out)
{
    *out = strcmp(name, "cpu") == 0 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    return strcmp(name, "cpu") == 0 || strcmp(name, "wall") == 0;
}

uint64_t clock_read(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t times_at(struct times *t, double share)
{
    size_t i = (size_t)(share * (double)t->n);

    if (t->n == 0)
        return 0;
    qsort(t->ns, t->n, sizeof *t->ns, by_size);
    return t->ns[i < t->n ? i : t->n - 1];
}

static int ask(const struct asking *a, const struct search_spec *spec, struct arena *mem,
               struct times *search, struct times *fetch)
{
    int rc = ERR_OK;
    struct snapshot *snap = NULL;
    struct hits hits;
    struct passage *passages = ARENA_ARRAY(mem, struct passage, K);
    uint64_t begin = clock_read(a->clock), found;

    TRY(shelf_snapshot(a->shelf, &snap));
    TRY(snapshot_search(snap, spec, mem, &hits));
    found = clock_read(a->clock);
    times_add(search, found - begin);
    if (fetch) {
        rc = snapshot_fetch(snap, &hits, mem, passages);
        rc = rc == ERR_GONE ? ERR_OK : rc;
        times_add(fetch, clock_read(a->clock) - found);
    }
out:
    snapshot_unref(snap);
    return rc;
}

/* Question i; what belongs to it lies in `mem`, which is emptied before the next. */
static int ask_one(const struct asking *a, const struct filter *filter, size_t i, struct arena *mem,
                   struct times *search, struct times *fetch)
{
    int rc;
    struct buf text;
    float *vector = ARENA_ARRAY(mem, float, CORPUS_DIM);
    struct search_spec spec = {.vector = vector, .mode = a->mode, .filter = filter, .k = K};

    buf_init(&text);
    corpus_question(a->shelf->corpus, i, &text, vector);
    spec.text = buf_view(&text);
    rc = ask(a, &spec, mem, search, fetch);
    buf_done(&text);
    arena_reset(mem);
    return rc;
}

int asking_run(const struct asking *a, struct times *search, struct times *fetch)
{
    int rc = ERR_OK;
    uint64_t begin = clock_ns();
    struct arena *kept = arena_new(0), *mem = arena_new(0);
    struct filter *filter = NULL;
    size_t n = 0;

    if (a->filter)
        TRY(filter_from_text(&filter, str_of(a->filter), kept));
    while (n == 0 || (n < a->n_max && clock_ns() - begin < a->ns_max))
        TRY(ask_one(a, filter, a->first + n++, mem, search, fetch));
    rc = (int)n;
out:
    arena_free(mem);
    arena_free(kept);
    return rc;
}
