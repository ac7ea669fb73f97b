/* Text is read once, by two routes.
 *
 * A word of plain ASCII letters and digits between white space, ASCII punctuation or the ends is
 * matched where it stands, its capitals folded on the way down the trie. Anything else (a
 * character beyond ASCII, a control, what may be a special token) is gathered, normalized
 * character by character, into a small buffer that remembers where each byte came from, and
 * matched there.
 *
 *   text    "Cafe\u0301s [SEP]"         e and U+0301: the accent is dropped
 *   buffer  c a f e s                   with origin 0 1 2 3 6
 *   tokens  cafe [0,4)  ##s [6,7)  [SEP] [8,13)
 *
 * The reference works in passes over the whole text (clean, space CJK, decompose, drop accents,
 * lower case, split). These can be done a character at a time because none looks at neighbours,
 * but for Unicode's canonical order of combining characters: see add_ordered. */
#include "text/wordpiece.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/frozen_vocab.h"
#include "text/trie.h"
#include "text/vocab.h"
#include "text/wordpiece_table.h"

#define BYTES          256
#define WORD_BYTES_MAX (4 * VOCAB_WORD_CHARS)

enum byte_kind {
    BYTE_WORD,
    BYTE_SPACE,
    BYTE_PUNCT,
    BYTE_OTHER, /* needs the careful route */
};

struct wordpiece {
    uint8_t kind[BYTES]; /* enum byte_kind */
    uint8_t fold[BYTES]; /* A-Z to a-z, unless case is kept */
    struct frozen_vocab vocab;
    struct str own; /* the vocabulary's bytes, where they are ours */
};

/* ---- opening ---- */

