#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/guard_parts.h"

/* ---- words that are numbers ---- */

static const struct {
    const char *word;
    double value;
} number_words[] = {
    {"zero", 0},     {"one", 1},      {"two", 2},        {"three", 3},     {"four", 4},
    {"five", 5},     {"six", 6},      {"seven", 7},      {"eight", 8},     {"nine", 9},
    {"ten", 10},     {"eleven", 11},  {"twelve", 12},    {"thirteen", 13}, {"fourteen", 14},
    {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19},
    {"twenty", 20},  {"thirty", 30},  {"forty", 40},     {"fifty", 50},    {"sixty", 60},
    {"seventy", 70}, {"eighty", 80},  {"ninety", 90},
};

static const char *const ordinals[] = {"first", "second",  "third",  "fourth", "fifth",
                                       "sixth", "seventh", "eighth", "ninth",  "tenth"};

static const struct {
    const char *word;
    double factor;
    bool tight; /* a letter that only means it when written to the number: 5k */
} scales[] = {
    {"hundred", 1e2, false}, {"thousand", 1e3, false},  {"million", 1e6, false},
    {"billion", 1e9, false}, {"trillion", 1e12, false}, {"k", 1e3, true},
    {"m", 1e6, true},        {"mn", 1e6, true},         {"mm", 1e6, true},
    {"mio", 1e6, true},      {"bn", 1e9, true},         {"b", 1e9, true},
    {"tn", 1e12, true},
};

static const struct {
    const char *word, *next; /* next: a second word, or NULL */
    const char *unit;
    double factor;
} units[] = {
    {"percent", NULL, "%", 1},   {"per", "cent", "%", 1},        {"bp", NULL, "%", 0.01},
    {"bps", NULL, "%", 0.01},    {"basis", "points", "%", 0.01}, {"basis", "point", "%", 0.01},
    {"us", "dollars", "usd", 1}, {"dollars", NULL, "usd", 1},    {"dollar", NULL, "usd", 1},
    {"usd", NULL, "usd", 1},     {"euros", NULL, "eur", 1},      {"euro", NULL, "eur", 1},
    {"eur", NULL, "eur", 1},     {"gbp", NULL, "gbp", 1},        {"jpy", NULL, "jpy", 1},
    {"yen", NULL, "jpy", 1},
};

/* "Basel III". One letter alone is a number only where the word before counts. */
static double roman(const struct guard_word *w, const struct guard_word *before)
{
    static const char *const numerals[] = {"i",   "ii",   "iii", "iv", "v",  "vi",
                                           "vii", "viii", "ix",  "x",  "xi", "xii"};
    static const char *const counts[] = {"type",  "tier",  "phase",  "part",    "class", "title",
                                         "stage", "level", "pillar", "chapter", "grade", "article"};

    if (!(w->flags & F_CAPITAL))
        return 0;
    for (size_t i = 0; i < sizeof numerals / sizeof *numerals; i++) {
        if (!guard_word_is(w, numerals[i]))
            continue;
        if (numerals[i][1])
            return (double)(i + 1);
        for (size_t k = 0; before && k < sizeof counts / sizeof *counts; k++)
            if (guard_word_is(before, counts[k]))
                return (double)(i + 1);
    }
    return 0;
}

static void set_number(struct guard_word *w, double value, const char *unit)
{
    char text[GUARD_TEXT];

    snprintf(text, sizeof text, "#%.12g%s", value, unit);
    guard_word_set(w, str_of(text));
    w->class = G_NUMBER;
}

static bool value_of(const struct guard_word *w, const struct guard_word *before, double *value)
{
    if (w->class == G_NUMBER) {
        char *end;

        *value = strtod(w->text, &end);
        return *end == 0;
    }
    for (size_t i = 0; i < sizeof number_words / sizeof *number_words; i++)
        if (guard_word_is(w, number_words[i].word)) {
            *value = number_words[i].value;
            return true;
        }
    *value = roman(w, before);
    return *value > 0;
}

