/* tokens_check.h - what holds of the tokens of any text. */
#pragma once
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "text/tokens.h"
#include "text/wordpiece.h"

#define CHECK_CAP 24

/* The encoder's form: a frame around as many of the tokens as fit. */
static inline void check_frame(const struct wordpiece *w, struct str text, const struct tokens *all)
{
    struct token framed[CHECK_CAP];
    bool cut = false;
    size_t n = wordpiece_encode(w, text, framed, CHECK_CAP, &cut);

    FUZZ_TRUE(n >= 2 && n <= CHECK_CAP);
    FUZZ_TRUE(cut ? n == CHECK_CAP : n == all->n + 2);
    for (size_t i = 1; i + 1 < n; i++)
        FUZZ_TRUE(framed[i].id == all->v[i - 1].id && framed[i].start == all->v[i - 1].start);
}

/* w NULL: they are guessed. */
static inline void check_tokens(const struct wordpiece *w, struct str text)
{
    struct tokens all = {0};

    tokens_all(w, text, &all);
    FUZZ_TRUE(tokens_count(w, text) == all.n);
    for (size_t i = 0; i < all.n; i++) {
        struct token t = all.v[i];

        FUZZ_TRUE(t.start < t.end && t.end <= text.n);
        FUZZ_TRUE(i == 0 || t.start >= all.v[i - 1].start);
        FUZZ_TRUE(!w || (t.id >= 0 && (size_t)t.id < wordpiece_vocab_size(w)));
    }
    if (w)
        check_frame(w, text, &all);
    mem_free(all.v);
}
