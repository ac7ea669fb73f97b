/* Sealing: what is new goes into index files, on a thread of its own and of low priority.
 *
 *   state      view (file A) | view (file B) | view | view | view      the last ones on the heap
 *   seal       merge from.. to one segment, with a graph when it is large; write it, map it
 *              write a manifest: A, B or what was merged, and what is dead in them
 *   commit     the store says that this manifest counts, and forgets the changes it covers
 *   publish    the mapped segment takes the place of the views it was made from; what died
 *              meanwhile is dead in it too; readers of the old state are not disturbed
 *   sweep      files that no manifest names are removed
 *
 * Which views: those on the heap, and before them each that is at most SEAL_RATIO times as large as
 * all behind it, or half dead. So a chunk is copied O(log n) times, and there are O(log n) files.
 * When: at once with seal_chunks on the heap, else when nothing was written for seal_idle_ms or
 * something has waited SEAL_LATEST times as long, and when the retriever closes (then without the
 * larger ones, so that it ends soon).
 *
 * A crash between any two steps leaves the manifest that counted before, its files, and the changes
 * since: nothing is lost, at most merged again. No reader walks bytes that are changed: a graph is
 * grown and repaired in a copy (index/hnsw.h), the old one goes when its last reader has gone.
 */
#include "index/embedded_step.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sections.h"
#include "base/thread.h"
#include "index/manifest.h"
#include "index/segment_file.h"

/* Eight: a large graph is searched beside at most a small one, and a chunk is still copied some ten
 * times in a collection of a million. */
#define SEAL_RATIO 8

/* Chunks and documents that are merged while somebody waits for the end. */
#define CLOSING_MOST 16384

/* What has waited seal_idle_ms so many times is sealed whatever is written. */
#define SEAL_LATEST 16

#define NICENESS 10

struct sealer {
    struct retriever *r;
    struct map *epochs; /* name -> what its files cover; before the start, then the thread's own */
    pthread_t thread;
    bool started;

    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t wake;
    bool changed;
    atomic_bool closing; /* read without it by whoever builds a graph */
};

/* ---- one collection ---- */

/* The views of one state, that of the chunks or that of the summaries. */
struct series {
    const struct snapshot *base; /* NULL: there are none */
    size_t from;                 /* the views from here on are merged; n_views: none */
    struct segment *sealed;      /* mapped; NULL: nothing of them lives */
    char file[MANIFEST_NAME_MAX];
};

/* What a pass works on. */
struct pass {
    struct sealer *s;
    struct name name;
    const char *tenant, *collection; /* in the name */
    struct snapshot *base;
    struct series chunks, summaries;
    bool with_graph;
    int64_t collection_id;
    char manifest_file[MANIFEST_NAME_MAX];
    struct manifest manifest;
    struct step step;
};

static size_t unsealed(const struct snapshot *s)
{
    size_t n = 0;

    for (size_t i = 0; s && i < s->n_views; i++)
        n += s->views[i].segment->file ? 0 : view_living(&s->views[i]);
    return n;
}

/* The first view to be merged; of those in files, as far as they and what is behind stay within
 * `most`. */
static size_t choose_from(const struct snapshot *s, size_t most)
{
    size_t from = s->n_views, size = 0, after = 0;

    while (from > 0 && !s->views[from - 1].segment->file)
        size += view_living(&s->views[--from]);
    while (from > 0 && from < s->n_views && view_living(&s->views[from - 1]) <= SEAL_RATIO * size &&
           size + view_living(&s->views[from - 1]) <= most)
        size += view_living(&s->views[--from]);
    for (size_t i = from; i-- > 0;) {
        after += view_living(&s->views[i]);
        if ((view_is_wasteful(&s->views[i]) || segment_wants_graph(s->views[i].segment)) &&
            size + after <= most)
            from = i;
    }
    return from;
}

static const char *path_of(const struct pass *p, struct arena *mem, const char *file)
{
    return arena_printf(mem, "%s/%s", p->s->r->index_dir, file);
}

