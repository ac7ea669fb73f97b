/* cmd_tune.c - fits an adapter to pairs of question and document, and keeps it if it helps. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/pairs.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "query/tune.h"

enum { KEY_PAIRS = 0x3100, KEY_QUESTIONS, KEY_QRELS, KEY_OUT, KEY_SEED, KEY_REMOVE };

struct tune_words {
    struct common common;
    const char *pairs, *questions, *qrels, *out_file;
    long seed;
    bool remove;
};

static error_t check_words(const struct tune_words *o, struct argp_state *state)
{
    bool judged = o->questions && o->qrels;

    if (o->common.help || (o->remove && !o->pairs && !o->questions && !o->qrels && !o->out_file))
        return 0;
    if (o->remove || (!o->pairs && !judged) || (o->pairs && (o->questions || o->qrels))) {
        argp_error(state, "say --pairs FILE, or --questions FILE and --qrels FILE, or --remove");
        return EINVAL;
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct tune_words *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_PAIRS: o->pairs = arg; return 0;
    case KEY_QUESTIONS: o->questions = arg; return 0;
    case KEY_QRELS: o->qrels = arg; return 0;
    case KEY_OUT: o->out_file = arg; return 0;
    case KEY_SEED: return option_int(state, "--seed", arg, 0, 1000000000, &o->seed);
    case KEY_REMOVE: o->remove = true; return 0;
    case ARGP_KEY_END: return check_words(o, state);
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- what came out ---- */

struct report {
    const struct tune_result *result;
    double seconds;
    const char *path; /* NULL: not kept */
    bool in_force;
};

static void effect_json(struct jsonw *w, const char *mode, const struct adapter_effect *e)
{
    jsonw_key(w, mode);
    jsonw_open(w, '{');
    jsonw_key(w, "mrr@10_before"), jsonw_real(w, e->mrr_before);
    jsonw_key(w, "mrr@10_after"), jsonw_real(w, e->mrr_after);
    jsonw_key(w, "recall@10_before"), jsonw_real(w, e->recall_before);
    jsonw_key(w, "recall@10_after"), jsonw_real(w, e->recall_after);
    jsonw_close(w, '}');
}

static void print_json(FILE *out, const struct report *report)
{
    const struct tune_result *r = report->result;
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "kept"), jsonw_bool(&w, report->path != NULL);
    jsonw_key(&w, "in_force"), jsonw_bool(&w, report->in_force);
    jsonw_key(&w, "path"), jsonw_cstr(&w, report->path);
    jsonw_key(&w, "pairs"), jsonw_int(&w, (int64_t)r->n_pairs);
    jsonw_key(&w, "questions"), jsonw_int(&w, (int64_t)r->n_questions);
    jsonw_key(&w, "documents"), jsonw_int(&w, (int64_t)r->n_documents);
    jsonw_key(&w, "unknown"), jsonw_int(&w, (int64_t)r->n_unknown);
    jsonw_key(&w, "rounds"), jsonw_int(&w, r->n_rounds);
    jsonw_key(&w, "strength"), jsonw_real(&w, r->strength);
    effect_json(&w, "vector", &r->vector);
    effect_json(&w, "hybrid", &r->hybrid);
    jsonw_key(&w, "gain"), jsonw_real(&w, r->gain);
    jsonw_key(&w, "error"), jsonw_real(&w, r->error);
    jsonw_key(&w, "seconds"), jsonw_real(&w, report->seconds);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static void effect_row(struct table *t, const char *mode, const struct adapter_effect *e)
{
    table_cell(t, "%s", mode);
    table_cell(t, "%.4f", e->mrr_before);
    table_cell(t, "%.4f", e->mrr_after);
    table_cell(t, "%.4f", e->recall_before);
    table_cell(t, "%.4f", e->recall_after);
}

static void print_effects(FILE *out, const struct tune_result *r)
{
    struct table t;

    fprintf(out, "%zu questions on %zu documents, each judged by a fit that had not seen them\n",
            r->n_questions, r->n_documents);
    if (r->n_unknown)
        fprintf(out, "%zu pairs were left out: their document or chunk is not in the collection\n",
                r->n_unknown);
    table_init(&t, "mode|MRR@10|with it|recall@10|with it", "lrrrr");
    effect_row(&t, "vector", &r->vector);
    effect_row(&t, "hybrid", &r->hybrid);
    table_print(&t, out);
    table_done(&t);
    fprintf(out, "gain of MRR@10 over both modes %+.4f, standard error %.4f\n", r->gain, r->error);
}

static void print_text(FILE *out, const struct report *report)
{
    const struct tune_result *r = report->result;

    print_effects(out, r);
    if (!report->path)
        fprintf(out,
                "not kept: the gain must be more than %.1f standard errors (%.4f), and neither "
                "mode may fall\n",
                TUNE_ERRORS, TUNE_ERRORS * r->error);
    else
        fprintf(out, "kept in '%s' at strength %.2f, after %d rounds, %.1f s; %s\n", report->path,
                r->strength, r->n_rounds, report->seconds,
                report->in_force ? "in force from now on" : "not in force, see model.adapter");
}

