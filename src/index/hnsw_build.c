#include "index/hnsw_build.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/hnsw_link.h"
#include "index/hnsw_order.h"
#include "index/hnsw_repair.h"

#define THREADS_MAX 64

/* An upper level has a sixteenth of the one below. */
#define LEVEL_SHIFT 4

/* Nodes that a thread takes at a time. */
#define SHARE 16

struct hnsw_params hnsw_defaults(void)
{
    return (struct hnsw_params){
        .degree = 32, .ef_construction = 128, .alpha = 1.1f, .seed = 1, .n_threads = 1};
}

/* ---- threads ---- */

struct each {
    struct builder *b;
    build_fn fn;
    size_t to;
    atomic_size_t next;
    atomic_bool stopped;
};

static bool is_stopped(const struct builder *b)
{
    return b->p.stop && atomic_load_explicit(b->p.stop, memory_order_relaxed);
}

static void *work(void *arg)
{
    struct each *e = arg;
    struct build_work w = {walk_new(e->b->n), mem_alloc_aligned(e->b->n_bytes),
                           mem_alloc_aligned(e->b->n_bytes)};
    size_t at;

    while ((at = atomic_fetch_add(&e->next, SHARE)) < e->to) {
        if (is_stopped(e->b)) {
            atomic_store(&e->stopped, true);
            break;
        }
        for (size_t i = at; i < at + SHARE && i < e->to; i++)
            e->fn(e->b, &w, i);
    }
    walk_free(w.walk);
    mem_free(w.room);
    mem_free(w.room_of_other);
    return NULL;
}

bool builder_each(struct builder *b, size_t from, size_t n, build_fn fn)
{
    struct each e = {.b = b, .fn = fn, .to = from + n, .next = from};
    pthread_t threads[THREADS_MAX];
    int n_threads = n > SHARE ? b->p.n_threads : 1, started = 0;

    for (; started < n_threads - 1; started++)
        if (pthread_create(&threads[started], NULL, work, &e) != 0)
            break; /* with fewer, then */
    work(&e);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return !atomic_load(&e.stopped);
}

/* ---- nodes ---- */

static size_t level_drawn(uint64_t seed, size_t slot, size_t most)
{
    uint64_t x = hnsw_random(seed ^ (slot * 0x2545f4914f6cdd1du));
    size_t level = 0;

    for (; level < most && x % (1u << LEVEL_SHIFT) == 0; level++)
        x >>= LEVEL_SHIFT;
    return level;
}

/* The highest level of a graph of n: one that some sixteen nodes are on. */
static size_t levels_for(size_t n)
{
    size_t levels = 1;

    for (; n >> (LEVEL_SHIFT * (levels + 1)) > 0 && levels < HNSW_LEVELS; levels++)
        ;
    return levels;
}

static size_t old_level(const struct hnsw *h, uint32_t node)
{
    size_t level = h->n_levels - 1;

    while (node >= h->level[level].n)
        level--;
    return level;
}

/* What is known of a slot before nodes have numbers. */
struct slot_plan {
    uint32_t old; /* its node in the older graph, or HNSW_NONE */
    uint8_t level;
    bool present;
};

static void plan_old(struct slot_plan *plan, const struct hnsw_growth *g, size_t n_slots)
{
    for (size_t i = 0; i < g->old->n_slots; i++) {
        uint32_t to = g->moved[i], node = g->old->node_of[i];

        if (to == HNSW_GONE || node == HNSW_NONE)
            continue;
        CHECK(to < n_slots);
        if (plan[to].present)
            plan[to].old = node;
    }
}

static struct slot_plan *plan_slots(struct builder *b)
{
    struct slot_plan *plan = mem_alloc((b->n_slots + 1) * sizeof *plan);

    for (size_t i = 0; i < b->n_slots; i++) {
        plan[i] = (struct slot_plan){HNSW_NONE, 0, true};
        if (b->in->absent && bitmap_get(b->in->absent, i))
            plan[i].present = false;
        b->n += plan[i].present;
    }
    if (b->grown)
        plan_old(plan, b->grown, b->n_slots);
    b->n_levels = levels_for(b->n);
    for (size_t i = 0; i < b->n_slots; i++) {
        size_t level = plan[i].old != HNSW_NONE ? old_level(b->grown->old, plan[i].old)
                                                : level_drawn(b->p.seed, i, b->n_levels - 1);

        if (level >= b->n_levels)
            b->n_levels = level + 1;
        plan[i].level = (uint8_t)level;
    }
    return plan;
}

