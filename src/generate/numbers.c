#include "generate/numbers.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define DIGITS_MAX   32
#define YEAR_MIN     1500
#define YEAR_END     2100
#define CLOSE_ENOUGH 1e-9 /* of two values that are the same */

/* ---- words ---- */

/* Bytes of the letter or digit at `at`; 0: none. Of UTF-8, U+0080..00BF (signs, no-break space)
 * and U+2000..20BF (dashes, quotes, currencies) are none. */
static size_t in_word(struct str s, size_t at)
{
    unsigned char c = (unsigned char)s.p[at];

    if (c < 0x80)
        return isalnum(c) != 0;
    if (c == 0xC2 || (c == 0xE2 && at + 1 < s.n && (unsigned char)s.p[at + 1] <= 0x82))
        return 0;
    return 1;
}

/* Behind the word at `at`, or behind the sign that is there: all its bytes, so that a part of one
 * is never taken for a letter. */
static size_t over_word(struct str s, size_t at)
{
    size_t start = at;

    while (at < s.n && in_word(s, at))
        at++;
    if (at > start)
        return at;
    for (at++; at < s.n && ((unsigned char)s.p[at] & 0xC0) == 0x80; at++)
        ;
    return at;
}

/* The letters at `at`. */
static struct str letters_at(struct str s, size_t at)
{
    size_t end = at;

    while (end < s.n && isalpha((unsigned char)s.p[end]))
        end++;
    return str_sub(s, at, end);
}

struct named {
    const char *word;
    double value;
};

/* The index of a word, or -1. */
static int find_named(const struct named *list, size_t n, struct str word)
{
    for (size_t i = 0; i < n && word.n > 0; i++)
        if (tolower((unsigned char)word.p[0]) == list[i].word[0] &&
            str_eq_nocase(word, str_of(list[i].word)))
            return (int)i;
    return -1;
}
#define FIND(list, word) find_named((list), sizeof(list) / sizeof *(list), (word))

static const struct named scale_words[] = {
    {"hundred", 1e2},  {"thousand", 1e3},  {"million", 1e6},  {"billion", 1e9},  {"trillion", 1e12},
    {"hundreds", 1e2}, {"thousands", 1e3}, {"millions", 1e6}, {"billions", 1e9}, {"mn", 1e6},
    {"mln", 1e6},      {"bn", 1e9},        {"tn", 1e12}};
static const struct named scale_letters[] = {{"k", 1e3}, {"m", 1e6}, {"b", 1e9}};
static const struct named small_words[] = {
    {"zero", 0},        {"two", 2},        {"three", 3},        {"four", 4},
    {"five", 5},        {"six", 6},        {"seven", 7},        {"eight", 8},
    {"nine", 9},        {"ten", 10},       {"eleven", 11},      {"twelve", 12},
    {"thirteen", 13},   {"fourteen", 14},  {"fifteen", 15},     {"sixteen", 16},
    {"seventeen", 17},  {"eighteen", 18},  {"nineteen", 19},    {"second", 2},
    {"third", 3},       {"fourth", 4},     {"fifth", 5},        {"sixth", 6},
    {"seventh", 7},     {"eighth", 8},     {"ninth", 9},        {"tenth", 10},
    {"eleventh", 11},   {"twelfth", 12},   {"thirteenth", 13},  {"fourteenth", 14},
    {"fifteenth", 15},  {"sixteenth", 16}, {"seventeenth", 17}, {"eighteenth", 18},
    {"nineteenth", 19}, {"twentieth", 20}, {"dozen", 12},       {"twice", 2},
    {"double", 2},      {"thirds", 3},     {"half", 0.5}};
static const struct named tens_words[] = {{"twenty", 20}, {"thirty", 30}, {"forty", 40},
                                          {"fifty", 50},  {"sixty", 60},  {"seventy", 70},
                                          {"eighty", 80}, {"ninety", 90}};
static const struct named unit_words[] = {{"one", 1}, {"first", 1}};
static const struct named months[] = {
    {"january", 1},   {"february", 2},  {"march", 3},  {"april", 4},     {"may", 5},
    {"june", 6},      {"july", 7},      {"august", 8}, {"september", 9}, {"october", 10},
    {"november", 11}, {"december", 12}, {"jan", 1},    {"feb", 2},       {"mar", 3},
    {"apr", 4},       {"jun", 6},       {"jul", 7},    {"aug", 8},       {"sep", 9},
    {"sept", 9},      {"oct", 10},      {"nov", 11},   {"dec", 12}};

/* ---- one number ---- */

struct scan {
    struct str s;
    size_t at; /* end of what was read */
};

