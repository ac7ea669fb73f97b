#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cache/guard_parts.h"

#define BYTES_MAX 2048

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
    return is_upper(c) || is_lower(c) || (c & 0x80);
}

static bool is_alnum(char c)
{
    return is_letter(c) || is_digit(c);
}

/* ---- signs ---- */

/* Signs beyond ASCII that stand for one within; the currencies become letters of ours. */
static const struct {
    const char *sign, *plain;
} signs[] = {
    {"\u2019", "'"}, {"\u2018", "'"},      {"\u201c", "\""},     {"\u201d", "\""},
    {"\u2013", "-"}, {"\u2014", " , "},    {"\u2010", "-"},      {"\u2011", "-"},
    {"\u00a0", " "}, {"\u20ac", " \001e"}, {"\u00a3", " \001p"}, {"\u00a5", " \001y"},
    {"$", " \001d"}, {">", " above "},     {"<", " below "},
};

static size_t plain_sign(struct str s, size_t i, const char **plain)
{
    for (size_t k = 0; k < sizeof signs / sizeof *signs; k++) {
        size_t n = strlen(signs[k].sign);

        if (n <= s.n - i && memcmp(s.p + i, signs[k].sign, n) == 0) {
            *plain = signs[k].plain;
            return n;
        }
    }
    return 0;
}

/* A zero byte behind it, so that looking one ahead is safe. False: too long. */
static bool make_plain(struct str s, char *out, size_t *n)
{
    *n = 0;
    for (size_t i = 0; i < s.n;) {
        const char *plain = s.p + i;
        size_t taken = plain_sign(s, i, &plain), len = taken ? strlen(plain) : 1;

        if (*n + len >= BYTES_MAX)
            return false;
        memcpy(out + *n, plain, len);
        *n += len;
        i += taken ? taken : 1;
    }
    memset(out + *n, 0, BYTES_MAX + 8 - *n);
    return true;
}

/* ---- words ---- */

struct reader {
    const char *p; /* [n], zeros behind */
    size_t n, at;
    struct guard_line *l;
    bool starts; /* the next word begins a sentence */
    bool shouts; /* no small letter in it: capitals mean nothing */
    bool titles; /* small words have capitals too */
};

static struct guard_word *add(struct reader *r, struct str text, enum guard_class class)
{
    struct guard_word *w;

    if (r->l->n == GUARD_WORDS_MAX) {
        r->l->too_long = true;
        return NULL;
    }
    w = &r->l->w[r->l->n++];
    *w = (struct guard_word){.class = (uint8_t) class};
    guard_word_set(w, text);
    return w;
}

static void add_plain(struct reader *r, const char *text, enum guard_class class, uint8_t flags)
{
    struct guard_word *w = add(r, str_of(text), class);

    if (w)
        w->flags = flags;
}

/* Whether the sign at i, behind a letter or digit, is inside a word. */
static bool joins(const char *p, size_t start, size_t i)
{
    char before = p[i - 1], after = p[i + 1];

    switch (p[i]) {
    case '.':
        return (is_digit(before) && is_digit(after)) ||
               (is_letter(before) && is_letter(after) && !is_alnum(p[i + 2]) &&
                (i - start == 1 || p[i - 2] == '.'));
    case ',':
        return is_digit(before) && is_digit(after) && is_digit(p[i + 2]) && is_digit(p[i + 3]) &&
               !is_digit(p[i + 4]);
    case '&': return is_letter(before) && is_letter(after);
    case '+':
    case '#': return is_letter(before) || before == '+';
    default: return false;
    }
}

static size_t run_end(const struct reader *r, size_t i)
{
    size_t start = i;

    while (i < r->n && (is_alnum(r->p[i]) || (i > start && joins(r->p, start, i))))
        i++;
    return i;
}