static size_t n_merged(const struct series *v)
{
    return v->base ? v->base->n_views - v->from : 0;
}

static void mark(const struct series *v, bool sealing)
{
    for (size_t i = 0; i < n_merged(v); i++)
        atomic_store(&v->base->views[v->from + i].segment->sealing, sealing);
}

/* Merges the chosen views into a file and maps it. */
static int write_segment(const struct pass *p, struct series *v, struct arena *mem)
{
    int rc = ERR_OK;
    size_t n = n_merged(v), n_living = 0;
    struct segment_part *parts = ARENA_ARRAY(mem, struct segment_part, n);
    struct segment *merged;
    const char *path;

    for (size_t i = 0; i < n; i++) {
        const struct view *view = &v->base->views[v->from + i];

        n_living += view_living(view);
        parts[i] = (struct segment_part){view->segment, view->dead ? view->dead->chunks : NULL,
                                         view->dead ? view->dead->documents : NULL};
    }
    if (n_living == 0)
        return ERR_OK;
    manifest_new_name(v->file, p->collection_id, "segment");
    path = path_of(p, mem, v->file);
    merged = segment_merge(parts, n);
    if (p->with_graph)
        rc = segment_add_graph(merged, parts, n, cpu_count(), &p->s->closing);
    if (rc == ERR_OK)
        rc = segment_save(merged, path);
    segment_unref(merged);
    TRY(rc);
    TRY(segment_map(&v->sealed, path, v->base->context->dim));
out:
    return rc;
}

static const char *file_of(const struct segment *s)
{
    const char *path = sections_path(s->file), *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void list_views(struct manifest *m, const struct series *v, bool of_summaries,
                       struct arena *mem)
{
    for (size_t i = 0; v->base && i < v->from; i++) {
        const struct view *view = &v->base->views[i];

        m->views[m->n_views++] = (struct manifest_view){
            of_summaries, arena_strdup(mem, file_of(view->segment)),
            view->dead ? view->dead->documents : NULL, view->segment->n_documents};
    }
    if (v->sealed)
        m->views[m->n_views++] =
            (struct manifest_view){of_summaries, v->file, NULL, v->sealed->n_documents};
}

static int write_manifest(struct pass *p, struct arena *mem)
{
    struct manifest *m = &p->manifest;

    *m = (struct manifest){.recipe = index_recipe(p->base->context),
                           .epoch = snapshot_epoch(p->base)};
    m->views = ARENA_ARRAY(mem, struct manifest_view, p->chunks.from + p->summaries.from + 2);
    list_views(m, &p->chunks, false, mem);
    list_views(m, &p->summaries, true, mem);
    manifest_new_name(p->manifest_file, p->collection_id, "manifest");
    return manifest_write(path_of(p, mem, p->manifest_file), m);
}

static struct change change_of(const struct pass *p, struct seal seal[2])
{
    const struct series *c = &p->chunks, *s = &p->summaries;

    seal[0] = (struct seal){c->base, c->from, c->sealed};
    seal[1] = (struct seal){s->base, s->from, s->sealed};
    return (struct change){.seal = seal};
}

/* The model or the collection's words change meanwhile, or have changed. */
static bool has_left(const struct pass *p, const struct collection_row *row)
{
    struct retriever *r = p->s->r;
    const struct index_context *now = NULL;

    return atomic_load(&r->rebuilding) || collection_context(r, row, &now) < 0 ||
           p->base->context != now;
}

static int seal_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct pass *p = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;
    struct seal seal[2];
    struct change c = change_of(p, seal);

    TRY(store_find_collection(store_tx_reader(tx), p->tenant, p->collection, mem, &row));
    if (row.id != p->collection_id || has_left(p, &row)) {
        rc = FAIL(ERR_GONE, "collection '%s' was made anew meanwhile", p->collection);
        goto out;
    }
    TRY(store_tx_index_is(tx, row.id, str_of(p->manifest_file), (int64_t)snapshot_epoch(p->base)));
    if (n_merged(&p->chunks) || n_merged(&p->summaries))
        TRY(step_make(&p->step, &c, NULL));
out:
    arena_free(mem);
    return rc;
}

