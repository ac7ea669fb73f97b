#include "server/seen.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

/* What an entry takes beside its bytes: the map's place and the question's. */
#define ENTRY_BYTES (sizeof(struct seen_question) + 96)

struct seen {
    struct map *by_bytes; /* -> struct seen_question, in mem */
    struct arena *mem;
    uint64_t generation;
    size_t n_bytes;
    struct buf wanted; /* the parts in one piece; kept for its memory */
};

struct seen *seen_new(void)
{
    struct seen *s = mem_calloc(1, sizeof *s);

    s->by_bytes = map_new();
    s->mem = arena_new(0);
    return s;
}

void seen_free(struct seen *s)
{
    if (!s)
        return;
    map_free(s->by_bytes);
    arena_free(s->mem);
    buf_done(&s->wanted);
    mem_free(s);
}

static void forget(struct seen *s, uint64_t generation)
{
    s->generation = generation;
    if (s->n_bytes == 0)
        return;
    map_free(s->by_bytes);
    s->by_bytes = map_new();
    arena_reset(s->mem);
    s->n_bytes = 0;
}

/* The lengths keep ("ab", "c") and ("a", "bc") apart. */
static void join(struct seen *s, const struct str *parts, size_t n)
{
    CHECK(n <= SEEN_PARTS_MAX);
    buf_clear(&s->wanted);
    for (size_t i = 0; i < n; i++) {
        buf_add(&s->wanted, &parts[i].n, sizeof parts[i].n);
        buf_add_view(&s->wanted, parts[i]);
    }
}

static bool is_too_long(const struct str *parts, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += parts[i].n;
    return bytes > SEEN_REQUEST_MAX;
}

const struct seen_question *seen_find(struct seen *s, uint64_t generation, const struct str *parts,
                                      size_t n)
{
    uint64_t found;

    if (generation != s->generation)
        forget(s, generation);
    if (s->n_bytes == 0 || is_too_long(parts, n))
        return NULL;
    join(s, parts, n);
    if (!map_get(s->by_bytes, s->wanted.p, s->wanted.n, &found))
        return NULL;
    return (const struct seen_question *)(uintptr_t)found;
}

static void copy_question(struct arena *mem, const struct seen_question *from,
                          struct seen_question *to)
{
    const struct query *q = &from->query;

    *to = (struct seen_question){.key = from->key, .query = *q};
    to->query.question = (struct str){arena_dup(mem, q->question.p, q->question.n), q->question.n};
    to->query.tenant = arena_strdup(mem, q->tenant);
    to->query.collection = arena_strdup(mem, q->collection);
    to->query.model = NULL; /* and what else is not kept: the key has it */
    to->query.filter = NULL;
    to->query.history = NULL;
    to->query.n_history = 0;
    to->more = (struct str){arena_dup(mem, from->more.p, from->more.n), from->more.n};
}

void seen_add(struct seen *s, uint64_t generation, const struct str *parts, size_t n,
              const struct seen_question *q)
{
    struct seen_question *kept;
    size_t bytes;

    if (is_too_long(parts, n))
        return;
    join(s, parts, n);
    bytes = ENTRY_BYTES + s->wanted.n + q->query.question.n + q->more.n;
    if (generation != s->generation || s->n_bytes + bytes > SEEN_BYTES_MAX)
        forget(s, generation);
    kept = arena_alloc(s->mem, sizeof *kept);
    copy_question(s->mem, q, kept);
    map_put(s->by_bytes, s->wanted.p, s->wanted.n, (uint64_t)(uintptr_t)kept);
    s->n_bytes += bytes;
}
