#include "cache/guard.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "cache/guard_phrases.h"

/* ---- tables ---- */

static void each_word(const char *words, struct map *m, uint64_t value, bool uninflect)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        struct guard_word w = {0};

        guard_word_set(&w, (struct str){words, len});
        if (uninflect)
            guard_uninflect(&w);
        map_put(m, w.text, strlen(w.text), value);
        words += len + (words[len] == ' ');
    }
}

static struct map *set_of(const char *const *words, size_t n)
{
    struct map *m = map_new();

    for (size_t i = 0; i < n; i++)
        each_word(words[i], m, i, true);
    return m;
}

struct guard *guard_new(void)
{
    struct guard *g = mem_calloc(1, sizeof *g);

    g->function_words = map_new();
    for (size_t i = 0; i < n_guard_function_words; i++)
        each_word(guard_function_words[i].words, g->function_words, i, false);
    g->irregular = map_new();
    for (size_t i = 0; i < n_guard_irregular; i++)
        each_word(strchr(guard_irregular[i], ' ') + 1, g->irregular, i, false);
    g->attributes = set_of(guard_attributes, n_guard_attributes);
    g->quantities = set_of(guard_quantities, n_guard_quantities);
    g->durations = set_of(guard_durations, n_guard_durations);
    guard_acronyms_ready(g);
    guard_phrases_ready(g);
    guard_synonyms_ready(g);
    return g;
}

void guard_free(struct guard *g)
{
    if (!g)
        return;
    map_free(g->function_words);
    map_free(g->irregular);
    map_free(g->attributes);
    map_free(g->quantities);
    map_free(g->durations);
    map_free(g->phrases);
    map_free(g->synonyms);
    mem_free(g->rules);
    mem_free(g->acronyms);
    mem_free(g);
}

/* ---- forms ---- */

static void analyse(const struct guard *g, struct guard_line *l)
{
    guard_classify(g, l);
    guard_rephrase(g, l);
    guard_arrange(g, l);
}

size_t guard_form_bytes(const struct guard_form *f)
{
    return sizeof *f + ((size_t)f->n_read + f->n_said) * sizeof *f->w;
}

static struct guard_form *make_form(const struct guard_line *read, const struct guard_line *said,
                                    struct arena *mem)
{
    struct guard_form *f = arena_zalloc(mem, sizeof *f + (read->n + said->n) * sizeof *f->w);

    f->n_read = (uint16_t)read->n;
    f->n_said = (uint16_t)said->n;
    f->kind = said->kind;
    f->tense = said->tense;
    f->person = said->person;
    f->too_long = read->too_long;
    memcpy(f->w, read->w, read->n * sizeof *f->w);
    memcpy(f->w + read->n, said->w, said->n * sizeof *f->w);
    return f;
}

struct guard_form *guard_prepare(const struct guard *g, struct str question,
                                 const struct guard_acronym *known, size_t n, struct arena *mem)
{
    struct guard_line read, said;

    guard_read(question, &read);
    guard_numbers(&read);
    guard_acronyms(g, &read, known, n);
    said = read;
    analyse(g, &said);
    return make_form(&read, &said, mem);
}

/* Duty and permission are left out, for "can" is two of them. */
uint64_t guard_form_key(const struct guard_form *f)
{
    char text[GUARD_WORDS_MAX * GUARD_TEXT];
    size_t n = 0;

    for (size_t i = f->n_read; i < (size_t)f->n_read + f->n_said; i++) {
        size_t len = strlen(f->w[i].text) + 1;

        if (f->w[i].class == G_MODAL)
            continue;
        memcpy(text + n, f->w[i].text, len);
        n += len;
    }
    return hash64(text, n);
}

/* ---- comparing ---- */

/* ---- kind and tense ---- */

static bool has_period(const struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_PERIOD)
            return true;
    return false;
}

/* The noun that the rest is about: the last before a preposition or a period. */
static const struct guard_word *head(const struct guard_line *l)
{
    size_t n = 0;

    while (n < l->n && l->w[n].class != G_PREP && l->w[n].class != G_BOUND &&
           l->w[n].class != G_PERIOD && l->w[n].class != G_MODAL)
        n++;
    return n ? &l->w[n - 1] : NULL;
}

