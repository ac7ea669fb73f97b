#include "generate/routing.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "generate/follow_up.h"

#define PHRASE_MAX 64

static const char *const names[N_ROUTE_RULES] = {"compute", "compare", "reason",  "trend",
                                                 "judge",   "parts",   "long",    "weak",
                                                 "flat",    "few",     "history", "tenant"};

const char *route_name(enum route r)
{
    return r == ROUTE_FAST ? "fast" : "best";
}

const char *route_rule_name(enum route_rule r)
{
    return names[r];
}

/* ---- the shape of the question ---- */

/* The question as words in small letters, each between single spaces: " how much is it ". */
struct shape {
    struct str words;
    size_t n_words, n_marks, n_years;
    const struct route_question *q;
};

static bool is_part_of_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 || c == '%' || c == '&';
}

static void add_words(struct buf *b, struct str text)
{
    buf_add_char(b, ' ');
    for (size_t i = 0; i < text.n; i++) {
        if (is_part_of_word(text.p[i]))
            buf_add_char(b, (char)tolower((unsigned char)text.p[i]));
        else if (text.p[i] != '\'' && b->p[b->n - 1] != ' ')
            buf_add_char(b, ' ');
    }
    if (b->p[b->n - 1] != ' ')
        buf_add_char(b, ' ');
}

/* 1900..2099, by itself or behind "fy", "q2", and FY23. */
static int year_of(struct str word)
{
    size_t n = 0;
    int year;

    while (n < 4 && n < word.n && isdigit((unsigned char)word.p[word.n - 1 - n]))
        n++;
    year = n == 4 ? atoi(word.p + word.n - 4) : n == 2 ? 2000 + atoi(word.p + word.n - 2) : 0;
    if (n == 2 && !str_starts(word, STR_LIT("fy")))
        return 0;
    return year >= 1900 && year <= 2099 ? year : 0;
}

static void count_words(struct shape *s)
{
    int last_year = 0;

    for (size_t i = 1, start = 1; i < s->words.n; i++) {
        int year;

        if (s->words.p[i] != ' ')
            continue;
        year = year_of(str_sub(s->words, start, i));
        s->n_words++;
        if (year && year != last_year) {
            last_year = year;
            s->n_years++;
        }
        start = i + 1;
    }
}

static struct shape shape_of(const struct route_question *q, struct arena *mem)
{
    struct shape s = {.q = q};
    struct buf b;

    buf_init(&b);
    add_words(&b, q->text);
    s.words = (struct str){arena_strndup(mem, b.p, b.n), b.n};
    buf_done(&b);
    count_words(&s);
    for (size_t i = 0; i < q->text.n; i++)
        s.n_marks += q->text.p[i] == '?' && (i == 0 || q->text.p[i - 1] != '?');
    return s;
}

/* A phrase of whole words; '*' ends it inside a word, ".." stands for any words between. */
static bool has(const struct shape *s, const char *phrase)
{
    const char *at = s->words.p;

    while (*phrase) {
        char piece[PHRASE_MAX];
        const char *gap = strstr(phrase, "..");
        size_t n = gap ? (size_t)(gap - phrase) : strlen(phrase);

        while (n && phrase[n - 1] == ' ')
            n--;
        snprintf(piece, sizeof piece, " %.*s%s", (int)(phrase[n - 1] == '*' ? n - 1 : n), phrase,
                 phrase[n - 1] == '*' ? "" : " ");
        at = strstr(at, piece);
        if (!at)
            return false;
        at += strlen(piece) - 1;
        phrase = gap ? gap + 2 + strspn(gap + 2, " ") : phrase + n;
    }
    return true;
}

static bool has_any(const struct shape *s, const char *const *phrases)
{
    for (; *phrases; phrases++)
        if (has(s, *phrases))
            return true;
    return false;
}

/* ---- the rules ---- */

