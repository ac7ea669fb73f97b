/* Building: for each node, beginning at the root, its keys are put in the order of their next
 * byte, so that the keys of each child stand together, and a base is looked for at which all
 * children's places are free, first fit. Bases are all different; that is why a place needs to
 * remember only the byte that leads to it: (place - byte) is the base, and the base is the parent.
 *
 * What is free is kept in bits, and 64 bases are tried at once: bit i of the window that begins at
 * the place of a child says whether that child could stand there, were the base i higher. */
#include "text/trie.h"

#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"

#define BYTES  256
#define WINDOW 64
#define FEW    32 /* keys; for no more, counting their bytes costs more than it saves */

/* Searches longer than this give up a window for good: a few free places are lost, but the search
 * does not become quadratic. */
#define WINDOWS_PATIENCE 2

void trie_init(struct trie *t)
{
    /* The first BYTES places stay free: base 0, which is that of leaves and of empty lists, finds
     * nothing there, and the bases that are tried are never below 1. */
    *t = (struct trie){.search_from = BYTES};
}

void trie_done(struct trie *t)
{
    mem_free(t->nodes);
    mem_free(t->taken);
    mem_free(t->used_bases);
    *t = (struct trie){0};
}

/* ---- free places ---- */

static void grow(struct trie *t, size_t n)
{
    size_t old = t->cap, cap = n > 2 * old ? n : 2 * old;

    cap = (cap + WINDOW - 1) / WINDOW * WINDOW;
    t->nodes = mem_realloc(t->nodes, cap * sizeof(*t->nodes));
    t->taken = mem_realloc(t->taken, cap / 8);
    t->used_bases = mem_realloc(t->used_bases, cap / 8);
    memset(t->taken + old / WINDOW, 0, (cap - old) / 8);
    memset(t->used_bases + old / WINDOW, 0, (cap - old) / 8);
    for (size_t i = old; i < cap; i++)
        t->nodes[i] = (struct trie_node){.value = TRIE_NONE};
    t->cap = cap;
}

static void set_bit(uint64_t *bits, size_t i)
{
    bits[i / WINDOW] |= (uint64_t)1 << i % WINDOW;
}

/* The WINDOW bits from bit i; the word after theirs must be there. */
static uint64_t window(const uint64_t *bits, size_t i)
{
    uint64_t low = bits[i / WINDOW] >> i % WINDOW;

    return i % WINDOW ? low | bits[i / WINDOW + 1] << (WINDOW - i % WINDOW) : low;
}

/* Where children of these bytes fit: bit i when the first can stand at `at` + i, `at` being the
 * place of a word's first bit. */
static uint64_t fits(const struct trie *t, size_t at, const uint8_t *bytes, size_t n)
{
    size_t base = at - bytes[0];
    uint64_t bad = t->taken[at / WINDOW] | window(t->used_bases, base);

    for (size_t i = 1; i < n && ~bad; i++)
        bad |= window(t->taken, base + bytes[i]);
    return ~bad;
}

/* The lowest base that fits, and takes it and its children's places. */
static int take_base(struct trie *t, const uint8_t *bytes, size_t n, uint32_t *out)
{
    uint64_t fit = 0;
    size_t at, base;

    for (at = t->search_from; !fit; at += WINDOW) {
        if (at + BYTES + 3 * WINDOW > t->cap)
            grow(t, at + BYTES + 3 * WINDOW);
        fit = fits(t, at, bytes, n);
    }
    base = at - WINDOW + (size_t)__builtin_ctzll(fit) - bytes[0];
    if (base + BYTES > TRIE_NODES_MAX)
        return FAIL(ERR_LIMIT, "vocabulary needs more than the limit of %u trie nodes",
                    TRIE_NODES_MAX);
    set_bit(t->used_bases, base);
    for (size_t i = 0; i < n; i++) {
        set_bit(t->taken, base + bytes[i]);
        t->nodes[base + bytes[i]].byte = bytes[i];
    }
    t->n = t->n > base + BYTES ? t->n : base + BYTES;
    if (at - t->search_from > WINDOWS_PATIENCE * WINDOW)
        t->search_from += WINDOW;
    while (!~t->taken[t->search_from / WINDOW])
        t->search_from += WINDOW;
    *out = (uint32_t)base;
    return ERR_OK;
}

/* ---- keys ---- */

static uint8_t byte_of(const struct trie_key *key, size_t depth)
{
    return (uint8_t)key->text.p[depth];
}

