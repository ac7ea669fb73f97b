#include "engine/static_encoders.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "embed/pooling.h"
#include "embed/static_fit.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
#define NICENESS       10

/* A collection; they stay until the end, there are as many as were ever named. */
struct entry {
    char *tenant, *collection;
    char *path;
    struct static_encoder *encoder; /* NULL: none */
    uint64_t n_new;                 /* chunks written since its fit */
    bool looked;                    /* for a file; n_new holds from then on */
    bool wanted;                    /* somebody should see whether a fit is due */
};

struct static_encoders {
    struct static_encoders_options o;
    char *folder;
    atomic_bool closing;
    pthread_t thread;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t wake;
    struct map *entries;       /* "tenant\0collection" -> struct entry */
    struct embedder *embedder; /* in force, a reference */
    bool started;
};

struct static_encoders *static_encoders_new(const struct static_encoders_options *o)
{
    struct static_encoders *s = mem_calloc(1, sizeof *s);
    struct buf folder;

    buf_init(&folder);
    buf_addf(&folder, "%s/index", o->data_dir);
    s->o = *o;
    s->embedder = embedder_ref(o->embedder);
    s->folder = buf_take(&folder);
    s->entries = map_new();
    pthread_mutex_init(&s->mu, NULL);
    pthread_cond_init(&s->wake, NULL);
    return s;
}

static void entry_free(struct entry *e)
{
    static_encoder_unref(e->encoder);
    mem_free(e->tenant);
    mem_free(e->collection);
    mem_free(e->path);
    mem_free(e);
}

static struct entry *next_entry(const struct static_encoders *s, size_t *at)
{
    const void *key;
    size_t n;
    uint64_t value;

    return map_next(s->entries, at, &key, &n, &value) ? (struct entry *)(uintptr_t)value : NULL;
}

void static_encoders_free(struct static_encoders *s)
{
    struct entry *e;

    if (!s)
        return;
    pthread_mutex_lock(&s->mu);
    atomic_store(&s->closing, true);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->mu);
    if (s->started)
        pthread_join(s->thread, NULL);
    for (size_t at = 0; (e = next_entry(s, &at));)
        entry_free(e);
    map_free(s->entries);
    embedder_close(s->embedder);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->mu);
    mem_free(s->folder);
    mem_free(s);
}

bool static_encoders_off(const struct static_encoders *s)
{
    return s->o.off;
}

/* ---- entries ---- */

static struct entry *entry_locked(struct static_encoders *s, const char *tenant,
                                  const char *collection)
{
    struct buf key;
    struct entry *e;
    uint64_t *at;
    bool added;

    buf_init(&key);
    buf_add(&key, tenant, strlen(tenant) + 1);
    buf_add_str(&key, collection);
    at = map_slot(s->entries, key.p, key.n, 0, &added);
    if (added) {
        struct buf path;

        buf_init(&path);
        buf_addf(&path, "%s/static-%016llx.bin", s->folder,
                 (unsigned long long)hash64_stable(key.p, key.n));
        e = mem_calloc(1, sizeof *e);
        *e = (struct entry){.tenant = mem_strdup(tenant),
                            .collection = mem_strdup(collection),
                            .path = buf_take(&path)};
        *at = (uint64_t)(uintptr_t)e;
    }
    buf_done(&key);
    return (struct entry *)(uintptr_t)*at;
}

static struct embedder *embedder_now(struct static_encoders *s)
{
    struct embedder *now;

    pthread_mutex_lock(&s->mu);
    now = embedder_ref(s->embedder);
    pthread_mutex_unlock(&s->mu);
    return now;
}

/* The encoder that is now in force (its reference is taken); it has seen n_seen of the new ones.
 * Nothing changes when it was fitted to an embedder that is in force no more (`to` NULL: to none).
 */