/* ---- numbers with what follows them ---- */

static bool scale_at(const struct guard_line *l, size_t i, double *value)
{
    for (size_t k = 0; i < l->n && k < sizeof scales / sizeof *scales; k++)
        if (guard_word_is(&l->w[i], scales[k].word) &&
            (!scales[k].tight || (l->w[i].flags & F_TIGHT))) {
            *value *= scales[k].factor;
            return true;
        }
    return false;
}

static size_t unit_at(const struct guard_line *l, size_t i, const char **unit, double *value)
{
    for (size_t k = 0; i < l->n && k < sizeof units / sizeof *units; k++) {
        if (!guard_word_is(&l->w[i], units[k].word))
            continue;
        if (units[k].next && (i + 1 == l->n || !guard_word_is(&l->w[i + 1], units[k].next)))
            continue;
        *unit = units[k].unit;
        *value *= units[k].factor;
        return units[k].next ? 2 : 1;
    }
    return 0;
}

/* The number at i, with its sign before it and its scale and unit behind, becomes one word. */
static void join_number(struct guard_line *l, size_t i, double value)
{
    const char *unit = "";
    bool sign = i > 0 && (l->w[i - 1].flags & F_SIGN);
    size_t n = 1;

    if (l->w[i].class != G_NUMBER && i + 1 < l->n && value >= 20) {
        double ones;

        if (value_of(&l->w[i + 1], NULL, &ones) && ones < 10 && l->w[i + 1].class != G_NUMBER) {
            value += ones; /* twenty-five */
            n++;
        }
    }
    while (scale_at(l, i + n, &value))
        n++;
    n += unit_at(l, i + n, &unit, &value);
    if (sign)
        unit = l->w[i - 1].text;
    set_number(&l->w[i], value, unit);
    guard_remove(l, i + 1, n - 1);
    if (sign)
        guard_remove(l, i - 1, 1);
}

static void join_numbers(struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++) {
        double value;

        if (value_of(&l->w[i], i ? &l->w[i - 1] : NULL, &value))
            join_number(l, i, value);
        for (size_t k = 0; k < sizeof ordinals / sizeof *ordinals; k++)
            if (i < l->n && l->w[i].class == G_WORD && guard_word_is(&l->w[i], ordinals[k])) {
                static const char *const ends[] = {"st", "nd", "rd"};
                char text[8];

                snprintf(text, sizeof text, "%zu%s", k + 1, k < 3 ? ends[k] : "th");
                guard_word_set(&l->w[i], str_of(text));
            }
    }
}

/* ---- periods ---- */

static void set_period(struct guard_word *w, const char *text)
{
    char with_sign[GUARD_TEXT];

    snprintf(with_sign, sizeof with_sign, "@%.20s", text);
    guard_word_set(w, str_of(with_sign));
    w->class = G_PERIOD;
}

static int year_of(const char *digits)
{
    size_t n = strlen(digits);
    int year = atoi(digits);

    if (strspn(digits, "0123456789") != n)
        return 0;
    if (n == 2)
        return 2000 + year;
    return n == 4 && year >= 1800 && year < 2200 ? year : 0;
}

static void set_year(struct guard_word *w, int year)
{
    char text[8];

    snprintf(text, sizeof text, "%04d", year);
    set_period(w, text);
}