static void fill_byte_tables(struct wordpiece *w)
{
    bool lower_case = w->vocab.lower_case;

    for (unsigned c = 0; c < BYTES; c++) {
        w->fold[c] = (uint8_t)(lower_case && c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
        w->kind[c] = BYTE_OTHER;
        if (c >= 0x80)
            continue;
        switch (wordpiece_class(wordpiece_entry(c))) {
        case CHAR_WORD: w->kind[c] = BYTE_WORD; break;
        case CHAR_SPACE: w->kind[c] = BYTE_SPACE; break;
        case CHAR_PUNCT: w->kind[c] = BYTE_PUNCT; break;
        default: break;
        }
    }
    for (size_t i = 0; i < w->vocab.n_specials; i++)
        w->kind[(uint8_t)*frozen_special_text(&w->vocab, i).p] = BYTE_OTHER;
}

int wordpiece_thaw(struct wordpiece **out, struct str bytes)
{
    struct frozen_vocab vocab;
    struct wordpiece *w;
    int rc = frozen_vocab_view(&vocab, bytes);

    if (rc < 0)
        return rc;
    w = mem_calloc(1, sizeof(*w));
    w->vocab = vocab;
    fill_byte_tables(w);
    *out = w;
    return ERR_OK;
}

void wordpiece_freeze(const struct wordpiece *w, struct buf *out)
{
    buf_add_view(out, w->vocab.bytes);
}

/* There is one form to look up in; opening is freezing for ourselves. */
int wordpiece_open(struct wordpiece **out, const char *model_dir)
{
    struct vocab v;
    struct str bytes = {0};
    int rc = vocab_open(&v, model_dir);

    if (rc < 0)
        return rc;
    TRY(frozen_vocab_make(&v, &bytes));
    TRY(wordpiece_thaw(out, bytes));
    (*out)->own = bytes;
    bytes = (struct str){0}; /* handed over */
out:
    mem_free((char *)bytes.p);
    vocab_done(&v);
    return rc;
}

void wordpiece_close(struct wordpiece *w)
{
    if (!w)
        return;
    mem_free((char *)w->own.p);
    mem_free(w);
}

size_t wordpiece_vocab_size(const struct wordpiece *w)
{
    return w->vocab.n_ids;
}

bool wordpiece_lower_case(const struct wordpiece *w)
{
    return w->vocab.lower_case;
}

struct digest wordpiece_digest(const struct wordpiece *w)
{
    return w->vocab.digest;
}

/* ---- one pass over a text ---- */

/* Where a byte of the word buffer came from. */
struct origin {
    uint32_t start, end; /* bytes of the source */
    uint32_t order;      /* canonical combining class; 0: stays where it is */
};

/* The word being gathered on the careful route. */
struct word {
    char text[WORD_BYTES_MAX];
    struct origin from[WORD_BYTES_MAX];
    size_t n, n_chars;
    size_t fixed;        /* nothing is sorted to before this byte */
    uint32_t start, end; /* of the whole word in the source; start == end: no word */
};

struct piece {
    int32_t id;
    uint32_t end; /* in the word */
};

struct pass {
    const struct wordpiece *w;
    struct str text;
    size_t at;

    /* Where tokens go: `out` with room for `room`, a growing array, or nowhere (counted only). */
    struct token *out;
    struct tokens *growing;
    size_t n, room;
    bool full; /* a token was left over */

    struct word word;
};

static void put(struct pass *p, int32_t id, uint32_t start, uint32_t end)
{
    if (p->n == p->room) {
        if (!p->growing) {
            p->full = true;
            return;
        }
        p->growing->v = mem_grow(p->growing->v, &p->growing->cap, p->n + 1, sizeof(*p->out));
        p->out = p->growing->v;
        p->room = p->growing->cap;
    }
    if (p->out)
        p->out[p->n] = (struct token){id, start, end};
    p->n++;
}

/* Cuts a word into pieces, the longest first; 0 when some part of it is in no token.
 *   out   [n], though a vocabulary of whole characters needs no more than one a character */
static size_t cut_word(const struct wordpiece *w, const char *word, size_t n, struct piece *out)
{
    const uint8_t *s = (const uint8_t *)word;
    const struct trie_node *nodes = w->vocab.nodes;
    uint32_t base = w->vocab.words;
    size_t n_pieces = 0, at = 0;

    while (at < n) {
        const struct trie_node *node;
        struct piece best = {.end = 0};

        for (size_t i = at; i < n && (node = trie_step(nodes, base, w->fold[s[i]])); i++) {
            base = node->base;
            if (node->value != TRIE_NONE)
                best = (struct piece){node->value, (uint32_t)i + 1};
        }
        if (best.end == 0)
            return 0;
        out[n_pieces++] = best;
        at = best.end;
        base = w->vocab.suffixes;
    }
    return n_pieces;
}

/* A word that stands in the source as it is. */
static void put_plain_word(struct pass *p, size_t start, size_t end)
{
    struct piece pieces[VOCAB_WORD_CHARS];
    size_t n = 0;
    uint32_t from = (uint32_t)start;

    if (end - start <= VOCAB_WORD_CHARS)
        n = cut_word(p->w, p->text.p + start, end - start, pieces);
    if (n == 0)
        put(p, p->w->vocab.unk, (uint32_t)start, (uint32_t)end);
    for (size_t i = 0; i < n; i++) {
        put(p, pieces[i].id, from, (uint32_t)start + pieces[i].end);
        from = (uint32_t)start + pieces[i].end;
    }
}

/* ---- the careful route ---- */

static void put_piece(struct pass *p, int32_t id, size_t from, size_t to)
{
    const struct origin *o = p->word.from;
    uint32_t start = o[from].start, end = o[from].end;

    for (size_t i = from + 1; i < to; i++) { /* sorted characters may stand out of order */
        start = o[i].start < start ? o[i].start : start;
        end = o[i].end > end ? o[i].end : end;
    }
    put(p, id, start, end);
}

static void flush_word(struct pass *p)
{
    struct piece pieces[WORD_BYTES_MAX];
    struct word *word = &p->word;
    size_t n = 0, from = 0;

    if (word->n_chars == 0)
        return;
    if (word->n_chars <= VOCAB_WORD_CHARS)
        n = cut_word(p->w, word->text, word->n, pieces);
    if (n == 0)
        put(p, p->w->vocab.unk, word->start, word->end);
    for (size_t i = 0; i < n; i++) {
        put_piece(p, pieces[i].id, from, pieces[i].end);
        from = pieces[i].end;
    }
    word->n = word->n_chars = word->fixed = 0;
}

/* Puts a normalized character into the word at byte `at`. Of a word that is too long only the
 * extent matters. */
static void insert_char(struct word *word, size_t at, uint32_t cp, struct origin origin)
{
    char bytes[4];
    size_t n = utf8_encode(cp, bytes);

    if (word->n_chars == 0)
        word->start = origin.start;
    word->end = origin.end;
    if (++word->n_chars > VOCAB_WORD_CHARS)
        return;
    memmove(word->text + at + n, word->text + at, word->n - at);
    memmove(word->from + at + n, word->from + at, (word->n - at) * sizeof(*word->from));
    memcpy(word->text + at, bytes, n);
    for (size_t i = 0; i < n; i++)
        word->from[at + i] = origin;
    word->n += n;
}

static uint32_t canonical_order(uint32_t cp)
{
    size_t low = 0, high = wordpiece_n_orders;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (wordpiece_orders[mid].cp < cp)
            low = mid + 1;
        else
            high = mid;
    }
    CHECK(low < wordpiece_n_orders && wordpiece_orders[low].cp == cp);
    return wordpiece_orders[low].order;
}

