/* route_questions.c - prints where each question would be routed, and why.
 *
 *   route_questions DATA QUESTIONS.jsonl > routes.tsv
 *
 * QUESTIONS has {"id","text"} a line. The data folder holds the corpus already. A line has: id,
 * choice, points, the names of the rules that hold, tokens of the prompt (guessed, text/tokens.h),
 * microseconds of the choice, whether it reads like a follow-up. Input of routing.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "generate/follow_up.h"
#include "generate/prompt.h"
#include "generate/routing.h"
#include "query/query.h"
#include "text/tokens.h"

static size_t prompt_tokens(const struct prompt_template *t, const struct query *q,
                            struct answer *ans)
{
    struct chat_message *m;
    size_t n, n_tokens = 0;

    prompt_messages(t, &ans->context, q->question, NULL, 0, ans->mem, &m, &n);
    for (size_t i = 0; i < n; i++)
        n_tokens += tokens_count(NULL, m[i].text);
    return n_tokens;
}

static void print_route(struct str id, const struct prompt_template *t, const struct query *q,
                        struct answer *ans)
{
    struct route_question asked = {.text = q->question,
                                   .tenant = q->tenant,
                                   .passages = ans->passages,
                                   .n_passages = ans->n_passages,
                                   .searched = true};
    uint64_t since = clock_ns();
    struct route_choice c = route_choose(&asked, NULL, ans->mem);
    uint64_t took = clock_ns() - since;

    printf("%.*s\t%s\t%d\t", STR_ARGS(id), route_name(c.route), c.points);
    for (int i = 0; i < N_ROUTE_RULES; i++)
        if (c.rules >> i & 1)
            printf("%s ", route_rule_name((enum route_rule)i));
    printf("\t%zu\t%.2f\t%d\n", prompt_tokens(t, q, ans), (double)took / 1e3,
           follow_up_reason(q->question) != NULL);
}

static int ask(struct engine *e, const struct prompt_template *t, const json_t *row)
{
    int rc = ERR_OK;
    struct answer ans = {.mem = arena_new(0)};
    struct query q;
    struct str id = {0};

    trace_start(&ans.trace);
    query_defaults(&q, e);
    q.cache = QUERY_CACHE_NO_STORE;
    TRY(json_get_str(row, "id", &id));
    TRY(json_get_str(row, "text", &q.question));
    TRY(query_prepare(&q, ans.mem));
    TRY(query_run(e, &q, &ans));
    print_route(id, t, &q, &ans);
out:
    answer_done(&ans);
    arena_free(ans.mem);
    return rc;
}

static int ask_all(struct engine *e, const char *file)
{
    int rc = ERR_OK;
    struct prompt_template *t = NULL;
    struct buf text;
    char *line, *rest;

    buf_init(&text);
    TRY(prompt_template_open(&t, NULL));
    TRY(file_read(file, 64 << 20, &text));
    for (line = strtok_r(text.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *row;

        TRY(json_parse(&row, str_of(line), file));
        rc = ask(e, t, row);
        json_decref(row);
        if (rc < 0)
            goto out;
    }
out:
    prompt_template_close(t);
    buf_done(&text);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = ERR_OK;
    struct engine *e = NULL;
    struct config *c = mem_alloc(sizeof *c);

    if (argc != 3) {
        fprintf(stderr, "usage: route_questions DATA QUESTIONS.jsonl\n");
        return 2;
    }
    config_defaults(c);
    TRY(config_load(c, NULL));
    TRY(config_set(c, "data", argv[1], "command line"));
    TRY(engine_open(&e, c));
    TRY(ask_all(e, argv[2]));
out:
    if (rc < 0)
        fprintf(stderr, "route_questions: %s\n", err_text());
    engine_close(e);
    mem_free(c);
    return rc < 0;
}
