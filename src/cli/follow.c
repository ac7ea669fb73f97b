#include "cli/follow.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define LOOK_UP_MS   200
#define TRY_AGAIN_MS 10000

struct pass {
    const struct follow *f;
    atomic_bool cancel;
};

static bool is_stopped(const struct command_call *call)
{
    return *call->cancelled || (call->ending && *call->ending);
}

static void on_progress(void *arg, const struct ingest_progress *p)
{
    struct pass *pass = arg;

    (void)p;
    if (is_stopped(pass->f->call))
        atomic_store(&pass->cancel, true);
}

static bool is_wanted(void *watch, const char *path)
{
    return watch_changed(watch, path);
}

/* ---- telling ---- */

static void say(const struct follow *f, const struct ingest_report *r)
{
    FILE *out = f->call->out;

    if (f->quiet || r->documents + r->removed + r->n_refused == 0)
        return;
    for (size_t i = 0; i < r->n_refused; i++)
        fprintf(out, "refused %s: %s\n", r->refused[i].path, r->refused[i].reason);
    fprintf(out, "%zu document%s in %zu chunk%s, %zu removed, %zu refused\n", r->documents,
            r->documents == 1 ? "" : "s", r->chunks, r->chunks == 1 ? "" : "s", r->removed,
            r->n_refused);
    fflush(out);
}

static bool is_known(const struct ingest_report *r, const struct ingest_issue *issue)
{
    for (size_t i = 0; i < r->n_refused; i++)
        if (strcmp(r->refused[i].path, issue->path) == 0 &&
            strcmp(r->refused[i].reason, issue->reason) == 0)
            return true;
    return false;
}

/* The same refusal again is named once, so the list grows with the files and not with time. */
static void add_up(struct ingest_report *total, struct ingest_report *r)
{
    total->documents += r->documents;
    total->chunks += r->chunks;
    total->unchanged += r->unchanged;
    total->removed += r->removed;
    total->bytes += r->bytes;
    total->seconds += r->seconds;
    for (size_t i = 0; i < r->n_refused; i++) {
        if (is_known(total, &r->refused[i]))
            continue;
        total->refused =
            mem_grow(total->refused, &total->cap_refused, total->n_refused + 1, sizeof *r->refused);
        total->refused[total->n_refused++] = r->refused[i];
        r->refused[i] = (struct ingest_issue){NULL, NULL}; /* taken */
    }
}

/* ---- a pass ---- */

/* A single file that is gone for the moment is left out; a folder that is gone ends it all. */
static size_t those_there(const struct follow *f, const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n_paths; i++)
        if (access(f->paths[i], F_OK) == 0)
            out[n++] = f->paths[i];
    return n;
}

static int pass(const struct follow *f, struct ingest_report *total)
{
    struct pass p = {.f = f};
    struct ingest_options o = *f->options;
    struct ingest_report r;
    const char **paths = mem_calloc(f->n_paths, sizeof *paths);
    size_t n = those_there(f, paths);
    int rc;

    o.wanted = is_wanted;
    o.wanted_arg = f->watch;
    o.progress = on_progress;
    o.progress_arg = &p;
    o.cancel = &p.cancel;
    ingest_report_init(&r);
    rc = ingest_paths(f->engine, paths, n, &o, &r);
    say(f, &r);
    if (rc == ERR_OK && f->changed && r.documents + r.removed > 0)
        rc = f->changed(f->arg);
    add_up(total, &r);
    ingest_report_done(&r);
    mem_free(paths);
    return rc;
}

/* What is wrong with the documents stays wrong until they change; other failures may pass. */
static bool may_pass(int rc)
{
    return rc < 0 && rc != ERR_ARGUMENT;
}

int follow_changes(const struct follow *f, struct ingest_report *total)
{
    uint64_t failed_ns = 0;
    int rc = ERR_OK;

    while (!is_stopped(f->call)) {
        if (failed_ns && clock_ms_since(failed_ns) < TRY_AGAIN_MS) {
            usleep(LOOK_UP_MS * 1000);
            continue;
        }
        rc = watch_wait(f->watch, LOOK_UP_MS);
        if (rc < 0)
            return rc;
        if (rc == 0)
            continue;
        rc = pass(f, total);
        if (rc == ERR_CANCELLED && is_stopped(f->call))
            break;
        if (rc < 0)
            fprintf(f->call->err, "ragd: %s\n", err_text());
        failed_ns = may_pass(rc) ? clock_ns() : 0;
        if (!failed_ns)
            watch_forget(f->watch);
    }
    return ERR_OK;
}
