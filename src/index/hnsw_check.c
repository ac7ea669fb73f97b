#include "base/err.h"
#include "base/mem.h"
#include "index/hnsw_parts.h"

static int check_maps(const struct hnsw *h)
{
    size_t n = 0;

    for (size_t i = 0; i < h->n; i++)
        if (h->slot_of[i] >= h->n_slots || h->node_of[h->slot_of[i]] != i)
            return FAIL(ERR_FORMAT, "vector index: node %zu and its slot disagree", i);
    for (size_t i = 0; i < h->n_slots; i++)
        n += h->node_of[i] != HNSW_NONE;
    if (n != h->n)
        return FAIL(ERR_FORMAT, "vector index: %zu slots have nodes, of which there are %zu", n,
                    h->n);
    return ERR_OK;
}

static int check_list(const struct hnsw_level *level, size_t l, uint32_t node)
{
    const uint32_t *list = level->links + node * level->degree;
    size_t n = 0;

    for (; n < level->degree && list[n] != HNSW_NONE; n++) {
        if (list[n] >= level->n)
            return FAIL(ERR_FORMAT, "vector index: node %u of level %zu links to %u of %zu", node,
                        l, list[n], level->n);
        for (size_t i = 0; i < n; i++)
            if (list[i] == list[n])
                return FAIL(ERR_FORMAT, "vector index: node %u links twice to %u", node, list[n]);
        if (list[n] == node)
            return FAIL(ERR_FORMAT, "vector index: node %u links to itself", node);
    }
    for (; n < level->degree; n++)
        if (list[n] != HNSW_NONE)
            return FAIL(ERR_FORMAT, "vector index: node %u has a gap in its list", node);
    return ERR_OK;
}

static size_t count_reachable(const struct hnsw *h)
{
    const struct hnsw_level *level = &h->level[0];
    uint8_t *met = mem_calloc(h->n, 1);
    uint32_t *queue = mem_alloc(h->n * sizeof *queue);
    size_t head = 0, tail = 0;

    queue[tail++] = 0;
    met[0] = 1;
    while (head < tail) {
        const uint32_t *list = level->links + queue[head++] * level->degree;

        for (size_t i = 0; i < level->degree && list[i] != HNSW_NONE; i++)
            if (!met[list[i]]) {
                met[list[i]] = 1;
                queue[tail++] = list[i];
            }
    }
    mem_free(met);
    mem_free(queue);
    return tail;
}

static int check_levels(const struct hnsw *h)
{
    int rc = ERR_OK;

    for (size_t l = 0; l < h->n_levels; l++) {
        if (h->level[l].n > (l ? h->level[l - 1].n : h->n))
            return FAIL(ERR_FORMAT, "vector index: level %zu has %zu nodes", l, h->level[l].n);
        for (uint32_t node = 0; node < h->level[l].n; node++)
            TRY(check_list(&h->level[l], l, node));
    }
out:
    return rc;
}

int hnsw_check(const struct hnsw *h)
{
    int rc = ERR_OK;
    size_t n;

    TRY(check_maps(h));
    TRY(check_levels(h));
    n = h->n ? count_reachable(h) : 0;
    if (n != h->n)
        rc = FAIL(ERR_FORMAT, "vector index: %zu of %zu nodes can be reached", n, h->n);
out:
    return rc;
}