static void seal_published(void *arg)
{
    struct pass *p = arg;
    struct seal seal[2];
    struct change c = change_of(p, seal);

    if (p->step.made)
        step_publish(&p->step, &c, NULL);
}

static int find_id(struct pass *p, struct arena *mem)
{
    struct store *store = p->s->r->store;
    struct store_reader *reader = store_reader_get(store);
    struct collection_row row;
    int rc = store_find_collection(reader, p->tenant, p->collection, mem, &row);

    store_reader_put(store, reader);
    if (rc == ERR_OK)
        p->collection_id = row.id;
    return rc;
}

static void remove_files(const struct pass *p, struct arena *mem)
{
    const char *const files[] = {p->chunks.file, p->summaries.file, p->manifest_file};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i][0])
            unlink(path_of(p, mem, files[i]));
}

static int seal_steps(struct pass *p, struct arena *mem)
{
    int rc = ERR_OK;
    struct retriever *r = p->s->r;

    if (n_merged(&p->chunks))
        TRY(write_segment(p, &p->chunks, mem));
    if (n_merged(&p->summaries))
        TRY(write_segment(p, &p->summaries, mem));
    TRY(write_manifest(p, mem));
    p->step = step_to(r, p->tenant, p->collection);
    TRY(store_write(r->store, seal_in_tx, seal_published, p));
    manifest_sweep(r->index_dir, p->collection_id, p->manifest_file, &p->manifest);
    map_put(p->s->epochs, p->name.bytes, p->name.n, snapshot_epoch(p->base));
out:
    step_done(&p->step);
    if (rc < 0)
        remove_files(p, mem);
    return rc;
}

/* The number before the state: should the collection be dropped and made anew, the transaction
 * finds another number. */
static int take_base(struct pass *p, struct arena *mem)
{
    int rc = find_id(p, mem);

    if (rc < 0)
        return rc;
    p->base = collection_current(p->s->r, &p->name);
    if (!p->base)
        return FAIL(ERR_GONE, "collection '%s' has gone", p->collection);
    p->chunks.base = p->base;
    p->summaries.base = p->base->summaries;
    return ERR_OK;
}

static void choose(struct series *v, size_t most)
{
    v->from = v->base ? choose_from(v->base, most) : 0;
}

/* One that changes under it is tried again after the change, which wakes us. */
static void seal_collection(struct sealer *s, const struct name *name, size_t most)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct pass p = {.s = s, .name = *name};

    p.tenant = p.name.bytes;
    p.collection = p.name.bytes + strlen(p.tenant) + 1;
    TRY(take_base(&p, mem));
    choose(&p.chunks, most);
    choose(&p.summaries, most);
    p.with_graph = most == SIZE_MAX;
    mark(&p.chunks, true);
    mark(&p.summaries, true);
    rc = seal_steps(&p, mem);
    mark(&p.chunks, false);
    mark(&p.summaries, false);
out:
    if (rc < 0 && rc != ERR_GONE && rc != ERR_NOT_FOUND && rc != ERR_CANCELLED)
        log_event(LOG_WARN, "index_not_written", LOG_S("tenant", p.tenant),
                  LOG_S("collection", p.collection), LOG_S("reason", err_text()));
    segment_unref(p.chunks.sealed);
    segment_unref(p.summaries.sealed);
    snapshot_unref(p.base);
    arena_free(mem);
}

/* ---- all of them ---- */

enum when { SEAL_BUSY, SEAL_IDLE, SEAL_CLOSING };

static bool is_due(const struct sealer *s, const struct name *name, const struct snapshot *snap,
                   enum when when)
{
    uint64_t epoch = 0;

    if (when == SEAL_BUSY)
        return unsealed(snap) + unsealed(snap->summaries) >= s->r->seal_chunks;
    if (when == SEAL_IDLE && choose_from(snap, SIZE_MAX) < snap->n_views)
        return true;
    return !map_get(s->epochs, name->bytes, name->n, &epoch) || epoch != snapshot_epoch(snap);
}

