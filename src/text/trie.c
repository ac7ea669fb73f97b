/* Building: the keys are sorted, so the children of a node are consecutive ranges of keys that
 * differ in one byte. For each node we look for a base at which all its children's places are
 * free, first fit. Bases are all different; that is why a place needs to remember only the byte
 * that leads to it: (place - byte) is the base, and the base is the parent. */
#include "text/trie.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define BYTES 256

void trie_init(struct trie *t)
{
    *t = (struct trie){.first_free = 1};
}

void trie_done(struct trie *t)
{
    mem_free(t->nodes);
    mem_free(t->used_bases);
    *t = (struct trie){0};
}

/* Equal keys are ordered by value, and the largest is the last in the vocabulary. */
static int compare_keys(const void *a, const void *b)
{
    const struct trie_key *x = a, *y = b;
    size_t n = x->text.n < y->text.n ? x->text.n : y->text.n;
    int diff = memcmp(x->text.p, y->text.p, n);

    if (diff)
        return diff;
    if (x->text.n != y->text.n)
        return x->text.n < y->text.n ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Makes room for all places that `base` can reach. */
static int reserve(struct trie *t, uint32_t base)
{
    size_t need = (size_t)base + BYTES, old = t->cap;

    if (need > TRIE_NODES_MAX)
        return FAIL(ERR_LIMIT, "vocabulary needs more than the limit of %u trie nodes",
                    TRIE_NODES_MAX);
    if (need <= old)
        return ERR_OK;
    t->nodes = mem_grow(t->nodes, &t->cap, need, sizeof(*t->nodes));
    t->used_bases = mem_realloc(t->used_bases, t->cap);
    memset(t->used_bases + old, 0, t->cap - old);
    for (size_t i = old; i < t->cap; i++)
        t->nodes[i] = (struct trie_node){.value = TRIE_NONE};
    return ERR_OK;
}

static bool fits(const struct trie *t, uint32_t base, const uint8_t *bytes, size_t n)
{
    if (t->used_bases[base])
        return false;
    for (size_t i = 0; i < n; i++)
        if (t->nodes[base + bytes[i]].byte)
            return false;
    return true;
}

/* The lowest base that fits, and takes it. Where nearly all places are taken the search starts
 * later next time: a few free places lost, but no quadratic search. */
static int take_base(struct trie *t, const uint8_t *bytes, size_t n, uint32_t *out)
{
    uint32_t start = t->first_free > bytes[0] ? t->first_free : bytes[0] + 1u, at, n_taken = 0;

    for (at = start;; at++) {
        uint32_t base = at - bytes[0];
        int rc = reserve(t, base);

        if (rc < 0)
            return rc;
        if (t->nodes[at].byte)
            n_taken++;
        else if (fits(t, base, bytes, n))
            break;
    }
    if (n_taken >= (at - start + 1) / 20 * 19 && n_taken)
        t->first_free = at;
    *out = at - bytes[0];
    t->used_bases[*out] = 1;
    return ERR_OK;
}

/* The node whose keys are keys[0..n), all equal in their first `depth` bytes and longer. */
static int add_node(struct trie *t, const struct trie_key *keys, size_t n, size_t depth,
                    uint32_t *base)
{
    uint8_t bytes[BYTES];
    size_t n_bytes = 0, first = 0, end;
    int rc;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)keys[i].text.p[depth];

        if (n_bytes == 0 || bytes[n_bytes - 1] != c)
            bytes[n_bytes++] = c;
    }
    rc = take_base(t, bytes, n_bytes, base);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n_bytes; i++) /* all places first: the children's children seek too */
        t->nodes[*base + bytes[i]].byte = bytes[i];
    for (size_t i = 0; i < n_bytes; i++, first = end) {
        uint32_t place = *base + bytes[i], child_base = 0;

        for (end = first; end < n && (uint8_t)keys[end].text.p[depth] == bytes[i]; end++)
            ;
        for (; first < end && keys[first].text.n == depth + 1; first++)
            t->nodes[place].value = keys[first].value;
        if (first < end) {
            rc = add_node(t, keys + first, end - first, depth + 1, &child_base);
            if (rc < 0)
                return rc;
        }
        t->nodes[place].base = child_base; /* 0 holds nothing: no key goes on from here */
    }
    return ERR_OK;
}

int trie_add(struct trie *t, struct trie_key *keys, size_t n, uint32_t *root)
{
    int rc = reserve(t, 0); /* base 0 stays empty: it is the base of leaves and of empty lists */

    if (rc < 0)
        return rc;
    t->used_bases[0] = 1;
    *root = 0;
    if (n == 0)
        return ERR_OK;
    for (size_t i = 0; i < n; i++) {
        CHECK(keys[i].text.n > 0 && keys[i].value >= 0);
        if (keys[i].text.n > TRIE_KEY_MAX)
            return FAIL(ERR_LIMIT, "token of %zu bytes is over the limit of %d", keys[i].text.n,
                        TRIE_KEY_MAX);
        CHECK(!memchr(keys[i].text.p, 0, keys[i].text.n));
    }
    qsort(keys, n, sizeof(*keys), compare_keys);
    return add_node(t, keys, n, 0, root);
}

void trie_seal(struct trie *t)
{
    mem_free(t->used_bases);
    t->used_bases = NULL;
}
