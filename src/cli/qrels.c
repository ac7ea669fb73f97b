#include "cli/qrels.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

void qrels_done(struct qrels *q)
{
    for (size_t i = 0; i < q->n; i++) {
        for (size_t j = 0; j < q->v[i].n; j++)
            mem_free(q->v[i].v[j].document);
        mem_free(q->v[i].v);
        mem_free(q->v[i].id);
    }
    mem_free(q->v);
    map_free(q->by_id);
}

static int qrels_add(struct qrels *q, char *id, char *document, int grade, const char *where)
{
    bool added;
    uint64_t *at = map_slot(q->by_id, id, strlen(id), q->n, &added);
    struct judgement *j;

    if (added) {
        q->v = mem_grow(q->v, &q->cap, q->n + 1, sizeof *q->v);
        q->v[q->n++] = (struct judgement){.id = mem_strdup(id)};
    }
    j = &q->v[*at];
    if (j->n == RELEVANT_MAX)
        return FAIL(ERR_LIMIT, "%s: more than %d relevant documents for '%s'", where, RELEVANT_MAX,
                    id);
    j->v = mem_grow(j->v, &j->cap, j->n + 1, sizeof *j->v);
    j->v[j->n++] = (struct relevant){mem_strdup(document), grade};
    return ERR_OK;
}

/* "question<TAB>document<TAB>grade", a head line first; grades of 0 and less say nothing. */
static int qrels_line(struct qrels *q, char *line, bool first, const char *where)
{
    char *document = strchr(line, '\t');
    char *grade = document ? strchr(document + 1, '\t') : NULL;
    char *end;
    long value;

    if (!grade)
        return FAIL(ERR_FORMAT, "%s: question, document and grade are wanted, separated by tabs",
                    where);
    *document++ = '\0';
    *grade++ = '\0';
    value = strtol(grade, &end, 10);
    if (end == grade || *end)
        return first ? ERR_OK : FAIL(ERR_FORMAT, "%s: '%s' is not a grade", where, grade);
    if (value > 1000)
        return FAIL(ERR_LIMIT, "%s: grade %ld is over the limit of 1000", where, value);
    return value > 0 ? qrels_add(q, line, document, (int)value, where) : ERR_OK;
}

static int by_grade_falling(const void *a, const void *b)
{
    return ((const struct relevant *)b)->grade - ((const struct relevant *)a)->grade;
}

int qrels_read(struct qrels *q, const char *path)
{
    int rc = ERR_OK, number = 0;
    struct buf text, where;
    char *line, *rest;

    buf_init(&text);
    buf_init(&where);
    q->by_id = map_new();
    TRY(file_read(path, QRELS_MAX, &text));
    rest = text.p;
    while (rest && (line = strsep(&rest, "\n"))) {
        size_t n = strlen(line);

        number++;
        if (n && line[n - 1] == '\r')
            line[n - 1] = '\0';
        buf_clear(&where);
        buf_addf(&where, "%s:%d", path, number);
        if (*line)
            TRY(qrels_line(q, line, number == 1, where.p));
    }
    if (q->n == 0)
        rc = FAIL(ERR_FORMAT, "'%s' has no relevant document", path);
    for (size_t i = 0; i < q->n; i++) /* the ideal ranking, for nDCG */
        qsort(q->v[i].v, q->v[i].n, sizeof *q->v[i].v, by_grade_falling);
out:
    buf_done(&where);
    buf_done(&text);
    return rc;
}