static void put(struct static_encoders *s, struct entry *e, struct static_encoder *encoder,
                const struct embedder *to, uint64_t n_seen)
{
    struct static_encoder *old = encoder;

    pthread_mutex_lock(&s->mu);
    if (!to || to == s->embedder) {
        old = e->encoder;
        e->encoder = encoder;
        e->n_new -= n_seen < e->n_new ? n_seen : e->n_new;
        e->looked = true;
    }
    pthread_mutex_unlock(&s->mu);
    static_encoder_unref(old);
}

static int find_row(struct static_encoders *s, const struct entry *e, struct collection_row *out)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(s->o.store);
    int rc = store_find_collection(reader, e->tenant, e->collection, mem, out);

    store_reader_put(s->o.store, reader);
    out->tenant = e->tenant; /* the rest went with the arena */
    out->name = e->collection;
    out->settings = NULL;
    arena_free(mem);
    return rc;
}

/* ---- the file ---- */

static int check_fit(const struct embedder *embedder, const struct entry *e,
                     const struct collection_row *row, const struct static_encoder *encoder)
{
    struct digest fingerprint = embedder_fingerprint(embedder);
    const struct static_origin *o = static_encoder_origin(encoder);

    if (!digest_eq(&o->fingerprint, &fingerprint) ||
        static_encoder_dim(encoder) != embedder_info(embedder)->dim)
        return FAIL(ERR_NOT_FOUND, "'%s' stands in for another model", e->path); /* reembed */
    if (o->collection != row->id || o->epoch > (uint64_t)row->epoch)
        return FAIL(ERR_FORMAT, "'%s' was fitted to another collection", e->path);
    return ERR_OK;
}

static int read_file(struct static_encoders *s, const struct entry *e,
                     const struct collection_row *row, struct static_encoder **out)
{
    int rc = ERR_OK;
    struct buf bytes;
    struct static_encoder *encoder = NULL;
    struct embedder *embedder = embedder_now(s);

    buf_init(&bytes);
    TRY(file_read(e->path, FILE_BYTES_MAX, &bytes));
    TRY(static_encoder_read(&encoder, buf_view(&bytes), e->path));
    TRY(check_fit(embedder, e, row, encoder));
    *out = encoder;
    encoder = NULL; /* handed over */
out:
    embedder_close(embedder);
    static_encoder_unref(encoder);
    buf_done(&bytes);
    return rc;
}

static int count_new(struct static_encoders *s, const struct collection_row *row,
                     const struct static_encoder *encoder, uint64_t *n_new)
{
    struct store_reader *reader = store_reader_get(s->o.store);
    int rc =
        store_count_chunks_since(reader, row->id, static_encoder_origin(encoder)->fitted_ms, n_new);

    store_reader_put(s->o.store, reader);
    return rc;
}

/* Once for each collection: what an earlier process left. */
static void look(struct static_encoders *s, struct entry *e)
{
    struct collection_row row;
    struct static_encoder *encoder = NULL;
    uint64_t n_new = 0;
    int rc = find_row(s, e, &row);

    if (rc == ERR_OK)
        rc = read_file(s, e, &row, &encoder);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        log_event(LOG_WARN, "static encoder", LOG_S("unused", err_text()));
    if (encoder && count_new(s, &row, encoder, &n_new) < 0)
        n_new = static_encoder_origin(encoder)->n_chunks; /* not known: a fit is due */
    pthread_mutex_lock(&s->mu);
    if (!e->looked) { /* else somebody was faster, and may have fitted a newer one */
        e->encoder = encoder;
        e->n_new = n_new;
        e->looked = true;
        encoder = NULL; /* handed over */
    }
    pthread_mutex_unlock(&s->mu);
    static_encoder_unref(encoder);
}

static int write_file(struct static_encoders *s, const struct entry *e,
                      const struct static_encoder *encoder)
{
    int rc = ERR_OK;
    struct buf bytes;

    buf_init(&bytes);
    TRY(file_make_dirs(s->folder));
    static_encoder_write(encoder, &bytes);
    TRY(file_write_atomic(e->path, bytes.p, bytes.n));
out:
    buf_done(&bytes);
    return rc;
}

