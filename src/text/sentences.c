#include "text/sentences.h"

#include "base/utf8.h"

/* A sentence is found in one pass over its lines:
 *
 *   line      blank            -> ends the sentence before it
 *             table row        -> ends it too, and is a sentence of its own
 *             list item        -> ends it and begins the next
 *             anything else    -> is scanned for terminators; without one the sentence goes on
 *                                 in the next line (text from PDF is wrapped)
 *
 *   terminator run "." "?!" "...", then closing quotes and brackets, then white space, then
 *   something that can begin a sentence, and what stands before is no abbreviation.
 */

#define WORD_BEFORE_MAX 16 /* bytes looked at before a full stop; longer is no abbreviation */
#define MARKER_MAX      6  /* "(viii)" without its brackets */

/* ---- characters ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_lower(c) || is_upper(c);
}

static bool is_high(char c)
{
    return ((unsigned char)c & 0x80) != 0;
}

size_t white_at(const char *p, size_t n)
{
    uint32_t cp;
    size_t len;

    if (!is_high(*p))
        return *p == ' ' || (*p >= '\t' && *p <= '\r');
    len = utf8_decode(p, n, &cp);
    if (cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200B) || cp == 0x2028 ||
        cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000 || cp == 0xFEFF)
        return len;
    return 0;
}

/* Length of the white-space character that ends at p + end. */
static size_t white_before(const char *p, size_t start, size_t end)
{
    size_t at = end - 1;

    while (at > start && ((unsigned char)p[at] & 0xC0) == 0x80)
        at--;
    return white_at(p + at, end - at) == end - at ? end - at : 0;
}

struct span span_trim(struct str text, size_t start, size_t end)
{
    size_t len;

    while (start < end && (len = white_at(text.p + start, end - start)) != 0)
        start += len;
    while (end > start && (len = white_before(text.p, start, end)) != 0)
        end -= len;
    return (struct span){(uint32_t)start, (uint32_t)end};
}

/* Small letters of the scripts that have them and that we meet: Latin, Greek, Cyrillic. */
static bool is_small_letter(uint32_t cp)
{
    if (cp < 0x80)
        return is_lower((char)cp);
    if (cp >= 0x100 && cp <= 0x17F)
        return (cp & 1) != 0; /* Latin Extended-A goes in pairs; the few exceptions do not matter */
    return (cp >= 0xDF && cp <= 0xFF && cp != 0xF7) || (cp >= 0x3AC && cp <= 0x3CE) ||
           (cp >= 0x430 && cp <= 0x45F);
}

static bool is_opener(uint32_t cp)
{
    return cp == '(' || cp == '[' || cp == '{' || cp == '"' || cp == '\'' || cp == 0x2018 ||
           cp == 0x201C || cp == 0x201E || cp == 0xAB ||
           (cp >= 0x3008 && cp <= 0x3010 && !(cp & 1));
}

static bool is_closer(uint32_t cp)
{
    return cp == ')' || cp == ']' || cp == '}' || cp == '"' || cp == '\'' || cp == 0x2019 ||
           cp == 0x201D || cp == 0xBB || (cp >= 0x3009 && cp <= 0x3011 && (cp & 1)) || cp == 0xFF09;
}

/* 0: none, 1: needs white space behind it, 2: CJK, stands alone. */
static int terminator_kind(uint32_t cp)
{
    switch (cp) {
    case '.':
    case '?':
    case '!':
    case 0x2026: /* ellipsis */
    case 0x061F: /* Arabic question mark */
    case 0x0964: /* danda */ return 1;
    case 0x3002:
    case 0xFF01:
    case 0xFF1F:
    case 0xFF61: return 2;
    default: return 0;
    }
}

/* ---- words ---- */

static bool in_list(const char *const *list, struct str word)
{
    for (; *list; list++)
        if (str_eq_nocase(str_of(*list), word))
            return true;
    return false;
}

