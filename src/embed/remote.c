#include "embed/remote.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/pool.h"
#include "embed/embedder.h"
#include "embed/gather.h"
#include "net/upstream.h"
#include "net/url.h"
#include "text/tokens.h"

#define INFO_BYTES ((size_t)256 << 10)

/* What the server cuts by itself exactly (TEI) is sent to so many times the limit. */
#define SENT_BEYOND_LIMIT 4

/* Why four requests of questions (REMOTE_QUESTION_CALLS). Simulated: 16 askers, a server that needs
 * so many ms a request and 0.3 ms a text; median wait in ms (questions a second):
 *
 *   requests at a time              2           4         any, none gathered
 *   20 ms, takes all at once       43 (429)    28 (536)    20 (781)
 *   50 ms, takes four at once     103 (169)    56 (219)   198 (81)
 *   50 ms, takes one at a time    152 (101)   251 (57)    791 (20)
 *
 * Up to four askers wait no longer than before, whatever the server. */

/* A request of questions that takes longer than this is slow: others are sent beside it. */
#define PATIENCE_MS 500

struct remote {
    enum remote_kind kind;
    struct remote_info info;
    struct digest fingerprint;
    struct upstream *upstream;
    struct pool *pool;     /* for documents */
    struct gather *gather; /* for questions */
    struct wordpiece *tokenizer;
    char *model, *query_prefix, *document_prefix;
    char *embed_url, *info_url;     /* info_url: TEI */
    char *embed_shown, *info_shown; /* the same without secrets */
    size_t dimensions;
    atomic_bool introduced; /* TEI: /info was read and agrees */
    atomic_bool floats;     /* OpenAI: the server refused base64 */
    atomic_size_t batch;
};

/* ---- what the server tells us beside vectors ---- */

/* Some servers know no base64 and say so; then numbers are asked for from now on. */
static void note_refusal(void *arg, int status, struct str body)
{
    static const char word[] = "encoding_format";
    struct remote *r = arg;

    if (r->kind == REMOTE_OPENAI && (status == 400 || status == 422) &&
        memmem(body.p, body.n, word, sizeof word - 1))
        r->floats = true;
}

static void make_embed_ask(struct remote *r, const struct str *texts, size_t n, struct buf *body,
                           struct upstream_call *out);

struct reading {
    struct remote *r;
    size_t n, dim;
    float *out;         /* [n, dim]; REMOTE_DIM_MAX when dim is 0 */
    bool dislikes_text; /* after a failure: one of the texts may be the reason */
};

static int introduce(struct remote *r, int64_t until_ms);

/* It is back, perhaps with another model. */
static int probe_and_meet_again(void *arg, int64_t until_ms)
{
    static const struct str text = {"ragd", 4};
    int rc = ERR_OK;
    struct remote *r = arg;
    struct buf body;
    struct upstream_call c;
    float vector[REMOTE_DIM_MAX];
    struct reading to = {.r = r, .n = 1, .dim = r->info.dim, .out = vector};

    buf_init(&body);
    make_embed_ask(r, &text, 1, &body, &c);
    c.until_ms = until_ms;
    c.arg = &to;
    TRY(upstream_probe(r->upstream, &c));
    r->introduced = r->kind == REMOTE_OPENAI;
    rc = introduce(r, until_ms);
out:
    buf_done(&body);
    return rc;
}

/* ---- TEI's introduction ---- */

static int read_info(void *arg, struct str reply)
{
    return wire_info_read(reply, arg);
}

/* A server that has no /info is taken at its word. */
static int fetch_info(struct remote *r, int64_t until_ms, struct wire_info *out)
{
    struct upstream_call c = {.url = r->info_url,
                              .shown = r->info_shown,
                              .reply_max = INFO_BYTES,
                              .until_ms = until_ms,
                              .read = read_info,
                              .arg = out};
    int rc = upstream_ask(r->upstream, &c);

    return rc < 0 && c.status == 404 ? ERR_OK : rc;
}

