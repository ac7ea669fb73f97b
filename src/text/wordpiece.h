/* wordpiece.h - the tokenizer of BERT-class models, id for id the reference's.
 *
 * Source   Devlin et al. 2018 (BERT); reference: Hugging Face `tokenizers` (version in
 *          tests/golden/README.md): BertNormalizer (clean text, CJK spaced, lower case, accents
 *          stripped), BertPreTokenizer (white space, punctuation), WordPiece (longest match first,
 *          "##" continuations, words over 100 characters become [UNK]).
 * Models   lower case without accents, or case and accents both kept (tokenizer.json says which);
 *          a tokenizer of another class is refused, not approximated. See text/vocab.h.
 * Special  "[SEP]", "[MASK]" and the like in a text become those tokens, as in the reference. They
 *          change the vector of the text that holds them and nothing else: the frame of [CLS] and
 *          [SEP] is put around by position, and a document can only move itself.
 * Offsets  every token knows the bytes of the source text it came from, so that chunks and
 *          sentences can be counted and pooled without tokenizing again. Several tokens may come
 *          from one character (Hangul); what was dropped (accents, controls) belongs to none.
 * Limits   texts of 4 GiB (offsets are 32 bits), vocabularies of VOCAB_TOKENS_MAX tokens.
 * Memory   opened, about 520 KB for BERT's 30,522 tokens; thawed, 1 KB beside the borrowed bytes.
 *          Encoding allocates nothing but what `struct tokens` grows by.
 * Threads  immutable once opened or thawed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct buf;
struct wordpiece;

struct token {
    int32_t id;
    uint32_t start, end; /* bytes in the source text; 0,0 for [CLS], n,n for [SEP] */
};

/* Reads vocab.txt, or tokenizer.json where there is none, from a model folder. Errors name file
 * and line or member: those of vocab_open; ERR_FORMAT when [UNK], [CLS] or [SEP] is missing. */
int wordpiece_open(struct wordpiece **out, const char *model_dir);
void wordpiece_close(struct wordpiece *w);

/* The opened tokenizer as bytes that wordpiece_thaw reads in place: little-endian,
 * position-independent, versioned (text/frozen_vocab.h has the table). Appended to `out`. */
void wordpiece_freeze(const struct wordpiece *w, struct buf *out);

/* A tokenizer over frozen bytes; it gives the same tokens and digest as the one that was frozen.
 * Each byte is looked at once (bounds), next to nothing is copied.
 *   bytes   all that wordpiece_freeze gave, aligned to 64 bytes, borrowed, and unchanged until
 *           wordpiece_close
 * ERR_FORMAT for another version, for bytes that are not aligned, and for those that are cut or do
 * not hang together. Whoever keeps such bytes checks them against a checksum: altered ones that
 * still hang together give other tokens, though never a read out of bounds or an id beyond
 * wordpiece_vocab_size. */
int wordpiece_thaw(struct wordpiece **out, struct str bytes);

/* Tokens of a text between [CLS] and [SEP], cut so that they are at most `cap` with both.
 *   text  UTF-8 (invalid bytes count as U+FFFD), borrowed
 *   out   [cap], cap at least 2
 * Returns how many were written; *cut (may be NULL) says whether text was left over. */
size_t wordpiece_encode(const struct wordpiece *w, struct str text, struct token *out, size_t cap,
                        bool *cut);

/* Tokens of the whole text without [CLS] and [SEP], appended to a growing array (mem_free it). */
struct tokens {
    struct token *v;
    size_t n, cap;
};
void wordpiece_encode_all(const struct wordpiece *w, struct str text, struct tokens *out);

/* How many tokens wordpiece_encode_all would give. */
size_t wordpiece_count(const struct wordpiece *w, struct str text);

/* Every id is below this; added tokens count. */
size_t wordpiece_vocab_size(const struct wordpiece *w);

/* Whether case is lowered (and accents are stripped). */
bool wordpiece_lower_case(const struct wordpiece *w);

/* Part of the embedding's fingerprint. */
struct digest wordpiece_digest(const struct wordpiece *w);