/* ---- the command ---- */

static void tell(void *arg, size_t done, size_t total, const char *what)
{
    progress_show(arg, done, total, what);
}

static int read_pairs(const struct command_call *call, const struct tune_words *o, struct pairs *p)
{
    int rc;
    char *first = command_path(call, o->pairs ? o->pairs : o->questions);
    char *second = o->qrels ? command_path(call, o->qrels) : NULL;

    if (o->pairs)
        rc = pairs_read(p, first);
    else
        rc = pairs_from_qrels(p, first, second);
    mem_free(first);
    mem_free(second);
    return rc;
}

/* Where it is kept, the caller's; NULL when it failed. */
static int keep(struct engine *e, const struct command_call *call, const struct tune_words *o,
                struct adapter *a, char **path)
{
    int rc = ERR_OK;
    const struct config *c = &o->common.config;
    char *to = NULL;
    struct buf bytes;

    buf_init(&bytes);
    if (o->out_file) {
        to = command_path(call, o->out_file);
        adapter_write(a, &bytes);
        TRY(file_write_atomic(to, bytes.p, bytes.n));
    } else {
        to = adapter_path(e->config.data, c->tenant, c->collection);
        TRY(adapters_put(e->adapters, c->tenant, c->collection, a));
    }
    *path = to;
    to = NULL; /* handed over */
out:
    buf_done(&bytes);
    mem_free(to);
    return rc;
}

static int remove_adapter(struct engine *e, const struct command_call *call,
                          const struct tune_words *o)
{
    const struct config *c = &o->common.config;
    bool was_there = false;
    int rc = adapters_remove(e->adapters, c->tenant, c->collection, &was_there);

    if (rc < 0)
        return command_failed(call, rc);
    if (o->common.json)
        fprintf(call->out, "{\"removed\":%s}\n", was_there ? "true" : "false");
    else
        fprintf(call->out,
                was_there ? "collection '%s' has no adapter any more\n"
                          : "collection '%s' had no adapter\n",
                c->collection);
    return EXIT_DONE;
}

static int tune(struct engine *e, const struct command_call *call, const struct tune_words *o)
{
    int rc = ERR_OK;
    struct progress bar;
    struct tune_result result = {0};
    struct report report = {.result = &result};
    struct tune_options options = {.tenant = o->common.config.tenant,
                                   .collection = o->common.config.collection,
                                   .seed = (uint64_t)o->seed,
                                   .cancelled = call->cancelled,
                                   .progress = tell,
                                   .arg = &bar};
    struct pairs pairs;
    struct adapter *adapter = NULL;
    char *path = NULL;
    uint64_t since = clock_ns();

    pairs_init(&pairs);
    progress_init(&bar, call->err, call->terminal);
    TRY(read_pairs(call, o, &pairs));
    rc = tune_run(e, pairs.v, pairs.n, &options, &result, &adapter);
    progress_done(&bar);
    TRY(rc);
    if (adapter)
        TRY(keep(e, call, o, adapter, &path));
    report.path = path;
    report.in_force = path && !o->out_file && adapters_are_auto(e->adapters);
    report.seconds = clock_ms_since(since) / 1000;
    if (o->common.json)
        print_json(call->out, &report);
    else
        print_text(call->out, &report);
out:
    mem_free(path);
    adapter_unref(adapter);
    pairs_done(&pairs);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static int run(struct engine *e, const struct command_call *call, void *words)
{
    const struct tune_words *o = words;

    return o->remove ? remove_adapter(e, call, o) : tune(e, call, o);
}

static const struct argp_option options[] = {
    {"pairs", KEY_PAIRS, "FILE", 0,
     "jsonl with question, document and perhaps chunk; any other file: the same separated by tabs",
     1},
    {"questions", KEY_QUESTIONS, "FILE", 0, "instead: jsonl with id and text, and", 1},
    {"qrels", KEY_QRELS, "FILE", 0, "question id, document id and grade, separated by tabs", 1},
    {"out", KEY_OUT, "FILE", 0, "write the adapter there and leave the collection as it is", 1},
    {"seed", KEY_SEED, "N", 0, "of chance (0)", 1},
    {"remove", KEY_REMOVE, NULL, 0, "drop the collection's adapter", 1},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Learns from pairs of question and document how this collection's questions should be turned "
    "towards their passages. Documents are not embedded anew.\v"
    "Every question is judged by a fit that has seen neither it nor its document. An adapter that "
    "does not help beyond chance is not kept, what was there before stays, and the exit is 0: the "
    "text says so, and so does \"kept\" with --json. What is kept is in force at once; "
    "model.adapter = \"off\" in the configuration ignores it, a file there serves all "
    "collections.\n\n"
    "  ragd tune --pairs pairs.jsonl\n"
    "  ragd tune --questions queries.jsonl --qrels qrels.tsv --out adapter.bin",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_tune = {
    .name = "tune",
    .brief = "learn from pairs of question and document",
    .place = PLACE_ENGINE,
    .argp = &argp,
    .options_size = sizeof(struct tune_words),
    .run = run,
};
