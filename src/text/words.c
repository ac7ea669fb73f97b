#include "text/words.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"

/* ---- stop words ---- */

/* Sorted, for bsearch. */
static const char stop_words[][7] = {
    "a",    "an",     "and",  "are",  "as",   "at",    "be",   "been",  "being", "but",   "by",
    "can",  "could",  "did",  "do",   "does", "done",  "for",  "from",  "had",   "has",   "have",
    "he",   "her",    "him",  "his",  "how",  "i",     "if",   "in",    "into",  "is",    "it",
    "its",  "me",     "must", "my",   "no",   "not",   "of",   "on",    "or",    "our",   "s",
    "she",  "should", "such", "t",    "than", "that",  "the",  "their", "then",  "there", "these",
    "they", "this",   "to",   "was",  "we",   "were",  "what", "when",  "where", "which", "who",
    "whom", "whose",  "why",  "will", "with", "would", "you",  "your",
};

static int compare_stop(const void *key, const void *entry)
{
    const struct str *word = key;
    size_t n = strlen(entry);
    int c = memcmp(word->p, entry, word->n < n ? word->n : n);

    return c ? c : (int)word->n - (int)n;
}

bool word_is_stop(struct str word)
{
    return word.n < sizeof *stop_words &&
           bsearch(&word, stop_words, sizeof stop_words / sizeof *stop_words, sizeof *stop_words,
                   compare_stop);
}

/* ---- the analyzer ---- */

/* What became of words seen lately, stop words too, found by their bytes: text repeats itself, and
 * stemming costs ten times a look-up. A new word simply takes the place of the old one. */
#define CACHE_BITS     13
#define CACHE_WORD_MAX 24

struct cached {
    uint64_t word[CACHE_WORD_MAX / 8]; /* zeros behind it; no word has zeros */
    char stem[CACHE_WORD_MAX];
    uint8_t n_stem; /* 0: a stop word */
};

struct word_analyzer {
    bool drop_stop_words;
    bool strip_accents;
    struct sb_stemmer *stemmer; /* NULL: no stemming */
    struct cached *cache;       /* [1 << CACHE_BITS] */
};

static int fail_language(const char *language)
{
    struct buf all;
    int rc;

    buf_init(&all);
    for (const char **name = sb_stemmer_list(); *name; name++)
        buf_addf(&all, "%s%s", all.n ? ", " : "", *name);
    rc = FAIL(ERR_ARGUMENT, "no stemmer for the language '%.40s'; there are %.600s", language,
              all.n ? all.p : "none");
    buf_done(&all);
    return rc;
}

/* NULL: there is none for the language. */
static struct sb_stemmer *stemmer_of(const char *language)
{
    struct sb_stemmer *stemmer = sb_stemmer_new(language, "UTF_8");

    for (const char **name = sb_stemmer_list(); !stemmer && *name; name++)
        mem_must_have(strcmp(*name, language) != 0, "a stemmer");
    return stemmer;
}

int word_language_check(const char *language)
{
    struct sb_stemmer *stemmer;

    if (!language[0])
        return ERR_OK;
    stemmer = strlen(language) < sizeof((struct word_settings *)0)->language ? stemmer_of(language)
                                                                             : NULL;
    if (!stemmer)
        return fail_language(language);
    sb_stemmer_delete(stemmer);
    return ERR_OK;
}

bool word_settings_eq(const struct word_settings *a, const struct word_settings *b)
{
    return strcmp(a->language, b->language) == 0 && a->drop_stop_words == b->drop_stop_words;
}

