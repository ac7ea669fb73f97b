#include "cache/shared_answers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define PURGE_BATCH 1000 /* answers that one script deletes: a millisecond of Redis's */
/* Scripts of one purge. What is left waits for the next refresh, and a server that never says that
 * there is no more does not keep us. */
#define PURGE_ROUNDS_MAX 1000
#define CLEAR_BATCH      1000 /* keys that one script looks at */
#define TEXT(x)          TEXT_(x)
#define TEXT_(x)         #x

struct shared_answers {
    struct redis *redis;
    char prefix[64]; /* "ragd:{UUID}:" */
    atomic_int_fast64_t ticket;
    atomic_uint_fast64_t n_hits, n_misses, n_damaged, n_stored, n_refused, n_purged;
    pthread_mutex_t mu;  /* guards the fields below */
    struct map *pending; /* a document's digest -> which call wanted it purged */
    uint64_t n_wanted;
    bool pending_all; /* too many were pending: everything is to go */
};

/* ---- scripts: one round trip each. KEYS[1] is :p, ARGV[1] where a new counter begins. ---- */

#define COUNTER                                                                                    \
    "local s = tonumber(redis.call('HGET', KEYS[1], 's')) "                                        \
    "local n = tonumber(redis.call('HGET', KEYS[1], 'n')) "                                        \
    "if not s or not n then "                                                                      \
    "  redis.call('DEL', KEYS[1]) "                                                                \
    "  redis.call('HSET', KEYS[1], 's', ARGV[1], 'n', ARGV[1]) "                                   \
    "  s, n = tonumber(ARGV[1]), tonumber(ARGV[1]) "                                               \
    "end "

static const char look_script[] = COUNTER "return n";

/* KEYS: the answer, sets of its documents. ARGV: ticket, life, value, prompt. The counter, negative
 * when it was refused. */
static const char put_script[] =
    COUNTER "local ticket, life = tonumber(ARGV[2]), tonumber(ARGV[3]) "
            "if ticket < s or ticket > n then return -n end "
            "for i = 3, #KEYS do "
            "  local at = tonumber(redis.call('HGET', KEYS[1], KEYS[i])) "
            "  if at and at > ticket then return -n end "
            "end "
            "for i = 3, #KEYS do "
            "  redis.call('SADD', KEYS[i], ARGV[5]) "
            "  if redis.call('PTTL', KEYS[i]) < life then "
            "    redis.call('PEXPIRE', KEYS[i], ARGV[3]) "
            "  end "
            "end "
            "redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[3]) "
            "return n";

/* KEYS: the document's set. ARGV: 1 in the first round, what answers' keys begin with. How many
 * answers it took out of the set; as many as it may: there may be more. Deleting comes first: a
 * Redis that is full runs no script that begins with what may need room, and any other whole. */
static const char purge_script[] = "local prompts = redis.call('SPOP', KEYS[2], " TEXT(
    PURGE_BATCH) ") "
                 "for _, p in ipairs(prompts) do redis.call('DEL', ARGV[3] .. p) end " COUNTER
                 "if ARGV[2] == '1' then "
                 "  n = redis.call('HINCRBY', KEYS[1], 'n', 1) "
                 "  redis.call('HSET', KEYS[1], KEYS[2], n) "
                 "  if redis.call('HLEN', KEYS[1]) > " TEXT(
                     SHARED_PURGED_MAX) " then "
                                        "    redis.call('DEL', KEYS[1]) "
                                        "  end "
                                        "end "
                                        "return #prompts";

/* No KEYS. ARGV: cursor, pattern. The next cursor; 0: the end. */
static const char clear_script[] =
    "local r = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', " TEXT(
        CLEAR_BATCH) ") "
                     "for _, k in ipairs(r[2]) do redis.call('DEL', k) end "
                     "return tonumber(r[1])";

/* Lua's numbers are exact up to 2^53; counters begin below 2^51 and never come to 2^52. */
static struct str counter_start(char room[24])
{
    uint64_t v;

    CHECK(getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v);
    v = (v >> 13) | 1u << 20;
    return (struct str){room, (size_t)snprintf(room, 24, "%" PRIu64, v)};
}

/* ---- making, keys ---- */

struct shared_answers *shared_answers_new(struct redis *r, const char *store_uuid)
{
    struct shared_answers *s = mem_calloc(1, sizeof *s);
    int n = snprintf(s->prefix, sizeof s->prefix, "ragd:{%s}:", store_uuid);

    CHECK(n > 0 && n < (int)sizeof s->prefix);
    s->redis = r;
    s->pending = map_new();
    pthread_mutex_init(&s->mu, NULL);
    return s;
}

void shared_answers_free(struct shared_answers *s)
{
    if (!s)
        return;
    map_free(s->pending);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
}

struct redis *shared_answers_redis(const struct shared_answers *s)
{
    return s->redis;
}

struct str shared_answers_key(const struct shared_answers *s, char kind, const struct digest *hash,
                              char room[SHARED_KEY_MAX])
{
    char hex[DIGEST_HEX];

    digest_hex(hash, hex);
    return (struct str){room,
                        (size_t)snprintf(room, SHARED_KEY_MAX, "%s%c:%s", s->prefix, kind, hex)};
}

