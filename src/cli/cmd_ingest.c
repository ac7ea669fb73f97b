/* cmd_ingest.c - files and folders in. */
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "ingest/ingest.h"
#include "ingest/model_summaries.h"
#include "ingest/watch.h"

#define META_MAX 64

enum {
    KEY_META = 0x3000,
    KEY_META_FILE,
    KEY_PRUNE,
    KEY_ROOT_NAME,
    KEY_LANGUAGE,
    KEY_CHARS,
    KEY_OVERLAP,
    KEY_SUMMARIES,
    KEY_WATCH
};

/* When a language model's summaries are made, where one is to write them. */
enum summaries_when { SUMMARIES_NOW, SUMMARIES_LATER, SUMMARIES_AGAIN };

struct ingest_command {
    struct common common;
    const char *meta[META_MAX]; /* "key=value" */
    size_t n_meta;
    const char *meta_file, *root_name, *language;
    long chunk_chars, chunk_overlap;
    bool prune, prune_force, watch;
    enum summaries_when summaries;
    bool summaries_said; /* then there need be no path */
    char **paths;        /* in argv */
    size_t n_paths;
};

static void init(void *options)
{
    struct ingest_command *o = options;

    o->chunk_chars = -1;
    o->chunk_overlap = -1;
}

static error_t add_meta(struct ingest_command *o, const char *arg, struct argp_state *state)
{
    const char *equals = strchr(arg, '=');

    if (!equals || equals == arg) {
        argp_error(state, "--meta must be KEY=VALUE, not '%s'", arg);
        return EINVAL;
    }
    if (o->n_meta == META_MAX) {
        argp_error(state, "--meta may be given %d times; --meta-file takes more", META_MAX);
        return EINVAL;
    }
    o->meta[o->n_meta++] = arg;
    return 0;
}

static error_t set_prune(struct ingest_command *o, const char *arg, struct argp_state *state)
{
    if (arg && strcmp(arg, "force") != 0) {
        argp_error(state, "--prune takes nothing or 'force', not '%s'", arg);
        return EINVAL;
    }
    o->prune = true;
    o->prune_force = arg != NULL;
    return 0;
}

static error_t set_summaries(struct ingest_command *o, const char *arg, struct argp_state *state)
{
    static const char *const words[] = {"now", "later", "again"};

    o->summaries_said = true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(arg, words[i]) == 0) {
            o->summaries = (enum summaries_when)i;
            return 0;
        }
    argp_error(state, "--summaries must be now, later or again, not '%s'", arg);
    return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct ingest_command *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_META: return add_meta(o, arg, state);
    case KEY_SUMMARIES: return set_summaries(o, arg, state);
    case KEY_META_FILE: o->meta_file = arg; return 0;
    case KEY_PRUNE: return set_prune(o, arg, state);
    case KEY_ROOT_NAME: o->root_name = arg; return 0;
    case KEY_LANGUAGE: o->language = arg; return 0;
    case KEY_CHARS: return option_int(state, "--chunk-chars", arg, 0, 100000, &o->chunk_chars);
    case KEY_OVERLAP: return option_int(state, "--chunk-overlap", arg, 0, 50000, &o->chunk_overlap);
    case KEY_WATCH: o->watch = o->common.until_stopped = true; return 0;
    case ARGP_KEY_ARGS:
        o->paths = state->argv + state->next;
        o->n_paths = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help || (o->summaries_said && o->summaries != SUMMARIES_LATER && !o->watch))
            return 0;
        argp_error(state, "a file or folder is missing");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* "2024" is a number, "true" is a bool, "2024-03-01" and all else a string: filters compare by
 * type, and a string that looks like a date is compared as one. */
static json_t *typed_value(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);

    if (v && (json_is_number(v) || json_is_boolean(v) || json_is_string(v)))
        return v;
    json_decref(v);
    return json_string(text);
}

static int metadata(const struct ingest_command *o, json_t **out)
{
    json_t *all = json_object();

    for (size_t i = 0; i < o->n_meta; i++) {
        const char *equals = strchr(o->meta[i], '=');
        json_t *v = typed_value(equals + 1);

        if (!v || json_object_setn_new(all, o->meta[i], (size_t)(equals - o->meta[i]), v) < 0) {
            json_decref(all);
            return FAIL(ERR_FORMAT, "--meta %s is not UTF-8", o->meta[i]);
        }
    }
    *out = all;
    return ERR_OK;
}

/* ---- progress ---- */

