#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/hnsw_parts.h"
#include "index/section_name.h"

/* Behind the prefix, as in struct hnsw:
 *
 *   head      struct hnsw_head
 *   codes     u8  [n, n_bytes]
 *   links0 .. u32 [level's n, degree], one section a level
 *   slot_of   u32 [n]
 *   node_of   u32 [n_slots]
 */
#define LAYOUT 1

struct hnsw_head {
    uint64_t layout, n, n_slots, dim, n_levels;
    struct {
        uint64_t n, degree;
    } level[HNSW_LEVELS];
    struct hnsw_curve_point curve[HNSW_CURVE];
    float cut;
    uint32_t zero;
};

static struct section_name level_name(const char *prefix, size_t l)
{
    char name[] = "links0";

    name[5] = (char)('0' + l);
    return section_name(prefix, name);
}

void hnsw_save(const struct hnsw *h, struct sections_writer *w, const char *prefix)
{
    struct hnsw_head head = {.layout = LAYOUT,
                             .n = h->n,
                             .n_slots = h->n_slots,
                             .dim = h->dim,
                             .n_levels = h->n_levels,
                             .cut = h->cut};

    for (size_t l = 0; l < h->n_levels; l++) {
        head.level[l].n = h->level[l].n;
        head.level[l].degree = h->level[l].degree;
    }
    memcpy(head.curve, h->curve, sizeof head.curve);
    sections_add(w, section_name(prefix, "head").s, &head, 1, sizeof head);
    sections_add(w, section_name(prefix, "codes").s, h->codes, h->n, h->n_bytes);
    for (size_t l = 0; l < h->n_levels; l++)
        sections_add(w, level_name(prefix, l).s, h->level[l].links,
                     h->level[l].n * h->level[l].degree, 4);
    sections_add(w, section_name(prefix, "slot_of").s, h->slot_of, h->n, 4);
    sections_add(w, section_name(prefix, "node_of").s, h->node_of, h->n_slots, 4);
}

/* One array of the file; NULL when it is not there or has not n items. */
static const void *find(const struct sections *s, struct section_name name, size_t n,
                        size_t item_bytes)
{
    size_t n_there = 0;
    const void *p = sections_get(s, name.s, item_bytes, &n_there);

    return p && n_there == n ? p : NULL;
}

static bool head_is_sound(const struct hnsw_head *head)
{
    if (head->layout != LAYOUT || head->dim == 0 || head->dim > HNSW_MAX_DIM)
        return false;
    if (head->n > head->n_slots || head->n_slots > HNSW_MAX_VECTORS)
        return false;
    return head->n_levels >= 1 && head->n_levels <= HNSW_LEVELS && head->level[0].n == head->n;
}

static bool map_levels(struct hnsw *h, const struct hnsw_head *head, const struct sections *s,
                       const char *prefix)
{
    for (size_t l = 0; l < h->n_levels; l++) {
        size_t n = head->level[l].n, degree = head->level[l].degree;

        if (degree == 0 || degree > HNSW_DEGREE_MAX || n > (l ? h->level[l - 1].n : h->n))
            return false;
        h->level[l] = (struct hnsw_level){find(s, level_name(prefix, l), n * degree, 4), n, degree};
        if (!h->level[l].links)
            return false;
    }
    return true;
}

static bool map_arrays(struct hnsw *h, const struct sections *s, const char *prefix)
{
    const struct hnsw_head *head = find(s, section_name(prefix, "head"), 1, sizeof *head);

    if (!head || !head_is_sound(head))
        return false;
    h->n = head->n;
    h->n_slots = head->n_slots;
    h->dim = head->dim;
    h->n_bytes = codes_stride(h->dim);
    h->n_levels = head->n_levels;
    h->cut = head->cut;
    memcpy(h->curve, head->curve, sizeof h->curve);
    h->codes = find(s, section_name(prefix, "codes"), h->n, h->n_bytes);
    h->slot_of = find(s, section_name(prefix, "slot_of"), h->n, 4);
    h->node_of = find(s, section_name(prefix, "node_of"), h->n_slots, 4);
    return h->codes && h->slot_of && h->node_of && map_levels(h, head, s, prefix);
}

int hnsw_map(struct hnsw **out, const struct sections *s, const char *prefix)
{
    struct hnsw *h = hnsw_new();

    if (!map_arrays(h, s, prefix)) {
        hnsw_free(h);
        return FAIL(ERR_FORMAT, "the vector index '%s' is not whole", prefix);
    }
    *out = h;
    return ERR_OK;
}
