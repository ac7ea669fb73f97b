/* support_signals.c - prints the quoting answerer's signals for questions, one line each.
 *
 *   support_signals DATA QUESTIONS.jsonl LABEL > signals.tsv
 *
 * QUESTIONS has {"id","text"} a line; LABEL (0 or 1) is copied into the first column. The data
 * folder holds the corpus already (ragd ingest --chunk-chars 0 corpus.jsonl). Input of
 * fit_support.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "query/query.h"

static int ask(struct engine *e, const json_t *row, const char *label)
{
    int rc = ERR_OK;
    struct answer ans = {.mem = arena_new(0)};
    const struct extract_signals *s = &ans.extract.signals;
    struct query q;
    struct str id = {0};

    trace_start(&ans.trace);
    query_defaults(&q, e);
    q.cache = QUERY_CACHE_NO_STORE;
    TRY(json_get_str(row, "id", &id));
    TRY(json_get_str(row, "text", &q.question));
    TRY(query_prepare(&q, ans.mem));
    TRY(query_run(e, &q, &ans));
    printf("%s\t%.*s\t%d\t%.5f\t%.5f\t%.5f\t%.5f\t%.5f\t%.5f\t%.5f\t%.5f\n", label, STR_ARGS(id),
           ans.extract.answered, ans.extract.support, s->passage_cosine, s->sentence_cosine,
           s->sentence_words, s->passage_words, s->names_missing, s->kind_matches,
           s->negation_differs);
out:
    answer_done(&ans);
    arena_free(ans.mem);
    return rc;
}

static int ask_all(struct engine *e, const char *file, const char *label)
{
    int rc = ERR_OK;
    struct buf text;
    char *line, *rest;

    buf_init(&text);
    TRY(file_read(file, 64 << 20, &text));
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *row;

        TRY(json_parse(&row, str_of(line), file));
        rc = ask(e, row, label);
        json_decref(row);
        if (rc < 0)
            goto out;
    }
out:
    buf_done(&text);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = ERR_OK;
    struct engine *e = NULL;
    struct config *c = mem_alloc(sizeof *c);

    if (argc != 4) {
        fprintf(stderr, "usage: support_signals DATA QUESTIONS.jsonl LABEL\n");
        return 2;
    }
    config_defaults(c);
    TRY(config_load(c, NULL));
    TRY(config_set(c, "data", argv[1], "command line"));
    TRY(engine_open(&e, c));
    TRY(ask_all(e, argv[2], argv[3]));
out:
    if (rc < 0)
        fprintf(stderr, "support_signals: %s\n", err_text());
    engine_close(e);
    mem_free(c);
    return rc < 0;
}
