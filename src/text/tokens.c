#include "text/tokens.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/sentences.h"

#define WORD_BYTES_A_TOKEN 3

/* Some bytes of the text that are guessed to be n tokens. */
struct guess {
    size_t start, end, n;
};

static bool is_punctuation(unsigned char c)
{
    return c < 0x80 && !(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The next guess at or after `at`; false at the end. A word is given in parts of one token. */
static bool guess_next(struct str text, size_t at, struct guess *g)
{
    size_t len = 0;

    while (at < text.n && (len = white_at(text.p + at, text.n - at)) > 0)
        at += len;
    if (at >= text.n)
        return false;
    *g = (struct guess){at, at, 1};
    while (g->end < text.n && g->end - at < WORD_BYTES_A_TOKEN) {
        unsigned char c = (unsigned char)text.p[g->end];

        len = utf8_valid_at(text.p + g->end, text.n - g->end);
        len = len ? len : 1;
        if (g->end > at && (is_punctuation(c) || g->end + len - at > WORD_BYTES_A_TOKEN ||
                            white_at(text.p + g->end, text.n - g->end)))
            break;
        g->end += len;
        if (is_punctuation(c) || len > 2) {
            g->n = len == 4 ? 2 : 1;
            break;
        }
    }
    return true;
}

static void guess_all(struct str text, struct tokens *out)
{
    struct guess g = {0};

    while (guess_next(text, g.end, &g)) {
        out->v = mem_grow(out->v, &out->cap, out->n + g.n, sizeof *out->v);
        for (size_t i = 0; i < g.n; i++)
            out->v[out->n++] = (struct token){.id = 0, (uint32_t)g.start, (uint32_t)g.end};
    }
}

void tokens_all(const struct wordpiece *w, struct str text, struct tokens *out)
{
    if (w)
        wordpiece_encode_all(w, text, out);
    else
        guess_all(text, out);
}

size_t tokens_count(const struct wordpiece *w, struct str text)
{
    struct guess g = {0};
    size_t n = 0;

    if (w)
        return wordpiece_count(w, text);
    while (guess_next(text, g.end, &g))
        n += g.n;
    return n;
}

/* A text has no more tokens than bytes. */
static size_t counted_end(const struct wordpiece *w, struct str text, size_t max)
{
    size_t cap = (max < text.n ? max : text.n) + 2; /* [CLS] and [SEP] too */
    struct token *tokens = mem_alloc(cap * sizeof *tokens);
    bool cut = false;
    size_t n = wordpiece_encode(w, text, tokens, cap, &cut);
    size_t end = cut ? tokens[n - 2].end : text.n; /* of [CLS], when none fits: 0 */

    mem_free(tokens);
    return end;
}

struct str tokens_first(const struct wordpiece *w, struct str text, size_t max)
{
    struct guess g = {0};
    size_t n = 0, end = 0;

    if (w)
        return str_sub(text, 0, counted_end(w, text, max));
    while (guess_next(text, g.end, &g)) {
        n += g.n;
        if (n > max)
            return str_sub(text, 0, end);
        end = g.end;
    }
    return text;
}