static void swap(struct trie_key *a, struct trie_key *b)
{
    struct trie_key key = *a;

    *a = *b;
    *b = key;
}

static void sort_few(struct trie_key *keys, size_t n, size_t depth)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && byte_of(&keys[k - 1], depth) > byte_of(&keys[k], depth); k--)
            swap(&keys[k - 1], &keys[k]);
}

/* In place: each key goes to where the keys of its byte begin, until all are where they belong. */
static void sort_many(struct trie_key *keys, size_t n, size_t depth)
{
    size_t next[BYTES], end[BYTES] = {0};

    for (size_t i = 0; i < n; i++)
        end[byte_of(&keys[i], depth)]++;
    for (size_t b = 0, sum = 0; b < BYTES; b++) {
        next[b] = sum;
        end[b] = sum += end[b];
    }
    for (size_t b = 0; b < BYTES; b++)
        while (next[b] < end[b]) {
            struct trie_key *key = &keys[next[b]];

            swap(key, &keys[next[byte_of(key, depth)]++]);
        }
}

/* The bytes that come next in these keys, which are put in their order. */
static size_t sort_by_byte(struct trie_key *keys, size_t n, size_t depth, uint8_t bytes[BYTES])
{
    size_t n_bytes = 0;

    if (n > FEW)
        sort_many(keys, n, depth);
    else
        sort_few(keys, n, depth);
    for (size_t i = 0; i < n; i++)
        if (n_bytes == 0 || bytes[n_bytes - 1] != byte_of(&keys[i], depth))
            bytes[n_bytes++] = byte_of(&keys[i], depth);
    return n_bytes;
}

/* Takes the value of the keys that end at a place; how many, which are first now. */
static size_t take_values(struct trie_node *node, struct trie_key *keys, size_t n, size_t len)
{
    size_t n_ended = 0;

    for (size_t i = 0; i < n; i++) {
        if (keys[i].text.n > len)
            continue;
        node->value = keys[i].value > node->value ? keys[i].value : node->value;
        swap(&keys[i], &keys[n_ended++]);
    }
    return n_ended;
}

/* The node whose keys are keys[0..n), all equal in their first `depth` bytes and longer. */
static int add_node(struct trie *t, struct trie_key *keys, size_t n, size_t depth, uint32_t *base)
{
    uint8_t bytes[BYTES];
    size_t n_bytes = sort_by_byte(keys, n, depth, bytes), first = 0, end;
    int rc = take_base(t, bytes, n_bytes, base);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < n_bytes; i++, first = end) {
        size_t place = *base + bytes[i];
        uint32_t child_base = 0;

        for (end = first; end < n && byte_of(&keys[end], depth) == bytes[i]; end++)
            ;
        first += take_values(&t->nodes[place], keys + first, end - first, depth + 1);
        if (first == end)
            continue; /* no key goes on from here */
        rc = add_node(t, keys + first, end - first, depth + 1, &child_base);
        if (rc < 0)
            return rc;
        t->nodes[place].base = child_base; /* the nodes may have moved meanwhile */
    }
    return ERR_OK;
}

int trie_add(struct trie *t, struct trie_key *keys, size_t n, uint32_t *root)
{
    if (t->cap < BYTES)
        grow(t, BYTES);
    t->n = t->n > BYTES ? t->n : BYTES;
    *root = 0;
    if (n == 0)
        return ERR_OK;
    for (size_t i = 0; i < n; i++) {
        CHECK(keys[i].text.n > 0 && keys[i].value >= 0);
        if (keys[i].text.n > TRIE_KEY_MAX)
            return FAIL(ERR_LIMIT, "token of %zu bytes is over the limit of %d", keys[i].text.n,
                        TRIE_KEY_MAX);
        DCHECK(!memchr(keys[i].text.p, 0, keys[i].text.n));
    }
    return add_node(t, keys, n, 0, root);
}

/* ---- nodes from outside ---- */

/* Without a branch a node: about 40 us for BERT's. */
bool trie_valid(const struct trie_node *nodes, size_t n, uint32_t n_values)
{
    uint32_t base_max = 0, value_max = 0; /* of values one higher, so that TRIE_NONE is 0 */

    for (size_t i = 0; i < n; i++) {
        uint32_t base = nodes[i].base, value = (uint32_t)nodes[i].value + 1;

        base_max = base > base_max ? base : base_max;
        value_max = value > value_max ? value : value_max;
    }
    return trie_base_fits(base_max, n) && value_max <= n_values;
}
