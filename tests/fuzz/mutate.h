/* mutate.h - an input made a little wrong, the same way for the same seed.
 *
 * Nothing guides it: it is for replaying kept inputs where no fuzzer is, so that what was learnt by
 * one is tried again, and a step beside it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

static inline uint64_t mutate_next(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;

    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* 0..n-1; 0 for n 0. */
static inline size_t mutate_pick(uint64_t *state, size_t n)
{
    return n ? (size_t)(mutate_next(state) % n) : 0;
}

/* Bytes of `from` in place of bytes of b. */
static inline void mutate_splice(struct buf *b, struct str from, uint64_t *state)
{
    size_t at = mutate_pick(state, b->n + 1), gone = mutate_pick(state, b->n - at + 1);
    size_t start = mutate_pick(state, from.n + 1), n = mutate_pick(state, from.n - start + 1);
    struct buf out;

    buf_init(&out);
    buf_add(&out, b->p, at);
    buf_add(&out, from.p + start, n < 256 ? n : 256);
    buf_add(&out, b->p + at + (gone < 64 ? gone : 64), b->n - at - (gone < 64 ? gone : 64));
    buf_done(b);
    *b = out;
}

static inline void mutate_once(struct buf *b, struct str other, uint64_t *state)
{
    static const char marks[] = "\0\xff\x7f\x80 \"\\{}[]():,;\r\n\t0-9e.#%/<>&=|*_`'";
    size_t at = mutate_pick(state, b->n);

    switch (b->n ? mutate_pick(state, 7) : 5) {
    case 0: b->p[at] ^= (char)(1u << mutate_pick(state, 8)); break;
    case 1: b->p[at] = marks[mutate_pick(state, sizeof marks - 1)]; break;
    case 2: b->p[at] = (char)mutate_next(state); break;
    case 3: buf_cut(b, at); break;
    case 4: b->p[at] = (char)(b->p[at] + (mutate_next(state) & 1 ? 1 : -1)); break;
    case 5: mutate_splice(b, other, state); break;
    default: mutate_splice(b, (struct str){b->p, b->n}, state); break;
    }
}

/* b becomes `in`, one to eight steps away; `other` is an input to take pieces of. */
static inline void mutate(struct buf *b, struct str in, struct str other, uint64_t seed)
{
    uint64_t state = seed;

    buf_clear(b);
    buf_add(b, in.p, in.n);
    for (size_t n = 1 + mutate_pick(&state, 8); n > 0; n--)
        mutate_once(b, other, &state);
}
