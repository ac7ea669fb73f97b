#include "cache/guard_phrases.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define PHRASE_MAX 8

struct guard_rule {
    struct guard_word from[PHRASE_MAX], to[PHRASE_MAX];
    uint8_t n_from, n_to;
    bool at_start;
    uint32_t next; /* of those with the same first word, + 1; 0: none */
};

/* ---- the tables, made ready ---- */

/* A word of a table, as the questions' words are when phrases are looked for. */
static void ready(const struct guard *g, struct guard_word *w)
{
    uint64_t at;

    if (strchr("?,~+_", w->text[0])) {
        w->class = w->text[0] == '?' ? G_KIND : w->text[0] == ',' ? G_BREAK : G_WORD;
        return;
    }
    if (map_get(g->function_words, w->text, strlen(w->text), &at)) {
        guard_word_set(w, str_of(guard_function_words[at].text));
        w->class = guard_function_words[at].class;
        return;
    }
    w->class = G_WORD;
    guard_uninflect(w);
}

static uint8_t cut(const struct guard *g, const char *words, struct guard_word *out)
{
    uint8_t n = 0;

    while (*words && n < PHRASE_MAX) {
        size_t len = strcspn(words, " ");

        out[n] = (struct guard_word){0};
        guard_word_set(&out[n], (struct str){words, len});
        ready(g, &out[n++]);
        words += len + (words[len] == ' ');
    }
    return n;
}

static void add_rule(struct guard *g, size_t i)
{
    struct guard_rule *r = &g->rules[i];
    const char *from = guard_phrases[i].from;
    uint64_t *first;
    bool added;

    r->at_start = *from == '^';
    r->n_from = cut(g, from + r->at_start, r->from);
    r->n_to = cut(g, guard_phrases[i].to, r->to);
    first = map_slot(g->phrases, r->from[0].text, strlen(r->from[0].text), 0, &added);
    r->next = (uint32_t)*first;
    *first = i + 1;
}

void guard_phrases_ready(struct guard *g)
{
    g->phrases = map_new();
    g->rules = mem_calloc(n_guard_phrases, sizeof *g->rules);
    for (size_t i = 0; i < n_guard_phrases; i++)
        add_rule(g, i);
}

/* The words of a set each lead to the set; its first word is what they all become. */
void guard_synonyms_ready(struct guard *g)
{
    g->synonyms = map_new();
    for (size_t i = 0; i < n_guard_synonyms; i++)
        for (const char *p = guard_synonyms[i]; *p;) {
            size_t len = strcspn(p, " ");
            struct guard_word w = {0};

            guard_word_set(&w, (struct str){p, len});
            guard_uninflect(&w);
            map_put(g->synonyms, w.text, strlen(w.text), i);
            p += len + (p[len] == ' ');
        }
}

/* ---- a line ---- */

static bool fits(const struct guard_rule *r, const struct guard_line *l, size_t i)
{
    if ((r->at_start && i > 0) || i + r->n_from > l->n)
        return false;
    for (size_t k = 0; k < r->n_from; k++)
        if (!guard_word_is(&l->w[i + k], r->from[k].text))
            return false;
    return true;
}

static const struct guard_rule *longest(const struct guard *g, const struct guard_line *l, size_t i)
{
    const struct guard_rule *best = NULL;
    uint64_t at;

    if (!map_get(g->phrases, l->w[i].text, strlen(l->w[i].text), &at))
        return NULL;
    for (; at; at = g->rules[at - 1].next) {
        const struct guard_rule *r = &g->rules[at - 1];

        if ((!best || r->n_from > best->n_from) && fits(r, l, i))
            best = r;
    }
    return best;
}

/* The words at i up to where the noun ends. */
static size_t noun_length(const struct guard_line *l, size_t i)
{
    size_t n = 0;

    while (i + n < l->n) {
        enum guard_class c = l->w[i + n].class;

        if (c == G_PREP || c == G_BREAK || c == G_END || c == G_PERIOD || c == G_BOUND)
            break;
        n++;
    }
    return n;
}

/* In place of "_" goes the noun that follows the phrase. */
static void place_noun(struct guard_line *l, size_t i, const struct guard_rule *r)
{
    for (size_t k = 0; k < r->n_to; k++) {
        size_t behind = i + r->n_to, n;

        if (r->to[k].text[0] != '_')
            continue;
        n = noun_length(l, behind);
        guard_move(l, behind, n, i + k + 1);
        guard_remove(l, i + k, 1);
    }
}

/* Tense and inflection of what is replaced pass to what replaces it. */
static void replace(struct guard_line *l, size_t i, const struct guard_rule *r)
{
    uint8_t flags = 0;

    for (size_t k = 0; k < r->n_from; k++)
        flags |= l->w[i + k].flags & (F_PAST | F_NOW | F_FUTURE | F_ED);
    if (!guard_splice(l, i, r->n_from, r->to, r->n_to))
        return;
    if (r->n_to)
        l->w[i].flags |= flags;
    place_noun(l, i, r);
}

static void replace_synonyms(const struct guard *g, struct guard_line *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct guard_word *w = &l->w[i];
        uint64_t at;

        if (w->class == G_WORD && map_get(g->synonyms, w->text, strlen(w->text), &at)) {
            guard_word_set(w, (struct str){guard_synonyms[at], strcspn(guard_synonyms[at], " ")});
            guard_uninflect(w);
        }
    }
}

/* What depends on the word behind: "for adding" is "to add", "over 5 million" is above it. */
static void settle_prepositions(struct guard_line *l)
{
    for (size_t i = 0; i + 1 < l->n; i++) {
        struct guard_word *w = &l->w[i], *next = w + 1;
        bool over = guard_word_is(w, "over");

        if (guard_word_is(w, "for") && (next->flags & F_ING))
            guard_word_set(w, STR_LIT("to"));
        else if (next->class == G_NUMBER && (over || guard_word_is(w, "under"))) {
            guard_word_set(w, over ? STR_LIT("above") : STR_LIT("below"));
            w->class = G_BOUND;
        }
    }
}

/* Twice, since one phrase may make another. */
void guard_rephrase(const struct guard *g, struct guard_line *l)
{
    settle_prepositions(l);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < l->n; i++) {
            const struct guard_rule *r = longest(g, l, i);

            if (r) {
                replace(l, i, r);
                i += r->n_to ? r->n_to - 1u : 0;
            }
        }
        if (pass == 0)
            replace_synonyms(g, l);
    }
}
