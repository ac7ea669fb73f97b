/* numbers.h - the numbers of a text, each brought to one form, so that two ways to write it meet.
 *
 *   1,500,000   1.5 million   $1.5bn ... 1.5e9      scale words and letters are multiplied in
 *   4.5 %   4.5 percent   450 basis points          percent is a kind of its own
 *   FY22   2022   1 July 2022   2022-07-01          years and days are plain numbers, months a kind
 *   twenty-one   21st   twenty-first                words and ordinals are what they count
 *   3 to 5 million                                  the scale of the second may be the first's too
 *
 * Not numbers: "one" and "first" by themselves, which count nothing; digits inside names ("CET1").
 * Signs are left out: a table writes a loss as (12.6), a sentence as "a loss of 12.6".
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "text/sentences.h"

enum number_kind { NUMBER_PLAIN, NUMBER_PERCENT, NUMBER_MONTH };

struct number {
    struct span span; /* bytes, with its unit and scale */
    enum number_kind kind;
    double value; /* scaled: 1.5 million is 1500000, 50 basis points are 0.5 */
    double bare;  /* as it is written: 1.5, 50 */
    double step;  /* what one of its last digit is worth, scaled: 100000 */
    bool grouped; /* "1,999", which is no year */
    bool scaled;  /* a scale is written with it */
    bool shared;  /* kind and scale are the next number's ("3 to 5 %") and may not be its own */
};

/* What the text around a number says of all its numbers: "(in millions)", "%" in a table's head. */
struct number_setting {
    double scales[3];
    size_t n_scales;
    bool percent;
};

/* In order, not overlapping; at most cap. */
size_t numbers_find(struct str text, struct number *out, size_t cap);
struct number_setting numbers_setting(struct str text);

/* Written like a year, 1500 to 2099. */
bool number_is_year(const struct number *n);

/* Whether `said` is what a source says with `in`, whose text has that setting: the same value, or
 * one rounded to fewer digits ("1.5 million" for 1,496,500), never the other way round. */
bool number_said(const struct number *said, const struct number *in,
                 const struct number_setting *setting);