static int agree(struct remote *r, const struct wire_info *info)
{
    if (*r->model && *info->model && strcmp(r->model, info->model) != 0)
        return FAIL(ERR_ARGUMENT, "%s: it serves the model '%s', not '%s'", r->info_shown,
                    info->model, r->model);
    if (info->batch && info->batch < r->batch)
        r->batch = info->batch;
    r->introduced = true;
    return ERR_OK;
}

/* For a server that was away, when we opened or since. */
static int introduce(struct remote *r, int64_t until_ms)
{
    int rc = ERR_OK;
    struct wire_info info = {.model = ""};

    if (r->introduced)
        return ERR_OK;
    TRY(fetch_info(r, until_ms, &info));
    TRY(agree(r, &info));
out:
    return rc;
}

/* ---- vectors ---- */

static bool is_about_texts(int rc, const struct upstream_call *c)
{
    return rc == ERR_FORMAT || c->status == 400 || c->status == 413 || c->status == 422;
}

static int read_vectors(void *arg, struct str reply)
{
    struct reading *to = arg;

    return wire_reply_read(to->r->kind, reply, to->n, &to->dim, to->out);
}

static void make_embed_ask(struct remote *r, const struct str *texts, size_t n, struct buf *body,
                           struct upstream_call *out)
{
    struct wire_ask what = {.kind = r->kind,
                            .model = r->model,
                            .texts = texts,
                            .n = n,
                            .dimensions = r->dimensions,
                            .floats = r->floats};

    buf_clear(body);
    wire_ask_write(&what, body);
    *out = (struct upstream_call){.url = r->embed_url,
                                  .shown = r->embed_shown,
                                  .body = buf_view(body),
                                  .reply_max = wire_reply_max(n, r->info.dim),
                                  .read = read_vectors};
}

static int embed_batch(struct remote *r, const struct str *texts, size_t n, int64_t until_ms,
                       struct reading *to)
{
    struct buf body;
    struct upstream_call c;
    bool floats = r->floats;
    int rc;

    buf_init(&body);
    make_embed_ask(r, texts, n, &body, &c);
    c.until_ms = until_ms;
    c.arg = to;
    rc = upstream_ask(r->upstream, &c);
    if (rc < 0 && r->floats && !floats) { /* it told us just now that it knows no base64 */
        make_embed_ask(r, texts, n, &body, &c);
        c.until_ms = until_ms;
        c.arg = to;
        rc = upstream_ask(r->upstream, &c);
    }
    buf_done(&body);
    to->dislikes_text = rc < 0 && is_about_texts(rc, &c);
    if (rc == ERR_TIMEOUT && n > 1)
        return err_context(rc, "%zu texts in one request (embed.batch, embed.timeout_ms)", n);
    return rc;
}

/* The batches of one call. */
struct job {
    struct remote *r;
    const struct str *texts;
    size_t n, size; /* texts, and texts of a batch */
    int64_t start_ms, within_ms;
    float *out;
    pthread_mutex_t mu; /* guards the fields below */
    int rc;
    bool dislikes_text;
    char reason[ERR_TEXT_MAX]; /* errors do not change threads by themselves */
};

static bool has_failed(struct job *j)
{
    bool failed;

    pthread_mutex_lock(&j->mu);
    failed = j->rc < 0;
    pthread_mutex_unlock(&j->mu);
    return failed;
}

static void run_batch(void *arg, size_t i)
{
    struct job *j = arg;
    struct remote *r = j->r;
    size_t first = i * j->size, n = j->n - first < j->size ? j->n - first : j->size;
    struct reading to = {.r = r, .n = n, .dim = r->info.dim, .out = j->out + first * r->info.dim};
    int64_t start_ms = i < REMOTE_AT_ONCE ? j->start_ms : upstream_now_ms();
    int rc;

    if (has_failed(j))
        return;
    rc = embed_batch(r, j->texts + first, n, start_ms + j->within_ms, &to);
    if (rc == ERR_OK)
        return;
    pthread_mutex_lock(&j->mu);
    if (j->rc == ERR_OK) {
        j->rc = rc;
        j->dislikes_text = to.dislikes_text;
        snprintf(j->reason, sizeof j->reason, "%s", err_text());
    }
    pthread_mutex_unlock(&j->mu);
}

