#include "ingest/ingest.h"

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/batch.h"
#include "ingest/feed.h"
#include "ingest/prepare.h"
#include "ingest/prune.h"
#include "ingest/report.h"
#include "ingest/run.h"
#include "ingest/walk.h"

/* ---- one file's documents ---- */

static void refuse_record(struct run *run, const char *shown, struct str id, const char *reason)
{
    struct buf path;

    buf_init(&path);
    buf_add_str(&path, shown);
    if (id.n)
        buf_addf(&path, ": %.*s", STR_ARGS(id));
    report_refuse(run->report, buf_view(&path).p, reason);
    buf_done(&path);
}

/* One document goes to the batch, or to the report with its reason. */
static int take_document(struct run *run, struct batch *batch, const struct origin *origin,
                         struct source *source, const struct extracted *doc)
{
    struct ready *ready = NULL;
    int rc = prepare_document(run, origin, source, doc, &ready);

    if (rc < 0 && !is_for_all(rc)) {
        refuse_record(run, origin->shown, doc->id, err_text());
        return ERR_OK;
    }
    if (rc < 0)
        return rc;
    if (!ready) {
        run->report->unchanged++;
        return ERR_OK;
    }
    return batch_add(batch, ready);
}

static int take_source(struct run *run, struct batch *batch, struct origin *origin,
                       struct source *source)
{
    int rc = ERR_OK;
    const struct extracted_list *list = &source->list;

    origin->is_whole_file = list->n == 1 && list->n_problems == 0;
    for (size_t i = 0; i < list->n_problems; i++)
        report_refuse(run->report, origin->shown, list->problems[i]);
    for (size_t i = 0; i < list->n; i++)
        TRY(take_document(run, batch, origin, source, &list->v[i]));
out:
    return rc;
}

/* ---- files and folders ---- */

/* A refused file is still there: its document is not gone. */
static void keep_document(struct run *run, const char *key)
{
    map_put(run->keys, key, strlen(key), 1);
}

/* "docs docs/a.txt" and "docs docs" name files twice; once is enough. */
static bool met_before(struct run *run, const struct walk *walk, const struct walk_file *f)
{
    struct buf path;
    bool added;

    buf_init(&path);
    buf_addf(&path, "%s/%s", walk_root(walk), f->key);
    map_slot(run->files, path.p, path.n, 1, &added);
    buf_done(&path);
    return !added;
}

static int take_file(struct run *run, struct batch *batch, const struct fed_file *fed, bool *unsure)
{
    const struct walk_file *f = fed->file;
    const char *name = run->o->root_name ? run->o->root_name : walk_root(fed->walk);
    struct origin origin = {.key = str_of(f->key),
                            .root = str_of(name),
                            .folder = str_of(walk_root(fed->walk)),
                            .shown = f->shown,
                            .from_file = true,
                            .hash = fed->hash};

    if (met_before(run, fed->walk, f))
        return ERR_OK;
    if (fed->unwanted) {
        if (f->fate != WALK_SKIP)
            keep_document(run, f->key);
        return ERR_OK;
    }
    if (f->fate == WALK_SKIP) {
        report_skip(run->report, f->shown, f->reason);
        return ERR_OK;
    }
    if (fed->rc < 0 && is_for_all(fed->rc))
        return FAIL(fed->rc, "%s", fed->reason);
    run->report->bytes += fed->n_bytes;
    if (f->fate == WALK_REFUSE || fed->rc < 0) {
        report_refuse(run->report, f->shown, fed->rc < 0 ? fed->reason : f->reason);
        keep_document(run, f->key);
        *unsure |= walk_holds_records(f);
        return ERR_OK;
    }
    if (fed->unchanged) {
        keep_document(run, f->key);
        run->report->unchanged++;
        return ERR_OK;
    }
    *unsure |= fed->source->list.n_problems > 0;
    return take_source(run, batch, &origin, fed->source);
}

static int take_files(struct run *run, struct batch *batch, struct walk *const *walks,
                      size_t n_walks, bool *unsure)
{
    int rc = ERR_OK;
    struct feed *feed = NULL;
    struct fed_file *fed = NULL;

    TRY(feed_open(&feed, run, walks, n_walks));
    while ((fed = feed_next(feed)) != NULL) {
        TRY(run_check(run));
        run->progress.current = fed->file->shown;
        TRY(take_file(run, batch, fed, &unsure[fed->i_walk]));
        run->progress.n_files_done += fed->file->fate == WALK_READ;
        run_progress(run, fed->file->shown);
        fed_file_free(fed);
    }
    TRY(run_check(run));
    TRY(batch_flush(batch));
out:
    run->progress.current = NULL; /* borrowed from the walk */
    fed_file_free(fed);
    feed_close(feed);
    return rc;
}

static int open_walk(struct run *run, const char *path, struct walk **out)
{
    int rc = walk_open(out, path);

    if (rc == ERR_NOT_FOUND && run->o->prune && run->o->prune_force)
        rc = walk_open_gone(out, path);
    for (size_t i = 0; rc == ERR_OK && i < walk_count(*out); i++)
        run->progress.n_files += walk_at(*out, i)->fate == WALK_READ;
    run_progress(run, NULL);
    return rc;
}