static bool computes(const struct shape *s)
{
    static const char *const phrases[] = {"calculat*",
                                          "comput*",
                                          "percentage change",
                                          "% change",
                                          "change in the",
                                          "what .. change in",
                                          "percentage increase",
                                          "percentage decrease",
                                          "percentage constitution",
                                          "ratio of",
                                          "current ratio",
                                          "percent change",
                                          "percentage of",
                                          "what percent*",
                                          "% of",
                                          "as a percent*",
                                          "growth rate",
                                          "cagr",
                                          "sum of",
                                          "how many times",
                                          "turnover ratio",
                                          "defined as",
                                          "ratio .. divided by",
                                          "define .. as",
                                          "per cent of",
                                          "how much would",
                                          "how much could",
                                          "proportion of",
                                          "round .. to .. decimal",
                                          "round .. decimal",
                                          "quick ratio",
                                          "working capital ratio",
                                          NULL};

    return has_any(s, phrases) || (has(s, "average") && !has(s, "weighted average")) ||
           (s->n_years > 1 && has(s, "total"));
}

/* "more than $10,000" compares nothing that is asked for. */
static bool compares(const struct shape *s)
{
    static const char *const phrases[] = {"compar*",
                                          "versus",
                                          "vs",
                                          "difference",
                                          "differences",

                                          "differ",
                                          "differs",
                                          "how .. different",
                                          "similarit*",
                                          "in common",
                                          "relative to",
                                          "as opposed to",
                                          "how much more",
                                          "how much less",
                                          "how much higher",
                                          "how much lower",
                                          "how many more",
                                          "how many fewer",
                                          "advantages",
                                          "disadvantages",
                                          "pros and cons",
                                          "contrast*",
                                          "outperform*",
                                          NULL};
    static const char *const which[] = {"higher",  "lower",  "larger", "smaller",
                                        "greater", "better", "worse",  NULL};

    return has_any(s, phrases) || (has(s, "which") && has_any(s, which)) ||
           (has(s, "than") && has_any(s, which));
}

static bool reasons(const struct shape *s)
{
    static const char *const phrases[] = {"why",
                                          "explain*",
                                          "how .. affect*",
                                          "how .. impact*",
                                          "how .. influenc*",
                                          "how .. benefit",
                                          "how .. contribut*",
                                          "how .. relat*",
                                          "what drove",
                                          "what drives",
                                          "what caused",
                                          "what causes",
                                          "reason*",
                                          "implication*",
                                          "consequence*",
                                          "evaluat*",
                                          "assess the",
                                          "analyz*",
                                          "analys*",
                                          "summari*",
                                          "rationale",
                                          "effect .. on",
                                          "impact .. on",
                                          "impact of",
                                          "what .. lead to",
                                          "what .. led to",
                                          "if we exclude",
                                          NULL};

    return has_any(s, phrases);
}

static bool trends(const struct shape *s)
{
    static const char *const phrases[] = {"trend*",
                                          "over time",
                                          "year over year",
                                          "historically",
                                          "over the last",
                                          "over the past",
                                          "increase or decrease",
                                          "improv*",
                                          "declin* or",
                                          "accelerat*",
                                          "increase decrease",
                                          "fluctuat*",
                                          "consistent*",
                                          "outlook",
                                          NULL};
    static const char *const moves[] = {"chang*", "increas*", "decreas*", "grow*",
                                        "grew",   "drop*",    "declin*",  "fell",
                                        "rose",   "reduc*",   NULL};

    return has_any(s, phrases) || (s->n_years > 1 && has_any(s, moves));
}

static bool judges(const struct shape *s)
{
    static const char *const phrases[] = {"intensive",
                                          "healthy",
                                          "should we",
                                          "should i",
                                          "would you",
                                          "recommend*",
                                          "is it likely",
                                          "useful metric",
                                          "meaningful",
                                          "high growth",
                                          "subject to cyclicality",
                                          "materially",
                                          "substantially",
                                          "opinion",
                                          "reasonable",
                                          "is it a good",
                                          "prospects",
                                          NULL};

    return has_any(s, phrases);
}

static bool has_parts(const struct shape *s)
{
    static const char *const phrases[] = {
        "and what", "and how", "and why",    "and when",     "and who",    "and where", "and which",
        "if not",   "if so",   "as well as", "respectively", "respective", NULL};

    return s->n_marks > 1 || has_any(s, phrases);
}

