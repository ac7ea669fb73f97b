/* frozen_vocab.h - a vocabulary in the form that the tokenizer looks tokens up in, as bytes.
 *
 * The bytes are position-independent and are used where they lie, on the heap or in a mapped file;
 * nothing is copied out of them. Little-endian:
 *
 *   offset  size  meaning
 *   0       8     "ragdtok\0"
 *   8       4     version (FROZEN_VERSION in frozen_vocab.c)
 *   12      4     n_nodes
 *   16      4, 4  roots in the trie: tokens that begin a word; "##" tokens, without the "##"
 *   24      4     how many ids there are
 *   28      4x3   ids of [UNK], [CLS], [SEP]
 *   40      4     1: lower case without accents; 0: both are kept
 *   44      4     n_specials
 *   48      4     n_text
 *   52      12    0
 *   64      32    digest
 *   96      32    0
 *   128     8     x n_nodes: struct trie_node (text/trie.h)
 *           12    x n_specials: where in the text below it begins, its length, its id
 *           1     x n_text: the special tokens' text
 *
 * Memory   about 520 KB for BERT's 30,522 tokens.
 * Threads  immutable.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

#define FROZEN_VOCAB_ALIGN 64

struct vocab;
struct trie_node;

struct frozen_special {
    uint32_t start, n;
    int32_t id;
};

/* What the bytes say; the pointers point into them. */
struct frozen_vocab {
    const struct trie_node *nodes;
    uint32_t words, suffixes; /* the roots */
    int32_t unk, cls, sep;
    bool lower_case;
    size_t n_ids; /* every id is below */
    size_t n_specials;
    const struct frozen_special *specials;
    const char *special_text;
    struct digest digest; /* of all that the vocabulary says, not of these bytes */
    struct str bytes;
};

/* The bytes of a vocabulary, aligned, owned by the caller (mem_free). ERR_LIMIT when its trie
 * needs more than TRIE_NODES_MAX nodes. */
int frozen_vocab_make(const struct vocab *v, struct str *out);

/* Reads bytes that are borrowed, and stay as they are, for as long as *out is used. ERR_FORMAT for
 * another version, for bytes that are not aligned, and for those after which a look-up might leave
 * them or give an id that there is not; any others are safe to use, whether or not they were once
 * frozen. */
int frozen_vocab_view(struct frozen_vocab *out, struct str bytes);

/* The text of special token i. */
static inline struct str frozen_special_text(const struct frozen_vocab *f, size_t i)
{
    return (struct str){f->special_text + f->specials[i].start, f->specials[i].n};
}
