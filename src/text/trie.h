/* trie.h - the longest word of a list that a text begins with, in one walk.
 *
 * A double-array trie (Aoe 1989): a node is 8 bytes, a step is one addition, one load and one
 * comparison. Several lists share one array, each with a root of its own.
 *
 * Memory   8 bytes a node; BERT's 30,522 tokens make about 75,000 nodes.
 * Threads  confined while lists are added, immutable afterwards.
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
    uint32_t base : 24; /* children stand at base + byte */
    uint32_t byte : 8;  /* the byte that leads here; 0: the place is free */
    int32_t value;      /* TRIE_NONE: no key ends here */
};

#define TRIE_NONE (-1)

struct trie {
    struct trie_node *nodes;
    size_t cap;
    uint8_t *used_bases; /* while lists are added */
    uint32_t first_free;
};

struct trie_key {
    struct str text; /* 1..TRIE_KEY_MAX bytes, none of them 0; borrowed */
    int32_t value;   /* not negative; of equal keys the last in the list counts */
};

void trie_init(struct trie *t);
void trie_done(struct trie *t);

/* Adds a list, which is sorted in place. *root: where trie_step begins for its keys. */
int trie_add(struct trie *t, struct trie_key *keys, size_t n, uint32_t *root);

/* No more lists: gives back what only trie_add needs. */
void trie_seal(struct trie *t);

/* One byte (not 0) down from the node whose base this is; NULL when no key goes on like this. */
static inline const struct trie_node *trie_step(const struct trie *t, uint32_t base, uint8_t byte)
{
    const struct trie_node *child = t->nodes + base + byte;

    return child->byte == byte ? child : NULL;
}