int ingest_paths(struct engine *e, const char *const *paths, size_t n_paths,
                 const struct ingest_options *o, struct ingest_report *report)
{
    int rc = ERR_OK;
    struct run run;
    struct batch *batch = NULL;
    struct walk **walks = mem_calloc(n_paths, sizeof *walks);
    bool *unsure = mem_calloc(n_paths, sizeof *unsure); /* see prune.h */

    rc = run_open(&run, e, o, report);
    if (rc < 0)
        goto closed;
    for (size_t i = 0; i < n_paths; i++)
        TRY(open_walk(&run, paths[i], &walks[i]));
    batch = batch_new(&run);
    TRY(take_files(&run, batch, walks, n_paths, unsure));
    for (size_t i = 0; i < n_paths && o->prune; i++)
        if (walk_is_folder(walks[i]))
            TRY(prune_folder(&run, walks[i], unsure[i]));
    static_encoders_changed(e->static_encoders, run.tenant, run.collection, 0);
    static_encoders_settle(e->static_encoders, o->cancel);
out:
    batch_free(batch);
    run_close(&run);
closed:
    for (size_t i = 0; i < n_paths; i++)
        walk_close(walks[i]);
    mem_free(unsure);
    mem_free(walks);
    return rc;
}

/* ---- documents that come as text ---- */

/* `shown`: the id, as the report names it. */
static int take_text(struct run *run, struct batch *batch, const struct ingest_document *in,
                     const char *shown, struct ingest_result *result)
{
    struct origin origin = {.key = in->id, .root = {"", 0}, .shown = shown};
    struct extracted doc = {.id = in->id,
                            .title = in->title,
                            .uri = in->uri,
                            .text = in->text,
                            .metadata = (json_t *)(uintptr_t)in->metadata}; /* only read */
    struct ready *ready = NULL;
    int rc = prepare_document(run, &origin, NULL, &doc, &ready);

    if (rc < 0 && !is_for_all(rc)) {
        *result = (struct ingest_result){INGEST_REFUSED, 0, mem_strdup(err_text())};
        report_refuse(run->report, shown, result->reason);
        run->progress.n_files_done++;
        return ERR_OK;
    }
    if (rc < 0)
        return rc;
    if (!ready) {
        *result = (struct ingest_result){.status = INGEST_UNCHANGED};
        run->report->unchanged++;
        run->progress.n_files_done++;
        return ERR_OK;
    }
    ready->result = result;
    return batch_add(batch, ready);
}

static int take_texts(struct run *run, struct batch *batch, const struct ingest_document *docs,
                      size_t n, struct arena *names, struct ingest_result *results)
{
    int rc = ERR_OK;

    run->progress.n_files = n;
    for (size_t i = 0; i < n; i++) {
        const char *shown = arena_strndup(names, docs[i].id.p, docs[i].id.n);

        TRY(run_check(run));
        TRY(take_text(run, batch, &docs[i], shown, &results[i]));
        run_progress(run, shown);
    }
    TRY(batch_flush(batch));
out:
    run->progress.current = NULL;
    return rc;
}

int ingest_documents(struct engine *e, const struct ingest_document *docs, size_t n,
                     const struct ingest_options *o, struct ingest_result *results)
{
    int rc = ERR_OK;
    struct run run;
    struct batch *batch = NULL;
    struct arena *names = arena_new(0);
    struct ingest_report report;

    ingest_report_init(&report);
    for (size_t i = 0; i < n; i++)
        results[i] = (struct ingest_result){.status = INGEST_LEFT};
    TRY(run_open(&run, e, o, &report));
    batch = batch_new(&run);
    rc = take_texts(&run, batch, docs, n, names, results);
    batch_free(batch);
    run_close(&run);
out:
    ingest_report_done(&report);
    arena_free(names);
    return rc;
}

/* ---- a file that comes as bytes ---- */

static int take_bytes(struct run *run, struct batch *batch, const char *name, struct str bytes)
{
    int rc = ERR_OK;
    const struct config *c = &run->e->config;
    struct extract_limits limits = {c->extract.timeout_s * 1000, c->extract.memory_bytes,
                                    c->extract.text_bytes, c->extract.file_bytes};
    struct origin origin = {.key = str_of(name), .root = {"", 0}, .shown = name, .from_file = true};
    struct extractor *x = NULL;
    struct source *source = source_new();
    bool same = false;

    origin.hash = file_hash(run, origin.folder, origin.key, bytes);
    TRY(document_known(run, origin.key, origin.root, &origin.hash, &same));
    if (same) {
        run->report->unchanged++;
        goto out;
    }
    TRY(extractor_new(&x, &limits));
    TRY(extract(x, kind_of(name), name, bytes, source->mem, &source->list));
    TRY(take_source(run, batch, &origin, source));
    TRY(batch_flush(batch));
out:
    extractor_free(x);
    source_unref(source);
    return rc;
}

int ingest_file_bytes(struct engine *e, const char *name, struct str bytes,
                      const struct ingest_options *o, struct ingest_report *report)
{
    int rc = ERR_OK;
    struct run run;
    struct batch *batch = NULL;

    if (kind_of(name) == KIND_UNKNOWN) {
        report_skip(report, name, UNKNOWN_KIND_REASON);
        return ERR_OK;
    }
    TRY(run_open(&run, e, o, report));
    batch = batch_new(&run);
    report->bytes += bytes.n;
    rc = take_bytes(&run, batch, name, bytes);
    if (rc < 0 && !is_for_all(rc)) {
        report_refuse(report, name, err_text());
        rc = ERR_OK;
    }
    batch_free(batch);
    run_close(&run);
out:
    return rc;
}
