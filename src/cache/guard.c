#include "cache/guard.h"

#include <string.h>

#include "base/arena.h"
#include "base/check.h"
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

struct guard *guard_new(void)
{
    struct guard *g = mem_calloc(1, sizeof *g);

    g->function_words = map_new();
    for (size_t i = 0; i < n_guard_function_words; i++)
        each_word(guard_function_words[i].words, g->function_words, i, false);
    g->irregular = map_new();
    for (size_t i = 0; i < n_guard_irregular; i++)
        each_word(strchr(guard_irregular[i], ' ') + 1, g->irregular, i, false);
    g->attributes = map_new();
    for (size_t i = 0; i < n_guard_attributes; i++)
        each_word(guard_attributes[i], g->attributes, i, true);
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
    map_free(g->phrases);
    map_free(g->synonyms);
    mem_free(g->rules);
    mem_free(g);
}

/* ---- forms ---- */

static void analyse(const struct guard *g, struct guard_line *l)
{
    l->person = 0;
    guard_classify(g, l);
    guard_rephrase(g, l);
    guard_arrange(g, l);
}

static void common_acronyms(struct guard_line *l)
{
    for (size_t i = 0; i < n_guard_acronyms_common; i++) {
        const char *brief = guard_acronyms_common[i], *full = strchr(brief, ' ') + 1;
        struct guard_acronym a = {{brief, (size_t)(full - 1 - brief)}, str_of(full)};

        guard_acronyms(l, &a, 1);
    }
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
    guard_acronyms(&read, known, n);
    common_acronyms(&read);
    said = read;
    analyse(g, &said);
    return make_form(&read, &said, mem);
}

/* ---- comparing ---- */

/* What may ask for the same: "what is X" and "define X", but not "define X" and "how much is X". */
static bool kinds_agree(uint8_t a, uint8_t b)
{
    static const uint8_t pairs[][2] = {
        {KIND_WHAT, KIND_WHICH},  {KIND_WHAT, KIND_DEFINE}, {KIND_WHAT, KIND_AMOUNT},
        {KIND_WHAT, KIND_LONG},   {KIND_WHAT, KIND_NONE},   {KIND_WHICH, KIND_NONE},
        {KIND_DEFINE, KIND_NONE}, {KIND_AMOUNT, KIND_NONE},
    };

    if (a == b)
        return true;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if ((a == pairs[i][0] && b == pairs[i][1]) || (b == pairs[i][0] && a == pairs[i][1]))
            return true;
    return false;
}

static bool has_year(const struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_PERIOD && l->w[i].text[1] <= '9' && strlen(l->w[i].text) == 5)
            return true;
    return false;
}

/* A year in both says when it was, whatever the verb. */
static bool tenses_agree(const struct guard_line *a, const struct guard_line *b)
{
    if (a->tense == b->tense)
        return true;
    if (a->tense == F_FUTURE || b->tense == F_FUTURE)
        return false;
    if (has_year(a) && has_year(b))
        return true;
    return (!a->tense && b->tense == F_NOW) || (!b->tense && a->tense == F_NOW);
}

static const char *const class_names[] = {
    [G_WORD] = "other words", [G_NAME] = "name",   [G_ACRONYM] = "acronym",
    [G_NUMBER] = "number",    [G_PERIOD] = "date", [G_PREP] = "preposition",
    [G_BOUND] = "direction",  [G_NOT] = "negation", [G_MODAL] = "duty or permission",
    [G_QUANTIFIER] = "quantifier", [G_TIME] = "time", [G_PERSON] = "person",
};

/* Of all that is without a partner in the other, what matters most in a report. */
static int weight(const struct guard_word *w)
{
    static const uint8_t order[] = {G_WORD, G_PREP, G_PERSON, G_ACRONYM, G_NAME, G_QUANTIFIER,
                                    G_TIME, G_MODAL, G_BOUND, G_PERIOD, G_NUMBER, G_NOT};

    for (size_t i = 0; i < sizeof order; i++)
        if (w->class == order[i])
            return (int)i + 1;
    return 1;
}

static const struct guard_word *alone(const struct guard_line *l, const struct guard_line *other)
{
    const struct guard_word *best = NULL;
    bool taken[GUARD_WORDS_MAX] = {false};

    for (size_t i = 0; i < l->n; i++) {
        size_t k = 0;

        while (k < other->n && (taken[k] || strcmp(l->w[i].text, other->w[k].text) != 0))
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
    if (are_opposites(x, y))
        name = "opposite";
    return arena_printf(mem, "%s %s / %s", name ? name : "other words", shown(x), shown(y));
}

static bool same_words(const struct guard_line *a, const struct guard_line *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->w[i].text, b->w[i].text) != 0)
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
    if (!kinds_agree(x.kind, y.kind))
        return (struct guard_verdict){false, "kind of question"};
    if (!tenses_agree(&x, &y))
        return (struct guard_verdict){false, "tense"};
    if (x.person && y.person && x.person != y.person)
        return (struct guard_verdict){false, "person"};
    return (struct guard_verdict){true, ""};
}