/* Over one space, no-break space or hyphen. */
static size_t over_gap(struct str s, size_t at)
{
    if (at < s.n && (s.p[at] == ' ' || s.p[at] == '-' || s.p[at] == '\n'))
        return at + 1;
    if (at + 1 < s.n && (unsigned char)s.p[at] == 0xC2 && (unsigned char)s.p[at + 1] == 0xA0)
        return at + 2;
    return at;
}

static bool ends_word(struct str s, size_t at)
{
    return at >= s.n || !in_word(s, at);
}

static void multiply(struct number *n, double by)
{
    n->value *= by;
    n->step *= by;
}

/* "million", "thousand million", "bn" after a space; "m" right after a sum of money. */
static void read_scale(struct scan *sc, struct number *n, bool money)
{
    for (;;) {
        size_t gap = over_gap(sc->s, sc->at);
        struct str word = letters_at(sc->s, gap);
        int i = FIND(scale_words, word), k = -1;

        if (i < 0 && gap == sc->at && (money || n->step < 1))
            k = FIND(scale_letters, word);
        if ((i < 0 && k < 0) || !ends_word(sc->s, gap + word.n))
            return;
        multiply(n, i >= 0 ? scale_words[i].value : scale_letters[k].value);
        n->scaled = true;
        sc->at = gap + word.n;
    }
}

/* The words of `phrase` at `at`, between gaps; where they end, or 0. */
static size_t phrase_at(struct str s, size_t at, const char *phrase)
{
    while (*phrase) {
        size_t n = strcspn(phrase, " ");

        at = over_gap(s, at);
        if (at + n > s.n || !str_eq_nocase(str_sub(s, at, at + n), (struct str){phrase, n}))
            return 0;
        at += n;
        phrase += n + (phrase[n] == ' ');
    }
    return ends_word(s, at) ? at : 0;
}

static void read_percent(struct scan *sc, struct number *n)
{
    static const char *const words[] = {
        "percentage points", "percentage point", "percent", "per cent", "pct", "percentage"};
    static const char *const hundredths[] = {"basis points", "basis point", "bps", "bp"};
    size_t gap = over_gap(sc->s, sc->at), end = 0;

    if (gap < sc->s.n && sc->s.p[gap] == '%')
        end = gap + 1;
    for (size_t i = 0; i < sizeof words / sizeof *words && !end; i++)
        end = phrase_at(sc->s, sc->at, words[i]);
    for (size_t i = 0; i < sizeof hundredths / sizeof *hundredths && !end; i++) {
        end = phrase_at(sc->s, sc->at, hundredths[i]);
        if (end)
            multiply(n, 0.01);
    }
    if (end) {
        n->kind = NUMBER_PERCENT;
        sc->at = end;
    }
}

/* Whether three digits, and no fourth, stand at `at`. */
static bool group_at(struct str s, size_t at)
{
    for (size_t i = 0; i < 3; i++)
        if (at + i >= s.n || !isdigit((unsigned char)s.p[at + i]))
            return false;
    return at + 3 >= s.n || !isdigit((unsigned char)s.p[at + 3]);
}

/* Digits with groups and a fraction. */
static void read_digits(struct scan *sc, struct number *n)
{
    char digits[DIGITS_MAX + 1];
    size_t used = 0, at = sc->at, fraction = 0;
    struct str s = sc->s;

    for (; at < s.n; at++) {
        if (isdigit((unsigned char)s.p[at])) {
            fraction += fraction > 0;
        } else if (s.p[at] == ',' && !fraction && group_at(s, at + 1)) {
            n->grouped = true;
            continue;
        } else if (s.p[at] == '.' && !fraction && at + 1 < s.n &&
                   isdigit((unsigned char)s.p[at + 1])) {
            fraction = 1;
        } else {
            break;
        }
        if (used < DIGITS_MAX)
            digits[used++] = s.p[at];
    }
    digits[used] = 0;
    n->value = n->bare = strtod(digits, NULL);
    n->step = fraction ? pow(10, -(double)(fraction - 1)) : 1;
    sc->at = at;
}

/* Behind the digits: nothing, "st", "s" of a decade. False for "3M" and "10K". */
static bool read_ending(struct scan *sc)
{
    static const char *const endings[] = {"st", "nd", "rd", "th", "s"};
    struct str word = letters_at(sc->s, sc->at);

    if (word.n == 0)
        return ends_word(sc->s, sc->at);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_eq_nocase(word, str_of(endings[i])) && ends_word(sc->s, sc->at + word.n)) {
            sc->at += word.n;
            return true;
        }
    return false;
}

static bool is_money(struct str s, size_t at)
{
    if (at > 0 && s.p[at - 1] == ' ')
        at--;
    return at > 0 && (s.p[at - 1] == '$' || (unsigned char)s.p[at - 1] >= 0x80);
}

