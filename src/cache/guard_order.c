#include <string.h>

#include "base/map.h"
#include "cache/guard_parts.h"

/* ---- what is in front ---- */

/* Where the question begins to ask: a question word, or a verb in front. l->n: nowhere. */
static size_t opener(const struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++) {
        uint8_t c = l->w[i].class;

        if (c == G_KIND)
            return i;
        if ((i == 0 || l->w[i - 1].class == G_BREAK) &&
            (c == G_BE || c == G_DO || c == G_HAVE || c == G_MODAL || c == G_WILL))
            return i;
    }
    return l->n;
}

static bool has_break(const struct guard_line *l, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (l->w[i].class == G_BREAK)
            return true;
    return false;
}

/* "Under Basel III, what is the ratio?" asks what "What is the ratio under Basel III?" does; a
 * topic in front ("Loans over 1 million: who ...") is what the question is of. */
static void front_to_end(struct guard_line *l, size_t start)
{
    struct guard_word of = {.text = "of", .class = G_PREP};
    bool comma = has_break(l, start);
    enum guard_class c = l->n ? l->w[0].class : G_WORD;
    bool attached = c == G_PREP || c == G_BOUND || c == G_PERIOD || c == G_TIME;
    size_t n = start;

    if (start == 0 || start == l->n || (!comma && !attached))
        return;
    while (n && l->w[n - 1].class == G_BREAK) {
        guard_remove(l, n - 1, 1);
        n--;
    }
    guard_move(l, 0, n, l->n - n);
    n = l->n - n; /* where it is now */
    if (n > 1 && (guard_has_word(l, n - 1, "~it") || guard_has_word(l, n - 1, "~they"))) {
        guard_remove(l, n - 1, 1); /* the topic stands in its place */
        return;
    }
    if (!attached && !(n == 1 || (n == 2 && guard_has_class(l, 1, G_BE))))
        guard_splice(l, n, 0, &of, 1);
}

/* ---- verbs that say nothing ---- */

/* A crime that a bank reports need not be its own; how much it reports is. */
static bool is_light(const struct guard_line *l, size_t i)
{
    static const char *const light[] = {"have", "carry", "entail", "report", "record", "post"};
    size_t n = l->kind == KIND_AMOUNT ? 6 : 3;

    for (size_t k = 0; k < n; k++)
        if (guard_has_word(l, i, light[k]))
            return true;
    return false;
}

static size_t find_class(const struct guard_line *l, enum guard_class class)
{
    size_t i = 0;

    while (i < l->n && l->w[i].class != class)
        i++;
    return i;
}

static void put(struct guard_line *l, size_t i, const char *text, enum guard_class class)
{
    guard_word_set(&l->w[i], str_of(text));
    l->w[i].class = (uint8_t) class;
    l->w[i].flags = 0;
}

/* "Which risks does leverage carry" -> "which risks of leverage". True: it is of that form. */
static bool drop_light_verb(struct guard_line *l)
{
    size_t i = find_class(l, G_DO), last = l->n;

    if (i < 2 || i + 2 >= l->n)
        return false;
    for (size_t k = i + 2; k < l->n && last == l->n; k++)
        if (is_light(l, k) &&
            (k + 1 == l->n || l->w[k + 1].class == G_PREP || l->w[k + 1].class == G_PERIOD))
            last = k;
    if (last == l->n)
        return false;
    guard_remove(l, last, 1);
    put(l, i, "of", G_PREP);
    return true;
}

static bool is_attribute(const struct guard *g, const struct guard_word *w)
{
    uint64_t at;

    return map_get(g->attributes, w->text, strlen(w->text), &at);
}

/* "Which limits apply to gifts" -> "which limits of gifts". */
static bool drop_apply(const struct guard *g, struct guard_line *l)
{
    for (size_t i = 2; i < l->n; i++) {
        if (!guard_has_word(l, i, "apply") || !is_attribute(g, &l->w[i - 1]) ||
            find_class(l, G_DO) < i || find_class(l, G_BE) < i)
            continue;
        if (guard_has_word(l, i + 1, "to"))
            guard_remove(l, i + 1, 1);
        else if (i + 1 < l->n && l->w[i + 1].class != G_PREP)
            continue;
        if (i + 1 == l->n || guard_has_class(l, i + 1, G_PREP))
            guard_remove(l, i, 1);
        else
            put(l, i, "of", G_PREP);
        return true;
    }
    return false;
}

/* "How much revenue was reported", "which documents are there". */
static void drop_reported(struct guard_line *l)
{
    for (size_t i = 1; i + 1 < l->n; i++)
        if (guard_has_class(l, i, G_BE) && is_light(l, i + 1) && (l->w[i + 1].flags & F_ED))
            guard_remove(l, i + 1, 1);
}

/* ---- passive: "X is sued by Y" is "Y sues X" ---- */

static bool ends_phrase(const struct guard_line *l, size_t i)
{
    if (i >= l->n)
        return true;
    switch (l->w[i].class) {
    case G_PREP:
    case G_BOUND:
    case G_BREAK:
    case G_PERIOD:
    case G_TIME:
    case G_END: return true;
    default:
        return guard_has_word(l, i, "if") || guard_has_word(l, i, "and") ||
               guard_has_word(l, i, "or");
    }
}