static int run_job(struct job *j)
{
    size_t n_batches;

    j->size = j->r->batch;
    n_batches = (j->n + j->size - 1) / j->size;
    j->size = (j->n + n_batches - 1) / n_batches; /* of about equal size */
    n_batches = (j->n + j->size - 1) / j->size;
    pthread_mutex_init(&j->mu, NULL);
    if (n_batches == 1)
        run_batch(j, 0);
    else
        pool_each(j->r->pool, n_batches, run_batch, j);
    pthread_mutex_destroy(&j->mu);
    return j->rc < 0 ? FAIL(j->rc, "%s", j->reason) : ERR_OK;
}

/* What a caller can do about it is the same. */
static int from_outside(int rc)
{
    return rc < 0 ? err_context(rc == ERR_TIMEOUT ? rc : ERR_UNAVAILABLE, "embedding server")
                  : ERR_OK;
}

/* Fails with ERR_ARGUMENT when one of the texts may be the reason (gather.h). */
static int embed_texts(void *arg, const struct str *texts, size_t n, int64_t within_ms, float *out)
{
    int rc = ERR_OK;
    struct remote *r = arg;
    struct job j = {
        .r = r, .texts = texts, .n = n, .start_ms = upstream_now_ms(), .within_ms = within_ms};
    size_t n_floats = n * r->info.dim;

    TRY(introduce(r, j.start_ms + j.within_ms));
    j.out = mem_alloc(n_floats * sizeof *j.out);
    TRY(run_job(&j));
    memcpy(out, j.out, n_floats * sizeof *out);
out:
    mem_free(j.out);
    if (rc == ERR_OK || rc == ERR_TIMEOUT)
        return rc;
    return j.dislikes_text ? ERR_ARGUMENT : ERR_UNAVAILABLE;
}

int remote_embed(struct remote *r, const struct str *texts, size_t n, int64_t within_ms, float *out)
{
    if (n == 0)
        return ERR_OK;
    return from_outside(embed_texts(r, texts, n, upstream_allowed_ms(r->upstream, within_ms), out));
}

/* ---- texts of the embedder ---- */

/* Prefix and text, cut to what the model takes; in `mem`. */
static struct str with_prefix(const struct remote *r, const char *prefix, struct str text,
                              struct arena *mem, bool *cut)
{
    size_t taken = tokens_count(r->tokenizer, str_of(prefix)) + 2; /* a frame like [CLS], [SEP] */
    size_t room = r->info.max_tokens > taken ? r->info.max_tokens - taken : 1;
    struct str kept = tokens_first(r->tokenizer, text, room);
    size_t n_prefix = strlen(prefix);
    char *joined;

    *cut = kept.n < text.n;
    if (*cut && r->kind == REMOTE_TEI)
        kept = tokens_first(NULL, text, room * SENT_BEYOND_LIMIT);
    if (n_prefix == 0)
        return kept;
    joined = arena_alloc(mem, n_prefix + kept.n);
    memcpy(joined, prefix, n_prefix);
    memcpy(joined + n_prefix, kept.p, kept.n);
    return (struct str){joined, n_prefix + kept.n};
}

int remote_query(struct remote *r, struct str text, int64_t within_ms, struct arena *mem,
                 float **out)
{
    int rc = ERR_OK;
    bool cut;
    struct str whole = with_prefix(r, r->query_prefix, text, mem, &cut);
    float *vector = arena_alloc(mem, r->info.dim * sizeof *vector);

    TRY(gather_ask(r->gather, whole, upstream_allowed_ms(r->upstream, within_ms), vector));
    *out = vector;
out:
    return from_outside(rc);
}