/* By level, within one those of the older graph first. */
static void number_nodes(struct builder *b, const struct slot_plan *plan)
{
    uint32_t next = 0;

    for (size_t l = b->n_levels; l-- > 0;) {
        for (int is_new = 0; is_new < 2; is_new++)
            for (size_t i = 0; i < b->n_slots; i++) {
                if (!plan[i].present || plan[i].level != l || (plan[i].old == HNSW_NONE) != is_new)
                    continue;
                if (plan[i].old != HNSW_NONE)
                    b->now[plan[i].old] = next;
                b->from[next] = plan[i].old;
                b->slot_of[next++] = (uint32_t)i;
            }
        b->level[l].n = next;
    }
    while (b->n_levels > 1 && b->level[b->n_levels - 1].n == 0)
        b->n_levels--;
}

static void allocate_level(struct build_level *level, size_t degree)
{
    level->degree = degree;
    level->room = degree + degree / 2;
    level->links = mem_alloc((level->n * level->room + 1) * sizeof *level->links);
    memset(level->links, 0xff, level->n * level->room * sizeof *level->links);
    level->scores = mem_alloc((level->n * level->room + 1) * sizeof *level->scores);
    level->n_links = mem_calloc(level->n + 1, 1);
}

static void note_cut(struct builder *b, float cut)
{
    uint32_t bits, most = atomic_load(&b->cut);

    memcpy(&bits, &cut, sizeof bits);
    while (bits > most && !atomic_compare_exchange_weak(&b->cut, &most, bits))
        ;
}

static void encode_node(struct builder *b, struct build_work *w, size_t i)
{
    uint8_t *code = b->codes + i * b->n_bytes;

    (void)w;
    if (b->from[i] != HNSW_NONE)
        memcpy(code, b->grown->old->codes + b->from[i] * b->n_bytes, b->n_bytes);
    else
        note_cut(b, codes_encode(b->in->vectors + b->slot_of[i] * b->dim, b->dim, code));
}

static void builder_init(struct builder *b)
{
    size_t n_old = b->grown ? b->grown->old->n : 0;
    struct slot_plan *plan = plan_slots(b);

    b->n_bytes = codes_stride(b->dim);
    b->slot_of = mem_alloc((b->n + 1) * 4);
    b->from = mem_alloc((b->n + 1) * 4);
    b->now = mem_alloc((n_old + 1) * 4);
    memset(b->now, 0xff, n_old * 4);
    number_nodes(b, plan);
    mem_free(plan);
    b->locks = mem_calloc(b->n + 1, 1);
    b->memory = pages_alloc(b->n * b->n_bytes + 64);
    b->codes = b->memory.base;
    for (size_t l = 0; l < b->n_levels; l++)
        allocate_level(&b->level[l], l ? b->p.degree / 2 : b->p.degree);
    if (b->grown)
        note_cut(b, b->grown->old->cut);
    b->entry = HNSW_NONE;
    b->one = (int32_t)lrintf(1 / codes_unit(b->dim));
}

static void builder_done(struct builder *b)
{
    for (size_t l = 0; l < HNSW_LEVELS; l++) {
        mem_free(b->level[l].links);
        mem_free(b->level[l].scores);
        mem_free(b->level[l].n_links);
    }
    mem_free(b->slot_of);
    mem_free(b->from);
    mem_free(b->now);
    mem_free(b->locks);
    pages_free(&b->memory);
}

/* ---- inserting ---- */

static void insert_node(struct builder *b, struct build_work *w, size_t i)
{
    if (b->from[i] == HNSW_NONE && i != b->entry)
        link_insert(b, w, (uint32_t)i);
}

static void trim_node(struct builder *b, struct build_work *w, size_t i)
{
    for (size_t l = 0; l < b->n_levels && i < b->level[l].n; l++)
        link_trim(b, w, l, (uint32_t)i);
}

