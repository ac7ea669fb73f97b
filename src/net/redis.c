#include "net/redis.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/breaker.h"
#include "net/redis_conn.h"

#define EXCERPT_MAX 160 /* bytes of a server's own words in our errors */

struct redis {
    struct redis_url url;
    char *shown;
    int timeout_ms;
    struct breaker *breaker;
    atomic_uint_fast64_t n_calls, n_failures, n_refused, n_hits, n_misses;
    pthread_mutex_t mu; /* guards the fields below */
    struct redis_conn *idle[REDIS_IDLE_MAX];
    size_t n_idle;
};

int redis_open(struct redis **out, const char *url, int timeout_ms)
{
    int rc = ERR_OK;
    struct redis_url u;
    struct redis *r;

    CHECK(timeout_ms >= 1);
    TRY(redis_url_read(&u, url));
    r = mem_calloc(1, sizeof *r);
    r->url = u;
    r->shown = redis_url_shown(&u);
    r->timeout_ms = timeout_ms;
    r->breaker = breaker_new();
    pthread_mutex_init(&r->mu, NULL);
    *out = r;
out:
    return rc;
}

void redis_close(struct redis *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_idle; i++)
        redis_conn_close(r->idle[i]);
    breaker_free(r->breaker);
    redis_url_done(&r->url);
    pthread_mutex_destroy(&r->mu);
    mem_free(r->shown);
    mem_free(r);
}

const char *redis_shown(const struct redis *r)
{
    return r->shown;
}

void redis_stats_get(struct redis *r, struct redis_stats *out)
{
    *out = (struct redis_stats){.calls = r->n_calls,
                                .failures = r->n_failures,
                                .refused = r->n_refused,
                                .hits = r->n_hits,
                                .misses = r->n_misses,
                                .open = breaker_is_open(r->breaker)};
}

/* ---- connections ---- */

static struct redis_conn *take_idle(struct redis *r)
{
    struct redis_conn *c;

    pthread_mutex_lock(&r->mu);
    c = r->n_idle ? r->idle[--r->n_idle] : NULL;
    pthread_mutex_unlock(&r->mu);
    return c;
}

/* One that the server has closed meanwhile (a restart) is no failure of the server's. */
static int borrow(struct redis *r, int64_t until_ms, struct redis_conn **out)
{
    struct redis_conn *c;

    while ((c = take_idle(r))) {
        if (redis_conn_is_idle(c)) {
            *out = c;
            return ERR_OK;
        }
        redis_conn_close(c);
    }
    return redis_conn_open(out, &r->url, r->shown, until_ms);
}

static void give_back(struct redis *r, struct redis_conn *c, bool sound)
{
    bool kept = false;

    if (!c)
        return;
    pthread_mutex_lock(&r->mu);
    if (sound && r->n_idle < REDIS_IDLE_MAX) {
        r->idle[r->n_idle++] = c;
        kept = true;
    }
    pthread_mutex_unlock(&r->mu);
    if (!kept)
        redis_conn_close(c);
}

/* ---- one command ---- */

/* What a reply may be, as bits of 1 << REDIS_REPLY_*, and what is read from it. */
struct wish {
    unsigned types;
    const char *status; /* the one that is right */
    int64_t number;     /* out */
    struct buf *text;   /* out */
    bool none;          /* out: nil */
    bool by_sha1;       /* a script is: it may have to be sent whole */
    bool no_script;     /* out: so it has */
};

/* The server's own words on one line; nothing when they might repeat the password. */
static int told_error(const struct redis *r, const redisReply *reply)
{
    char words[EXCERPT_MAX];
    size_t n = reply->len < sizeof words - 1 ? reply->len : sizeof words - 1;

    memcpy(words, reply->str, n);
    words[n] = '\0';
    for (char *p = words; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = ' ';
    if (r->url.password && memmem(reply->str, reply->len, r->url.password, strlen(r->url.password)))
        words[0] = '\0';
    return FAIL(ERR_UNAVAILABLE, "%s: error: %s", r->shown, words);
}

static bool lacks_script(const redisReply *reply, const struct wish *w)
{
    static const char code[] = "NOSCRIPT";

    return w->by_sha1 && reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, code, sizeof code - 1) == 0;
}