int remote_documents(struct remote *r, struct embed_item *items, size_t n)
{
    int rc = ERR_OK;
    size_t dim = r->info.dim;
    struct arena *mem = arena_new(0);
    struct str *texts = ARENA_ARRAY(mem, struct str, n);
    float *vectors = arena_alloc(mem, n * dim * sizeof *vectors);

    for (size_t i = 0; i < n; i++)
        texts[i] = with_prefix(r, r->document_prefix, items[i].text, mem, &items[i].cut);
    TRY(remote_embed(r, texts, n, 0, vectors));
    for (size_t i = 0; i < n; i++) {
        memcpy(items[i].vector, vectors + i * dim, dim * sizeof *vectors);
        if (items[i].n_spans)
            memset(items[i].span_vectors, 0, items[i].n_spans * dim * sizeof *vectors);
    }
out:
    arena_free(mem);
    return rc;
}

/* ---- opening ---- */

struct digest remote_fingerprint_of(const struct remote_options *o, size_t dim)
{
    struct digester *d = digester_new();

    digester_add_str(d, "remote 1");
    digester_add_str(d, o->model);
    digester_add_u64(d, dim);
    digester_add_str(d, o->query_prefix ? o->query_prefix : "");
    digester_add_str(d, o->document_prefix ? o->document_prefix : "");
    return digester_finish(d);
}

int remote_options_check(const struct remote_options *o)
{
    int rc = ERR_OK;

    if (!o->url || !*o->url)
        return FAIL(ERR_ARGUMENT, "embed.url is not set; an embedding server needs one");
    TRY(url_check(o->url));
    if (o->kind == REMOTE_OPENAI && (!o->model || !*o->model))
        return FAIL(ERR_ARGUMENT, "embed.model is not set; the server is asked for one by name");
    if (o->model && strlen(o->model) >= REMOTE_MODEL_MAX)
        return FAIL(ERR_LIMIT, "embed.model is longer than %d bytes", REMOTE_MODEL_MAX - 1);
    if (o->dimensions > REMOTE_DIM_MAX)
        return FAIL(ERR_LIMIT, "embed.dimensions = %zu is over the limit of %d", o->dimensions,
                    REMOTE_DIM_MAX);
    CHECK(o->batch >= 1 && o->batch <= REMOTE_BATCH_MAX);
    CHECK(o->timeout_ms >= 1);
out:
    return rc;
}

static bool has_file(const char *dir, const char *name)
{
    char *path = url_join(dir, name);
    bool has = access(path, R_OK) == 0;

    mem_free(path);
    return has;
}

static int open_tokenizer(struct remote *r, const char *dir)
{
    if (!dir || !(has_file(dir, "/vocab.txt") || has_file(dir, "/tokenizer.json")))
        return ERR_OK;
    return wordpiece_open(&r->tokenizer, dir);
}

static struct remote *remote_new(const struct remote_options *o)
{
    struct remote *r = mem_calloc(1, sizeof *r);

    r->kind = o->kind;
    r->upstream = upstream_new(&(struct upstream_options){.section = "embed",
                                                          .key = o->key,
                                                          .timeout_ms = o->timeout_ms,
                                                          .probe = probe_and_meet_again,
                                                          .refused = note_refusal,
                                                          .arg = r});
    r->pool = pool_new("embed", REMOTE_AT_ONCE, REMOTE_AT_ONCE);
    r->model = mem_strdup(o->model ? o->model : "");
    r->query_prefix = mem_strdup(o->query_prefix ? o->query_prefix : "");
    r->document_prefix = mem_strdup(o->document_prefix ? o->document_prefix : "");
    r->embed_url = url_join(o->url, o->kind == REMOTE_OPENAI ? "/embeddings" : "/embed");
    r->info_url = url_join(o->url, "/info");
    r->embed_shown = url_shown(r->embed_url);
    r->info_shown = url_shown(r->info_url);
    r->dimensions = o->dimensions;
    r->batch = o->batch;
    r->introduced = o->kind == REMOTE_OPENAI;
    r->info.max_tokens = o->max_tokens ? o->max_tokens : REMOTE_MAX_TOKENS;
    return r;
}