/* How "10-K" and "COVID-19" stay one word, and "two-factor" and "2-week" become two. */
static bool hyphen_joins(const struct reader *r, size_t start, size_t end)
{
    size_t next = end + 1, next_end = run_end(r, next);
    bool digits = false, next_digits = false, all = true, next_all = true;

    for (size_t i = start; i < end; i++)
        is_digit(r->p[i]) ? (digits = true) : (all = false);
    for (size_t i = next; i < next_end; i++)
        is_digit(r->p[i]) ? (next_digits = true) : (next_all = false);
    if (all && (next_all || (!next_digits && next_end - next >= 3)))
        return false;
    return digits || next_digits || end - start == 1;
}

struct shape {
    size_t n_upper, n_lower, n_digit;
};

static struct shape shape_of(struct str s)
{
    struct shape c = {0};

    for (size_t i = 0; i < s.n; i++) {
        c.n_upper += is_upper(s.p[i]);
        c.n_lower += is_lower(s.p[i]) || (s.p[i] & 0x80);
        c.n_digit += is_digit(s.p[i]);
    }
    return c;
}

/* Capitals that only raise the voice. */
static bool is_emphasis(struct str s)
{
    static const char *const words[] = {"NOT", "NO",   "AND", "OR", "ALL", "MUST",
                                        "ANY", "ONLY", "THE", "IS", "NON"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(s, str_of(words[i])))
            return true;
    return false;
}

static enum guard_class class_of(const struct reader *r, struct str s, struct shape c)
{
    if (c.n_digit && is_digit(s.p[0]) && c.n_upper + c.n_lower == 0)
        return G_NUMBER;
    if (r->shouts || is_emphasis(s))
        return G_WORD;
    if (c.n_upper >= 2 || (c.n_upper && c.n_digit))
        return c.n_lower == 0 || (c.n_lower == 1 && s.p[s.n - 1] == 's') ? G_ACRONYM : G_NAME;
    if (c.n_upper && s.n == 1)
        return s.p[0] == 'I' || r->starts ? G_WORD : G_NAME;
    return c.n_upper && is_upper(s.p[0]) && !r->starts && !r->titles ? G_NAME : G_WORD;
}

static void add_word(struct reader *r, struct str s)
{
    char small[GUARD_TEXT * 4];
    size_t n = 0;
    struct shape c = shape_of(s);
    enum guard_class class = class_of(r, s, c);
    struct guard_word *w;

    if (class == G_ACRONYM && c.n_lower == 1)
        s.n--; /* "SARs" */
    for (size_t i = 0; i < s.n && n < sizeof small; i++)
        if (is_digit(s.p[i])
                ? s.p[i] != ','
                : s.p[i] != ',' && s.p[i] != '-' && (s.p[i] != '.' || class == G_NUMBER))
            small[n++] = is_upper(s.p[i]) ? (char)(s.p[i] | 32) : s.p[i];
    w = add(r, (struct str){small, n}, class);
    if (w && c.n_upper && is_upper(s.p[0]) && !r->shouts)
        w->flags |= F_CAPITAL;
    r->starts = false;
}

/* "50k" is 50 and k, "10kg" 10 and kg; "2FA" and "3M" stay: their letters are capitals. */
static size_t number_part(struct str s)
{
    size_t i = 0, k;

    while (i < s.n && (is_digit(s.p[i]) || s.p[i] == '.' || s.p[i] == ','))
        i++;
    for (k = i; k < s.n; k++)
        if (!is_lower(s.p[k]))
            return 0;
    return i && i < s.n && memcmp(s.p + i, "th", 2) && memcmp(s.p + i, "st", 2) &&
                   memcmp(s.p + i, "nd", 2) && memcmp(s.p + i, "rd", 2)
               ? i
               : 0;
}

static void add_run(struct reader *r, struct str s)
{
    size_t digits = number_part(s);

    if (!digits) {
        add_word(r, s);
        return;
    }
    add_word(r, str_sub(s, 0, digits));
    add_word(r, str_sub(s, digits, s.n));
    if (!r->l->too_long)
        r->l->w[r->l->n - 1].flags |= F_TIGHT;
}

