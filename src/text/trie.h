/* trie.h - the longest word of a list that a text begins with, in one walk.
 *
 * A double-array trie (Aoe 1989): a node is 8 bytes, a step is one addition, one load and one
 * comparison. Several lists share one array, each with a root of its own. The array holds no
 * pointers, so that its bytes are good wherever they lie: on the heap or in a mapped file.
 *
 *   offset  size  of a node, little-endian
 *   0       3     base: children stand at base + byte; 0: none
 *   3       1     the byte that leads here; 0: the place is free
 *   4       4     value; TRIE_NONE: no key ends here
 *
 * Memory   8 bytes a node; BERT's 30,522 tokens make about 66,000 nodes.
 * Threads  confined while lists are added; the nodes are immutable afterwards.
 * Limits   TRIE_NODES_MAX nodes, keys of TRIE_KEY_MAX bytes; beyond them ERR_LIMIT.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define TRIE_NODES_MAX (1u << 24)
#define TRIE_KEY_MAX   256

struct trie_node {
    uint32_t base : 24;
    uint32_t byte : 8;
    int32_t value;
};

#define TRIE_NONE (-1)

/* While lists are added. nodes[0..n) is all that steps need. */
struct trie {
    struct trie_node *nodes;
    size_t n;
    size_t cap;
    uint64_t *taken;      /* a bit a place */
    uint64_t *used_bases; /* the same */
    size_t search_from;   /* places before are not looked at any more */
};

struct trie_key {
    struct str text; /* 1..TRIE_KEY_MAX bytes, none of them 0; borrowed */
    int32_t value;   /* not negative; of equal keys the largest counts */
};

void trie_init(struct trie *t);
void trie_done(struct trie *t);

/* Adds a list, which is put in another order. *root: where trie_step begins for its keys. */
int trie_add(struct trie *t, struct trie_key *keys, size_t n, uint32_t *root);

/* Whether steps from this root or base stay within n nodes. */
static inline bool trie_base_fits(uint32_t base, size_t n)
{
    return (size_t)base + UINT8_MAX < n;
}

/* Whether nodes that come from outside are safe to step on: every base fits, and every value is
 * TRIE_NONE or one of 0..n_values-1. Reads them once, in order. */
bool trie_valid(const struct trie_node *nodes, size_t n, uint32_t n_values);

/* One byte (not 0) down from the node whose base this is; NULL when no key goes on like this. */
static inline const struct trie_node *trie_step(const struct trie_node *nodes, uint32_t base,
                                                uint8_t byte)
{
    const struct trie_node *child = nodes + base + byte;

    return child->byte == byte ? child : NULL;
}
