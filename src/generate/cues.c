#include "generate/cues.h"

#include <ctype.h>

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (isdigit((unsigned char)s.p[i]))
            return true;
    return false;
}

/* A capital letter that does not begin the sentence. */
static bool has_name(struct str s)
{
    for (size_t i = 2; i < s.n; i++)
        if (isupper((unsigned char)s.p[i]) && s.p[i - 1] == ' ' && s.p[i - 2] != '.')
            return true;
    return false;
}

static bool asks(struct str question, const char *words)
{
    size_t n = strlen(words);

    for (size_t i = 0; i + n <= question.n; i++) {
        bool begins = i == 0 || !isalpha((unsigned char)question.p[i - 1]);
        bool ends = i + n == question.n || !isalpha((unsigned char)question.p[i + n]);

        if (begins && ends && str_eq_nocase((struct str){question.p + i, n}, str_of(words)))
            return true;
    }
    return false;
}

double cue_kind_matches(struct str question, struct str sentence)
{
    if (asks(question, "when") || asks(question, "what year") || asks(question, "how many") ||
        asks(question, "how much") || asks(question, "what percent"))
        return has_digit(sentence);
    if (asks(question, "who") || asks(question, "whose"))
        return has_name(sentence);
    return 0.5;
}

/* "n't", with a straight or a curly apostrophe. */
static bool has_contraction(struct str s)
{
    for (size_t i = 1; i + 1 < s.n; i++) {
        struct str rest = str_sub(s, i, s.n);

        if (tolower((unsigned char)s.p[i - 1]) == 'n' &&
            (str_starts(rest, STR_LIT("'t")) || str_starts(rest, STR_LIT("\xe2\x80\x99t"))))
            return true;
    }
    return false;
}

/* "Regulation (EU) No 575/2013" negates nothing, so "no" counts in small letters only. */
static bool says_no(struct str s)
{
    for (size_t i = 0; i + 2 <= s.n; i++)
        if (s.p[i] == 'n' && s.p[i + 1] == 'o' && (i == 0 || !isalnum((unsigned char)s.p[i - 1])) &&
            (i + 2 == s.n || s.p[i + 2] == ' '))
            return true;
    return false;
}

bool cue_negates(struct str s)
{
    return asks(s, "not") || asks(s, "never") || asks(s, "without") || asks(s, "cannot") ||
           asks(s, "except") || says_no(s) || has_contraction(s);
}

static bool is_word_byte(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* Whether text has this word, without case, not as a part of another. */
static bool has_word(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        size_t end = i + word.n;

        if (str_eq_nocase((struct str){text.p + i, word.n}, word) &&
            (i == 0 || !is_word_byte(text.p[i - 1])) &&
            (end == text.n || !is_word_byte(text.p[end])))
            return true;
    }
    return false;
}

/* A word that names one thing: it has a digit, or begins with a capital and not the question. */
static bool is_name(struct str word, bool first)
{
    return has_digit(word) || (!first && isupper((unsigned char)word.p[0]));
}

double cue_names_missing(struct str question, const struct str *texts, size_t n_texts)
{
    size_t n = 0, n_missing = 0;

    for (size_t i = 0; i < question.n;) {
        size_t start = i;
        struct str word;
        bool found = false;

        while (i < question.n && is_word_byte(question.p[i]))
            i++;
        word = str_sub(question, start, i);
        if (i == start) {
            i++;
            continue;
        }
        if (!is_name(word, start == 0))
            continue;
        for (size_t t = 0; t < n_texts && !found; t++)
            found = has_word(texts[t], word);
        n++;
        n_missing += !found;
    }
    return n ? (double)n_missing / (double)n : 0;
}

/* ---- definitions ---- */

static bool cut_prefix(struct str *s, const char *prefix)
{
    struct str p = str_of(prefix);

    if (s->n <= p.n || !str_eq_nocase(str_sub(*s, 0, p.n), p))
        return false;
    *s = str_sub(*s, p.n, s->n);
    return true;
}

/* The X of "What is the X?"; empty when the question asks something else. */
static struct str subject_of(struct str q)
{
    static const char *const asking[] = {"what is ", "what are ", "what's ", "explain ",
                                         "define ",  "describe ", "who is ", "who are "};
    bool defines = false;

    for (size_t i = 0; i < sizeof asking / sizeof *asking && !defines; i++)
        defines = cut_prefix(&q, asking[i]);
    if (!defines)
        return STR_LIT("");
    if (!cut_prefix(&q, "the ") && !cut_prefix(&q, "an "))
        cut_prefix(&q, "a ");
    while (q.n && (q.p[q.n - 1] == '?' || q.p[q.n - 1] == '.' || q.p[q.n - 1] == ' '))
        q.n--;
    return q;
}

#define SUBJECT_BYTES_MAX 60 /* a longer X is a question about X, not for its definition */
#define SUBJECT_WITHIN    40 /* X stands at the beginning */
#define VERB_WITHIN       6  /* and its verb right after: "the CET1 ratio is" is about a ratio */
#define VERB_WITHIN_SHORT 24 /* but "long form (X) capital is" spells X out */

bool cue_defines(struct str question, struct str sentence)
{
    static const char *const verbs[] = {"is", "are", "means", "refers", "consists", "asks", "sets"};
    struct str x = subject_of(question), after;
    size_t at = 0, within;

    if (x.n == 0 || x.n > SUBJECT_BYTES_MAX || sentence.n < x.n)
        return false;
    while (at <= SUBJECT_WITHIN && at + x.n <= sentence.n &&
           !str_eq_nocase((struct str){sentence.p + at, x.n}, x))
        at++;
    if (at > SUBJECT_WITHIN || at + x.n > sentence.n)
        return false;
    after = str_sub(sentence, at + x.n, sentence.n);
    within = at > 0 && sentence.p[at - 1] == '(' ? VERB_WITHIN_SHORT : VERB_WITHIN;
    if (after.n > within)
        after.n = within;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (has_word(after, str_of(verbs[i])))
            return true;
    return false;
}