/* Learns model, limits and dimension from the server itself. */
static int meet(struct remote *r, const struct remote_options *o)
{
    static const struct str text = {"ragd", 4};
    int rc = ERR_OK;
    int64_t until_ms = upstream_now_ms() + upstream_allowed_ms(r->upstream, 0);
    struct wire_info info = {.model = ""};
    float *vector = mem_alloc(REMOTE_DIM_MAX * sizeof *vector);
    struct reading to = {.r = r, .n = 1, .dim = r->dimensions, .out = vector};

    if (r->kind == REMOTE_TEI) {
        TRY(fetch_info(r, until_ms, &info));
        TRY(agree(r, &info));
        if (!*r->model && !*info.model) {
            rc = FAIL(ERR_ARGUMENT, "%s does not say what model it serves; embed.model can",
                      r->info_shown);
            goto out;
        }
        if (!*r->model) {
            mem_free(r->model);
            r->model = mem_strdup(info.model);
        }
        if (!o->max_tokens && info.max_tokens)
            r->info.max_tokens = info.max_tokens;
    }
    TRY(embed_batch(r, &text, 1, until_ms, &to));
    r->info.dim = to.dim;
    r->info.was_reached = true;
out:
    mem_free(vector);
    return rc;
}

static struct gather *gather_questions(struct remote *r)
{
    struct gather_options o = {.fn = embed_texts,
                               .arg = r,
                               .name = r->embed_shown,
                               .dim = r->info.dim,
                               .max_calls = REMOTE_QUESTION_CALLS,
                               .batch_max = &r->batch,
                               .patience_ms = PATIENCE_MS};

    return gather_new(&o);
}

/* Whether to open without the server: nothing that it would tell is missing. */
static bool can_wait(const struct remote *r, const struct remote_options *o)
{
    return *r->model && (o->dimensions || o->known_dim);
}

int remote_open(struct remote **out, const struct remote_options *o)
{
    int rc = ERR_OK;
    struct remote *r = NULL;
    struct remote_options named = *o;

    TRY(remote_options_check(o));
    r = remote_new(o);
    TRY(open_tokenizer(r, o->tokenizer_dir));
    rc = meet(r, o);
    if ((rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT) && can_wait(r, o)) {
        r->info.dim = o->dimensions ? o->dimensions : o->known_dim;
        rc = ERR_OK;
    }
    TRY(from_outside(rc));
    r->info.kind = r->kind == REMOTE_OPENAI ? "openai" : "tei";
    r->info.url = r->embed_shown;
    r->info.model = r->model;
    r->info.batch = r->batch;
    named.model = r->model;
    r->fingerprint = remote_fingerprint_of(&named, r->info.dim);
    r->gather = gather_questions(r);
    *out = r;
    r = NULL; /* handed over */
out:
    remote_close(r);
    return rc;
}

void remote_close(struct remote *r)
{
    if (!r)
        return;
    pool_free(r->pool);
    gather_free(r->gather);
    wordpiece_close(r->tokenizer);
    upstream_free(r->upstream);
    mem_free(r->model);
    mem_free(r->embed_shown);
    mem_free(r->info_shown);
    mem_free(r->query_prefix);
    mem_free(r->document_prefix);
    mem_free(r->embed_url);
    mem_free(r->info_url);
    mem_free(r);
}

const struct remote_info *remote_info(const struct remote *r)
{
    return &r->info;
}

const struct wordpiece *remote_tokenizer(const struct remote *r)
{
    return r->tokenizer;
}

struct digest remote_fingerprint(const struct remote *r)
{
    return r->fingerprint;
}

void remote_stats_get(struct remote *r, struct remote_stats *out)
{
    struct upstream_stats s;

    upstream_stats_get(r->upstream, &s);
    *out = (struct remote_stats){.requests = s.requests,
                                 .failures = s.failures,
                                 .retries = s.retries,
                                 .waiting = gather_waiting(r->gather),
                                 .open = s.open};
}