static struct str counter_key(const struct shared_answers *s, char room[SHARED_KEY_MAX])
{
    return (struct str){room, (size_t)snprintf(room, SHARED_KEY_MAX, "%sp", s->prefix)};
}

/* ---- tickets ---- */

int64_t shared_answers_ticket(struct shared_answers *s)
{
    return s->ticket;
}

static int look_at_counter(struct shared_answers *s)
{
    int rc = ERR_OK;
    char room[SHARED_KEY_MAX], start[24];
    struct str key = counter_key(s, room), word = counter_start(start);
    int64_t n;

    TRY(redis_eval(s->redis, look_script, &key, 1, &word, 1, &n));
    s->ticket = n;
out:
    return rc;
}

/* ---- answers ---- */

int shared_answers_get(struct shared_answers *s, const struct digest *prompt_hash,
                       const struct shared_scope *scope, int64_t now_ms, struct arena *mem,
                       struct shared_answer *out)
{
    int rc = ERR_OK, found;
    char room[SHARED_KEY_MAX];
    struct buf value;

    buf_init(&value);
    TRY(found = redis_get(s->redis, shared_answers_key(s, 'a', prompt_hash, room), &value));
    if (found) {
        found = shared_value_unpack(buf_view(&value), prompt_hash, scope, now_ms, mem, out);
        s->n_damaged += found == ERR_FORMAT;
        found = found == ERR_OK;
    }
    atomic_fetch_add(found ? &s->n_hits : &s->n_misses, 1);
    rc = found;
out:
    buf_done(&value);
    return rc;
}

/* The put script's words and keys; their text lives in `mem`. */
static size_t put_keys(const struct shared_answers *s, const struct digest *prompt_hash,
                       const struct shared_scope *scope, const struct shared_answer *a,
                       struct arena *mem, struct str *keys)
{
    size_t n = 0;

    keys[n++] = counter_key(s, arena_alloc(mem, SHARED_KEY_MAX));
    keys[n++] = shared_answers_key(s, 'a', prompt_hash, arena_alloc(mem, SHARED_KEY_MAX));
    for (size_t i = 0; i < a->n_documents; i++) {
        struct digest d = shared_scope_digest(scope, a->documents[i]);

        keys[n++] = shared_answers_key(s, 'd', &d, arena_alloc(mem, SHARED_KEY_MAX));
    }
    return n;
}

static int put_value(struct shared_answers *s, const struct digest *prompt_hash,
                     const struct shared_scope *scope, const struct shared_answer *a,
                     int64_t ticket, int64_t life_ms, struct str value)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct str keys[SHARED_DOCUMENTS_MAX + 2], words[5];
    char start[24], hex[DIGEST_HEX];
    size_t n_keys = put_keys(s, prompt_hash, scope, a, mem, keys);
    int64_t n;

    digest_hex(prompt_hash, hex);
    words[0] = counter_start(start);
    words[1] = str_of(arena_printf(mem, "%" PRId64, ticket));
    words[2] = str_of(arena_printf(mem, "%" PRId64, life_ms));
    words[3] = value;
    words[4] = str_of(hex);
    TRY(redis_eval(s->redis, put_script, keys, n_keys, words, 5, &n));
    rc = n > 0;
    s->ticket = n > 0 ? n : -n;
out:
    arena_free(mem);
    return rc;
}

int shared_answers_put(struct shared_answers *s, const struct digest *prompt_hash,
                       const struct shared_scope *scope, const struct shared_answer *answer,
                       int64_t ticket, int64_t now_ms)
{
    int rc = ERR_OK;
    int64_t life_ms = answer->stored_ms + answer->ttl_ms - now_ms;
    struct buf value;

    buf_init(&value);
    TRY(shared_value_pack(prompt_hash, scope, answer, &value));
    if (life_ms > answer->ttl_ms) /* another's clock is ahead of ours */
        life_ms = answer->ttl_ms;
    if (life_ms >= 1)
        TRY(rc = put_value(s, prompt_hash, scope, answer, ticket, life_ms, buf_view(&value)));
    atomic_fetch_add(rc ? &s->n_stored : &s->n_refused, 1);
out:
    buf_done(&value);
    return rc;
}

/* ---- purging ---- */

/* Which call it was that wanted this document purged. */
static uint64_t add_pending(struct shared_answers *s, const struct digest *document)
{
    uint64_t wanted;

    pthread_mutex_lock(&s->mu);
    wanted = ++s->n_wanted;
    map_put(s->pending, document->b, DIGEST_BYTES, wanted);
    if (map_count(s->pending) > SHARED_PENDING_MAX) {
        map_free(s->pending);
        s->pending = map_new();
        s->pending_all = true;
    }
    pthread_mutex_unlock(&s->mu);
    return wanted;
}