struct watcher {
    const struct command_call *call;
    struct progress bar;
    atomic_bool cancel;
};

static void on_progress(void *arg, const struct ingest_progress *p)
{
    struct watcher *w = arg;

    if (*w->call->cancelled)
        atomic_store(&w->cancel, true);
    progress_show(&w->bar, p->n_files_done, p->n_files, p->current);
}

static void on_summary(void *arg, size_t n_done, size_t n_total)
{
    struct watcher *w = arg;

    if (*w->call->cancelled)
        atomic_store(&w->cancel, true);
    progress_show(&w->bar, n_done, n_total, "summaries");
}

/* ---- report ---- */

static double rate(const struct ingest_report *r)
{
    return r->seconds > 0 ? (double)r->chunks / r->seconds : 0;
}

static void write_issues(struct jsonw *w, const char *key, const struct ingest_issue *v, size_t n)
{
    jsonw_key(w, key);
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, "path");
        jsonw_cstr(w, v[i].path);
        jsonw_key(w, "reason");
        jsonw_cstr(w, v[i].reason);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

static void write_summaries(struct jsonw *w, const struct model_summaries *s)
{
    jsonw_key(w, "summaries");
    jsonw_open(w, '{');
    jsonw_key(w, "made"), jsonw_int(w, (int64_t)s->made);
    jsonw_key(w, "kept"), jsonw_int(w, (int64_t)s->kept);
    jsonw_key(w, "owed"), jsonw_int(w, (int64_t)s->owed);
    jsonw_key(w, "tokens"), jsonw_int(w, s->tokens);
    jsonw_key(w, "cost"), jsonw_real(w, s->cost);
    if (*s->reason)
        jsonw_key(w, "reason"), jsonw_cstr(w, s->reason);
    jsonw_close(w, '}');
}

static void print_json(FILE *out, const struct ingest_report *r, const struct model_summaries *s)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "documents");
    jsonw_int(&w, (int64_t)r->documents);
    jsonw_key(&w, "chunks");
    jsonw_int(&w, (int64_t)r->chunks);
    jsonw_key(&w, "unchanged");
    jsonw_int(&w, (int64_t)r->unchanged);
    jsonw_key(&w, "removed");
    jsonw_int(&w, (int64_t)r->removed);
    write_issues(&w, "skipped", r->skipped, r->n_skipped);
    write_issues(&w, "refused", r->refused, r->n_refused);
    jsonw_key(&w, "seconds");
    jsonw_real(&w, r->seconds);
    jsonw_key(&w, "chunks_per_second");
    jsonw_real(&w, rate(r));
    write_summaries(&w, s);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

/* `asked`: somebody wants to hear that there was nothing to do. */
static void print_summaries(FILE *out, const struct model_summaries *s, bool asked)
{
    if (s->made + s->kept + s->owed == 0 && asked)
        fputs("no summary is owed\n", out);
    if (s->made + s->kept + s->owed == 0)
        return;
    fprintf(out, "%zu %s made, %zu kept as they were, %lld tokens, cost %.6g\n", s->made,
            s->made == 1 ? "summary" : "summaries", s->kept, (long long)s->tokens, s->cost);
    if (s->owed)
        fprintf(out, "%zu %s owed%s%s\n", s->owed, s->owed == 1 ? "summary is" : "summaries are",
                *s->reason ? ": " : "", s->reason);
}

static void print_totals(FILE *out, const struct ingest_report *r)
{
    fprintf(out,
            "%zu document%s in %zu chunk%s, %zu unchanged, %zu removed, %zu skipped, %zu refused\n",
            r->documents, r->documents == 1 ? "" : "s", r->chunks, r->chunks == 1 ? "" : "s",
            r->unchanged, r->removed, r->n_skipped, r->n_refused);
    fprintf(out, "%.2f s, %.1f chunks a second\n", r->seconds, rate(r));
}

static void print_text(FILE *out, const struct ingest_report *r)
{
    for (size_t i = 0; i < r->n_skipped; i++)
        fprintf(out, "skipped %s: %s\n", r->skipped[i].path, r->skipped[i].reason);
    for (size_t i = 0; i < r->n_refused; i++)
        fprintf(out, "refused %s: %s\n", r->refused[i].path, r->refused[i].reason);
    print_totals(out, r);
}

/* ---- a new collection's language ---- */