static bool head_in(const struct map *m, const struct guard_line *l)
{
    const struct guard_word *h = head(l);
    uint64_t at;

    return h && map_get(m, h->text, strlen(h->text), &at);
}

/* "What is inflation?" wants a definition, "What was inflation?" and "What is the interest rate?"
 * a number. */
static bool wants_number(const struct guard *g, const struct guard_line *l)
{
    return head_in(g->quantities, l) && (l->n > 1 || l->tense == F_PAST);
}

static bool is_verb_of_money(const struct guard_line *l)
{
    static const char *const verbs[] = {"cost", "earn", "spend", "owe"};

    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
            if (guard_word_is(&l->w[i], verbs[k]))
                return true;
    return false;
}

static bool is_open(uint8_t kind)
{
    return kind == KIND_WHAT || kind == KIND_WHICH || kind == KIND_NONE;
}

/* What may ask for the same: "what is X" and "define X", but not "define X" and "how much is X". */
static bool kinds_agree(const struct guard *g, const struct guard_line *a,
                        const struct guard_line *b)
{
    uint8_t open = is_open(a->kind) ? a->kind : b->kind;
    uint8_t other = is_open(a->kind) ? b->kind : a->kind;

    if (a->kind == b->kind)
        return true;
    if (!is_open(open))
        return false;
    switch (other) {
    case KIND_NONE:
    case KIND_WHAT:
    case KIND_WHICH: return true;
    case KIND_DEFINE: return open != KIND_WHICH && !has_period(a);
    case KIND_AMOUNT: return open == KIND_WHICH ? is_verb_of_money(a) : wants_number(g, a);
    case KIND_LONG: return open != KIND_WHICH && head_in(g->durations, a);
    default: return false;
    }
}

static bool has_year(const struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_PERIOD && l->w[i].text[1] <= '9' && strlen(l->w[i].text) == 5)
            return true;
    return false;
}

/* Where no verb shows a tense it is the present, unless a year says when it was. */
static bool tenses_agree(const struct guard_line *a, const struct guard_line *b)
{
    if (a->tense == b->tense)
        return true;
    if ((a->tense && b->tense) || (a->tense | b->tense) & F_FUTURE)
        return false;
    return (a->tense | b->tense) == F_NOW || has_year(a);
}

static const char *const class_names[] = {
    [G_WORD] = "other words",      [G_NAME] = "name",    [G_ACRONYM] = "acronym",
    [G_NUMBER] = "number",         [G_PERIOD] = "date",  [G_PREP] = "preposition",
    [G_BOUND] = "direction",       [G_NOT] = "negation", [G_MODAL] = "duty or permission",
    [G_QUANTIFIER] = "quantifier", [G_TIME] = "time",    [G_PERSON] = "person",
};

/* Of all that is without a partner in the other, what matters most in a report. */
static int weight(const struct guard_word *w)
{
    static const uint8_t order[] = {G_WORD, G_PREP,  G_PERSON, G_ACRONYM, G_NAME,   G_QUANTIFIER,
                                    G_TIME, G_MODAL, G_BOUND,  G_PERIOD,  G_NUMBER, G_NOT};

    for (size_t i = 0; i < sizeof order; i++)
        if (w->class == order[i])
            return (int)i + 1;
    return 1;
}

/* "The acquired company" is not "the acquiring company"; what one can, one may or is able to. */
static bool same_word(const struct guard_word *a, const struct guard_word *b)
{
    if (((a->flags & F_ED) && (b->flags & F_ING)) || ((a->flags & F_ING) && (b->flags & F_ED)))
        return false;
    if (strcmp(a->text, b->text) == 0)
        return true;
    if (a->class != G_MODAL || b->class != G_MODAL)
        return false;
    return (guard_word_is(a, "+can") && !guard_word_is(b, "+must") &&
            !guard_word_is(b, "+should")) ||
           (guard_word_is(b, "+can") && !guard_word_is(a, "+must") && !guard_word_is(a, "+should"));
}

