#include "cache/guard_parts.h"

/* ---- the kind of question ---- */

static const char *const kind_words[KIND_N] = {
    [KIND_WHAT] = "?what",     [KIND_WHICH] = "?which", [KIND_DEFINE] = "?define",
    [KIND_AMOUNT] = "?amount", [KIND_COUNT] = "?count", [KIND_LONG] = "?long",
    [KIND_OFTEN] = "?often",   [KIND_WHO] = "?who",     [KIND_WHEN] = "?when",
    [KIND_WHERE] = "?where",   [KIND_WHY] = "?why",     [KIND_HOW] = "?how",
};

static uint8_t kind_of(const struct guard_word *w)
{
    for (uint8_t k = 0; k < KIND_N; k++)
        if (kind_words[k] && guard_word_is(w, kind_words[k]))
            return k;
    return KIND_NONE;
}

/* Question words inside are words as others are. */
static void settle_inner(struct guard_line *l)
{
    for (size_t i = 1; i < l->n; i++)
        if (l->w[i].class == G_KIND)
            l->w[i].class = G_WORD;
}

static void find_kind(struct guard_line *l)
{
    if (l->w[0].class != G_KIND) {
        enum guard_class c = l->w[0].class;

        l->kind = c == G_BE || c == G_DO || c == G_HAVE || c == G_MODAL || c == G_WILL ? KIND_YESNO
                                                                                       : KIND_NONE;
        return;
    }
    l->kind = kind_of(&l->w[0]);
    if (l->kind == KIND_DEFINE && guard_has_class(l, 1, G_KIND)) {
        uint8_t inner = kind_of(&l->w[1]);

        if (inner != KIND_WHAT && inner != KIND_WHICH)
            l->kind = inner;
        l->w[1].flags |= l->w[0].flags;
        guard_remove(l, 0, 1);
    }
    if ((l->kind == KIND_WHAT || l->kind == KIND_DEFINE) && guard_has_word(l, l->n - 1, "mean")) {
        l->kind = KIND_DEFINE;
        guard_remove(l, l->n - 1, 1);
    }
    if (l->kind == KIND_WHAT && l->n > 1 && !guard_has_class(l, 1, G_BE))
        l->kind = KIND_WHICH;
}

/* ---- tense ---- */

static bool asks_for_subject(uint8_t kind)
{
    return kind == KIND_WHO || kind == KIND_WHAT || kind == KIND_WHICH || kind == KIND_COUNT;
}

/* Of all clauses. Where no verb shows it: "who led" is past, and the rest is present. */
static void find_tense(struct guard_line *l)
{
    bool ed = false, modal = false;
    uint8_t n_past = 0;

    for (size_t i = 0; i < l->n; i++) {
        l->tense |= l->w[i].flags & (F_PAST | F_NOW | F_FUTURE);
        n_past += (l->w[i].flags & F_PAST) && n_past < F_PAST - 1;
        ed |= (l->w[i].flags & F_ED) != 0;
        modal |= l->w[i].class == G_MODAL;
    }
    if ((l->tense & F_PAST) && l->tense != F_PAST)
        l->tense |= n_past; /* which clause is which, nearly */
    if (!l->tense && l->kind != KIND_NONE && l->kind != KIND_DEFINE)
        l->tense =
            (ed && !modal && asks_for_subject(l->kind)) || (l->w[0].flags & F_ED) ? F_PAST : F_NOW;
}

/* ---- person ---- */

static void find_person(struct guard_line *l)
{
    l->person = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->w[i].class == G_PERSON)
            l->person |= guard_word_is(&l->w[i], "1") ? PERSON_FIRST : PERSON_SECOND;
}

void guard_find_kind(struct guard_line *l)
{
    l->kind = KIND_NONE;
    l->tense = 0;
    find_person(l);
    find_kind(l);
    settle_inner(l);
    find_tense(l);
}