/* ---- fitting ---- */

struct collector {
    const struct static_encoders *s;
    const struct embedder *embedder;
    struct store_reader *reader; /* for vectors, while another walks the chunks */
    struct digest fingerprint;
    struct static_samples *samples;
    struct token *tokens; /* [max_tokens] */
    struct arena *mem;    /* of one chunk */
    const atomic_bool *cancel;
    size_t i, step;       /* every step-th chunk */
    size_t sentence_step; /* of the chunks, for their sentences */
};

static bool stopped(const struct static_encoders *s, const atomic_bool *cancel)
{
    return atomic_load(&s->closing) || (cancel && atomic_load(cancel));
}

/* Sentences were cut out of the chunk's own tokens when it was embedded: the same again. */
static void add_sentences(struct collector *c, struct str text, const struct vector_row *row,
                          size_t n_tokens)
{
    struct span spans[SENTENCES_PER_CHUNK_MAX];
    size_t n = sentence_split(text, spans, SENTENCES_PER_CHUNK_MAX), from = 0;
    float *target = arena_alloc(c->mem, row->dim * sizeof *target);

    for (size_t i = 0; n == row->n_sentences && i < n; i++) {
        size_t count = span_tokens(c->tokens, n_tokens, spans[i], 0, from, &from);

        for (size_t j = 0; j < row->dim; j++)
            target[j] = (float)row->sentence_vectors[i * row->dim + j] / 127;
        static_samples_add(c->samples, c->tokens + from, count, target);
        from += count;
    }
}

/* Places of tokens count from the text's first byte: the model's prefix is no part of it. */
static int add_chunk(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                     const float *vector, uint32_t dim)
{
    struct collector *c = arg;
    const struct embedder_info *info = embedder_info(c->embedder);
    struct vector_row row;
    size_t i, n;

    (void)doc;
    if (stopped(c->s, c->cancel))
        return FAIL(ERR_CANCELLED, "fitting a static encoder was cancelled");
    i = c->i++;
    if (i % c->step || !vector || dim != info->dim)
        return ERR_OK;
    n = wordpiece_encode(embedder_tokenizer(c->embedder), chunk->text, c->tokens, info->max_tokens,
                         NULL);
    static_samples_add(c->samples, c->tokens + 1, n - 2, vector);
    arena_reset(c->mem);
    if (i % c->sentence_step)
        return ERR_OK;
    if (store_find_vector(c->reader, &c->fingerprint, &chunk->text_hash, c->mem, &row) == ERR_OK &&
        row.dim == dim)
        add_sentences(c, chunk->text, &row, n);
    return ERR_OK;
}

/* Every n-th of so many is taken, so that they are at most `most`. */
static size_t steps(size_t n, size_t most)
{
    return n ? (n + most - 1) / most : 1;
}

static int collect(struct collector *c, const struct collection_row *row)
{
    struct store *store = c->s->o.store;
    struct store_reader *walker = store_reader_get(store);
    int rc;

    c->reader = store_reader_get(store);
    c->step = steps((size_t)row->n_chunks, STATIC_CHUNKS_FIT);
    c->sentence_step = steps((size_t)row->n_chunks, STATIC_SENTENCES_FIT);
    c->sentence_step = c->sentence_step / c->step * c->step;
    rc = store_each_chunk(walker, row->id, &c->fingerprint, add_chunk, c);
    store_reader_put(store, c->reader);
    store_reader_put(store, walker);
    return rc;
}

static int make(struct static_encoders *s, const struct embedder *embedder,
                const struct collection_row *row, struct pool *pool, const atomic_bool *cancel,
                struct static_encoder **out)
{
    int rc = ERR_OK;
    const struct embedder_info *info = embedder_info(embedder);
    struct static_origin origin = {.fingerprint = embedder_fingerprint(embedder),
                                   .collection = row->id,
                                   .epoch = (uint64_t)row->epoch,
                                   .n_chunks = (uint64_t)row->n_chunks,
                                   .fitted_ms = clock_wall_ms()};
    struct collector c = {.s = s,
                          .embedder = embedder,
                          .fingerprint = origin.fingerprint,
                          .samples = static_samples_new(info->vocab_size, info->dim),
                          .tokens = mem_calloc(info->max_tokens, sizeof *c.tokens),
                          .mem = arena_new(0),
                          .cancel = cancel};