int word_analyzer_new(struct word_analyzer **out, const struct word_settings *s)
{
    struct sb_stemmer *stemmer = NULL;
    struct word_analyzer *a;

    if (s->language[0]) {
        stemmer = stemmer_of(s->language);
        if (!stemmer)
            return fail_language(s->language);
    }
    a = mem_calloc(1, sizeof *a);
    a->drop_stop_words = s->drop_stop_words;
    a->strip_accents = strcmp(s->language, "english") == 0;
    a->stemmer = stemmer;
    a->cache = mem_calloc((size_t)1 << CACHE_BITS, sizeof *a->cache);
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

/* Nothing for a stop word. */
static struct str stem(const struct word_analyzer *a, struct str word)
{
    struct str out;

    if (a->drop_stop_words && word_is_stop(word))
        return (struct str){word.p, 0};
    if (!a->stemmer)
        return word;
    out.p = (const char *)sb_stemmer_stem(a->stemmer, (const sb_symbol *)word.p, (int)word.n);
    mem_must_have(out.p != NULL, "the stem of a word");
    out.n = (size_t)sb_stemmer_length(a->stemmer);
    return out;
}

static struct cached *cache_place(const struct word_analyzer *a, const uint64_t *word)
{
    uint64_t h = word[0] * 0x9e3779b97f4a7c15u ^ word[1] * 0xc2b2ae3d27d4eb4fu ^
                 word[2] * 0x165667b19e3779f9u;

    h ^= h >> 29;
    return &a->cache[h * 0x9e3779b97f4a7c15u >> (64 - CACHE_BITS)];
}

/* `word` has at most CACHE_WORD_MAX bytes and zeros behind them up to there. */
static struct str stem_cached(const struct word_analyzer *a, struct str word)
{
    uint64_t bytes[CACHE_WORD_MAX / 8];
    struct cached *c;
    struct str out;

    memcpy(bytes, word.p, sizeof bytes);
    c = cache_place(a, bytes);
    if (c->word[0] == bytes[0] && c->word[1] == bytes[1] && c->word[2] == bytes[2])
        return (struct str){c->stem, c->n_stem};
    out = stem(a, word);
    if (out.n > CACHE_WORD_MAX)
        return out;
    memcpy(c->word, bytes, sizeof bytes);
    memcpy(c->stem, out.p, out.n);
    c->n_stem = (uint8_t)out.n;
    return (struct str){c->stem, c->n_stem};
}

/* ---- finding runs ---- */

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* ASCII letters and digits as they are in a word, lower case; 0 for other bytes. */
#define SMALL(c, u) [c] = c, [u] = c
static const char folded_byte[256] = {
    ['0'] = '0',     ['1'] = '1',     ['2'] = '2',     ['3'] = '3',     ['4'] = '4',
    ['5'] = '5',     ['6'] = '6',     ['7'] = '7',     ['8'] = '8',     ['9'] = '9',
    SMALL('a', 'A'), SMALL('b', 'B'), SMALL('c', 'C'), SMALL('d', 'D'), SMALL('e', 'E'),
    SMALL('f', 'F'), SMALL('g', 'G'), SMALL('h', 'H'), SMALL('i', 'I'), SMALL('j', 'J'),
    SMALL('k', 'K'), SMALL('l', 'L'), SMALL('m', 'M'), SMALL('n', 'N'), SMALL('o', 'O'),
    SMALL('p', 'P'), SMALL('q', 'Q'), SMALL('r', 'R'), SMALL('s', 'S'), SMALL('t', 'T'),
    SMALL('u', 'U'), SMALL('v', 'V'), SMALL('w', 'W'), SMALL('x', 'X'), SMALL('y', 'Y'),
    SMALL('z', 'Z'),
};
#undef SMALL

static bool in_word(uint32_t cp)
{
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);

    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NO);
}

/* Soft hyphen, joiners, byte order mark: inside a word, and gone when it is folded. */
static bool is_invisible(uint32_t cp)
{
    return cp == 0x00AD || cp == 0x200C || cp == 0x200D || cp == 0x2060 || cp == 0xFEFF;
}

/* Letters of scripts that put no space between words. */
static bool stands_alone(uint32_t cp)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {
        {0x0E00, 0x0EFF},   /* Thai, Lao */
        {0x1000, 0x109F},   /* Burmese */
        {0x1780, 0x17FF},   /* Khmer */
        {0x3040, 0x309F},   /* Hiragana */
        {0x3400, 0x9FFF},   /* Han */
        {0xF900, 0xFAFF},   /* Han, compatibility */
        {0x20000, 0x3FFFF}, /* Han, extensions */
    };

    if (cp < ranges[0].first)
        return false;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return in_word(cp) && utf8proc_category((utf8proc_int32_t)cp) <= UTF8PROC_CATEGORY_LO;
    return false;
}

/* Byte i of a text, 0 past its end. */
static unsigned char at(struct str s, size_t i)
{
    return i < s.n ? (unsigned char)s.p[i] : 0;
}