/* What follows an apostrophe. "what's" is "what is", "bank's" is "bank". */
static size_t after_apostrophe(struct reader *r, size_t i)
{
    static const char *const asks[] = {"what", "who", "where", "how", "when", "it", "that", "why"};
    static const struct {
        const char *end, *word;
    } ends[] = {{"re", "are"}, {"ve", "have"}, {"ll", "will"}, {"d", "would"}, {"m", "am"}};
    size_t end = run_end(r, i + 1);
    struct str s = {r->p + i + 1, end - i - 1};
    struct guard_word *last = &r->l->w[r->l->n - 1];

    if (r->l->n == 0)
        return i + 1;
    if (str_eq_nocase(s, STR_LIT("s"))) {
        for (size_t k = 0; k < sizeof asks / sizeof *asks; k++)
            if (guard_word_is(last, asks[k]))
                add_plain(r, "is", G_WORD, 0);
        return end;
    }
    if (str_eq_nocase(s, STR_LIT("t")) && last->text[0]) {
        size_t n = strlen(last->text);

        if (last->text[n - 1] == 'n' && !guard_word_is(last, "can"))
            last->text[n - 1] = 0;
        if (guard_word_is(last, "wo") || guard_word_is(last, "ca"))
            guard_word_set(last, last->text[0] == 'w' ? STR_LIT("will") : STR_LIT("can"));
        add_plain(r, "not", G_WORD, 0);
        return end;
    }
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
        if (str_eq_nocase(s, str_of(ends[k].end))) {
            add_plain(r, ends[k].word, G_WORD, 0);
            return end;
        }
    return i + 1;
}

static void read_word(struct reader *r)
{
    size_t start = r->at, end = run_end(r, start);

    while (r->p[end] == '-' && is_alnum(r->p[end + 1]) && hyphen_joins(r, start, end))
        end = run_end(r, end + 1);
    add_run(r, (struct str){r->p + start, end - start});
    if (r->p[end] == '\'')
        end = after_apostrophe(r, end);
    if (r->p[end] == '-' && is_digit(r->p[end - 1]) && is_digit(r->p[end + 1]))
        add_plain(r, "to", G_WORD, 0); /* 2018-2019 */
    r->at = end;
}

static void read_sign(struct reader *r)
{
    static const char *const currency[] = {
        ['e'] = "eur",
        ['p'] = "gbp",
        ['y'] = "jpy",
        ['d'] = "usd",
    };
    char c = r->p[r->at++];

    switch (c) {
    case '\001': add_plain(r, currency[(unsigned char)r->p[r->at++]], G_WORD, F_SIGN); break;
    case '%': add_plain(r, "percent", G_WORD, F_TIGHT); break;
    case '&': add_plain(r, "and", G_WORD, 0); break;
    case ',':
    case ';':
    case ':': add_plain(r, ",", G_BREAK, 0); break;
    case '?':
    case '!':
    case '.':
        add_plain(r, ".", G_END, 0);
        r->starts = true;
        break;
    default: break;
    }
}

static bool has_title_case(struct str s)
{
    static const char *const small[] = {" The ", " Is ", " Are ", " Of ",
                                        " For ", " Do ", " Does "};

    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (memmem(s.p, s.n, small[i], strlen(small[i])))
            return true;
    return false;
}

void guard_read(struct str question, struct guard_line *out)
{
    char plain[BYTES_MAX + 8];
    struct reader r = {.p = plain, .l = out, .starts = true};
    struct shape c;

    out->n = 0;
    out->kind = out->tense = out->person = 0;
    out->too_long = !make_plain(question, plain, &r.n);
    if (out->too_long)
        return;
    for (size_t i = 0; i < r.n; i++)
        if (plain[i] == '\001' && !strchr("epyd", plain[i + 1] ? plain[i + 1] : ' '))
            plain[i] = ' '; /* a control character of the question's own */
    c = shape_of((struct str){plain, r.n});
    r.shouts = c.n_lower == 0 && c.n_upper > 8;
    r.titles = has_title_case((struct str){plain, r.n});
    while (r.at < r.n && !out->too_long) {
        if (is_alnum(plain[r.at]))
            read_word(&r);
        else
            read_sign(&r);
    }
    while (out->n && (out->w[out->n - 1].class == G_END || out->w[out->n - 1].class == G_BREAK))
        out->n--;
}