static const struct guard_word *alone(const struct guard_line *l, const struct guard_line *other)
{
    const struct guard_word *best = NULL;
    bool taken[GUARD_WORDS_MAX] = {false};

    for (size_t i = 0; i < l->n; i++) {
        size_t k = 0;

        while (k < other->n && (taken[k] || !same_word(&l->w[i], &other->w[k])))
            k++;
        if (k < other->n)
            taken[k] = true;
        else if (!best || weight(&l->w[i]) > weight(best))
            best = &l->w[i];
    }
    return best;
}

/* Signs that tell the classes apart are not for the reader. */
static const char *shown(const struct guard_word *w)
{
    return !w ? "-" : strchr("#@~+", w->text[0]) ? w->text + 1 : w->text;
}

static bool are_opposites(const struct guard_word *a, const struct guard_word *b)
{
    for (size_t i = 0; a && b && i < n_guard_opposites; i++) {
        struct guard_word x = {0}, y = {0};
        const char *p = guard_opposites[i];
        size_t n = strcspn(p, " ");

        guard_word_set(&x, (struct str){p, n});
        guard_word_set(&y, str_of(p + n + 1));
        guard_uninflect(&x);
        guard_uninflect(&y);
        if ((guard_word_is(a, x.text) && guard_word_is(b, y.text)) ||
            (guard_word_is(a, y.text) && guard_word_is(b, x.text)))
            return true;
    }
    return false;
}

static const char *difference(const struct guard_line *a, const struct guard_line *b,
                              struct arena *mem)
{
    const struct guard_word *x = alone(a, b), *y = alone(b, a);
    const struct guard_word *what = !y || (x && weight(x) >= weight(y)) ? x : y;
    const char *name;

    if (!what)
        return "order of content words";
    name = what->class < sizeof class_names / sizeof *class_names ? class_names[what->class] : NULL;
    if (what->class == G_WORD && are_opposites(x, y))
        name = "opposite";
    return arena_printf(mem, "%s %s / %s", name ? name : "other words", shown(x), shown(y));
}

static bool same_words(const struct guard_line *a, const struct guard_line *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_word(&a->w[i], &b->w[i]))
            return false;
    return true;
}

static void said_line(const struct guard_form *f, struct guard_line *out)
{
    out->n = f->n_said;
    out->kind = f->kind;
    out->tense = f->tense;
    out->person = f->person;
    out->too_long = f->too_long;
    memcpy(out->w, f->w + f->n_read, f->n_said * sizeof *f->w);
}

/* The form anew when the other's acronyms are spelled out in it. */
static void spell(const struct guard *g, const struct guard_form *f, const struct guard_form *other,
                  struct guard_line *said)
{
    struct guard_line again = {.n = f->n_read};

    memcpy(again.w, f->w, f->n_read * sizeof *f->w);
    if (!guard_acronyms_of(&again, other->w, other->n_read))
        return;
    analyse(g, &again);
    *said = again;
}

struct guard_verdict guard_compare(const struct guard *g, const struct guard_form *a,
                                   const struct guard_form *b, struct arena *mem)
{
    struct guard_line x, y;

    if (a->too_long || b->too_long)
        return (struct guard_verdict){false, "too long"};
    said_line(a, &x);
    said_line(b, &y);
    if (!same_words(&x, &y)) {
        spell(g, a, b, &x);
        spell(g, b, a, &y);
    }
    if (!same_words(&x, &y))
        return (struct guard_verdict){false, difference(&x, &y, mem)};
    if (x.n == 0)
        return (struct guard_verdict){false, "no content words"};
    if (!kinds_agree(g, &x, &y))
        return (struct guard_verdict){false, "kind of question"};
    if (!tenses_agree(&x, &y))
        return (struct guard_verdict){false, "tense"};
    if (x.person && y.person && x.person != y.person)
        return (struct guard_verdict){false, "person"};
    return (struct guard_verdict){true, ""};
}