    TRY(collect(&c, row));
    TRY(static_fit(c.samples, &origin, pool, cancel ? cancel : &s->closing, out));
out:
    arena_free(c.mem);
    mem_free(c.tokens);
    static_samples_free(c.samples);
    return rc;
}

static bool is_due(const struct collection_row *row, const struct static_encoder *encoder,
                   uint64_t n_new)
{
    const struct static_origin *o = encoder ? static_encoder_origin(encoder) : NULL;

    if (row->n_chunks < STATIC_CHUNKS_MIN)
        return false;
    return !o || o->collection != row->id || n_new * 10 >= o->n_chunks;
}

/* Chunks that come meanwhile count towards the next. */
static int refit(struct static_encoders *s, struct entry *e, const struct collection_row *row,
                 struct pool *pool, const atomic_bool *cancel)
{
    int rc = ERR_OK;
    uint64_t since = clock_ns(), n_seen;
    struct static_encoder *made = NULL;
    struct embedder *embedder = embedder_now(s);
    struct collection_row after;

    pthread_mutex_lock(&s->mu);
    n_seen = e->n_new;
    pthread_mutex_unlock(&s->mu);
    TRY(make(s, embedder, row, pool, cancel, &made));
    log_event(LOG_INFO, "static encoder", LOG_S("collection", e->collection),
              LOG_I("chunks", row->n_chunks), LOG_I("bytes", static_encoder_bytes(made)),
              LOG_MS("ms", clock_ns() - since));
    rc = write_file(s, e, made); /* without the file it still serves this process */
    put(s, e, made, embedder, n_seen);
    if (find_row(s, e, &after) < 0 || after.id != row->id) /* dropped meanwhile */
        static_encoders_dropped(s, e->tenant, e->collection);
out:
    embedder_close(embedder);
    return rc;
}

static int see_to(struct static_encoders *s, struct entry *e, struct pool *pool,
                  const atomic_bool *cancel)
{
    int rc = ERR_OK;
    struct collection_row row;
    bool due, looked;

    pthread_mutex_lock(&s->mu);
    looked = e->looked;
    pthread_mutex_unlock(&s->mu);
    if (!looked)
        look(s, e);
    rc = find_row(s, e, &row);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(rc);
    pthread_mutex_lock(&s->mu);
    due = is_due(&row, e->encoder, e->n_new);
    pthread_mutex_unlock(&s->mu);
    if (due)
        TRY(refit(s, e, &row, pool, cancel));
out:
    return rc;
}

/* One that somebody should look at, marked as looked at; NULL: none. */
static struct entry *take_wanted_locked(struct static_encoders *s)
{
    struct entry *e;

    for (size_t at = 0; (e = next_entry(s, &at));)
        if (e->wanted) {
            e->wanted = false;
            return e;
        }
    return NULL;
}

static void see_to_wanted(struct static_encoders *s, struct pool *pool, const atomic_bool *cancel)
{
    struct entry *e;
    int rc;

    do {
        pthread_mutex_lock(&s->mu);
        e = stopped(s, cancel) ? NULL : take_wanted_locked(s);
        pthread_mutex_unlock(&s->mu);
        rc = e ? see_to(s, e, pool, cancel) : ERR_OK;
        if (rc < 0 && rc != ERR_CANCELLED)
            log_event(LOG_WARN, "static encoder", LOG_S("collection", e->collection),
                      LOG_S("failed", err_text()));
    } while (e);
}

/* ---- the thread ---- */

static bool anything_wanted_locked(const struct static_encoders *s)
{
    struct entry *e;

    for (size_t at = 0; (e = next_entry(s, &at));)
        if (e->wanted)
            return true;
    return false;
}

