/* Two ingests of two folders at once, a third that is cancelled: each reads files on a thread of
 * its own, embeds on the shared pool and writes through the one writer.
 *
 * A plain main, for ThreadSanitizer. Exit 0: both folders are there, whole. Without the model
 * there is nothing to run, and it says so.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "engine/engine.h"
#include "ingest/ingest.h"

#define N_FILES 6

struct job {
    struct engine *e;
    char folder[96];
    atomic_bool cancel;
    bool stops; /* cancels itself at the first sign of progress */
    int rc;
    size_t n_documents;
    pthread_t thread;
};

static void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, err_text());
    exit(1);
}

static void stop(void *arg, const struct ingest_progress *p)
{
    struct job *job = arg;

    if (job->stops && p->n_files_done > 0)
        atomic_store(&job->cancel, true);
}

static void *ingest_folder(void *arg)
{
    struct job *job = arg;
    const char *path = job->folder;
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_report r;

    o.cancel = &job->cancel;
    o.progress = stop;
    o.progress_arg = job;
    ingest_report_init(&r);
    job->rc = ingest_paths(job->e, &path, 1, &o, &r);
    job->n_documents = r.documents;
    ingest_report_done(&r);
    return NULL;
}

static void make_folder(struct job *job, const char *dir, int i_job)
{
    char path[128], text[160];

    snprintf(job->folder, sizeof job->folder, "%s/%d", dir, i_job);
    if (file_make_dirs(job->folder) < 0)
        die("folder");
    for (int i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/%d-%d.txt", job->folder, i_job, i);
        snprintf(text, sizeof text, "Bank %d holds capital. All of them lend.", i % 3);
        if (file_write_atomic(path, text, strlen(text)) < 0)
            die("file");
    }
}

static int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    char dir[] = "/tmp/ragd-race-XXXXXX";
    const char *model = getenv("RAGD_MODEL_PATH");
    struct config config;
    struct engine *e;
    static struct job jobs[3];

    model = model && *model ? model : "models/all-MiniLM-L6-v2";
    if (access(model, R_OK) != 0) {
        puts("needs the model (make model, or RAGD_MODEL_PATH)");
        return 0;
    }
    if (!mkdtemp(dir))
        return 1;
    config_defaults(&config);
    snprintf(config.data, sizeof config.data, "%s/data", dir);
    snprintf(config.model.path, sizeof config.model.path, "%s", model);
    if (engine_open(&e, &config) < 0)
        die("engine");
    for (int i = 0; i < 3; i++) {
        jobs[i].e = e;
        jobs[i].stops = i == 2;
        make_folder(&jobs[i], dir, i);
    }
    for (int i = 0; i < 3; i++)
        if (pthread_create(&jobs[i].thread, NULL, ingest_folder, &jobs[i]) != 0)
            die("thread");
    for (int i = 0; i < 3; i++)
        pthread_join(jobs[i].thread, NULL);
    engine_close(e);
    nftw(dir, rm, 16, FTW_DEPTH | FTW_PHYS);
    for (int i = 0; i < 2; i++)
        if (jobs[i].rc != ERR_OK || jobs[i].n_documents != N_FILES) {
            fprintf(stderr, "folder %d: %d, %zu documents\n", i, jobs[i].rc, jobs[i].n_documents);
            return 1;
        }
    return jobs[2].rc == ERR_CANCELLED ? 0 : 1;
}
