/* cmd_cache.c - the answer cache of the server that owns the folder, and the questions it keeps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "cache/answers_report.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/engine.h"

struct cache_options {
    struct common common;
    const char *what;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cache_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case ARGP_KEY_ARG:
        if (o->what || (strcmp(arg, "stats") != 0 && strcmp(arg, "clear") != 0 &&
                        strcmp(arg, "forget-questions") != 0)) {
            argp_error(state, "say 'stats', 'clear' or 'forget-questions', not '%s'", arg);
            return EINVAL;
        }
        o->what = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'stats', 'clear' or 'forget-questions'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void stats_json(FILE *out, const struct answers_stats *s)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    answers_report_json(s, &w);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static void print_share(struct table *t, uint64_t n, uint64_t of)
{
    if (of)
        table_cell(t, "%.1f %%", 100.0 * (double)n / (double)of);
    else
        table_cell(t, "-");
}

static const char *place_of(enum answers_outcome outcome)
{
    switch (outcome) {
    case ANSWERS_OUTCOME_HIT: return "memory";
    case ANSWERS_OUTCOME_SEMANTIC: return "same meaning";
    case ANSWERS_OUTCOME_MISS: return "made anew";
    default: return answers_outcome_name(outcome);
    }
}

static void print_answers(FILE *out, const struct answers_stats *s)
{
    struct table t;
    uint64_t asked = answers_asked(s), reused = answers_reused(s);

    table_init(&t, "answers from|times|share", "lrr");
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++) {
        table_cell(&t, "%s", place_of((enum answers_outcome)i));
        table_cell(&t, "%llu", (unsigned long long)s->outcomes[i]);
        print_share(&t, s->outcomes[i], asked);
    }
    table_cell(&t, "not made again");
    table_cell(&t, "%llu", (unsigned long long)reused);
    print_share(&t, reused, asked);
    table_print(&t, out);
    table_done(&t);
}

static void print_saved(FILE *out, const struct savings_stats *s)
{
    fprintf(out, "\ntime saved    %.3f s", s->ms / 1e3);
    if (s->answers)
        fprintf(out, ", %.1f ms an answer", s->ms / (double)s->answers);
    fprintf(out, "\ntokens saved  %llu in, %llu out\n", (unsigned long long)s->tokens_in,
            (unsigned long long)s->tokens_out);
    if (s->cost > 0)
        fprintf(out, "money saved   %.4f\n", s->cost);
}

static void stats_text(FILE *out, const struct answers_stats *s)
{
    fprintf(out, "answers      %zu, %.1f of %.1f MB\n", s->answers.entries,
            (double)s->answers.bytes / 1e6, (double)s->answers.bytes_max / 1e6);
    fprintf(out, "questions    %zu\n", s->questions.entries);
    fprintf(out, "dropped      %llu with their document, %llu for room, %llu for age\n\n",
            (unsigned long long)s->purged, (unsigned long long)s->answers.evictions,
            (unsigned long long)s->answers.expirations);
    print_answers(out, s);
    print_saved(out, &s->saved);
}

/* ---- questions that were kept ---- */

/* Without a server they are in the folder all the same. */
static int forget_in_folder(const struct config *c)
{
    int rc = ERR_OK;
    struct folder_lock *lock = NULL;
    struct store *store = NULL;

    TRY(command_needs_data(c->data));
    TRY(folder_lock_take(&lock, c->data));
    TRY(store_open(&store, c->data));
    TRY(kept_questions_forget(store, NULL));
out:
    store_close(store);
    folder_lock_release(lock);
    return rc;
}

static int forget_questions(struct engine *e, const struct command_call *call,
                            const struct cache_options *o)
{
    int rc = e ? kept_questions_forget(e->store, e->asked) : forget_in_folder(&o->common.config);

    if (rc < 0)
        return command_failed(call, rc);
    fputs(o->common.json ? "{\"forgotten\":true}\n" : "no questions are kept\n", call->out);
    return EXIT_DONE;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    struct cache_options *o = options;
    struct answers_stats stats = {0};
    bool clear = strcmp(o->what, "clear") == 0;

    if (strcmp(o->what, "forget-questions") == 0)
        return forget_questions(e, call, o);
    if (!e)
        fprintf(call->err, "ragd: no server runs on '%s'; the answer cache lives in the server\n",
                o->common.config.data);
    else if (clear)
        (void)engine_forget_answers(e);
    else
        answers_stats_get(e->answers, &stats);
    if (clear)
        fputs(o->common.json ? "{\"cleared\":true}\n" : "the cache is empty\n", call->out);
    else if (o->common.json)
        stats_json(call->out, &stats);
    else if (e)
        stats_text(call->out, &stats);
    return EXIT_DONE;
}

static const struct argp argp = {
    NULL,
    parse,
    "stats|clear|forget-questions",
    "Tells how the server's answer cache is doing, empties it, or deletes the questions that "
    "`cache.keep_questions` has written down, with or without a server.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_cache = {
    .name = "cache",
    .brief = "tell about the server's answer cache, or empty it",
    .place = PLACE_SERVER,
    .argp = &argp,
    .options_size = sizeof(struct cache_options),
    .run = run,
};