/* Never the end of a sentence: something is always named next. */
static const char *const TITLES[] = {
    "mr",   "mrs",   "ms",   "dr",   "prof", "messrs", "gen", "sen",  "rep",   "gov",
    "hon",  "rev",   "capt", "lt",   "col",  "sgt",    "sec", "secs", "art",   "arts",
    "para", "paras", "pars", "ch",   "chs",  "cl",     "pt",  "fig",  "figs",  "eq",
    "eqs",  "ex",    "tab",  "app",  "vol",  "vols",   "ed",  "eds",  "pp",    "ver",
    "e.g",  "i.e",   "eg",   "ie",   "cf",   "viz",    "vs",  "v",    "ca",    "approx",
    "est",  "incl",  "esp",  "resp", "stat", "supp",   "reg", "regs", "subpt", "subch",
    "cir",  "dist",  "op",   "cit",  "ibid", "rel",    "mt",  "nos",  NULL};

/* Months and the like: only before a number. */
static const char *const BEFORE_NUMBERS[] = {"no",   "jan", "feb",  "mar", "apr", "jun", "jul",
                                             "aug",  "sep", "sept", "oct", "nov", "dec", "p",
                                             "item", "rm",  "tel",  "par", NULL};

/* May end a sentence or not: they do when a word follows that likes to begin one. */
static const char *const EITHER[] = {
    "inc",  "corp", "co",   "cos",  "ltd",  "llc",  "plc",  "jr",  "sr",   "bros", "etc", "dept",
    "assn", "bhd",  "ave",  "blvd", "univ", "natl", "intl", "mfg", "ph.d", "esq",  "sq",  "n.a",
    "govt", "cong", "sess", "fed",  "cent", "ann",  "st",   "ft",  "al",   NULL};

static const char *const STARTERS[] = {
    "the",     "a",      "an",       "this", "these", "those", "that",    "it",
    "its",     "in",     "on",       "at",   "by",    "for",   "from",    "with",
    "under",   "upon",   "as",       "if",   "when",  "where", "while",   "although",
    "however", "such",   "each",     "any",  "all",   "no",    "we",      "our",
    "they",    "their",  "he",       "she",  "his",   "her",   "you",     "your",
    "there",   "here",   "then",     "thus", "to",    "and",   "but",     "or",
    "what",    "who",    "why",      "how",  "which", "since", "because", "after",
    "before",  "during", "pursuant", "both", "also",  "other", "some",    NULL};

/* The run of letters and single stops that ends at `end` ("U.S.C", "Inc", "e.g"); empty when it is
 * too long or touches a digit. */
static struct str word_before(struct str t, size_t start, size_t end)
{
    size_t at = end;

    while (at > start && end - at <= WORD_BEFORE_MAX &&
           (is_letter(t.p[at - 1]) || t.p[at - 1] == '.'))
        at--;
    if (end - at > WORD_BEFORE_MAX ||
        (at > start && (is_digit(t.p[at - 1]) || is_high(t.p[at - 1]))))
        return (struct str){t.p + end, 0};
    return str_sub(t, at, end);
}

/* "J", "U.S", "U.S.C", "a.m": letters with a stop between each two. */
static bool is_dotted(struct str w)
{
    for (size_t i = 0; i < w.n; i++)
        if ((i % 2 == 0) != is_letter(w.p[i]))
            return false;
    return w.n % 2 == 1;
}

static struct str word_after(struct str t, size_t at)
{
    size_t end = at;

    while (end < t.n && end - at <= WORD_BEFORE_MAX && is_letter(t.p[end]))
        end++;
    return str_sub(t, at, end);
}

/* ---- list items and rows ---- */

/* Length of "(a)", "(iv)", "12.", "b)" with the white space or bracket behind it not counted. */
static size_t marker_at(struct str t, size_t at)
{
    bool bracket = at < t.n && t.p[at] == '(';
    size_t i = at + bracket, n_digits = 0, n_letters = 0;

    while (i < t.n && i - at <= MARKER_MAX && (is_digit(t.p[i]) || is_letter(t.p[i]))) {
        n_digits += is_digit(t.p[i]);
        n_letters += is_letter(t.p[i]);
        i++;
    }
    if (i == at + bracket || i >= t.n || i - at > MARKER_MAX)
        return 0;
    if (t.p[i] != ')' && (bracket || t.p[i] != '.'))
        return 0;
    if (n_digits > 3 || (n_digits && n_letters))
        return 0;
    if (n_letters > 1) /* a Roman number, not a word */
        for (size_t k = at + bracket; k < i; k++)
            if (!strchr("ivxlcIVXLC", t.p[k]))
                return 0;
    i++;
    if (i < t.n && t.p[i] != '(' && !white_at(t.p + i, t.n - i))
        return 0;
    return i - at;
}

