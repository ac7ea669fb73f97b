#include "query/question_alike.h"

#include "base/err.h"
#include "engine/engine.h"
#include "index/question_words.h"
#include "query/query.h"

bool question_alike_wanted(const struct query *q)
{
    return q->semantic == QUERY_SEMANTIC_STRICT && q->n_history == 0;
}

struct digest question_alike_scope(const struct engine *e, const struct query *q,
                                   const struct digest *model, const struct adapter *adapter,
                                   struct arena *mem)
{
    struct query any = *q;

    any.question = STR_LIT("");
    return query_key_under(e, &any, model, adapter, mem);
}

/* Of the question and those near it: "CET1" here may be spelled out there. */
static size_t known_acronyms(struct engine *e, const struct query *q,
                             const struct alike_question *near, size_t n, struct arena *mem,
                             struct guard_acronym *out)
{
    struct question_acronym found[QUESTION_ACRONYMS_MAX];
    const char *text = arena_strndup(mem, q->question.p, q->question.n);
    struct snapshot *snap = NULL;
    size_t n_found;

    if (retriever_snapshot(e->retriever, q->tenant, q->collection, &snap) < 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        text = arena_printf(mem, "%s\n%.*s", text, STR_ARGS(near[i].text));
    n_found = question_acronyms(snap, str_of(text), mem, found);
    snapshot_unref(snap);
    for (size_t i = 0; i < n_found; i++)
        out[i] = (struct guard_acronym){found[i].brief, found[i].full};
    return n_found;
}

/* The form by which questions are kept: acronyms of the documents come later. */
static size_t of_form(struct engine *e, const struct query *q, const struct digest *scope,
                      struct arena *mem, struct alike_question *out)
{
    const struct guard_form *form = guard_prepare(alike_guard(e->alike), q->question, NULL, 0, mem);

    return alike_of_form(e->alike, scope, guard_form_key(form), mem, out);
}

bool question_alike_find(struct engine *e, const struct query *q, const struct digest *scope,
                         const float *vector, size_t dim, struct arena *mem,
                         struct alike_question *out)
{
    const struct guard *g = alike_guard(e->alike);
    struct guard_acronym known[QUESTION_ACRONYMS_MAX];
    struct alike_question near[ALIKE_CANDIDATES];
    const struct guard_form *asked;
    size_t n = vector ? alike_nearest(e->alike, scope, vector, dim, mem, near)
                      : of_form(e, q, scope, mem, near);
    size_t n_known;

    if (n == 0)
        return false;
    n_known = known_acronyms(e, q, near, n, mem, known);
    asked = guard_prepare(g, q->question, known, n_known, mem);
    for (size_t i = 0; i < n; i++) {
        const struct guard_form *form =
            n_known ? guard_prepare(g, near[i].text, known, n_known, mem) : near[i].form;

        if (str_eq(near[i].text, q->question) || !guard_compare(g, asked, form, mem).same)
            continue;
        *out = near[i];
        return true;
    }
    if (vector)
        alike_count(e->alike, ALIKE_REFUSED);
    return false;
}