/* FY22, Q1, 1Q23, H2: one word that says a period and perhaps a year behind it. */
static void read_short_period(struct guard_line *l, size_t i)
{
    const char *t = l->w[i].text;
    char part[4] = {0};
    struct guard_word year = {0};
    int y = 0;
    size_t used = 0;

    if (l->w[i].class != G_ACRONYM && !(l->w[i].class == G_WORD && strpbrk(t, "0123456789")))
        return;
    if (t[0] == 'f' && t[1] == 'y') {
        memcpy(part, "fy", 2);
        used = 2;
    } else if ((t[0] == 'q' || t[0] == 'h') && t[1] >= '1' && t[1] <= '4') {
        memcpy(part, t, 2);
        used = 2;
    } else if (t[0] >= '1' && t[0] <= '4' && (t[1] == 'q' || t[1] == 'h')) {
        part[0] = t[1];
        part[1] = t[0];
        used = 2;
    }
    if (!used || (t[used] && !(y = year_of(t + used))))
        return;
    set_period(&l->w[i], part);
    if (y) {
        set_year(&year, y);
        guard_splice(l, i + 1, 0, &year, 1);
    }
}

static bool is_at(const struct guard_line *l, size_t i, const char *text)
{
    return i < l->n && guard_word_is(&l->w[i], text);
}

/* "fiscal year 2022", "fiscal 2022", "year 2022", "first quarter", "second half of". */
static void read_long_period(struct guard_line *l, size_t i)
{
    bool fiscal = is_at(l, i, "fiscal") || is_at(l, i, "financial");
    size_t n = is_at(l, i + fiscal, "year") ? 1u + fiscal : fiscal;
    const char *t = l->w[i].text;

    if (n && i + n < l->n && l->w[i + n].class == G_PERIOD && l->w[i + n].text[1] < 'a') {
        guard_remove(l, i, n - fiscal);
        if (fiscal)
            set_period(&l->w[i], "fy");
        return;
    }
    if (t[0] >= '1' && t[0] <= '4' && t[1] && strlen(t) == 3 &&
        (is_at(l, i + 1, "quarter") || (t[0] <= '2' && is_at(l, i + 1, "half")))) {
        char part[3] = {l->w[i + 1].text[0], t[0], 0};

        set_period(&l->w[i], part);
        guard_remove(l, i + 1, 1);
    }
}

static bool is_month(const struct guard_word *w)
{
    static const char *const months[] = {"january", "february",  "april",   "june",     "july",
                                         "august",  "september", "october", "november", "december"};

    if ((guard_word_is(w, "march") || guard_word_is(w, "may")) && w->class == G_NAME)
        return true;
    for (size_t i = 0; i < sizeof months / sizeof *months; i++)
        if (guard_word_is(w, months[i]))
            return true;
    return false;
}

static void read_dates(struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_NUMBER && strlen(l->w[i].text) == 4 && year_of(l->w[i].text))
            set_year(&l->w[i], year_of(l->w[i].text));
        else if (is_month(&l->w[i])) {
            char name[GUARD_TEXT];

            memcpy(name, l->w[i].text, sizeof name);
            set_period(&l->w[i], name);
        }
}

static bool is_day(const struct guard_line *l, size_t i)
{
    return i < l->n && l->w[i].class == G_NUMBER && strspn(l->w[i].text + 1, "0123456789") > 0 &&
           strlen(l->w[i].text) <= 3 && atoi(l->w[i].text + 1) <= 31;
}

/* "4 May 2019", "May 4, 2019": the day is part of the date, the comma is not. */
static void read_days(struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->w[i].class != G_PERIOD || l->w[i].text[1] < 'a')
            continue;
        for (size_t k = i ? i - 1 : 0; k <= i + 1; k++)
            if (is_day(l, k)) {
                char day[4];

                snprintf(day, sizeof day, "%.2s", l->w[k].text + 1);
                set_period(&l->w[k], day);
            }
    }
    for (size_t i = 1; i + 1 < l->n; i++)
        if (l->w[i].class == G_BREAK && l->w[i - 1].class == G_PERIOD &&
            l->w[i + 1].class == G_PERIOD)
            guard_remove(l, i, 1);
}

void guard_numbers(struct guard_line *l)
{
    read_dates(l);
    join_numbers(l);
    for (size_t i = 0; i < l->n; i++)
        read_short_period(l, i);
    for (size_t i = 0; i < l->n; i++)
        read_long_period(l, i);
    read_days(l);
}
