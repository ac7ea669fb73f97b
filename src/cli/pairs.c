#include "cli/pairs.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/qrels.h"
#include "cli/questions.h"

void pairs_init(struct pairs *p)
{
    *p = (struct pairs){.mem = arena_new(0)};
}

void pairs_done(struct pairs *p)
{
    mem_free(p->v);
    arena_free(p->mem);
}

static char *keep(struct pairs *p, struct str s)
{
    return s.p ? arena_strndup(p->mem, s.p, s.n) : NULL;
}

static int add(struct pairs *p, struct str question, struct str document, struct str chunk,
               const char *where)
{
    if (question.n == 0 || document.n == 0)
        return FAIL(ERR_FORMAT, "%s: a question and its document are wanted", where);
    if (p->n == TUNE_PAIRS_MAX)
        return FAIL(ERR_LIMIT, "%s: more than %d pairs", where, TUNE_PAIRS_MAX);
    p->v = mem_grow(p->v, &p->cap, p->n + 1, sizeof *p->v);
    p->v[p->n++] =
        (struct tune_pair){keep(p, question), keep(p, document), chunk.n ? keep(p, chunk) : NULL};
    return ERR_OK;
}

/* ---- a file of pairs ---- */

static int add_record(struct pairs *p, struct str line, const char *where)
{
    int rc = ERR_OK;
    json_t *record = NULL;
    struct str question = {0}, document = {0}, chunk = {0};

    TRY(json_parse(&record, line, where));
    if (!json_is_object(record)) {
        rc = FAIL(ERR_FORMAT, "%s: an object is wanted", where);
        goto out;
    }
    TRY(json_get_str(record, "question", &question));
    TRY(json_get_str(record, "document", &document));
    TRY(json_get_str(record, "chunk", &chunk));
    rc = add(p, question, document, chunk, where);
out:
    json_decref(record);
    return rc == ERR_ARGUMENT ? err_context(ERR_FORMAT, "%s", where) : rc;
}

/* What stands before the next tab; the tab goes too. */
static struct str next_field(struct str *line)
{
    const char *tab = line->n ? memchr(line->p, '\t', line->n) : NULL;
    size_t n = tab ? (size_t)(tab - line->p) : line->n;
    struct str field = str_trim(str_sub(*line, 0, n));

    *line = str_sub(*line, tab ? n + 1 : n, line->n);
    return field;
}

static int add_fields(struct pairs *p, struct str line, bool first, const char *where)
{
    struct str question = next_field(&line), document = next_field(&line);

    if (first && str_eq(question, STR_LIT("question")) && str_eq(document, STR_LIT("document")))
        return ERR_OK;
    return add(p, question, document, next_field(&line), where);
}

int pairs_read(struct pairs *p, const char *path)
{
    int rc = ERR_OK, number = 0;
    bool jsonl = str_ends(str_of(path), STR_LIT(".jsonl"));
    struct buf text, where;

    buf_init(&text);
    buf_init(&where);
    TRY(file_read(path, PAIRS_FILE_MAX, &text));
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t stop = end ? (size_t)(end - text.p) : text.n;
        struct str line = str_sub(buf_view(&text), at, stop);

        number++;
        at = stop + 1;
        if (str_trim(line).n == 0)
            continue;
        buf_clear(&where);
        buf_addf(&where, "%s:%d", path, number);
        TRY(jsonl ? add_record(p, line, where.p) : add_fields(p, line, number == 1, where.p));
    }
    if (p->n == 0)
        rc = FAIL(ERR_FORMAT, "'%s' has no pair of question and document", path);
out:
    buf_done(&where);
    buf_done(&text);
    return rc;
}

/* ---- questions and judgements ---- */

static int add_judged(struct pairs *p, const struct question *q, const struct qrels *qrels)
{
    int rc = ERR_OK;
    uint64_t at;
    const struct judgement *j;

    if (!map_get(qrels->by_id, q->id, strlen(q->id), &at))
        return ERR_OK;
    j = &qrels->v[at];
    for (size_t i = 0; i < j->n; i++)
        TRY(add(p, str_of(q->text), str_of(j->v[i].document), (struct str){0}, q->id));
out:
    return rc;
}

int pairs_from_qrels(struct pairs *p, const char *questions_path, const char *qrels_path)
{
    int rc = ERR_OK;
    struct questions questions = {0};
    struct qrels qrels = {0};

    TRY(questions_read(&questions, questions_path));
    TRY(qrels_read(&qrels, qrels_path));
    for (size_t i = 0; i < questions.n; i++)
        TRY(add_judged(p, &questions.v[i], &qrels));
    if (p->n == 0)
        rc = FAIL(ERR_FORMAT, "no question of '%s' is judged in '%s'", questions_path, qrels_path);
out:
    questions_done(&questions);
    qrels_done(&qrels);
    return rc;
}