static bool ends_subject(const struct guard_line *l, size_t i)
{
    switch (l->w[i].class) {
    case G_BREAK:
    case G_END:
    case G_MODAL:
    case G_DO:
    case G_NOT:
    case G_KIND: return true;
    default:
        return guard_has_word(l, i, "if") || guard_has_word(l, i, "~that") ||
               guard_has_word(l, i, "because");
    }
}

/* The participle that belongs to the form of "be" at b; l->n: none. */
static size_t participle(const struct guard_line *l, size_t b)
{
    for (size_t i = b + 1; i < l->n && l->w[i].class != G_BE; i++)
        if ((l->w[i].flags & F_ED) && l->w[i].class == G_WORD && ends_phrase(l, i + 1))
            return i;
    return l->n;
}

/* Who does it stands behind the participle at `e`: moved to `to`. Returns how many words. */
static size_t agent_to(struct guard_line *l, size_t e, size_t to)
{
    size_t n = 0;

    if (!guard_has_word(l, e + 1, "by"))
        return 0;
    guard_remove(l, e + 1, 1);
    while (e + 1 + n < l->n && !ends_phrase(l, e + 1 + n))
        n++;
    guard_move(l, e + 1, n, to);
    return n;
}

static void passive_at(struct guard_line *l, size_t b)
{
    struct guard_word who = {.text = "~who", .class = G_WORD};
    bool inverted = b == 0 || (b == 1 && l->w[0].class == G_KIND); /* "when was X sued" */
    size_t e = participle(l, b), s = b, n, n_agent;

    if (e == l->n)
        return;
    l->w[e].flags &= (uint8_t)~F_ED;
    guard_remove(l, b, 1);
    e--;
    if (inverted && e > b) {
        n_agent = agent_to(l, e, b);
        guard_move(l, e + n_agent, 1, b + n_agent);
        return;
    }
    if (s > 0 && l->w[s - 1].class == G_MODAL)
        s--; /* "documents must be kept" */
    while (s > 0 && !ends_subject(l, s - 1))
        s--;
    if (s < b && l->w[b - 1].class == G_MODAL) {
        guard_move(l, b - 1, 1, s);
        s++;
    }
    n = b - s;
    if (n == 0) { /* "Who was sued?" is not who did it */
        guard_splice(l, s, 0, &who, 1);
        n = 1;
        e++;
    }
    n_agent = agent_to(l, e, s);
    guard_move(l, s + n_agent, n, e + n_agent - n + 1);
}

static void undo_passives(struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_BE)
            passive_at(l, i);
}

/* ---- "which costs are deductible" -> "deductible costs" ---- */