/* Decomposing sorts runs of combining characters by their class. Accents are dropped anyway, but
 * a few spacing marks and marks newer than the reference's list of accents remain; such a one
 * goes before those of a higher class that it follows. */
static void add_ordered(struct word *word, uint32_t cp, struct origin origin)
{
    size_t at = word->n;

    origin.order = canonical_order(cp);
    while (at > word->fixed && word->from[at - 1].order > origin.order)
        at--;
    insert_char(word, at, cp, origin);
}

/* A character after normalizing: part of the word, or a word by itself. */
static void add_normalized(struct pass *p, uint32_t cp, struct origin origin)
{
    struct word *word = &p->word;

    switch (wordpiece_class(wordpiece_entry(cp))) {
    case CHAR_PUNCT:
        flush_word(p);
        insert_char(word, 0, cp, origin);
        flush_word(p);
        break;
    case CHAR_ORDERED:
        if (p->w->vocab.lower_case) {
            add_ordered(word, cp, origin);
            break;
        }
        /* fall through */
    default: insert_char(word, word->n, cp, origin); break;
    }
}

/* A Hangul syllable is two or three letters (Unicode, section 3.12). */
static void add_hangul(struct pass *p, uint32_t cp, struct origin origin)
{
    uint32_t i = cp - 0xAC00;

    add_normalized(p, 0x1100 + i / 588, origin);
    add_normalized(p, 0x1161 + i % 588 / 28, origin);
    if (i % 28)
        add_normalized(p, 0x11A7 + i % 28, origin);
}

/* Without accents and in lower case, unless the model keeps them. */
static void add_mapped(struct pass *p, uint32_t cp, unsigned mapping, struct origin origin)
{
    const char *text = (const char *)wordpiece_map_text;
    size_t at, end;

    if (mapping == 0 || !p->w->vocab.lower_case) {
        add_normalized(p, cp, origin);
        return;
    }
    if (mapping == WORDPIECE_MAPPING_HANGUL) {
        add_hangul(p, cp, origin);
        return;
    }
    end = wordpiece_map_starts[mapping + 1];
    for (at = wordpiece_map_starts[mapping]; at < end;) {
        at += utf8_decode(text + at, end - at, &cp);
        add_normalized(p, cp, origin);
    }
}

/* The longest special token that stands at p->at, or NULL. */
static const struct frozen_special *special_here(const struct pass *p)
{
    const struct frozen_vocab *v = &p->w->vocab;
    const struct frozen_special *best = NULL;
    struct str rest = str_sub(p->text, p->at, p->text.n);

    for (size_t i = 0; i < v->n_specials; i++) {
        const struct frozen_special *s = &v->specials[i];

        if (str_starts(rest, frozen_special_text(v, i)) && (!best || s->n > best->n))
            best = s;
    }
    return best;
}

