#include "engine/adapters.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#define FILE_BYTES_MAX ((size_t)4 * ADAPTER_DIM_MAX * ADAPTER_DIM_MAX + 4096)

struct adapters {
    struct adapters_options o;
    bool is_auto;
    struct adapter *everywhere; /* of a PATH; never changes */
    atomic_uint_fast64_t n_changes;
    pthread_mutex_t mu; /* guards the fields below */
    struct map *own;    /* "tenant\0collection" -> struct adapter */
};

static struct buf key_of(const char *tenant, const char *collection)
{
    struct buf key;

    buf_init(&key);
    buf_add(&key, tenant, strlen(tenant) + 1);
    buf_add_str(&key, collection);
    return key;
}

char *adapter_path(const char *data_dir, const char *tenant, const char *collection)
{
    struct buf path, key = key_of(tenant, collection);

    buf_init(&path);
    buf_addf(&path, "%s/adapters/adapter-%016llx.bin", data_dir,
             (unsigned long long)hash64_stable(key.p, key.n));
    buf_done(&key);
    return buf_take(&path);
}

static int read_file(struct adapter **out, const char *path)
{
    int rc = ERR_OK;
    struct buf bytes;

    buf_init(&bytes);
    TRY(file_read(path, FILE_BYTES_MAX, &bytes));
    TRY(adapter_read(out, buf_view(&bytes), path));
out:
    buf_done(&bytes);
    return rc;
}

static bool fits(const struct adapter *a, const struct embedder *model)
{
    struct digest fingerprint = embedder_fingerprint(model);

    return digest_eq(&adapter_origin(a)->model, &fingerprint) &&
           adapter_dim(a) == embedder_info(model)->dim;
}

static int check_fits(const struct adapter *a, const char *path, const struct embedder *model)
{
    if (!fits(a, model))
        return FAIL(ERR_FORMAT, "'%s' was fitted to another model; `ragd tune` fits one to '%s'",
                    path, embedder_info(model)->name);
    return ERR_OK;
}

int adapter_open_file(struct adapter **out, const char *path, const struct embedder *embedder)
{
    int rc = ERR_OK;
    struct adapter *a = NULL;

    TRY(read_file(&a, path));
    TRY(check_fits(a, path, embedder));
    *out = a;
    a = NULL; /* handed over */
out:
    adapter_unref(a);
    return rc;
}

/* The adapter that is now in force (its reference is taken); NULL: none. */
static void put(struct adapters *s, const char *tenant, const char *collection, struct adapter *a)
{
    struct buf key = key_of(tenant, collection);
    struct adapter *old;
    uint64_t *at;
    bool added;

    pthread_mutex_lock(&s->mu);
    at = map_slot(s->own, key.p, key.n, 0, &added);
    old = (struct adapter *)(uintptr_t)*at;
    *at = (uint64_t)(uintptr_t)a;
    pthread_mutex_unlock(&s->mu);
    atomic_fetch_add(&s->n_changes, 1);
    adapter_unref(old);
    buf_done(&key);
}

uint64_t adapters_changes(const struct adapters *s)
{
    return atomic_load(&s->n_changes);
}

/* ---- opening ---- */

/* That of another model is told of and kept, should the model become that one. */
static int load_file(struct adapters *s, const struct collection_row *row, const char *path)
{
    int rc = ERR_OK;
    struct adapter *a = NULL;

    TRY(read_file(&a, path));
    if (adapter_origin(a)->collection != row->id) {
        rc = FAIL(ERR_FORMAT, "'%s' was fitted to another collection", path);
        goto out;
    }
    rc = check_fits(a, path, s->o.embedder);
    put(s, row->tenant, row->name, a);
    a = NULL; /* handed over */
out:
    adapter_unref(a);
    return rc;
}

static int load(void *arg, const struct collection_row *row)
{
    struct adapters *s = arg;
    char *path = adapter_path(s->o.data_dir, row->tenant, row->name);
    int rc = load_file(s, row, path);

    if (rc < 0 && rc != ERR_NOT_FOUND)
        log_event(LOG_WARN, "adapter", LOG_S("unused", err_text()));
    mem_free(path);
    return ERR_OK;
}

int adapters_open(struct adapters **out, const struct adapters_options *o)
{
    int rc = ERR_OK;
    struct adapters *s = mem_calloc(1, sizeof *s);
    struct store_reader *reader = NULL;

    s->o = *o;
    s->is_auto = strcmp(o->setting, "auto") == 0;
    s->own = map_new();
    pthread_mutex_init(&s->mu, NULL);
    if (s->is_auto) {
        reader = store_reader_get(o->store);
        TRY(store_each_collection(reader, load, s));
    } else if (strcmp(o->setting, "off") != 0) {
        TRY(adapter_open_file(&s->everywhere, o->setting, o->embedder));
    }
    s->o.embedder = NULL; /* not ours any more */
    *out = s;
    s = NULL; /* handed over */
out:
    if (reader)
        store_reader_put(o->store, reader);
    adapters_close(s);
    return rc;
}

void adapters_close(struct adapters *s)
{
    const void *key;
    size_t n;
    uint64_t value;

    if (!s)
        return;
    for (size_t at = 0; map_next(s->own, &at, &key, &n, &value);)
        adapter_unref((struct adapter *)(uintptr_t)value);
    map_free(s->own);
    pthread_mutex_destroy(&s->mu);
    adapter_unref(s->everywhere);
    mem_free(s);
}

/* ---- use ---- */

bool adapters_are_auto(const struct adapters *s)
{
    return s->is_auto;
}

static struct adapter *find_own(struct adapters *s, const char *tenant, const char *collection)
{
    struct adapter *found = NULL;
    struct buf key = key_of(tenant, collection);
    uint64_t value;

    pthread_mutex_lock(&s->mu);
    if (map_get(s->own, key.p, key.n, &value) && value)
        found = adapter_ref((struct adapter *)(uintptr_t)value);
    pthread_mutex_unlock(&s->mu);
    buf_done(&key);
    return found;
}

struct adapter *adapters_get(struct adapters *s, const char *tenant, const char *collection,
                             const struct embedder *model)
{
    struct adapter *found = NULL;

    if (s->is_auto)
        found = find_own(s, tenant, collection);
    else if (s->everywhere)
        found = adapter_ref(s->everywhere);
    if (!found || fits(found, model))
        return found;
    adapter_unref(found);
    return NULL;
}

int adapters_put(struct adapters *s, const char *tenant, const char *collection,
                 struct adapter *adapter)
{
    int rc = ERR_OK;
    struct buf bytes, folder;
    char *path = adapter_path(s->o.data_dir, tenant, collection);

    buf_init(&bytes);
    buf_init(&folder);
    buf_addf(&folder, "%s/adapters", s->o.data_dir);
    adapter_write(adapter, &bytes);
    TRY(file_make_dirs(folder.p));
    TRY(file_write_atomic(path, bytes.p, bytes.n));
    if (s->is_auto)
        put(s, tenant, collection, adapter_ref(adapter));
out:
    buf_done(&folder);
    buf_done(&bytes);
    mem_free(path);
    return rc;
}

int adapters_remove(struct adapters *s, const char *tenant, const char *collection, bool *was_there)
{
    int rc = ERR_OK;
    char *path = adapter_path(s->o.data_dir, tenant, collection);
    bool gone = unlink(path) == 0;

    if (!gone && errno != ENOENT)
        rc = FAIL(ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
    if (rc == ERR_OK && s->is_auto)
        put(s, tenant, collection, NULL);
    if (rc == ERR_OK && was_there)
        *was_there = gone;
    mem_free(path);
    return rc;
}