static int check_language(struct engine *e, const struct ingest_options *how, const char *language)
{
    int rc = ERR_OK;
    struct snapshot *snap = NULL;
    const char *has;

    TRY(retriever_snapshot(e->retriever, how->tenant, how->collection, &snap));
    has = snapshot_words(snap)->language;
    if (strcmp(*has ? has : "none", *language ? language : "none") != 0)
        rc =
            FAIL(ERR_ARGUMENT,
                 "--language %s: collection '%s' has the language '%s'; PUT /collections/%s of the "
                 "server changes it",
                 language, how->collection, *has ? has : "none", how->collection);
out:
    snapshot_unref(snap);
    return rc;
}

/* A collection gets its language when it is made. */
static int set_language(struct engine *e, const struct ingest_options *how, const char *language)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);
    int rc;

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "language"), jsonw_cstr(&w, language);
    jsonw_close(&w, '}');
    rc = retriever_create_collection(e->retriever, how->tenant, how->collection, buf_view(&b));
    buf_done(&b);
    return rc == ERR_EXISTS ? check_language(e, how, language) : rc;
}

/* ---- once ---- */

/* One run of the command. */
struct ingesting {
    struct engine *engine;
    const struct command_call *call;
    const struct ingest_command *o;
    struct ingest_options how;
    struct watcher watcher;
    char **paths, *meta_file; /* as this process sees them */
    struct ingest_report report;
    struct model_summaries summaries; /* of the last pass that made some */
    bool watching;                    /* the first pass went well */
};

static void begin(struct ingesting *run)
{
    const struct ingest_command *o = run->o;

    run->paths = mem_calloc(o->n_paths, sizeof *run->paths);
    for (size_t i = 0; i < o->n_paths; i++)
        run->paths[i] = command_path(run->call, o->paths[i]);
    run->meta_file = o->meta_file ? command_path(run->call, o->meta_file) : NULL;
    run->how = (struct ingest_options){
        .tenant = o->common.config.tenant,
        .collection = o->common.config.collection,
        .chunk_chars = o->chunk_chars,
        .chunk_overlap = o->chunk_overlap,
        .root_name = o->root_name,
        .meta_file = run->meta_file,
        .prune = o->prune,
        .prune_force = o->prune_force,
        .progress = on_progress,
        .progress_arg = &run->watcher,
        .cancel = &run->watcher.cancel,
    };
    run->watcher.call = run->call;
    progress_init(&run->watcher.bar, run->call->err, run->call->terminal);
    ingest_report_init(&run->report);
}

static void end(struct ingesting *run)
{
    for (size_t i = 0; i < run->o->n_paths; i++)
        mem_free(run->paths[i]);
    mem_free(run->paths);
    mem_free(run->meta_file);
    ingest_report_done(&run->report);
}

static int ingest(struct ingesting *run)
{
    return ingest_paths(run->engine, (const char *const *)run->paths, run->o->n_paths, &run->how,
                        &run->report);
}

/* While another makes them, or when they are to come later, they are only counted. */
static int make_summaries(struct ingesting *run)
{
    const struct ingest_command *o = run->o;
    struct model_summaries *out = &run->summaries;
    struct model_summaries_options how = {.tenant = o->common.config.tenant,
                                          .collection = o->common.config.collection,
                                          .again = o->summaries == SUMMARIES_AGAIN,
                                          .progress = on_summary,
                                          .arg = &run->watcher,
                                          .cancel = &run->watcher.cancel};
    int rc = ERR_BUSY;

    if (!model_summaries_wanted(run->engine))
        return ERR_OK;
    if (o->summaries != SUMMARIES_LATER)
        rc = model_summaries_make(run->engine, &how, out);
    if (rc != ERR_BUSY)
        return rc;
    rc = model_summaries_count(run->engine, &how, out);
    if (out->owed)
        snprintf(out->reason, sizeof out->reason, "%s",
                 o->summaries == SUMMARIES_LATER ? "left for later" : "another run makes them");
    return rc;
}

static int ingest_once(struct ingesting *run)
{
    int rc = ERR_OK;

    if (run->o->n_paths)
        TRY(ingest(run));
    TRY(make_summaries(run));
out:
    progress_done(&run->watcher.bar);
    return rc;
}

/* ---- --watch ---- */

static int watch_paths(const struct ingesting *run, struct watch *w)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < run->o->n_paths; i++)
        TRY(watch_add(w, run->paths[i]));
out:
    return rc;
}

static int summarize_again(void *arg)
{
    return make_summaries(arg);
}