static bool read_figure(struct scan *sc, struct number *n)
{
    bool money = is_money(sc->s, sc->at);

    read_digits(sc, n);
    read_scale(sc, n, money);
    if (!n->scaled && !read_ending(sc))
        return false;
    read_percent(sc, n);
    return true;
}

/* "FY2019", "FY 22", "Q3", "H1": the letters belong to the number. */
static bool read_period(struct scan *sc, struct number *n)
{
    struct str word = letters_at(sc->s, sc->at);
    bool year = str_eq_nocase(word, STR_LIT("fy"));
    size_t digits = sc->at + word.n;

    if (!year && !str_eq(word, STR_LIT("Q")) && !str_eq(word, STR_LIT("H")))
        return false;
    if (year)
        digits = over_gap(sc->s, digits);
    if (digits >= sc->s.n || !isdigit((unsigned char)sc->s.p[digits]))
        return false;
    sc->at = digits;
    read_digits(sc, n);
    if (year && n->value < 100)
        n->value = n->bare = n->value + 2000;
    return ends_word(sc->s, sc->at) || sc->s.p[sc->at] == 'F' || sc->s.p[sc->at] == 'Q';
}

/* "twenty-one", "three hundred thousand", "one million"; "one" alone is no number. */
static bool read_words(struct scan *sc, struct number *n)
{
    struct str word = letters_at(sc->s, sc->at);
    int tens = FIND(tens_words, word), small = FIND(small_words, word), i;
    bool unit = FIND(unit_words, word) >= 0;

    if ((tens < 0 && small < 0 && !unit) || !ends_word(sc->s, sc->at + word.n))
        return false;
    sc->at += word.n;
    n->value = tens >= 0 ? tens_words[tens].value : small >= 0 ? small_words[small].value : 1;
    n->step = 1;
    if (tens >= 0) {
        size_t gap = over_gap(sc->s, sc->at);
        struct str next = letters_at(sc->s, gap);

        i = FIND(small_words, next);
        if ((i >= 0 && small_words[i].value < 10 && small_words[i].value >= 2) ||
            FIND(unit_words, next) >= 0) {
            n->value += i >= 0 ? small_words[i].value : 1;
            sc->at = gap + next.n;
        }
    }
    n->bare = n->value;
    read_scale(sc, n, false);
    read_percent(sc, n);
    return !unit || n->scaled || n->kind == NUMBER_PERCENT;
}

/* ---- dates ---- */

/* "2022-07-01" gives three. */
static size_t read_iso_date(struct str s, size_t at, struct number *out, size_t cap)
{
    int year, month, day;
    char copy[11] = {0};

    if (at + 10 > s.n || cap < 3 || s.p[at + 4] != '-' || s.p[at + 7] != '-' ||
        !ends_word(s, at + 10))
        return 0;
    memcpy(copy, s.p + at, 10);
    for (int i = 0; i < 10; i++)
        if (i != 4 && i != 7 && !isdigit((unsigned char)copy[i]))
            return 0;
    year = atoi(copy);
    month = atoi(copy + 5);
    day = atoi(copy + 8);
    if (month < 1 || month > 12)
        return 0;
    out[0] =
        (struct number){{(uint32_t)at, (uint32_t)at + 4}, NUMBER_PLAIN, year, year, 1, 0, 0, 0};
    out[1] = (struct number){
        {(uint32_t)at + 5, (uint32_t)at + 7}, NUMBER_MONTH, month, month, 1, 0, 0, 0};
    out[2] =
        (struct number){{(uint32_t)at + 8, (uint32_t)at + 10}, NUMBER_PLAIN, day, day, 1, 0, 0, 0};
    return 3;
}

static bool digit_near(struct str s, size_t start, size_t end)
{
    if (str_starts(str_sub(s, end, s.n), STR_LIT(" of ")))
        end += 4;
    while (end < s.n && (s.p[end] == ' ' || s.p[end] == ',' || s.p[end] == '.'))
        end++;
    while (start > 0 && (s.p[start - 1] == ' ' || s.p[start - 1] == ','))
        start--;
    return (end < s.n && isdigit((unsigned char)s.p[end])) ||
           (start > 0 && isdigit((unsigned char)s.p[start - 1]));
}

/* A name of a month; short ones and "May" and "March" only beside digits. */
static bool read_month(struct scan *sc, struct number *n)
{
    struct str word = letters_at(sc->s, sc->at);
    int i = FIND(months, word);

    if (i < 0 || !isupper((unsigned char)word.p[0]) || !ends_word(sc->s, sc->at + word.n))
        return false;
    if (word.n <= 5 && !digit_near(sc->s, sc->at, sc->at + word.n))
        return false;
    n->kind = NUMBER_MONTH;
    n->value = n->bare = months[i].value;
    n->step = 1;
    sc->at += word.n;
    return true;
}

