#include "ingest/feed.h"

#include <pthread.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/queue.h"
#include "engine/engine.h"
#include "ingest/prepare.h"

struct feed {
    const struct run *run;
    struct walk *const *walks;
    size_t n_walks;
    struct extractor *extractor; /* of the thread */
    struct queue *ready;
    pthread_t thread;
    bool started;
};

/* One extraction of bytes that are not unchanged. */
static int extract_file(struct feed *f, struct str bytes, struct fed_file *file)
{
    int rc;

    file->source = source_new();
    rc = extract(f->extractor, file->file->kind, file->file->key, bytes, file->source->mem,
                 &file->source->list);
    if (rc < 0) {
        source_unref(file->source);
        file->source = NULL;
    }
    return rc;
}

static int read_file(struct feed *f, struct fed_file *file)
{
    int rc = ERR_OK;
    struct buf bytes;
    struct str key = str_of(file->file->key);
    const char *name = f->run->o->root_name;
    struct str root = str_of(name ? name : walk_root(file->walk));

    buf_init(&bytes);
    TRY(walk_read(file->walk, file->file, (size_t)f->run->e->config.extract.file_bytes, &bytes));
    file->n_bytes = bytes.n;
    if (bytes.n == 0) {
        rc = FAIL(ERR_FORMAT, "the file is empty");
        goto out;
    }
    file->hash = file_hash(f->run, str_of(walk_root(file->walk)), key, buf_view(&bytes));
    TRY(document_known(f->run, key, root, &file->hash, &file->unchanged));
    if (!file->unchanged)
        TRY(extract_file(f, buf_view(&bytes), file));
out:
    buf_done(&bytes);
    return rc;
}

/* Pruning has to know the records of a file. */
static bool is_wanted(const struct feed *f, const struct fed_file *file)
{
    const struct ingest_options *o = f->run->o;
    struct buf path;
    bool wanted;

    if (!o->wanted || file->file->link || (o->prune && walk_holds_records(file->file)))
        return true;
    buf_init(&path);
    buf_addf(&path, "%s/%s", walk_root(file->walk), file->file->key);
    wanted = o->wanted(o->wanted_arg, path.p);
    buf_done(&path);
    return wanted;
}

static void *feed_main(void *arg)
{
    struct feed *f = arg;

    for (size_t i = 0; i < f->n_walks; i++)
        for (size_t k = 0; k < walk_count(f->walks[i]); k++) {
            struct fed_file *file = mem_calloc(1, sizeof *file);

            file->i_walk = i;
            file->walk = f->walks[i];
            file->file = walk_at(file->walk, k);
            file->unwanted = !is_wanted(f, file);
            if (file->file->fate == WALK_READ && !file->unwanted) {
                file->rc = read_file(f, file);
                if (file->rc < 0)
                    file->reason = mem_strdup(err_text());
            }
            if (run_cancelled(f->run) || queue_push(f->ready, QUEUE_BULK, file) < 0) {
                fed_file_free(file);
                queue_close(f->ready);
                return NULL;
            }
        }
    queue_close(f->ready);
    return NULL;
}

int feed_open(struct feed **out, const struct run *run, struct walk *const *walks, size_t n_walks)
{
    int rc = ERR_OK;
    struct feed *f = mem_calloc(1, sizeof *f);
    const struct config *c = &run->e->config;
    struct extract_limits limits = {c->extract.timeout_s * 1000, c->extract.memory_bytes,
                                    c->extract.text_bytes, c->extract.file_bytes};

    f->run = run;
    f->walks = walks;
    f->n_walks = n_walks;
    f->ready = queue_new(FEED_AHEAD);
    TRY(extractor_new(&f->extractor, &limits));
    if (pthread_create(&f->thread, NULL, feed_main, f) != 0) {
        rc = FAIL(ERR_SYSTEM, "no thread for reading files");
        goto out;
    }
    f->started = true;
    *out = f;
    f = NULL; /* handed over */
out:
    feed_close(f);
    return rc;
}

struct fed_file *feed_next(struct feed *f)
{
    void *file;

    return queue_pop(f->ready, &file) ? file : NULL;
}

void fed_file_free(struct fed_file *file)
{
    if (!file)
        return;
    source_unref(file->source);
    mem_free(file->reason);
    mem_free(file);
}

void feed_close(struct feed *f)
{
    void *file;

    if (!f)
        return;
    queue_close(f->ready);
    if (f->started)
        pthread_join(f->thread, NULL);
    while (queue_try_pop(f->ready, &file))
        fed_file_free(file);
    extractor_free(f->extractor);
    queue_free(f->ready);
    mem_free(f);
}