/* Unless another call has wanted it again meanwhile. */
static void drop_pending(struct shared_answers *s, const struct digest *document, uint64_t wanted)
{
    uint64_t now;

    pthread_mutex_lock(&s->mu);
    if (map_get(s->pending, document->b, DIGEST_BYTES, &now) && now == wanted)
        map_remove(s->pending, document->b, DIGEST_BYTES);
    pthread_mutex_unlock(&s->mu);
}

static int purge(struct shared_answers *s, const struct digest *document)
{
    int rc = ERR_OK;
    char room[2][SHARED_KEY_MAX], start[24], answers[SHARED_KEY_MAX];
    struct str keys[] = {counter_key(s, room[0]), shared_answers_key(s, 'd', document, room[1])};
    struct str words[] = {counter_start(start), STR_LIT("1"), {answers, 0}};
    int64_t n = PURGE_BATCH;

    words[2].n = (size_t)snprintf(answers, sizeof answers, "%sa:", s->prefix);
    for (int i = 0; n >= PURGE_BATCH; i++) {
        if (i == PURGE_ROUNDS_MAX)
            return FAIL(ERR_UNAVAILABLE, "Redis has more answers of a document than fit one purge");
        TRY(redis_eval(s->redis, purge_script, keys, 2, words, 3, &n));
        s->n_purged += (uint64_t)n;
        words[1] = STR_LIT("0");
    }
out:
    return rc;
}

int shared_answers_purge(struct shared_answers *s, const struct shared_scope *scope,
                         struct str document)
{
    int rc = ERR_OK;
    struct digest d = shared_scope_digest(scope, document);
    uint64_t wanted = add_pending(s, &d);

    TRY(purge(s, &d));
    drop_pending(s, &d, wanted);
out:
    return rc;
}

void shared_answers_purge_later(struct shared_answers *s, const struct shared_scope *scope,
                                struct str document)
{
    struct digest d = shared_scope_digest(scope, document);

    add_pending(s, &d);
}

/* One that waits, the call that wanted it; false: none does. */
static bool next_pending(struct shared_answers *s, struct digest *document, uint64_t *wanted)
{
    const void *key;
    size_t at = 0, n;
    bool found;

    pthread_mutex_lock(&s->mu);
    found = map_next(s->pending, &at, &key, &n, wanted);
    if (found)
        memcpy(document->b, key, DIGEST_BYTES);
    pthread_mutex_unlock(&s->mu);
    return found;
}

static int clear_kind(struct shared_answers *s, char kind)
{
    int rc = ERR_OK;
    char pattern[SHARED_KEY_MAX], cursor[24] = "0";
    struct str words[2];
    int64_t next = -1;

    words[1] =
        (struct str){pattern, (size_t)snprintf(pattern, sizeof pattern, "%s%c:*", s->prefix, kind)};
    while (next != 0) {
        int64_t last = next;

        words[0] = str_of(cursor);
        TRY(redis_eval(s->redis, clear_script, NULL, 0, words, 2, &next));
        if (next == last)
            return FAIL(ERR_UNAVAILABLE, "Redis does not come to an end of its keys");
        snprintf(cursor, sizeof cursor, "%" PRId64, next);
    }
out:
    return rc;
}

/* Answers first: while one is there its documents lead to it. */
int shared_answers_clear(struct shared_answers *s)
{
    int rc = ERR_OK;

    TRY(clear_kind(s, 'a'));
    TRY(clear_kind(s, 'd'));
out:
    return rc;
}

/* Without the counter every ticket is out of date. */
static int forget_all(struct shared_answers *s)
{
    int rc = ERR_OK;
    char room[SHARED_KEY_MAX];

    TRY(redis_delete(s->redis, counter_key(s, room)));
    TRY(shared_answers_clear(s));
out:
    return rc;
}

static int catch_up(struct shared_answers *s)
{
    int rc = ERR_OK;
    struct digest document;
    uint64_t wanted;
    bool all;

    pthread_mutex_lock(&s->mu);
    all = s->pending_all;
    s->pending_all = false;
    pthread_mutex_unlock(&s->mu);
    if (all)
        TRY(forget_all(s));
    all = false;
    while (next_pending(s, &document, &wanted)) {
        TRY(purge(s, &document));
        drop_pending(s, &document, wanted);
    }
out:
    if (all) {
        pthread_mutex_lock(&s->mu);
        s->pending_all = true;
        pthread_mutex_unlock(&s->mu);
    }
    return rc;
}

int shared_answers_refresh(struct shared_answers *s)
{
    int rc = ERR_OK;

    TRY(catch_up(s));
    TRY(look_at_counter(s));
out:
    return rc;
}

void shared_answers_stats_get(struct shared_answers *s, struct shared_answers_stats *out)
{
    *out = (struct shared_answers_stats){.hits = s->n_hits,
                                         .misses = s->n_misses,
                                         .damaged = s->n_damaged,
                                         .stored = s->n_stored,
                                         .refused = s->n_refused,
                                         .purged = s->n_purged};
    pthread_mutex_lock(&s->mu);
    out->pending = map_count(s->pending) + s->pending_all;
    pthread_mutex_unlock(&s->mu);
}