static int read_reply(const struct redis *r, const redisReply *reply, struct wish *w)
{
    w->no_script = lacks_script(reply, w);
    if (w->no_script)
        return ERR_OK;
    if (reply->type == REDIS_REPLY_ERROR)
        return told_error(r, reply);
    if (!(w->types & 1u << reply->type))
        return FAIL(ERR_UNAVAILABLE, "%s: a reply of the wrong type (%d)", r->shown, reply->type);
    switch (reply->type) {
    case REDIS_REPLY_STATUS:
        if (strcmp(reply->str, w->status) != 0)
            return FAIL(ERR_UNAVAILABLE, "%s: a status other than %s", r->shown, w->status);
        break;
    case REDIS_REPLY_STRING:
        if (reply->len > REDIS_VALUE_MAX)
            return FAIL(ERR_UNAVAILABLE, "%s: a value of %zu bytes", r->shown, (size_t)reply->len);
        buf_add(w->text, reply->str, (size_t)reply->len);
        break;
    case REDIS_REPLY_NIL: w->none = true; break;
    default: w->number = reply->integer;
    }
    return ERR_OK;
}

static int call_once(struct redis *r, const struct str *words, size_t n, struct wish *w)
{
    int rc = ERR_OK;
    int64_t until_ms = redis_now_ms() + r->timeout_ms;
    struct redis_conn *c = NULL;
    redisReply *reply = NULL;

    TRY(borrow(r, until_ms, &c));
    TRY(redis_conn_call(c, words, n, until_ms, &reply));
    rc = read_reply(r, reply, w);
out:
    give_back(r, c, rc == ERR_OK || (reply && reply->type == REDIS_REPLY_ERROR));
    freeReplyObject(reply);
    return rc;
}

static int check_size(const struct str *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (words[i].n > REDIS_VALUE_MAX)
            return FAIL(ERR_LIMIT, "%zu bytes for Redis are over the limit of %zu", words[i].n,
                        REDIS_VALUE_MAX);
    return ERR_OK;
}

/* Once when it goes and once when it comes; its reason has neither password nor value. */
static void tell(const struct redis *r, enum breaker_change change)
{
    if (change == BREAKER_OPENED)
        log_event(LOG_WARN, "redis_away", LOG_S("url", r->shown), LOG_S("reason", err_text()));
    else if (change == BREAKER_CLOSED)
        log_event(LOG_INFO, "redis_back", LOG_S("url", r->shown));
}

static int call(struct redis *r, const struct str *words, size_t n, struct wish *w)
{
    int rc = ERR_OK;
    int64_t wait_ms;
    enum breaker_pass pass;

    TRY(check_size(words, n));
    pass = breaker_enter(r->breaker, redis_now_ms(), &wait_ms);
    if (pass == BREAKER_REFUSED) {
        r->n_refused++;
        return FAIL(ERR_UNAVAILABLE,
                    "%s failed %d times in a row and is left alone for %" PRId64 " ms", r->shown,
                    BREAKER_FAILURES, wait_ms);
    }
    rc = call_once(r, words, n, w);
    r->n_calls++;
    r->n_failures += rc < 0;
    tell(r, breaker_leave(r->breaker, pass, rc == ERR_OK, redis_now_ms()));
out:
    return rc;
}

/* ---- commands ---- */

#define STATUS (1u << REDIS_REPLY_STATUS)
#define STRING (1u << REDIS_REPLY_STRING)
#define NUMBER (1u << REDIS_REPLY_INTEGER)
#define NONE   (1u << REDIS_REPLY_NIL)

#define COUNT(words) (sizeof(words) / sizeof *(words))

/* A number as a word; the text lives in `room`. */
static struct str number_word(int64_t v, char room[24])
{
    return (struct str){room, (size_t)snprintf(room, 24, "%" PRId64, v)};
}

int redis_ping(struct redis *r)
{
    const struct str words[] = {STR_LIT("PING")};
    struct wish w = {.types = STATUS, .status = "PONG"};

    return call(r, words, COUNT(words), &w);
}

int redis_get(struct redis *r, struct str key, struct buf *out)
{
    int rc = ERR_OK;
    const struct str words[] = {STR_LIT("GET"), key};
    struct wish w = {.types = STRING | NONE, .text = out};

    TRY(call(r, words, COUNT(words), &w));
    atomic_fetch_add(w.none ? &r->n_misses : &r->n_hits, 1);
    rc = !w.none;
out:
    return rc;
}

