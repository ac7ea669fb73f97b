#include "engine/keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "index/filter.h"
#include "store/store_keys.h"

#define SECRET_BYTES 32

struct entry {
    struct digest hash;
    struct caller *caller;
};

struct table {
    struct entry *entries;
    size_t n, cap;
    struct map *by_hash; /* -> index of the entry */
    bool needed;         /* there is a row, revoked ones included */
};

struct keys {
    struct store *store;
    struct caller *operator_;
    atomic_uint_fast64_t version;
    pthread_mutex_t mu; /* guards the field below */
    struct table *table;
};

/* ---- the table ---- */

static void table_free(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        caller_unref(t->entries[i].caller);
    map_free(t->by_hash);
    mem_free(t->entries);
    mem_free(t);
}

/* A row that cannot be read opens nothing, and others go on. */
static int take_row(void *arg, const struct key_row *row)
{
    struct table *t = arg;
    struct caller *c;

    t->needed = true;
    if (row->revoked_ms)
        return ERR_OK;
    if (caller_of_row(&c, row) < 0) {
        log_event(LOG_WARN, "key_not_usable", LOG_I("key", row->id), LOG_S("reason", err_text()));
        return ERR_OK;
    }
    t->entries = mem_grow(t->entries, &t->cap, t->n + 1, sizeof *t->entries);
    t->entries[t->n] = (struct entry){row->hash, c};
    map_put(t->by_hash, row->hash.b, DIGEST_BYTES, t->n++);
    return ERR_OK;
}

static int read_table(struct store_reader *reader, struct table **out)
{
    struct table *t = mem_calloc(1, sizeof *t);
    int rc;

    t->by_hash = map_new();
    rc = store_each_key(reader, take_row, t);
    if (rc < 0)
        table_free(t);
    else
        *out = t;
    return rc;
}

static void replace_table(struct keys *k, struct table *t)
{
    struct table *old;

    pthread_mutex_lock(&k->mu);
    old = k->table;
    k->table = t;
    pthread_mutex_unlock(&k->mu);
    atomic_fetch_add(&k->version, 1);
    table_free(old);
}

int keys_open(struct keys **out, struct store *s, const char *tenant)
{
    int rc = ERR_OK;
    struct store_reader *reader = store_reader_get(s);
    struct table *t = NULL;
    struct keys *k = NULL;

    TRY(read_table(reader, &t));
    k = mem_calloc(1, sizeof *k);
    pthread_mutex_init(&k->mu, NULL);
    k->store = s;
    k->operator_ = caller_operator(tenant);
    k->table = t;
    *out = k;
out:
    store_reader_put(s, reader);
    return rc;
}

void keys_close(struct keys *k)
{
    if (!k)
        return;
    table_free(k->table);
    caller_unref(k->operator_);
    pthread_mutex_destroy(&k->mu);
    mem_free(k);
}

/* ---- who asks ---- */

bool keys_needed(struct keys *k)
{
    bool needed;

    pthread_mutex_lock(&k->mu);
    needed = k->table->needed;
    pthread_mutex_unlock(&k->mu);
    return needed;
}

uint64_t keys_version(const struct keys *k)
{
    return atomic_load(&k->version);
}

struct caller *keys_operator(struct keys *k)
{
    return caller_ref(k->operator_);
}

static struct caller *find_locked(const struct table *t, const struct digest *hash, int64_t now_ms)
{
    const struct entry *e;
    uint64_t i;

    if (!map_get(t->by_hash, hash->b, DIGEST_BYTES, &i))
        return NULL;
    e = &t->entries[i];
    if (CRYPTO_memcmp(e->hash.b, hash->b, DIGEST_BYTES) != 0)
        return NULL;
    if (e->caller->expires_ms && now_ms >= e->caller->expires_ms)
        return NULL;
    return caller_ref(e->caller);
}

struct caller *keys_find(struct keys *k, struct str key, int64_t now_ms)
{
    struct digest hash;
    struct caller *c;