static void *thread_main(void *arg)
{
    struct static_encoders *s = arg;

    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS); /* of this thread alone, on Linux */
    while (!atomic_load(&s->closing)) {
        see_to_wanted(s, NULL, NULL);
        pthread_mutex_lock(&s->mu);
        while (!atomic_load(&s->closing) && !anything_wanted_locked(s))
            pthread_cond_wait(&s->wake, &s->mu);
        pthread_mutex_unlock(&s->mu);
    }
    return NULL;
}

static int want(void *arg, const struct collection_row *row)
{
    static_encoders_changed(arg, row->tenant, row->name, 0);
    return ERR_OK;
}

void static_encoders_start(struct static_encoders *s)
{
    struct store_reader *reader;

    if (s->o.off || s->started)
        return;
    reader = store_reader_get(s->o.store);
    if (store_each_collection(reader, want, s) < 0)
        log_event(LOG_WARN, "static encoder", LOG_S("failed", err_text()));
    store_reader_put(s->o.store, reader);
    pthread_mutex_lock(&s->mu);
    s->started = pthread_create(&s->thread, NULL, thread_main, s) == 0;
    if (s->started)
        pthread_setname_np(s->thread, "static-fit");
    pthread_mutex_unlock(&s->mu);
}

/* ---- for the two paths ---- */

struct static_encoder *static_encoders_get(struct static_encoders *s, const char *tenant,
                                           const char *collection)
{
    struct static_encoder *found;
    struct entry *e;
    bool looked;

    if (s->o.off)
        return NULL;
    pthread_mutex_lock(&s->mu);
    e = entry_locked(s, tenant, collection);
    looked = e->looked;
    pthread_mutex_unlock(&s->mu);
    if (!looked)
        look(s, e);
    pthread_mutex_lock(&s->mu);
    found = e->encoder ? static_encoder_ref(e->encoder) : NULL;
    pthread_mutex_unlock(&s->mu);
    return found;
}

void static_encoders_changed(struct static_encoders *s, const char *tenant, const char *collection,
                             size_t n_chunks)
{
    struct entry *e;

    if (s->o.off)
        return;
    pthread_mutex_lock(&s->mu);
    e = entry_locked(s, tenant, collection);
    e->n_new += n_chunks;
    if (!e->looked || !e->encoder || e->n_new * 10 >= static_encoder_origin(e->encoder)->n_chunks) {
        e->wanted = true;
        pthread_cond_signal(&s->wake);
    }
    pthread_mutex_unlock(&s->mu);
}

void static_encoders_dropped(struct static_encoders *s, const char *tenant, const char *collection)
{
    struct entry *e;

    pthread_mutex_lock(&s->mu);
    e = entry_locked(s, tenant, collection);
    pthread_mutex_unlock(&s->mu);
    put(s, e, NULL, NULL, UINT64_MAX);
    if (unlink(e->path) < 0 && errno != ENOENT)
        log_event(LOG_WARN, "static encoder", LOG_S("path", e->path),
                  LOG_S("failed", strerror(errno)));
}

static void forget_locked(struct entry *e)
{
    static_encoder_unref(e->encoder);
    e->encoder = NULL;
    e->looked = true; /* its file is of the old model */
    e->wanted = true;
}

void static_encoders_take_model(struct static_encoders *s, struct embedder *next)
{
    struct embedder *old;
    struct entry *e;

    pthread_mutex_lock(&s->mu);
    old = s->embedder;
    s->embedder = embedder_ref(next);
    for (size_t at = 0; (e = next_entry(s, &at));)
        forget_locked(e);
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
    embedder_close(old);
}

void static_encoders_settle(struct static_encoders *s, const atomic_bool *cancel)
{
    bool started;

    pthread_mutex_lock(&s->mu);
    started = s->started;
    pthread_mutex_unlock(&s->mu);
    if (!started)
        see_to_wanted(s, s->o.pool, cancel);
}