/* The first node of the older graph, which is on its highest level; else the first of all. */
static void choose_entry(struct builder *b)
{
    size_t i = 0;

    while (i < b->n && b->from[i] == HNSW_NONE)
        i++;
    b->entry = i < b->n ? (uint32_t)i : 0;
    b->entry_level = builder_level_of(b, b->entry);
}

/* New nodes on levels that the older graph does not have, one after the other: each becomes the
 * entry when it is higher than the last. They are the first ones. */
static size_t insert_above(struct builder *b)
{
    size_t i = 0;

    for (; i < b->n && builder_level_of(b, (uint32_t)i) > b->entry_level; i++)
        ;
    for (size_t at = i; at-- > 0;) {
        builder_each(b, at, 1, insert_node);
        if (builder_level_of(b, (uint32_t)at) > b->entry_level) {
            b->entry = (uint32_t)at;
            b->entry_level = builder_level_of(b, b->entry);
        }
    }
    return i;
}

static int insert_all(struct builder *b)
{
    size_t first;

    if (!builder_each(b, 0, b->n, encode_node))
        return FAIL(ERR_CANCELLED, "the vector index was stopped while it was built");
    choose_entry(b);
    if (b->grown && !repair_keep_links(b))
        return FAIL(ERR_CANCELLED, "the vector index was stopped while it was mended");
    first = insert_above(b);
    if (!builder_each(b, first, b->n - first, insert_node) || !builder_each(b, 0, b->n, trim_node))
        return FAIL(ERR_CANCELLED, "the vector index was stopped while it was built");
    repair_reach(b);
    return ERR_OK;
}

/* ---- the build ---- */

static int check_input(const struct hnsw_input *in, const struct hnsw_growth *g,
                       const struct hnsw_params *p)
{
    if (in->dim == 0 || in->dim > HNSW_MAX_DIM)
        return FAIL(ERR_LIMIT, "vectors of %zu dimensions; the index takes 1 to %d", in->dim,
                    HNSW_MAX_DIM);
    if (in->n > HNSW_MAX_VECTORS)
        return FAIL(ERR_LIMIT, "%zu vectors are over the limit of %zu", in->n, HNSW_MAX_VECTORS);
    if (p->degree < 4 || p->degree > 64 || p->degree % 4)
        return FAIL(ERR_LIMIT, "degree %u of the vector index is not 4, 8, ... 64", p->degree);
    if (p->ef_construction < p->degree || p->ef_construction > LINK_CANDIDATES_MAX)
        return FAIL(ERR_LIMIT, "ef_construction %u is not in %u..%d", p->ef_construction, p->degree,
                    LINK_CANDIDATES_MAX);
    if (p->n_threads < 1 || p->n_threads > THREADS_MAX)
        return FAIL(ERR_LIMIT, "%d threads for the vector index; 1 to %d are allowed", p->n_threads,
                    THREADS_MAX);
    if (g && g->old->dim != in->dim)
        return FAIL(ERR_ARGUMENT, "the older index has %zu dimensions, the vectors %zu",
                    g->old->dim, in->dim);
    return ERR_OK;
}

/* An older graph of which less than half is left, or that has other lists, is not worth mending. */
static bool is_worth_keeping(const struct hnsw_growth *g, const struct hnsw_params *p)
{
    size_t n_kept = 0;

    for (size_t i = 0; i < g->old->n_slots; i++)
        n_kept += g->moved[i] != HNSW_GONE && g->old->node_of[i] != HNSW_NONE;
    return n_kept > 0 && 2 * n_kept >= g->old->n && g->old->level[0].degree == p->degree;
}

int hnsw_build(struct hnsw **out, const struct hnsw_input *in, const struct hnsw_growth *grown,
               const struct hnsw_params *p)
{
    struct hnsw_params usual = hnsw_defaults();
    struct builder b = {.in = in, .n_slots = in->n, .dim = in->dim};
    int rc = ERR_OK;

    if (!p)
        p = &usual;
    b.p = *p;
    rc = check_input(in, grown, p);
    if (rc < 0)
        return rc;
    if (grown && is_worth_keeping(grown, p))
        b.grown = grown;
    builder_init(&b);
    if (b.n > 0)
        TRY(insert_all(&b));
    *out = order_finish(&b);
    hnsw_curve_measure(*out, in->vectors, p->seed);
out:
    builder_done(&b);
    return rc;
}