static bool bullet_at(struct str t, size_t at)
{
    uint32_t cp;
    size_t len = utf8_decode(t.p + at, t.n - at, &cp);

    if (at + len >= t.n || !white_at(t.p + at + len, t.n - at - len))
        return false;
    return cp == '-' || cp == '*' || cp == '+' || cp == 0x2022 || cp == 0x2023 || cp == 0x2043 ||
           cp == 0xB7 || cp == 0x25AA || cp == 0x25AB || cp == 0x25A0 || cp == 0x25CF ||
           cp == 0x25E6 || cp == 0x2013 || cp == 0xF0B7;
}

/* Whether the text before may be followed by a list item: it has ended, or announces one. Keeps
 * "paragraph\n(b) of this section" together. */
static bool invites_item(struct str t, size_t start, size_t end)
{
    struct span s = span_trim(t, start, end);
    size_t n = s.end - s.start;
    const char *e = t.p + s.end;

    if (n == 0 || strchr(".;:!?)", e[-1]))
        return true;
    return (n > 4 && memcmp(e - 4, " and", 4) == 0) || (n > 3 && memcmp(e - 3, " or", 3) == 0);
}

/* Cells are kept apart by " | ", by a tab, or (text laid out by its author) by wide gaps. */
static bool is_row(struct str t, size_t start, size_t end)
{
    size_t n_gaps = 0;

    for (size_t i = start + 1; i + 1 < end; i++) {
        if (t.p[i] == '\t' || (t.p[i] == '|' && t.p[i - 1] == ' ' && t.p[i + 1] == ' '))
            return true;
        if (t.p[i] == ' ' && t.p[i - 1] == ' ' && t.p[i + 1] != ' ' && i >= start + 2 &&
            t.p[i - 2] == ' ' && ++n_gaps >= 2)
            return true;
    }
    return t.p[start] == '|';
}

/* ---- one sentence ---- */

static size_t line_end(struct str t, size_t at)
{
    const char *nl = memchr(t.p + at, '\n', t.n - at);

    return nl ? (size_t)(nl - t.p) : t.n;
}

/* Where the next text on this or the following line begins; t.n when a blank line comes first. */
static size_t next_text(struct str t, size_t at)
{
    int n_lines = 0;
    size_t len;

    for (; at < t.n && (len = white_at(t.p + at, t.n - at)) != 0; at += len)
        if (t.p[at] == '\n' && ++n_lines == 2)
            return t.n;
    return at;
}

/* What follows a terminator and white space can begin a sentence. */
static bool can_begin(struct str t, size_t at, bool after_dots)
{
    uint32_t cp;

    if (at >= t.n)
        return true;
    at += utf8_decode(t.p + at, t.n - at, &cp);
    if (cp == '(' || cp == '[')
        return true; /* "(b) Other than ..." */
    for (int n_quotes = 0; is_opener(cp) && at < t.n && n_quotes < 3; n_quotes++)
        at += utf8_decode(t.p + at, t.n - at, &cp);
    if (cp < 0x80)
        return is_upper((char)cp) || (is_digit((char)cp) && !after_dots) || cp == '$' ||
               cp == '*' || cp == '-' || is_opener(cp);
    return !is_small_letter(cp) && !is_closer(cp);
}

/* A full stop at `at` belongs to its word. `next` is where the following text begins. */
static bool is_abbreviation(struct str t, size_t start, size_t at, size_t next)
{
    struct str w = word_before(t, start, at);
    struct str after = word_after(t, next);
    bool digit_next = next < t.n && is_digit(t.p[next]);

    if (marker_at(t, start) == at + 1 - start)
        return true; /* "1. Scope", "A. The bank": the stop belongs to the number */
    if (w.n == 0)
        return false;
    if (in_list(TITLES, w))
        return true;
    if (digit_next && in_list(BEFORE_NUMBERS, w))
        return true;
    if (is_dotted(w) || in_list(EITHER, w))
        return next < t.n && !in_list(STARTERS, after);
    return false;
}