    if (key.n != KEY_TEXT_BYTES - 1)
        return NULL;
    hash = digest_of(key.p, key.n);
    pthread_mutex_lock(&k->mu);
    c = find_locked(k->table, &hash, now_ms);
    pthread_mutex_unlock(&k->mu);
    return c;
}

/* ---- adding and revoking ---- */

/* RFC 4648, section 5, without padding: 43 characters of 32 bytes. */
static void write_base64url(const unsigned char *bytes, size_t n, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, n_bits = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            buf_add_char(out, digits[bits >> (n_bits - 6) & 63]);
    }
    if (n_bits)
        buf_add_char(out, digits[bits << (6 - n_bits) & 63]);
}

static void make_text(char text[KEY_TEXT_BYTES])
{
    unsigned char secret[SECRET_BYTES];
    struct buf b = {0};
    ssize_t n;

    do
        n = getrandom(secret, sizeof secret, 0);
    while (n < 0 && errno == EINTR);
    CHECK(n == (ssize_t)sizeof secret);
    buf_add_str(&b, KEY_PREFIX);
    write_base64url(secret, sizeof secret, &b);
    CHECK(b.n == KEY_TEXT_BYTES - 1);
    memcpy(text, b.p, KEY_TEXT_BYTES - 1);
    text[KEY_TEXT_BYTES - 1] = '\0';
    OPENSSL_cleanse(secret, sizeof secret);
    OPENSSL_cleanse(b.p, b.n);
    buf_done(&b);
}

static int canonical_filter(const char *text, struct arena *mem, const char **out)
{
    int rc = ERR_OK;
    struct filter *filter = NULL;

    if (text && *text)
        TRY(filter_from_text(&filter, str_of(text), mem));
    *out = filter_canonical(filter, mem);
out:
    return rc;
}

/* One change of the rows, and the table that stands after it. The writer runs one at a time, so no
 * older table ever takes the place of a newer one. */
struct change {
    struct keys *keys;
    struct key_row *row; /* to be added; NULL: revoke */
    int64_t id;
    bool *was;
    struct table *table;
};

static int write_change(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct change *c = arg;

    table_free(c->table); /* of a try whose transaction did not stand */
    c->table = NULL;
    if (c->row)
        TRY(store_tx_add_key(tx, c->row));
    else
        TRY(store_tx_revoke_key(tx, c->id, clock_wall_ms(), c->was));
    TRY(read_table(store_tx_reader(tx), &c->table));
out:
    return rc;
}

static void change_published(void *arg)
{
    struct change *c = arg;

    replace_table(c->keys, c->table);
    c->table = NULL;
}

static int apply(struct change *c)
{
    int rc = store_write(c->keys->store, write_change, change_published, c);

    table_free(c->table);
    return rc;
}

int keys_add(struct keys *k, const struct key_spec *spec, char text[KEY_TEXT_BYTES], int64_t *id)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct caller *checked = NULL;
    struct key_row row = {
        .name = spec->name ? spec->name : "",
        .tenant = spec->tenant,
        .role = spec->role,
        .collections = spec->collections ? spec->collections : "",
        .requests_per_minute = spec->limits.requests_per_minute,
        .tokens_per_minute = spec->limits.tokens_per_minute,
        .tokens_per_day = spec->limits.tokens_per_day,
        .concurrency = spec->limits.concurrency,
        .created_ms = clock_wall_ms(),
        .expires_ms = spec->expires_ms,
    };
    char made[KEY_TEXT_BYTES];

    TRY(canonical_filter(spec->filter, mem, &row.filter));
    TRY(caller_of_row(&checked, &row));
    make_text(made);
    row.hash = digest_of(made, KEY_TEXT_BYTES - 1);
    TRY(apply(&(struct change){.keys = k, .row = &row}));
    memcpy(text, made, KEY_TEXT_BYTES);
    *id = row.id;
out:
    caller_unref(checked);
    OPENSSL_cleanse(made, sizeof made);
    arena_free(mem);
    return rc;
}

int keys_revoke(struct keys *k, int64_t id, bool *was)
{
    return apply(&(struct change){.keys = k, .id = id, .was = was});
}