static void say_watching(const struct ingesting *run, const struct watch *w)
{
    if (!run->o->common.json)
        print_text(run->call->out, &run->report);
    fflush(run->call->out);
    fprintf(run->call->err, "watching %zu folder%s; Ctrl-C ends it\n", watch_count(w),
            watch_count(w) == 1 ? "" : "s");
}

/* Ctrl-C is how it ends, so being cancelled is no failure. */
static int ingest_on(struct ingesting *run)
{
    int rc = ERR_OK;
    struct watch *w = NULL;
    struct follow f = {.engine = run->engine,
                       .call = run->call,
                       .paths = (const char *const *)run->paths,
                       .n_paths = run->o->n_paths,
                       .options = &run->how,
                       .quiet = run->o->common.json,
                       .changed = summarize_again,
                       .arg = run};

    TRY(watch_open(&w));
    TRY(watch_paths(run, w));
    TRY(ingest_once(run));
    say_watching(run, w);
    run->watching = true;
    f.watch = w;
    TRY(follow_changes(&f, &run->report));
out:
    watch_close(w);
    return rc == ERR_CANCELLED ? ERR_OK : rc;
}

/* ---- the command ---- */

static void print(const struct ingesting *run)
{
    if (run->o->common.json) {
        print_json(run->call->out, &run->report, &run->summaries);
        return;
    }
    if (run->o->n_paths && !run->o->watch)
        print_text(run->call->out, &run->report);
    if (run->o->watch) /* what is wrong with which file was said as it came */
        print_totals(run->call->out, &run->report);
    print_summaries(run->call->out, &run->summaries, run->o->summaries_said);
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct ingesting run = {.engine = e, .call = call, .o = options};
    json_t *meta = NULL;
    int code;

    begin(&run);
    TRY(metadata(run.o, &meta));
    if (run.o->summaries_said)
        TRY(model_summaries_check(e)); /* before anything is done */
    if (run.o->language)
        TRY(set_language(e, &run.how, run.o->language));
    run.how.metadata = json_object_size(meta) ? meta : NULL;
    TRY(run.o->watch ? ingest_on(&run) : ingest_once(&run));
out:
    if (rc < 0)
        code = command_failed(call, rc);
    else
        code = run.report.n_refused ? EXIT_PARTLY : EXIT_DONE;
    if (rc == ERR_OK || run.watching)
        print(&run);
    json_decref(meta);
    end(&run);
    return code;
}

static const struct argp_option options[] = {
    {"meta", KEY_META, "KEY=VALUE", 0, "metadata of every document; may be given again", 1},
    {"meta-file", KEY_META_FILE, "FILE", 0, "jsonl with a path and its metadata on each line", 1},
    {"prune", KEY_PRUNE, "force", OPTION_ARG_OPTIONAL,
     "remove documents whose file is gone; 'force' even when most would go", 1},
    {"root-name", KEY_ROOT_NAME, "NAME", 0, "what the folder is known as, instead of its path", 1},
    {"language", KEY_LANGUAGE, "NAME", 0,
     "of a new collection's words: english, german, ...; 'none': no stemming", 1},
    {"chunk-chars", KEY_CHARS, "N", 0, "characters of a chunk (1000); 0: a document is one", 1},
    {"chunk-overlap", KEY_OVERLAP, "N", 0, "characters repeated of the chunk before (150)", 1},
    {"summaries", KEY_SUMMARIES, "WHEN", 0,
     "those of ingest.summary_model: 'now' (waits for them; needs no PATH), 'later', or 'again': "
     "also those that another model made",
     1},
    {"watch", KEY_WATCH, NULL, 0,
     "then goes on until Ctrl-C: what changes in them is ingested as it does, and with --prune "
     "what "
     "is removed goes",
     1},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    "PATH...\n--summaries=WHEN",
    "Reads files and folders (txt, md, html, pdf, docx, csv, json, jsonl) into the data folder. "
    "What has not changed since the last time costs only a hash.\v"
    "Prints what was skipped (a kind that is not read) and refused (a kind that is read, but "
    "bad), each with its reason; exit 3 when something was refused.\n\n"
    "  ragd ingest examples/finance\n"
    "  ragd ingest --meta type=policy --meta year=2024 --prune handbook/",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_ingest = {
    .name = "ingest",
    .brief = "read files and folders",
    .place = PLACE_MAKES,
    .argp = &argp,
    .options_size = sizeof(struct ingest_command),
    .init = init,
    .run = run,
};