/* Takes one character. Returns false when it ended the word. */
static bool take_char(struct pass *p)
{
    uint32_t cp;
    size_t len = utf8_decode(p->text.p + p->at, p->text.n - p->at, &cp);
    uint16_t entry = wordpiece_entry(cp);
    struct origin origin = {(uint32_t)p->at, (uint32_t)(p->at + len), 0};

    p->at += len;
    switch (wordpiece_class(entry)) {
    case CHAR_GONE: return true;
    case CHAR_SPACE: flush_word(p); return false;
    case CHAR_MARK:
        if (p->w->vocab.lower_case)
            return true;
        break;
    case CHAR_MARK_FIXED:
        if (p->w->vocab.lower_case) {
            p->word.fixed = p->word.n;
            return true;
        }
        break;
    case CHAR_CJK:
        flush_word(p);
        add_mapped(p, cp, wordpiece_mapping(entry), origin);
        flush_word(p);
        return false;
    default: break;
    }
    add_mapped(p, cp, wordpiece_mapping(entry), origin);
    return p->word.n_chars > 0;
}

/* One word, and what ended it. */
static void take_careful(struct pass *p)
{
    while (p->at < p->text.n) {
        uint8_t byte = (uint8_t)p->text.p[p->at];
        const struct frozen_special *s = NULL;

        if (byte < 0x80 && p->w->kind[byte] == BYTE_OTHER)
            s = special_here(p);
        if (s) {
            flush_word(p);
            put(p, s->id, (uint32_t)p->at, (uint32_t)(p->at + s->n));
            p->at += s->n;
            return;
        }
        if (!take_char(p))
            return;
    }
    flush_word(p);
}

/* ---- the pass ---- */

static void run(struct pass *p)
{
    const struct wordpiece *w = p->w;
    const uint8_t *s = (const uint8_t *)p->text.p;
    size_t n = p->text.n;

    CHECK(n <= UINT32_MAX); /* offsets are 32 bits; documents are far smaller */
    while (p->at < n && !p->full) {
        size_t end = p->at;

        switch (w->kind[s[p->at]]) {
        case BYTE_SPACE: p->at++; continue;
        case BYTE_PUNCT:
            put_plain_word(p, p->at, p->at + 1);
            p->at++;
            continue;
        case BYTE_WORD:
            while (end < n && w->kind[s[end]] == BYTE_WORD)
                end++;
            if (end == n || w->kind[s[end]] != BYTE_OTHER) {
                put_plain_word(p, p->at, end);
                p->at = end;
                continue;
            }
            break;
        default: break;
        }
        take_careful(p);
    }
}

static void pass_init(struct pass *p, const struct wordpiece *w, struct str text)
{
    p->w = w;
    p->text = text;
    p->at = p->n = p->room = 0;
    p->out = NULL;
    p->growing = NULL;
    p->full = false;
    p->word.n = p->word.n_chars = p->word.fixed = 0; /* the rest is written before it is read */
}

size_t wordpiece_encode(const struct wordpiece *w, struct str text, struct token *out, size_t cap,
                        bool *cut)
{
    struct pass p;

    CHECK(cap >= 2);
    pass_init(&p, w, text);
    p.out = out + 1;
    p.room = cap - 2;
    run(&p);
    out[0] = (struct token){w->vocab.cls, 0, 0};
    out[p.n + 1] = (struct token){w->vocab.sep, (uint32_t)text.n, (uint32_t)text.n};
    if (cut)
        *cut = p.full;
    return p.n + 2;
}

void wordpiece_encode_all(const struct wordpiece *w, struct str text, struct tokens *out)
{
    struct pass p;

    pass_init(&p, w, text);
    p.growing = out;
    p.out = out->v;
    p.n = out->n;
    p.room = out->cap;
    run(&p);
    out->n = p.n;
}

size_t wordpiece_count(const struct wordpiece *w, struct str text)
{
    struct pass p;

    pass_init(&p, w, text);
    p.room = SIZE_MAX;
    run(&p);
    return p.n;
}
