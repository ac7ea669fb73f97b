#include "cli/questions.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

void questions_add(struct questions *q, const char *id, const char *text)
{
    q->v = mem_grow(q->v, &q->cap, q->n + 1, sizeof *q->v);
    q->v[q->n++] = (struct question){mem_strdup(id), mem_strdup(text)};
}

void questions_done(struct questions *q)
{
    for (size_t i = 0; i < q->n; i++) {
        mem_free(q->v[i].id);
        mem_free(q->v[i].text);
    }
    mem_free(q->v);
    *q = (struct questions){0};
}

static int add_record(struct questions *q, struct str line, const char *where)
{
    int rc = ERR_OK;
    json_t *record = NULL;
    const char *text, *id;
    char number[32];

    TRY(json_parse(&record, line, where));
    text = json_string_value(json_object_get(record, "text"));
    if (!text)
        text = json_string_value(json_object_get(record, "question"));
    id = json_string_value(json_object_get(record, "id"));
    if (!text || !*text) {
        rc = FAIL(ERR_FORMAT, "%s: an object with \"text\" or \"question\" is wanted", where);
        goto out;
    }
    snprintf(number, sizeof number, "%zu", q->n + 1);
    questions_add(q, id ? id : number, text);
out:
    json_decref(record);
    return rc;
}

static int add_line(struct questions *q, struct str line, bool jsonl, const char *where)
{
    char number[32];
    char *text;

    if (q->n == QUESTIONS_MAX)
        return FAIL(ERR_LIMIT, "%s: more than %d questions", where, QUESTIONS_MAX);
    if (jsonl)
        return add_record(q, line, where);
    snprintf(number, sizeof number, "%zu", q->n + 1);
    text = mem_alloc(line.n + 1);
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    questions_add(q, number, text);
    mem_free(text);
    return ERR_OK;
}

int questions_read(struct questions *q, const char *path)
{
    int rc = ERR_OK, line_number = 0;
    bool jsonl = str_ends(str_of(path), STR_LIT(".jsonl"));
    struct buf text, where;

    buf_init(&text);
    buf_init(&where);
    TRY(file_read(path, QUESTION_FILE_MAX, &text));
    for (size_t at = 0; at < text.n;) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        size_t stop = end ? (size_t)(end - text.p) : text.n;
        struct str line = str_trim(str_sub(buf_view(&text), at, stop));

        line_number++;
        at = stop + 1;
        if (line.n == 0)
            continue;
        buf_clear(&where);
        buf_addf(&where, "%s:%d", path, line_number);
        TRY(add_line(q, line, jsonl, where.p));
    }
    if (q->n == 0)
        rc = FAIL(ERR_FORMAT, "'%s' has no question", path);
out:
    buf_done(&where);
    buf_done(&text);
    return rc;
}