int redis_set(struct redis *r, struct str key, struct str value, int64_t life_ms)
{
    char room[24];
    const struct str words[] = {STR_LIT("PSETEX"), key, number_word(life_ms, room), value};
    struct wish w = {.types = STATUS, .status = "OK"};

    return call(r, words, COUNT(words), &w);
}

int redis_set_new(struct redis *r, struct str key, struct str value, int64_t life_ms)
{
    int rc = ERR_OK;
    char room[24];
    const struct str words[] = {STR_LIT("SET"), key,           value,
                                STR_LIT("NX"),  STR_LIT("PX"), number_word(life_ms, room)};
    struct wish w = {.types = STATUS | NONE, .status = "OK"};

    TRY(call(r, words, COUNT(words), &w));
    rc = !w.none;
out:
    return rc;
}

int redis_delete(struct redis *r, struct str key)
{
    int rc = ERR_OK;
    const struct str words[] = {STR_LIT("DEL"), key};
    struct wish w = {.types = NUMBER};

    TRY(call(r, words, COUNT(words), &w));
    rc = w.number > 0;
out:
    return rc;
}

/* `script` by its text or its SHA-1, as `command` has it. */
static int eval(struct redis *r, const char *command, const char *script, const struct str *keys,
                size_t n_keys, const struct str *words, size_t n_words, struct wish *w)
{
    char room[24];
    struct str all[REDIS_WORDS_MAX];

    CHECK(n_keys + n_words + 3 <= REDIS_WORDS_MAX);
    all[0] = str_of(command);
    all[1] = str_of(script);
    all[2] = number_word((int64_t)n_keys, room);
    if (n_keys)
        memcpy(all + 3, keys, n_keys * sizeof *keys);
    if (n_words)
        memcpy(all + 3 + n_keys, words, n_words * sizeof *words);
    return call(r, all, 3 + n_keys + n_words, w);
}

int redis_eval(struct redis *r, const char *script, const struct str *keys, size_t n_keys,
               const struct str *words, size_t n_words, int64_t *out)
{
    int rc = ERR_OK;
    struct wish w = {.types = NUMBER};

    TRY(eval(r, "EVAL", script, keys, n_keys, words, n_words, &w));
    *out = w.number;
out:
    return rc;
}

#define SHA1_BYTES 20

static void sha1_hex(const char *text, char out[2 * SHA1_BYTES + 1])
{
    unsigned char sha1[EVP_MAX_MD_SIZE];

    CHECK(EVP_Digest(text, strlen(text), sha1, NULL, EVP_sha1(), NULL) == 1);
    for (int i = 0; i < SHA1_BYTES; i++)
        snprintf(out + 2 * i, 3, "%02x", sha1[i]);
}

int redis_run(struct redis *r, const char *script, const struct str *keys, size_t n_keys,
              const struct str *words, size_t n_words, struct buf *out)
{
    int rc = ERR_OK;
    char sha1[2 * SHA1_BYTES + 1];
    struct wish w = {.types = STRING, .text = out, .by_sha1 = true};

    sha1_hex(script, sha1);
    TRY(eval(r, "EVALSHA", sha1, keys, n_keys, words, n_words, &w));
    if (!w.no_script)
        return ERR_OK;
    w.by_sha1 = false;
    rc = eval(r, "EVAL", script, keys, n_keys, words, n_words, &w);
out:
    return rc;
}

static int eval_bool(struct redis *r, const char *script, struct str key, const struct str *words,
                     size_t n_words)
{
    int rc = ERR_OK;
    int64_t done = 0;

    TRY(redis_eval(r, script, &key, 1, words, n_words, &done));
    rc = done == 1;
out:
    return rc;
}

int redis_delete_if(struct redis *r, struct str key, struct str value)
{
    static const char script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
                                 "return redis.call('DEL', KEYS[1])";

    return eval_bool(r, script, key, &value, 1);
}

int redis_renew_if(struct redis *r, struct str key, struct str value, int64_t life_ms)
{
    static const char script[] = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
                                 "return redis.call('PEXPIRE', KEYS[1], ARGV[2])";
    char room[24];
    const struct str words[] = {value, number_word(life_ms, room)};

    return eval_bool(r, script, key, words, COUNT(words));
}
