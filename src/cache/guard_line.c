#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "cache/guard_parts.h"

#define HASH_HEX 8

void guard_word_set(struct guard_word *w, struct str text)
{
    memset(w->text, 0, sizeof w->text);
    if (text.n < sizeof w->text) {
        if (text.n)
            memcpy(w->text, text.p, text.n);
        return;
    }
    memcpy(w->text, text.p, sizeof w->text - 1 - HASH_HEX);
    snprintf(w->text + sizeof w->text - 1 - HASH_HEX, HASH_HEX + 1, "%08x",
             (unsigned)hash64_stable(text.p, text.n));
}

bool guard_word_is(const struct guard_word *w, const char *text)
{
    return strcmp(w->text, text) == 0;
}

bool guard_splice(struct guard_line *l, size_t i, size_t n, const struct guard_word *with, size_t m)
{
    CHECK(i + n <= l->n);
    if (l->n - n + m > GUARD_WORDS_MAX)
        return false;
    memmove(l->w + i + m, l->w + i + n, (l->n - i - n) * sizeof *l->w);
    if (m)
        memcpy(l->w + i, with, m * sizeof *with);
    l->n += m - n;
    return true;
}

void guard_remove(struct guard_line *l, size_t i, size_t n)
{
    guard_splice(l, i, n, NULL, 0);
}

void guard_move(struct guard_line *l, size_t i, size_t n, size_t to)
{
    struct guard_word moved[GUARD_WORDS_MAX];

    CHECK(i + n <= l->n && to <= l->n - n);
    memcpy(moved, l->w + i, n * sizeof *moved);
    guard_remove(l, i, n);
    guard_splice(l, to, 0, moved, n);
}

bool guard_has_class(const struct guard_line *l, size_t i, enum guard_class class)
{
    return i < l->n && l->w[i].class == class;
}

bool guard_has_word(const struct guard_line *l, size_t i, const char *text)
{
    return i < l->n && guard_word_is(&l->w[i], text);
}
