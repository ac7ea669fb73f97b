/* cmd_bench.c - how fast, stage by stage, cold and from the cache. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "cli/bench_html.h"
#include "cli/bench_run.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/engine.h"

#define ITERATIONS_DEFAULT 200
#define SAMPLE_DOCUMENTS   100 /* documents whose headings are asked for when no file is given */
#define SAMPLE_QUESTIONS   50

enum { KEY_QUESTIONS = 0x3000, KEY_ITERATIONS, KEY_CONCURRENCY, KEY_URL, KEY_REPORT };

struct bench_options {
    struct common common;
    struct question_options how;
    const char *questions, *url, *report;
    long iterations, concurrency;
};

static void init(void *options)
{
    struct bench_options *o = options;

    o->iterations = ITERATIONS_DEFAULT;
    o->concurrency = 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct bench_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        state->child_inputs[1] = &o->how;
        return 0;
    case KEY_QUESTIONS: o->questions = arg; return 0;
    case KEY_ITERATIONS: return option_int(state, "--iterations", arg, 1, 10000000, &o->iterations);
    case KEY_CONCURRENCY: return option_int(state, "--concurrency", arg, 1, 1000, &o->concurrency);
    case KEY_URL:
        o->url = arg;
        o->common.local = true;
        return 0;
    case KEY_REPORT: o->report = arg; return 0;
    case ARGP_KEY_END:
        if (o->url && !o->questions && !o->common.help) {
            argp_error(state, "--url needs --questions FILE");
            return EINVAL;
        }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- questions of the corpus itself ---- */

struct sampler {
    struct store_reader *reader;
    struct arena *mem;
    struct questions *out;
};

/* The last part of "Part > Section", which is what a reader would ask for. */
static void add_heading(struct questions *q, struct str heading)
{
    char text[256];
    size_t from = 0;

    for (size_t i = 0; i + 2 < heading.n; i++)
        if (memcmp(heading.p + i, " > ", 3) == 0)
            from = i + 3;
    heading = str_trim(str_sub(heading, from, heading.n));
    if (heading.n < 4 || heading.n >= sizeof text || q->n >= SAMPLE_QUESTIONS)
        return;
    snprintf(text, sizeof text, "%.*s", STR_ARGS(heading));
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->v[i].text, text) == 0)
            return;
    questions_add(q, text, text);
}

static int sample_document(void *arg, const struct document_row *d)
{
    int rc = ERR_OK;
    struct sampler *s = arg;
    struct chunk_row *chunks;
    size_t n;

    add_heading(s->out, d->title);
    TRY(store_document_chunks(s->reader, d->id, s->mem, &chunks, &n));
    for (size_t i = 0; i < n && i < 20; i++)
        add_heading(s->out, chunks[i].heading);
out:
    arena_reset(s->mem);
    return rc;
}

/* A document's chunks are read while documents are walked, hence two readers. */
static int sample_questions(struct engine *e, const struct config *c, struct questions *out)
{
    int rc = ERR_OK;
    struct store_reader *walker = store_reader_get(e->store);
    struct sampler s = {store_reader_get(e->store), arena_new(0), out};
    struct arena *mem = arena_new(0);
    struct collection_row collection;

    TRY(store_find_collection(walker, c->tenant, c->collection, mem, &collection));
    TRY(store_each_document(walker, collection.id, STR_LIT(""), SAMPLE_DOCUMENTS, sample_document,
                            &s));
    if (out->n == 0)
        rc = FAIL(ERR_NOT_FOUND, "the documents have no titles to ask for; give --questions FILE");
out:
    arena_free(mem);
    arena_free(s.mem);
    store_reader_put(e->store, s.reader);
    store_reader_put(e->store, walker);
    return rc;
}

/* ---- facts about machine and data ---- */

static void facts(struct engine *e, const struct bench_options *o, size_t n_questions,
                  struct buf *out)
{
    const struct config *c = &o->common.config;
    enum simd_level level = SIMD_SCALAR;
    struct snapshot *s = NULL;
    struct embedder *model;
    struct stat st;

    buf_addf(out, "ragd         %s\n", RAGD_VERSION);
    buf_addf(out, "machine      %s, %d processors\n", cpu_model_name(), cpu_count());
    buf_addf(out, "asked        %ld times, %zu different questions, %ld at a time%s%s\n",
             o->iterations, n_questions, o->concurrency, o->url ? ", over " : "",
             o->url ? o->url : "");
    if (!e)
        return;
    model = engine_embedder(e);
    if (cpu_chosen_level(&level) == ERR_OK)
        buf_addf(out, "arithmetic   %s, %s\n", embedder_info(model)->precision,
                 simd_level_name(level));
    embedder_close(model);
    buf_addf(out, "threads      %d compute\n", pool_threads(e->pool));
    if (retriever_snapshot(e->retriever, c->tenant, c->collection, &s) == ERR_OK)
        buf_addf(out, "data         %zu documents, %zu chunks, %.1f MB on disk\n",
                 snapshot_documents(s), snapshot_chunks(s),
                 (double)file_tree_bytes(e->config.data) / 1e6);
    snapshot_unref(s);
    buf_addf(out, "memory       %.1f MB resident, of which indexes %.1f MB\n",
             (double)mem_resident_bytes() / 1e6, (double)retriever_bytes(e->retriever) / 1e6);
    if (stat("/proc/self/exe", &st) == 0)
        buf_addf(out, "program      %.1f MB\n", (double)st.st_size / 1e6);
}

