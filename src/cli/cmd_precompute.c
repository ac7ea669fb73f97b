/* cmd_precompute.c - answers questions before they are asked, where the engine is. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/question.h"
#include "engine/engine.h"
#include "query/precompute.h"

#define TOP_MAX 10000

struct precompute_command {
    struct common common;
    struct question_options how;
    const char *file;
    long top, ttl_s;
};

enum { KEY_QUESTIONS = 0x3000, KEY_TOP, KEY_TTL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct precompute_command *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        state->child_inputs[1] = &o->how;
        state->child_inputs[2] = &o->how;
        return 0;
    case ARGP_KEY_END:
        if (!o->file && !o->top && !o->common.help) {
            argp_error(state, "say which questions: --questions FILE, --top N, or both");
            return EINVAL;
        }
        return 0;
    case KEY_QUESTIONS: o->file = arg; return 0;
    case KEY_TOP: return option_int(state, "--top", arg, 1, TOP_MAX, &o->top);
    case KEY_TTL: return option_int(state, "--ttl", arg, 1, 31536000, &o->ttl_s);
    default: return ARGP_ERR_UNKNOWN;
    }
}

struct job {
    const struct command_call *call;
    bool json;
    struct progress bar;
    struct precompute_report report;
    json_t *failed; /* list, with --json */
};

/* ---- telling ---- */

static void on_progress(void *arg, size_t n_done, size_t n_total)
{
    struct job *j = arg;

    progress_show(&j->bar, n_done, n_total, "questions");
}

static bool is_cancelled(void *arg)
{
    const struct job *j = arg;

    return *j->call->cancelled;
}

static const char *text_of(const struct precompute_question *q)
{
    const char *s = json_string_value(json_object_get(q->request, "question"));

    return s ? s : "";
}

static void on_failed(void *arg, const struct precompute_question *q, const char *reason)
{
    struct job *j = arg;

    if (j->json) {
        json_array_append_new(j->failed, json_pack("{s:s,s:s,s:s}", "where", q->where, "question",
                                                   text_of(q), "reason", reason));
        return;
    }
    progress_done(&j->bar);
    fprintf(j->call->err, "ragd: %s: %s\n", *q->where ? q->where : text_of(q), reason);
}

static void print_json(const struct job *j)
{
    const struct precompute_report *r = &j->report;
    json_t *v = json_pack("{s:I,s:I,s:O,s:I,s:I,s:f,s:f}", "made", (json_int_t)r->n_made, "kept",
                          (json_int_t)r->n_kept, "failed", j->failed, "prompt_tokens",
                          (json_int_t)r->tokens_in, "completion_tokens", (json_int_t)r->tokens_out,
                          "cost", r->cost, "seconds", round(r->seconds * 1e6) / 1e6);
    char *text = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(12));

    fprintf(j->call->out, "%s\n", text);
    free(text);
    json_decref(v);
}

static void print_text(const struct job *j)
{
    const struct precompute_report *r = &j->report;
    FILE *out = j->call->out;

    fprintf(out, "%zu made, %zu kept, %zu failed, %.2f s\n", r->n_made, r->n_kept, r->n_failed,
            r->seconds);
    if (r->tokens_in + r->tokens_out)
        fprintf(out, "%llu tokens read, %llu written", (unsigned long long)r->tokens_in,
                (unsigned long long)r->tokens_out);
    if (r->cost > 0)
        fprintf(out, ", cost %.6g", r->cost);
    if (r->tokens_in + r->tokens_out)
        fputc('\n', out);
}

/* ---- doing it ---- */

/* Each request is the options with a question. */
static int members_of(const struct precompute_command *o, json_t **out)
{
    int rc = question_request(&o->how, "", o->common.config.collection, false, out);

    if (rc == ERR_OK)
        json_object_del(*out, "question");
    return rc;
}

static int collect(struct engine *e, const struct command_call *call,
                   const struct precompute_command *o, struct precompute_list *list)
{
    int rc = ERR_OK;
    json_t *members = NULL;
    char *path = o->file ? command_path(call, o->file) : NULL;
    const struct config *c = &o->common.config;

    TRY(members_of(o, &members));
    if (path)
        TRY(precompute_list_read(list, path, c->tenant, members));
    if (o->top)
        TRY(precompute_list_top(list, e, c->tenant, c->collection, (size_t)o->top, members));
out:
    json_decref(members);
    mem_free(path);
    return rc;
}

static int precompute(struct engine *e, const struct command_call *call,
                      const struct precompute_command *o, struct job *j)
{
    int rc = ERR_OK;
    struct precompute_list list;
    struct precompute_options how = {
        .ttl_ms = (o->ttl_s ? o->ttl_s : e->config.precompute.ttl_s) * 1000,
        .cancelled = is_cancelled,
        .progress = on_progress,
        .failed = on_failed,
        .arg = j,
    };

    precompute_list_init(&list);
    TRY(collect(e, call, o, &list));
    progress_init(&j->bar, call->err, call->terminal);
    rc = precompute_run(e, &list, &how, &j->report);
    progress_done(&j->bar);
    TRY(rc);
    o->common.json ? print_json(j) : print_text(j);
out:
    precompute_list_done(&list);
    return rc;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    const struct precompute_command *o = options;
    struct job j = {.call = call, .json = o->common.json, .failed = json_array()};
    int rc = precompute(e, call, o, &j);

    json_decref(j.failed);
    if (rc < 0)
        return command_failed(call, rc);
    return j.report.n_failed ? EXIT_PARTLY : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"questions", KEY_QUESTIONS, "FILE", 0,
     "questions, one a line (# begins a comment), or requests of /query as .jsonl", 2},
    {"top", KEY_TOP, "N", 0, "the N questions that are asked most", 2},
    {"ttl", KEY_TTL, "S", 0, "seconds that the answers are kept (86400)", 2},
    {0},
};

static const struct argp_child children[] = {
    {&common_argp, 0, NULL, 0},
    {&question_argp, 0, NULL, 0},
    {&answer_argp, 0, NULL, 0},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Answers questions before they are asked, and keeps the answers through restarts.\v"
    "A server that runs on the folder does it, behind those who ask. An answer that was made so "
    "and "
    "has half of its time left is kept; when its documents have changed it is made anew. What a "
    "language model could not answer counts as failed, and nothing is kept of it; then the exit "
    "code is 3.\n\n"
    "--top takes what `cache.keep_questions` has written down, or else what this server was asked "
    "since its start. Give the options that will be asked with: they are part of the question.\n\n"
    "  ragd precompute --questions common.txt --top 50",
    children,
    NULL,
    NULL,
};

const struct command cmd_precompute = {
    .name = "precompute",
    .brief = "answer questions before they are asked",
    .place = PLACE_ENGINE,
    .argp = &argp,
    .options_size = sizeof(struct precompute_command),
    .run = run,
};