static bool is_long(const struct shape *s)
{
    return s->n_words >= ROUTE_WORDS_LONG;
}

/* ---- the passages ---- */

struct found {
    size_t n, n_best, n_documents;
    double first, last; /* cosines of the best ROUTE_BEST; NAN: found by words alone */
};

static bool is_of_new_document(const struct route_question *q, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!q->passages[k].is_neighbour &&
            str_eq(q->passages[k].document, q->passages[i].document))
            return false;
    return true;
}

static struct found look_at(const struct route_question *q)
{
    struct found f = {.first = NAN, .last = NAN};

    for (size_t i = 0; i < q->n_passages; i++) {
        double cosine = q->passages[i].hit.vector_score;

        if (q->passages[i].is_neighbour || f.n++ >= ROUTE_BEST)
            continue;
        f.n_best++;
        f.n_documents += is_of_new_document(q, i);
        f.first = fmax(f.first, cosine); /* a NAN gives the other */
        f.last = fmin(f.last, cosine);
    }
    return f;
}

static bool finds_little(const struct shape *s)
{
    return s->q->searched && look_at(s->q).n < ROUTE_PASSAGES_FEW;
}

static bool finds_weakly(const struct shape *s)
{
    return s->q->searched && look_at(s->q).first < ROUTE_COSINE_WEAK;
}

static bool finds_many_alike(const struct shape *s)
{
    struct found f = look_at(s->q);

    return s->q->searched && f.n_documents >= ROUTE_DOCUMENTS_MANY &&
           f.first - f.last < ROUTE_COSINE_FLAT;
}

static bool goes_on(const struct shape *s)
{
    return s->q->n_history > 0 && follow_up_reason(s->q->text) != NULL;
}

/* ---- the choice ---- */

static const struct rule {
    bool (*holds)(const struct shape *s);
    int points;
    const char *reason;
} rules_in_order[] = {
    [RULE_COMPUTE] = {computes, 2, "asks for a computation"},
    [RULE_COMPARE] = {compares, 2, "asks for a comparison"},
    [RULE_REASON] = {reasons, 2, "asks for reasons"},
    [RULE_TREND] = {trends, 2, "asks for a trend"},
    [RULE_JUDGE] = {judges, 2, "asks for a judgement"},
    [RULE_PARTS] = {has_parts, 2, "has several parts"},
    [RULE_LONG] = {is_long, 1, "is long"},
    [RULE_WEAK] = {finds_weakly, 1, "no passage is near"},
    [RULE_FLAT] = {finds_many_alike, 1, "many documents are equally near"},
    [RULE_FEW] = {finds_little, 1, "hardly any passage was found"},
    [RULE_HISTORY] = {goes_on, 1, "needs the turns before it"},
};

static void add_reason(struct buf *b, const char *reason, int points)
{
    buf_addf(b, "%s%s (%+d)", b->n ? ", " : "", reason, points);
}

static void ask_tenant(struct route_choice *c, const struct route_question *q,
                       const struct route_rules *rules, struct buf *b)
{
    const char *reason = "a rule of the tenant's";
    int points = rules && rules->tenant ? rules->tenant(rules->arg, q, &reason) : 0;

    if (points == 0)
        return;
    c->points += points;
    c->rules |= 1u << RULE_TENANT;
    add_reason(b, reason, points);
}

struct route_choice route_choose(const struct route_question *q, const struct route_rules *rules,
                                 struct arena *mem)
{
    struct shape s = shape_of(q, mem);
    struct route_choice c = {0};
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < RULE_TENANT; i++) {
        if (!rules_in_order[i].holds(&s))
            continue;
        c.points += rules_in_order[i].points;
        c.rules |= 1u << i;
        add_reason(&b, rules_in_order[i].reason, rules_in_order[i].points);
    }
    ask_tenant(&c, q, rules, &b);
    c.route = c.points >= ROUTE_POINTS_BEST ? ROUTE_BEST_MODEL : ROUTE_FAST;
    c.reason = b.n ? arena_strndup(mem, b.p, b.n) : "a plain question";
    buf_done(&b);
    return c;
}