/* ---- all of them ---- */

/* "3 to 5 million", "4-6 %": what is between two numbers that may share a unit. */
static bool joins(struct str between)
{
    static const char *const words[] = {"to", "and",          "or",          "through",
                                        "-",  "\xe2\x80\x93", "\xe2\x80\x94"};

    between = str_trim(between);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(between, str_of(words[i])))
            return true;
    return false;
}

bool number_is_year(const struct number *n)
{
    return n->kind == NUMBER_PLAIN && n->value >= YEAR_MIN && n->value < YEAR_END && n->step == 1 &&
           !n->scaled && !n->grouped;
}

static void share_units(struct str s, struct number *v, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        const struct number *next = &v[i + 1];
        double by = next->bare != 0 ? next->value / next->bare : 1;

        if (v[i].kind != NUMBER_PLAIN || v[i].scaled || number_is_year(&v[i]) ||
            (next->kind == NUMBER_PLAIN && !next->scaled) || next->kind == NUMBER_MONTH ||
            !joins(str_sub(s, v[i].span.end, next->span.start)))
            continue;
        multiply(&v[i], by);
        v[i].kind = next->kind;
        v[i].scaled = next->scaled;
        v[i].shared = true;
    }
}

static size_t read_at(struct str s, size_t at, struct number *out, size_t cap, size_t *end)
{
    struct scan sc = {s, at};
    struct number n = {0};
    size_t n_date;

    if (isdigit((unsigned char)s.p[at])) {
        n_date = read_iso_date(s, at, out, cap);
        if (n_date) {
            *end = at + 10;
            return n_date;
        }
        if (!read_figure(&sc, &n))
            return 0;
    } else if (!read_period(&sc, &n)) {
        sc.at = at;
        n = (struct number){0};
        if (!read_month(&sc, &n) && !read_words(&sc, &n))
            return 0;
    }
    n.span = (struct span){(uint32_t)at, (uint32_t)sc.at};
    *out = n;
    *end = sc.at;
    return 1;
}

size_t numbers_find(struct str s, struct number *out, size_t cap)
{
    size_t n = 0, at = 0;

    while (at < s.n && n < cap) {
        size_t end = at, found = in_word(s, at) ? read_at(s, at, out + n, cap - n, &end) : 0;

        n += found;
        if (found && end > at) {
            at = end;
            continue;
        }
        at = over_word(s, at);
    }
    share_units(s, out, n);
    return n;
}

/* ---- comparing ---- */

/* Scale words that no number stands before: "(in millions)", "dollars in thousands". */
struct number_setting numbers_setting(struct str s)
{
    static const struct named words[] = {{"thousands", 1e3}, {"millions", 1e6}, {"billions", 1e9}};
    struct number_setting setting = {0};

    for (size_t at = 0; at < s.n;) {
        struct str word = letters_at(s, at);
        int i = FIND(words, word);

        if (i >= 0 && setting.n_scales < sizeof setting.scales / sizeof *setting.scales)
            setting.scales[setting.n_scales++] = words[i].value;
        setting.percent |= s.p[at] == '%' || str_eq_nocase(word, STR_LIT("percent")) ||
                           str_eq_nocase(word, STR_LIT("percentage"));
        at += word.n ? word.n : 1;
    }
    return setting;
}

static bool same_or_rounded(double said, double step, double value, double value_step)
{
    double off = fabs(said - value);

    return off <= CLOSE_ENOUGH * fmax(fabs(said), fabs(value)) ||
           (step > value_step * (1 + CLOSE_ENOUGH) && off <= step / 2 * (1 + CLOSE_ENOUGH));
}

static bool kinds_agree(const struct number *said, const struct number *in, bool percent)
{
    if (said->kind == in->kind)
        return true;
    if (said->kind == NUMBER_MONTH || in->kind == NUMBER_MONTH)
        return false;
    if (said->shared || in->shared)
        return true;
    /* "22.2" of a table with a column "%" */
    return said->kind == NUMBER_PERCENT && percent && !in->scaled;
}

bool number_said(const struct number *said, const struct number *in,
                 const struct number_setting *setting)
{
    double in_step = in->bare != 0 ? in->step * in->bare / in->value : in->step;

    if (!kinds_agree(said, in, setting->percent))
        return false;
    if (same_or_rounded(said->value, said->step, in->value, in->step))
        return true;
    if ((said->shared && same_or_rounded(said->bare, 1, in->value, in->step)) ||
        (in->shared && same_or_rounded(said->value, said->step, in->bare, in_step)))
        return true;
    for (size_t i = 0; i < setting->n_scales && !in->scaled; i++)
        if (said->scaled && same_or_rounded(said->value, said->step, in->value * setting->scales[i],
                                            in->step * setting->scales[i]))
            return true;
    return false;
}