/* Whether the sign at i, which is inside `s` and after a word character, belongs to the word. */
static bool joins(struct str s, size_t i)
{
    unsigned char before = at(s, i - 1), after = at(s, i + 1);

    switch (s.p[i]) {
    case '.': return is_digit(before) && is_digit(after);
    case ',':
        return is_digit(before) && is_digit(after) && is_digit(at(s, i + 2)) &&
               is_digit(at(s, i + 3)) && !is_digit(at(s, i + 4));
    case '&': return is_letter(before) && is_letter(after);
    default: return false;
    }
}

/* The end of the word that begins at i, or i when none does. *plain: it is all ASCII. */
static size_t run_end(struct str s, size_t i, bool *plain)
{
    size_t start = i;

    *plain = true;
    while (i < s.n) {
        unsigned char c = (unsigned char)s.p[i];
        uint32_t cp;
        size_t len;

        if (folded_byte[c] || (i > start && joins(s, i))) {
            i++;
            continue;
        }
        if (c < 0x80)
            break;
        len = utf8_decode(s.p + i, s.n - i, &cp);
        if (stands_alone(cp)) {
            if (i > start)
                break;
            /* with the marks on it */
            for (i += len; i < s.n; i += len) {
                len = utf8_decode(s.p + i, s.n - i, &cp);
                if (!in_word(cp) ||
                    utf8proc_category((utf8proc_int32_t)cp) < UTF8PROC_CATEGORY_MN ||
                    utf8proc_category((utf8proc_int32_t)cp) > UTF8PROC_CATEGORY_ME)
                    break;
            }
            *plain = false;
            return i;
        }
        if (!in_word(cp) && !(i > start && is_invisible(cp)))
            break;
        *plain = false;
        i += len;
    }
    return i;
}

/* ---- from run to word ---- */

struct sink {
    struct word_analyzer *a;
    word_fn fn;
    void *arg;
    uint32_t start, end; /* of the run, in the caller's text */
};

/* ASCII to lower case, commas out, at most WORD_MAX bytes, not a stop word, stemmed. */
static void emit(const struct sink *to, struct str run)
{
    char bytes[WORD_MAX + 4];
    struct str word = {bytes, 0};

    memset(bytes, 0, CACHE_WORD_MAX);
    for (size_t i = 0; i < run.n && word.n < sizeof bytes; i++) {
        char c = run.p[i], small = folded_byte[(unsigned char)c];

        if (c != ',')
            bytes[word.n++] = small ? small : c;
    }
    if (word.n > WORD_MAX)
        word.n = utf8_floor(bytes, word.n, WORD_MAX);
    word = word.n > 0 && word.n <= CACHE_WORD_MAX ? stem_cached(to->a, word) : stem(to->a, word);
    if (word.n)
        to->fn(to->arg, word, to->start, to->end);
}

/* A run that is not all ASCII. Folding may take it apart ("½" is 1 and 2), so the result is read
 * as a text of its own; whatever its words, they came from this run. */
static void emit_folded(const struct sink *to, struct str run)
{
    utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT |
                            UTF8PROC_CASEFOLD | UTF8PROC_IGNORE |
                            (to->a->strip_accents ? UTF8PROC_STRIPMARK : 0);
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)run.p, (utf8proc_ssize_t)run.n, &folded, how);
    struct str s = {(const char *)folded, n < 0 ? 0 : (size_t)n};
    bool plain;

    mem_must_have(n != UTF8PROC_ERROR_NOMEM, "a folded word");
    for (size_t i = 0; i < s.n;) {
        size_t end = run_end(s, i, &plain);
        uint32_t cp;

        if (end > i)
            emit(to, str_sub(s, i, end));
        i = end > i ? end : i + utf8_decode(s.p + i, s.n - i, &cp);
    }
    free(folded);
}

void words_each(struct word_analyzer *a, struct str text, word_fn fn, void *arg)
{
    struct sink to = {a, fn, arg, 0, 0};
    bool plain;

    for (size_t i = 0; i < text.n;) {
        size_t end = run_end(text, i, &plain);
        uint32_t cp;

        if (end == i) {
            i += (unsigned char)text.p[i] < 0x80 ? 1 : utf8_decode(text.p + i, text.n - i, &cp);
            while (i < text.n && (unsigned char)text.p[i] < 0x80 &&
                   !folded_byte[(unsigned char)text.p[i]])
                i++;
            continue;
        }
        to.start = (uint32_t)i;
        to.end = (uint32_t)end;
        if (plain)
            emit(&to, str_sub(text, i, end));
        else
            emit_folded(&to, str_sub(text, i, end));
        i = end;
    }
}
