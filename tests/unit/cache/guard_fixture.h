/* guard_fixture.h - a question taken through the first steps of the guard, shown as one string. */
#pragma once
#include <criterion/criterion.h>
#include <string.h>

#include "base/arena.h"
#include "cache/guard_parts.h"

/* Words with a space between, "" for none. Lives until the test ends. */
static inline const char *shown_line(const struct guard_line *l)
{
    static char text[GUARD_WORDS_MAX * (GUARD_TEXT + 1) + 1];

    text[0] = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            strcat(text, " ");
        strcat(text, l->w[i].text);
    }
    return text;
}

static inline const char *read_as(const char *question)
{
    static struct guard_line l;

    guard_read(str_of(question), &l);
    return shown_line(&l);
}

static inline const char *numbers_as(const char *question)
{
    static struct guard_line l;

    guard_read(str_of(question), &l);
    guard_numbers(&l);
    return shown_line(&l);
}

/* Up to phrases and synonyms, and with `arrange` in canonical order. */
static inline struct guard_line line_of(const char *question, bool arrange)
{
    struct guard *g = guard_new();
    struct guard_line l;

    guard_read(str_of(question), &l);
    guard_numbers(&l);
    guard_acronyms(g, &l, NULL, 0);
    guard_classify(g, &l);
    guard_rephrase(g, &l);
    if (arrange)
        guard_arrange(g, &l);
    guard_free(g);
    return l;
}

static inline const char *said_as(const char *question)
{
    static struct guard_line l;

    l = line_of(question, true);
    return shown_line(&l);
}