/* ---- printing ---- */

static void print_side(FILE *out, const char *title, struct bench_side *s)
{
    struct table t;

    table_init(&t, "ms|mean|std|min|max|p50|p95|p99", "lrrrrrrr");
    for (int i = 0; i < s->n_columns; i++) {
        struct stats v = stats_of(&s->samples[i]);
        size_t n = strlen(s->names[i]);

        table_cell(&t, "%.*s", (int)(n > 3 ? n - 3 : n), s->names[i]);
        table_cell(&t, "%.3f", v.mean);
        table_cell(&t, "%.3f", v.std);
        table_cell(&t, "%.3f", v.min);
        table_cell(&t, "%.3f", v.max);
        table_cell(&t, "%.3f", v.p50);
        table_cell(&t, "%.3f", v.p95);
        table_cell(&t, "%.3f", v.p99);
    }
    fprintf(out, "\n%s: %.0f questions a second\n", title,
            s->seconds > 0 ? (double)s->n / s->seconds : 0);
    table_print(&t, out);
    table_done(&t);
}

static void json_side(struct jsonw *w, const char *key, struct bench_side *s)
{
    jsonw_key(w, key);
    jsonw_open(w, '{');
    for (int i = 0; i < s->n_columns; i++) {
        struct stats v = stats_of(&s->samples[i]);

        jsonw_key(w, s->names[i]);
        stats_json(&v, w->out);
        w->comma = true;
    }
    jsonw_close(w, '}');
}

static void print_json(FILE *out, const struct bench_options *o, const char *about,
                       struct bench_side *cold, struct bench_side *cached)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "iterations"), jsonw_int(&w, o->iterations);
    jsonw_key(&w, "concurrency"), jsonw_int(&w, o->concurrency);
    jsonw_key(&w, "about"), jsonw_cstr(&w, about);
    jsonw_key(&w, "cold_per_second"), jsonw_real(&w, (double)cold->n / cold->seconds);
    jsonw_key(&w, "cached_per_second"), jsonw_real(&w, (double)cached->n / cached->seconds);
    json_side(&w, "cold", cold);
    json_side(&w, "cached", cached);
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static int write_report(const struct command_call *call, const char *file, const char *about,
                        struct bench_side *cold, struct bench_side *cached)
{
    char *path = command_path(call, file);
    struct buf page;
    int rc;

    buf_init(&page);
    bench_html(about, cold, cached, &page);
    rc = file_write_atomic(path, page.p, page.n);
    buf_done(&page);
    mem_free(path);
    return rc;
}

/* ---- the command ---- */

static int read_questions(struct engine *e, const struct command_call *call,
                          const struct bench_options *o, struct questions *out)
{
    char *path;
    int rc;

    if (!o->questions)
        return sample_questions(e, &o->common.config, out);
    path = command_path(call, o->questions);
    rc = questions_read(out, path);
    mem_free(path);
    return rc;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct bench_options *o = options;
    struct questions questions = {0};
    struct bench_side cold = {0}, cached = {0};
    struct buf about;
    struct bench_plan plan = {
        .e = e,
        .common = &o->common,
        .url = o->url,
        .how = &o->how,
        .questions = &questions,
        .iterations = (size_t)o->iterations,
        .concurrency = (int)o->concurrency,
        .cancelled = call->cancelled,
    };

    buf_init(&about);
    TRY(read_questions(e, call, o, &questions));
    TRY(bench_run(&plan, false, &cold));
    TRY(bench_run(&plan, true, &cached));
    facts(e, o, questions.n, &about);
    if (o->report)
        TRY(write_report(call, o->report, about.p, &cold, &cached));
    if (o->common.json) {
        print_json(call->out, o, about.p, &cold, &cached);
    } else {
        fputs(about.p, call->out);
        print_side(call->out, "cold (the cache passed by)", &cold);
        print_side(call->out, "cached", &cached);
    }
out:
    bench_side_done(&cold);
    bench_side_done(&cached);
    questions_done(&questions);
    buf_done(&about);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"questions", KEY_QUESTIONS, "FILE", 0,
     "jsonl with text or question, or a question a line (titles and headings of the documents)", 2},
    {"iterations", KEY_ITERATIONS, "N", 0, "questions to ask, cold and again cached (200)", 2},
    {"concurrency", KEY_CONCURRENCY, "N", 0, "questions at the same time (1)", 2},
    {"url", KEY_URL, "URL", 0, "measure a server over HTTP: http://127.0.0.1:8080", 2},
    {"report", KEY_REPORT, "FILE.html", 0, "write a page with charts", 2},
    {0},
};

static const struct argp_child children[] = {
    {&common_argp, 0, NULL, 0},
    {&question_argp, 0, NULL, 0},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Measures how long questions take, stage by stage: first with the cache passed by, then from "
    "the cache.\v"
    "  ragd bench --iterations 1000 --report bench.html\n"
    "  ragd bench --url http://127.0.0.1:8080 --questions common.txt --concurrency 8",
    children,
    NULL,
    NULL,
};

const struct command cmd_bench = {
    .name = "bench",
    .brief = "measure how long questions take, stage by stage",
    .place = PLACE_ENGINE,
    .argp = &argp,
    .options_size = sizeof(struct bench_options),
    .init = init,
    .run = run,
};