struct name_list {
    struct name *v;
    size_t n, cap;
};

static struct name_list all_names(struct retriever *r)
{
    struct name_list l = {0};
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    pthread_mutex_lock(&r->mu);
    while (map_next(r->collections, &at, &key, &n, &value)) {
        l.v = mem_grow(l.v, &l.cap, l.n + 1, sizeof *l.v);
        memset(&l.v[l.n], 0, sizeof *l.v);
        memcpy(l.v[l.n].bytes, key, n);
        l.v[l.n++].n = n;
    }
    pthread_mutex_unlock(&r->mu);
    return l;
}

static void seal_due(struct sealer *s, enum when when)
{
    struct name_list names;

    if (atomic_load(&s->r->rebuilding))
        return; /* it wakes us at its end */
    names = all_names(s->r);
    for (size_t i = 0; i < names.n; i++) {
        struct snapshot *snap = collection_current(s->r, &names.v[i]);

        if (snap && is_due(s, &names.v[i], snap, when))
            seal_collection(s, &names.v[i], when == SEAL_CLOSING ? CLOSING_MOST : SIZE_MAX);
        snapshot_unref(snap);
    }
    mem_free(names.v);
}

/* ---- the thread ---- */

/* Waits for a change, or seal_idle_ms for a further one. */
static enum when wait_locked(struct sealer *s, bool something_waits)
{
    struct timespec until = clock_until(s->r->seal_idle_ms);

    while (!s->changed && !s->closing) {
        if (!something_waits)
            pthread_cond_wait(&s->wake, &s->mu);
        else if (pthread_cond_timedwait(&s->wake, &s->mu, &until) == ETIMEDOUT)
            break;
    }
    if (s->closing)
        return SEAL_CLOSING;
    return s->changed ? SEAL_BUSY : SEAL_IDLE;
}

/* Where something is always written, nothing would ever be in files but by seal_chunks. */
static bool has_waited_long(const struct sealer *s, uint64_t since_ns)
{
    return clock_ms_since(since_ns) >= (double)s->r->seal_idle_ms * SEAL_LATEST;
}

static void *seal_main(void *arg)
{
    struct sealer *s = arg;
    bool something_waits = true; /* what was read from the store at start */
    uint64_t since_ns = clock_ns();
    enum when when;

    setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread, and of those it makes */
    do {
        pthread_mutex_lock(&s->mu);
        when = wait_locked(s, something_waits);
        s->changed = false;
        pthread_mutex_unlock(&s->mu);
        if (!something_waits)
            since_ns = clock_ns();
        if (when == SEAL_BUSY && has_waited_long(s, since_ns))
            when = SEAL_IDLE;
        seal_due(s, when);
        something_waits = when == SEAL_BUSY;
    } while (when != SEAL_CLOSING);
    return NULL;
}

struct sealer *sealer_new(struct retriever *r)
{
    struct sealer *s = mem_calloc(1, sizeof *s);
    pthread_condattr_t monotonic;

    s->r = r;
    s->epochs = map_new();
    pthread_mutex_init(&s->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

void sealer_start(struct sealer *s)
{
    thread_start(&s->thread, "seal", seal_main, s);
    s->started = true;
}

void sealer_knows(struct sealer *s, const struct name *name, uint64_t epoch)
{
    map_put(s->epochs, name->bytes, name->n, epoch);
}

void sealer_wake(struct sealer *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->mu);
    s->changed = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
}

void sealer_collection_gone(struct sealer *s, int64_t collection)
{
    if (s)
        manifest_sweep(s->r->index_dir, collection, "", NULL);
}

void sealer_free(struct sealer *s)
{
    if (!s)
        return;
    if (s->started) {
        pthread_mutex_lock(&s->mu);
        s->closing = true;
        pthread_cond_signal(&s->wake);
        pthread_mutex_unlock(&s->mu);
        pthread_join(s->thread, NULL);
    }
    map_free(s->epochs);
    pthread_mutex_destroy(&s->mu);
    pthread_cond_destroy(&s->wake);
    mem_free(s);
}
