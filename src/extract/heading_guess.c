#include "extract/heading_guess.h"

#include <ctype.h>

/* Words that need a number (or letter, or Roman number) behind them. */
static const struct {
    const char *word;
    int level;
} words[] = {
    {"PART ", 1},    {"Part ", 1},    {"Item ", 2},     {"ITEM ", 2},    {"Subpart ", 2},
    {"SUBPART ", 2}, {"Article ", 2}, {"ARTICLE ", 2},  {"Chapter ", 2}, {"CHAPTER ", 2},
    {"Section ", 2}, {"SECTION ", 2}, {"\xC2\xA7 ", 2}, {"Note ", 3},    {"NOTE ", 3},
};

/* "12", "1A", "IV", "B", "32.1": digits, or few capitals. */
static bool is_number(struct str s)
{
    size_t digits = 0, i = 0;

    while (i < s.n && s.p[i] != ' ' && s.p[i] != ':') {
        digits += isdigit((unsigned char)s.p[i]) != 0;
        if (!isupper((unsigned char)s.p[i]) && !isdigit((unsigned char)s.p[i]) && s.p[i] != '.' &&
            (unsigned char)s.p[i] < 0x80)
            return false;
        i++;
    }
    return i > 0 && (digits || i <= 5);
}

/* Two capitals' words or more and not one small letter. */
static bool is_all_capitals(struct str s)
{
    size_t capitals = 0, others = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (islower((unsigned char)s.p[i]))
            return false;
        capitals += isupper((unsigned char)s.p[i]) != 0;
        others += s.p[i] != ' ' && !isupper((unsigned char)s.p[i]);
    }
    return capitals >= 5 && capitals > 2 * others && isupper((unsigned char)s.p[0]);
}

/* Text goes on behind a comma; a sentence's end is one of a longer line. */
static bool ends_like_text(struct str s)
{
    char last = s.p[s.n - 1];

    return last == ',' || last == ';' || last == ':' || (last == '.' && s.n > 100);
}

/* ---- captions ---- */

#define CAPTION_MAX   90 /* bytes */
#define CAPTION_WORDS 14

/* A line that ends with one of these goes on. */
static bool wants_more(struct str word)
{
    static const char *const open[] = {"a",   "an",  "and",   "&",    "or",   "of", "the",
                                       "our", "its", "their", "this", "that", NULL};

    for (const char *const *w = open; *w; w++)
        if (str_eq_nocase(word, str_of(*w)))
            return true;
    return false;
}

static struct str last_word(struct str line)
{
    const char *blank = memrchr(line.p, ' ', line.n);

    return blank ? str_sub(line, (size_t)(blank + 1 - line.p), line.n) : line;
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

bool heading_is_caption(struct str line)
{
    size_t letters = 0, small = 0, others = 0, blanks = 0;

    line = str_trim(line);
    if (line.n < 4 || line.n > CAPTION_MAX || !isupper((unsigned char)line.p[0]) ||
        !(is_letter(line.p[line.n - 1]) || line.p[line.n - 1] == ')') ||
        memmem(line.p, line.n, ". ", 2) || memchr(line.p, ';', line.n) ||
        memchr(line.p, ':', line.n))
        return false;
    for (size_t i = 0; i < line.n; i++) {
        letters += is_letter(line.p[i]);
        small += islower((unsigned char)line.p[i]) != 0;
        blanks += line.p[i] == ' ';
        others += line.p[i] != ' ' && !is_letter(line.p[i]);
    }
    return small >= 2 && letters > 5 * others && blanks < CAPTION_WORDS &&
           !wants_more(last_word(line));
}

/* ---- any heading ---- */

int heading_guess(struct str line)
{
    line = str_trim(line);
    if (line.n < 3 || line.n > HEADING_GUESS_MAX || ends_like_text(line))
        return 0;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct str word = str_of(words[i].word);

        if (str_starts(line, word))
            return is_number(str_sub(line, word.n, line.n)) ? words[i].level : 0;
    }
    return is_all_capitals(line) ? 3 : 0;
}