static bool is_adjective(const char *t)
{
    static const char *const ends[] = {"able", "abl", "ible", "ibl", "ory", "ive", "iv",
                                       "al",   "ful", "ous",  "ary", "ic",  "ant", "ent"};
    size_t n = strlen(t);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t m = strlen(ends[i]);

        if (n > m + 2 && strcmp(t + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

static void adjective_first(struct guard_line *l)
{
    size_t b = find_class(l, G_BE);

    if (l->kind != KIND_WHICH || b < 2 || b + 1 >= l->n || !ends_phrase(l, b + 2) ||
        l->w[b + 1].class != G_WORD || !is_adjective(l->w[b + 1].text))
        return;
    guard_remove(l, b, 1);
    guard_move(l, b, 1, 1);
}

/* ---- periods to the end ---- */

static bool is_neutral(const struct guard_word *w)
{
    static const char *const neutral[] = {"in", "of", "for", "on", "during", "at"};

    for (size_t i = 0; i < sizeof neutral / sizeof *neutral; i++)
        if (guard_word_is(w, neutral[i]))
            return true;
    return false;
}

static void sort_words(struct guard_word *w, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && strcmp(w[k - 1].text, w[k].text) > 0; k--) {
            struct guard_word t = w[k];

            w[k] = w[k - 1];
            w[k - 1] = t;
        }
}

/* "Q1 of 2023" is one period as "2023 Q1" is; its parts in order. */
static void join_periods(struct guard_line *l)
{
    for (size_t i = 1; i + 1 < l->n; i++)
        if (l->w[i - 1].class == G_PERIOD && l->w[i + 1].class == G_PERIOD && is_neutral(&l->w[i]))
            guard_remove(l, i, 1);
    for (size_t i = 0, n; i < l->n; i += n ? n : 1) {
        for (n = 0; i + n < l->n && l->w[i + n].class == G_PERIOD; n++)
            ;
        sort_words(l->w + i, n);
    }
}

static bool is_between(const struct guard_line *l, size_t i)
{
    return i > 0 && i + 1 < l->n && l->w[i - 1].class == G_PERIOD && l->w[i + 1].class == G_PERIOD;
}

/* What stands with a period and goes with it: "from 2018 to 2019", "since 2020". */
static bool goes_along(const struct guard_line *l, size_t i)
{
    if (l->w[i].class == G_PERIOD)
        return true;
    if (is_between(l, i))
        return true;
    return l->w[i].class == G_PREP && guard_has_class(l, i + 1, G_PERIOD);
}

static void periods_to_end(struct guard_line *l)
{
    struct guard_line moved = {.n = 0};
    bool along[GUARD_WORDS_MAX];
    size_t n = 0;

    join_periods(l);
    for (size_t i = 0; i < l->n; i++)
        along[i] = goes_along(l, i);
    for (size_t i = 0; i < l->n; i++) {
        if (!along[i])
            l->w[n++] = l->w[i];
        else if (l->w[i].class != G_PREP || !is_neutral(&l->w[i]))
            moved.w[moved.n++] = l->w[i];
    }
    l->n = n;
    guard_splice(l, n, 0, moved.w, moved.n);
}

/* ---- "the rate of X" is "the X rate" ---- */

static bool means_of(const struct guard *g, const struct guard_line *l, size_t i)
{
    if (guard_has_word(l, i, "of"))
        return true;
    return (guard_has_word(l, i, "for") || guard_has_word(l, i, "on")) &&
           is_attribute(g, &l->w[i - 1]);
}

static bool bounds_noun(const struct guard_line *l, size_t i)
{
    return ends_phrase(l, i) || l->w[i].class == G_NOT || l->w[i].class == G_KIND ||
           l->w[i].class == G_BE;
}

/* From the last to the first, so that "a of b of c" is "c b a". */
static void merge_of(const struct guard *g, struct guard_line *l)
{
    for (size_t i = l->n; i-- > 1;) {
        size_t start = i, end = i + 1;

        if (!means_of(g, l, i))
            continue;
        while (start > 0 && !bounds_noun(l, start - 1))
            start--;
        while (end < l->n && !bounds_noun(l, end))
            end++;
        if (start == i || end == i + 1)
            continue;
        if (!guard_has_word(l, i, "of") && start > 0 && l->w[start - 1].class == G_PREP)
            continue; /* "the effect of tax on income" is not that of income tax */
        guard_remove(l, i, 1);
        guard_move(l, start, i - start, end - 1 - (i - start));
    }
}

/* ---- all of it ---- */

/* Duty and permission, when it is said once and nothing is negated, is the same wherever it
 * stands; with "how" permission says nothing. */
static void modal_to_end(struct guard_line *l)
{
    size_t i = find_class(l, G_MODAL), n = 0;

    for (size_t k = 0; k < l->n; k++)
        n += l->w[k].class == G_MODAL || l->w[k].class == G_NOT;
    if (n != 1 || i == l->n)
        return;
    if (l->kind == KIND_HOW && (guard_has_word(l, i, "+can") || guard_has_word(l, i, "+able")))
        guard_remove(l, i, 1);
    else
        guard_move(l, i, 1, l->n - 1);
}

static void drop_helpers(struct guard_line *l)
{
    size_t n = 0, both = PERSON_FIRST | PERSON_SECOND;

    for (size_t i = 0; i < l->n; i++) {
        enum guard_class c = l->w[i].class;

        if (c == G_BE || c == G_DO || c == G_BREAK || c == G_KIND ||
            (c == G_PERSON && l->person != both))
            continue;
        l->w[n++] = l->w[i];
    }
    l->n = n;
}

static bool asks_for_noun(const struct guard_line *l)
{
    switch (l->kind) {
    case KIND_WHAT:
    case KIND_WHICH:
    case KIND_AMOUNT:
    case KIND_COUNT:
    case KIND_DEFINE:
    case KIND_LONG: return find_class(l, G_BE) == 1 || l->kind == KIND_DEFINE;
    default: return l->kind == KIND_NONE;
    }
}

/* "What do banks pay", not "what banks pay": it stands for what the verb is done to. */
static bool asks_for_object(const struct guard_line *l)
{
    if (l->kind != KIND_WHAT && l->kind != KIND_WHICH && l->kind != KIND_AMOUNT &&
        l->kind != KIND_COUNT)
        return false;
    return guard_has_class(l, 1, G_DO) || guard_has_class(l, 1, G_MODAL) ||
           guard_has_class(l, 1, G_WILL) || guard_has_class(l, 1, G_HAVE);
}

void guard_arrange(const struct guard *g, struct guard_line *l)
{
    const struct guard_word what = {.text = "~what", .class = G_WORD};
    bool noun, object;

    if (l->n)
        front_to_end(l, opener(l));
    guard_find_kind(l);
    object = asks_for_object(l);
    noun = asks_for_noun(l);
    if (l->kind == KIND_WHAT || l->kind == KIND_WHICH || l->kind == KIND_AMOUNT) {
        noun |= drop_light_verb(l);
        noun |= drop_apply(g, l);
        drop_reported(l);
    }
    if (l->kind == KIND_WHICH)
        noun |= find_class(l, G_BE) < l->n;
    periods_to_end(l);
    adjective_first(l);
    undo_passives(l);
    if (noun)
        merge_of(g, l);
    drop_helpers(l);
    modal_to_end(l);
    if (object)
        guard_splice(l, 0, 0, &what, 1);
}
