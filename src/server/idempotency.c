#include "server/idempotency.h"

#include <pthread.h>

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

struct entry {
    struct entry *older, *newer;
    struct digest name, content;
    int64_t began_ms;
    bool finished;
    int status, rc;
    size_t n_lines, n_body;
    char *bytes; /* lines, then body */
};

struct idempotency {
    size_t entries_max, bytes_max;
    pthread_mutex_t mu; /* guards the fields below */
    struct map *by_name;
    struct entry *oldest, *newest; /* by began_ms, so the first to expire comes first */
    size_t n_bytes;
};

struct idempotency *idempotency_new(size_t entries_max, size_t bytes_max)
{
    struct idempotency *t = mem_calloc(1, sizeof *t);

    t->entries_max = entries_max;
    t->bytes_max = bytes_max;
    pthread_mutex_init(&t->mu, NULL);
    t->by_name = map_new();
    return t;
}

/* ---- the key ---- */

static int bad_key(void)
{
    return FAIL(ERR_FORMAT,
                "Idempotency-Key must be 1 to %d visible ASCII characters, best in double quotes",
                IDEMPOTENCY_KEY_MAX);
}

int idempotency_key(struct str value, struct arena *mem, struct str *out)
{
    bool quoted = value.n && value.p[0] == '"';
    char *p = arena_alloc(mem, value.n + 1);
    size_t n = 0, i;

    for (i = quoted; i < value.n && !(quoted && value.p[i] == '"'); i++) {
        unsigned char c = (unsigned char)value.p[i];

        if (quoted && c == '\\' && ++i < value.n) {
            c = (unsigned char)value.p[i];
            if (c != '"' && c != '\\')
                return bad_key();
        } else if (c < (quoted ? 0x20 : 0x21) || c > 0x7e || (!quoted && (c == '"' || c == ','))) {
            return bad_key();
        }
        p[n++] = (char)c;
    }
    if ((quoted && i + 1 != value.n) || n == 0 || n > IDEMPOTENCY_KEY_MAX)
        return bad_key();
    *out = (struct str){p, n};
    return ERR_OK;
}

/* ---- entries ---- */

static struct entry *find_locked(const struct idempotency *t, const struct digest *name)
{
    uint64_t at = 0;

    map_get(t->by_name, name->b, DIGEST_BYTES, &at);
    return (struct entry *)(uintptr_t)at;
}

static void forget_locked(struct idempotency *t, struct entry *e)
{
    *(e->older ? &e->older->newer : &t->oldest) = e->newer;
    *(e->newer ? &e->newer->older : &t->newest) = e->older;
    map_remove(t->by_name, e->name.b, DIGEST_BYTES);
    t->n_bytes -= e->n_lines + e->n_body;
    mem_free(e->bytes);
    mem_free(e);
}

/* One that is under way is kept: whoever works on it comes back for it. */
static void make_room_locked(struct idempotency *t)
{
    struct entry *e = t->oldest, *next;

    for (; e && (map_count(t->by_name) > t->entries_max || t->n_bytes > t->bytes_max); e = next) {
        next = e->newer;
        if (e->finished)
            forget_locked(t, e);
    }
}

static void expire_locked(struct idempotency *t, int64_t now_ms)
{
    struct entry *e = t->oldest, *next;

    for (; e && now_ms - e->began_ms >= IDEMPOTENCY_TTL_MS; e = next) {
        next = e->newer;
        if (e->finished)
            forget_locked(t, e);
    }
}

static void add_locked(struct idempotency *t, const struct digest *name,
                       const struct digest *content, int64_t now_ms)
{
    struct entry *e = mem_calloc(1, sizeof *e);

    *e = (struct entry){.name = *name, .content = *content, .began_ms = now_ms, .older = t->newest};
    *(t->newest ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
    map_put(t->by_name, name->b, DIGEST_BYTES, (uint64_t)(uintptr_t)e);
    make_room_locked(t);
}

static int replay_locked(const struct entry *e, const struct digest *content, struct arena *mem,
                         struct kept_reply *out)
{
    char *bytes;

    if (!digest_eq(&e->content, content))
        return FAIL(ERR_MISMATCH, "this Idempotency-Key came with another request before");
    if (!e->finished)
        return FAIL(ERR_EXISTS, "the first request with this Idempotency-Key is still under way");
    bytes = arena_dup(mem, e->bytes, e->n_lines + e->n_body);
    *out = (struct kept_reply){.status = e->status,
                               .lines = {bytes, e->n_lines},
                               .body = {bytes + e->n_lines, e->n_body},
                               .rc = e->rc};
    return 1;
}

int idempotency_begin(struct idempotency *t, const struct digest *name,
                      const struct digest *content, int64_t now_ms, struct arena *mem,
                      struct kept_reply *out)
{
    int rc = 0;
    const struct entry *e;

    pthread_mutex_lock(&t->mu);
    expire_locked(t, now_ms);
    e = find_locked(t, name);
    if (e)
        rc = replay_locked(e, content, mem, out);
    else
        add_locked(t, name, content, now_ms);
    pthread_mutex_unlock(&t->mu);
    return rc;
}

static void keep_locked(struct idempotency *t, struct entry *e, const struct kept_reply *reply)
{
    e->finished = true;
    e->status = reply->status;
    e->rc = reply->rc;
    e->n_lines = reply->lines.n;
    e->n_body = reply->body.n;
    e->bytes = mem_alloc(e->n_lines + e->n_body + 1);
    if (e->n_lines)
        memcpy(e->bytes, reply->lines.p, e->n_lines);
    if (e->n_body)
        memcpy(e->bytes + e->n_lines, reply->body.p, e->n_body);
    t->n_bytes += e->n_lines + e->n_body;
    make_room_locked(t);
}

void idempotency_end(struct idempotency *t, const struct digest *name,
                     const struct kept_reply *reply)
{
    struct entry *e;

    pthread_mutex_lock(&t->mu);
    e = find_locked(t, name);
    CHECK(e);
    CHECK(!e->finished);
    if (reply && reply->lines.n + reply->body.n <= IDEMPOTENCY_REPLY_MAX)
        keep_locked(t, e, reply);
    else
        forget_locked(t, e);
    pthread_mutex_unlock(&t->mu);
}

void idempotency_free(struct idempotency *t)
{
    if (!t)
        return;
    while (t->oldest)
        forget_locked(t, t->oldest);
    map_free(t->by_name);
    pthread_mutex_destroy(&t->mu);
    mem_free(t);
}
