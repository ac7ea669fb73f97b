#include "text/words.h"

#include <libstemmer.h>
#include <utf8proc.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Stems seen lately, found by the hash of the word: text repeats itself, and stemming costs ten
 * times a look-up. A new word simply takes the place of the old one. */
#define CACHE_SLOTS    8192u
#define CACHE_WORD_MAX 27

struct cached {
    uint8_t n_word, n_stem; /* n_word 0: free */
    char word[CACHE_WORD_MAX];
    char stem[CACHE_WORD_MAX];
};

struct word_analyzer {
    struct word_settings settings;
    struct sb_stemmer *stemmer; /* NULL: no stemming */
    struct cached *cache;       /* [CACHE_SLOTS] */
};

/* Lucene's list for English. */
static const char *const stop_words[] = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with",
};

bool word_is_stop(struct str word)
{
    size_t lo = 0, hi = sizeof stop_words / sizeof *stop_words;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        size_t n = strlen(stop_words[mid]);
        int c = memcmp(word.p, stop_words[mid], word.n < n ? word.n : n);

        if (c == 0 && word.n == n)
            return true;
        if (c < 0 || (c == 0 && word.n < n))
            hi = mid;
        else
            lo = mid + 1;
    }
    return false;
}

int word_analyzer_new(struct word_analyzer **out, const struct word_settings *s)
{
    struct word_analyzer *a = mem_calloc(1, sizeof *a);

    a->settings = *s;
    if (s->language[0]) {
        a->stemmer = sb_stemmer_new(s->language, "UTF_8");
        if (!a->stemmer) {
            mem_free(a);
            return FAIL(ERR_ARGUMENT,
                        "no stemmer for the language '%.15s'; one of Snowball's, as 'english'",
                        s->language);
        }
        a->cache = mem_calloc(CACHE_SLOTS, sizeof *a->cache);
    }
    *out = a;
    return ERR_OK;
}

void word_analyzer_free(struct word_analyzer *a)
{
    if (!a)
        return;
    if (a->stemmer)
        sb_stemmer_delete(a->stemmer);
    mem_free(a->cache);
    mem_free(a);
}

static struct str stem(struct word_analyzer *a, struct str word)
{
    struct cached *c = NULL;
    const sb_symbol *s;
    size_t n;

    if (word.n <= CACHE_WORD_MAX) {
        c = &a->cache[hash64(word.p, word.n) % CACHE_SLOTS];
        if (c->n_word == word.n && memcmp(c->word, word.p, word.n) == 0)
            return (struct str){c->stem, c->n_stem};
    }
    s = sb_stemmer_stem(a->stemmer, (const sb_symbol *)word.p, (int)word.n);
    n = (size_t)sb_stemmer_length(a->stemmer);
    if (c && n <= CACHE_WORD_MAX) {
        c->n_word = (uint8_t)word.n;
        c->n_stem = (uint8_t)n;
        memcpy(c->word, word.p, word.n);
        memcpy(c->stem, s, n);
    }
    return (struct str){(const char *)s, n};
}

static void emit(struct word_analyzer *a, struct str word, uint32_t start, uint32_t end, word_fn fn,
                 void *arg)
{
    if (word.n == 0 || (a->settings.drop_stop_words && word_is_stop(word)))
        return;
    fn(arg, a->stemmer ? stem(a, word) : word, start, end);
}

static bool is_word_code(uint32_t cp)
{
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
    }
}

static bool is_ascii_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* One run that has characters outside ASCII. NFKC may take a character apart into several words. */
static void emit_folded(struct word_analyzer *a, struct str run, uint32_t start, uint32_t end,
                        word_fn fn, void *arg)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n = utf8proc_map(
        (const utf8proc_uint8_t *)run.p, (utf8proc_ssize_t)run.n, &folded,
        UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    size_t from = 0;

    if (n < 0)
        return;
    for (size_t i = 0; i <= (size_t)n;) {
        uint32_t cp = 0;
        size_t len = i < (size_t)n ? utf8_decode((char *)folded + i, (size_t)n - i, &cp) : 1;

        if (i == (size_t)n || !is_word_code(cp)) {
            struct str w = {(char *)folded + from, i - from};

            if (w.n > WORD_MAX)
                w.n = utf8_floor(w.p, w.n, WORD_MAX);
            emit(a, w, start, end, fn, arg);
            from = i + len;
        }
        i += len;
    }
    mem_free(folded);
}

void words_each(struct word_analyzer *a, struct str text, word_fn fn, void *arg)
{
    size_t i = 0;

    while (i < text.n) {
        char lower[WORD_MAX];
        size_t start = i, n = 0;

        for (; i < text.n && is_ascii_word((unsigned char)text.p[i]); i++)
            if (n < WORD_MAX)
                lower[n++] = text.p[i] | (text.p[i] >= 'A' ? 32 : 0);
        if (i == text.n || (unsigned char)text.p[i] < 0x80) {
            if (n)
                emit(a, (struct str){lower, n}, (uint32_t)start, (uint32_t)i, fn, arg);
            else
                i++;
            continue;
        }
        while (i < text.n) {
            uint32_t cp;
            size_t len = utf8_decode(text.p + i, text.n - i, &cp);

            if (!is_word_code(cp))
                break;
            i += len;
        }
        if (i > start)
            emit_folded(a, str_sub(text, start, i), (uint32_t)start, (uint32_t)i, fn, arg);
        else
            i += utf8_decode(text.p + i, text.n - i, &(uint32_t){0});
    }
}