/* If the terminator run at `at` ends a sentence, the byte after it and its closers; else 0.
 * *past is where scanning goes on. */
static size_t end_at(struct str t, size_t start, size_t at, size_t *past)
{
    uint32_t cp;
    size_t i = at, n_run = 0, len, next;
    int kind = 0, k;

    while (i < t.n) {
        len = utf8_decode(t.p + i, t.n - i, &cp);
        k = terminator_kind(cp);
        if (k == 0)
            break;
        kind = k > kind ? k : kind;
        i += len;
        n_run++;
    }
    while (i < t.n) {
        len = utf8_decode(t.p + i, t.n - i, &cp);
        if (!is_closer(cp))
            break;
        i += len;
    }
    *past = i;
    if (kind == 2)
        return i;
    if (i < t.n && !white_at(t.p + i, t.n - i))
        return 0;
    if (at > start && t.p[at - 1] == ' ')
        return 0; /* ". . . . 12", the dots of a table of contents */
    next = next_text(t, i);
    if (!can_begin(t, next, n_run > 1))
        return 0;
    if (n_run == 1 && t.p[at] == '.' && i == at + 1 && is_abbreviation(t, start, at, next))
        return 0;
    return i;
}

/* The end of the first sentence in start..end (one line's part), or 0 when it goes on. */
static size_t scan_line(struct str t, size_t start, size_t from, size_t end)
{
    size_t i = from;

    while (i < end) {
        uint32_t cp;
        size_t len = utf8_decode(t.p + i, t.n - i, &cp);
        size_t past, stop;

        if (terminator_kind(cp) == 0) {
            i += len;
            continue;
        }
        stop = end_at(t, start, i, &past);
        if (stop)
            return stop;
        i = past;
    }
    return 0;
}

/* First byte that is not white space, or t.n. */
static size_t skip_white(struct str t, size_t at)
{
    size_t len;

    while (at < t.n && (len = white_at(t.p + at, t.n - at)) != 0)
        at += len;
    return at;
}

/* Whether the line at `at` (its first text at `text`) begins something new after start..at. */
static bool line_begins_anew(struct sentence_walk *w, size_t start, size_t at, size_t text)
{
    struct str t = w->text;

    if (bullet_at(t, text) || is_row(t, text, line_end(t, text)))
        return true;
    return marker_at(t, text) && (w->in_list || invites_item(t, start, at));
}

/* The end of the sentence that begins at `start`, over as many lines as it takes. */
static size_t sentence_end(struct sentence_walk *w, size_t start)
{
    struct str t = w->text;
    size_t at = start, end = 0;

    while (!end) {
        size_t next;

        end = scan_line(t, start, at, w->line_end);
        if (end)
            break;
        next = w->line_end < t.n ? next_text(t, w->line_end) : t.n;
        if (next >= t.n || line_begins_anew(w, start, w->line_end, next)) {
            end = w->line_end;
        } else {
            at = next;
            w->line_end = line_end(t, at);
        }
    }
    return end;
}

bool sentence_next(struct sentence_walk *w, struct span *out)
{
    struct str t = w->text;
    size_t start = skip_white(t, w->at);
    bool new_line = start >= w->line_end;

    if (start >= t.n)
        return false;
    if (new_line) {
        w->line_end = line_end(t, start);
        w->in_list = bullet_at(t, start) || marker_at(t, start);
    }
    if (new_line && is_row(t, start, w->line_end))
        w->at = w->line_end;
    else
        w->at = sentence_end(w, start);
    *out = span_trim(t, start, w->at);
    return true;
}

size_t sentence_split(struct str text, struct span *out, size_t cap)
{
    struct sentence_walk w = sentences_of(text);
    size_t n = 0;

    while (n < cap && sentence_next(&w, &out[n]))
        n++;
    if (n == cap && n > 0) {
        struct span rest = span_trim(text, out[n - 1].start, text.n);

        out[n - 1].end = rest.end;
    }
    return n;
}
