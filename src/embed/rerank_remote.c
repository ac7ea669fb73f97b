#include "embed/rerank_remote.h"

#include <math.h>

#include "base/check.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "net/upstream.h"
#include "net/url.h"

struct rerank_remote {
    enum rerank_kind kind;
    size_t batch;
    struct upstream *upstream;
    char *model, *url, *shown;
    bool was_reached;
};

/* ---- one request ---- */

struct reading {
    enum rerank_kind kind;
    size_t n;
    float *out;
};

static int read_scores(void *arg, struct str reply)
{
    struct reading *to = arg;

    return rerank_reply_read(to->kind, reply, to->n, to->out);
}

static struct str cut(struct str text)
{
    if (text.n > RERANK_TEXT_BYTES)
        text.n = utf8_floor(text.p, text.n, RERANK_TEXT_BYTES);
    return text;
}

/* Fills body and call, which borrows it and `to`. */
static void make_call(const struct rerank_remote *r, const struct rerank_ask *ask,
                      struct reading *to, struct buf *body, struct upstream_call *out)
{
    rerank_ask_write(ask, body);
    *out = (struct upstream_call){.url = r->url,
                                  .shown = r->shown,
                                  .body = buf_view(body),
                                  .reply_max = rerank_reply_max(ask->n, body->n),
                                  .read = read_scores,
                                  .arg = to};
}

/* One short text; through the breaker as anybody's, or as its probe. */
static int greet(struct rerank_remote *r, int64_t until_ms,
                 int (*send)(struct upstream *u, struct upstream_call *c))
{
    static const struct str text = {"ragd", 4};
    struct rerank_ask ask = {
        .kind = r->kind, .model = r->model, .question = text, .texts = &text, .n = 1};
    float score;
    struct reading to = {r->kind, 1, &score};
    struct upstream_call c;
    struct buf body;
    int rc;

    buf_init(&body);
    make_call(r, &ask, &to, &body, &c);
    c.until_ms = until_ms;
    rc = send(r->upstream, &c);
    buf_done(&body);
    return rc;
}

static int probe(void *arg, int64_t until_ms)
{
    return greet(arg, until_ms, upstream_probe);
}

/* ---- scores ---- */

static int score_batch(struct rerank_remote *r, const struct rerank_ask *ask, int64_t until_ms,
                       float *out)
{
    struct reading to = {r->kind, ask->n, out};
    struct upstream_call c;
    struct buf body;
    int rc;

    buf_init(&body);
    make_call(r, ask, &to, &body, &c);
    c.until_ms = until_ms;
    rc = upstream_ask(r->upstream, &c);
    buf_done(&body);
    if (rc == ERR_TIMEOUT && ask->n > 1)
        err_context(rc, "%zu texts in one request (rerank.batch, rerank.timeout_ms)", ask->n);
    return rc;
}

/* What a caller can do about it is the same. */
static int from_outside(int rc)
{
    return rc < 0 ? err_context(rc == ERR_TIMEOUT ? rc : ERR_UNAVAILABLE, "reranking server")
                  : ERR_OK;
}

/* When the next request must be over. */
static int64_t until(const struct rerank_remote *r, int64_t end_ms)
{
    int64_t now = upstream_now_ms(), soon = now + upstream_allowed_ms(r->upstream, 0);

    return end_ms && end_ms < soon ? end_ms : soon;
}

static int score_all(struct rerank_remote *r, const struct rerank_remote_call *call,
                     struct str *texts, float *scores)
{
    int rc = ERR_OK;
    int64_t end_ms = call->within_ms ? upstream_now_ms() + call->within_ms : 0;

    for (size_t i = 0; i < call->n; i += r->batch) {
        struct rerank_ask ask = {.kind = r->kind,
                                 .model = r->model,
                                 .question = call->question,
                                 .texts = texts + i,
                                 .n = call->n - i < r->batch ? call->n - i : r->batch,
                                 .raw = call->raw};

        if (end_ms && upstream_now_ms() >= end_ms)
            return FAIL(ERR_TIMEOUT, "%s: %zu of %zu texts in time", r->shown, i, call->n);
        TRY(score_batch(r, &ask, until(r, end_ms), scores + i));
    }
out:
    return rc;
}

int rerank_remote_score(struct rerank_remote *r, const struct rerank_remote_call *call,
                        float *scores)
{
    struct str *texts;
    int rc;

    for (size_t i = 0; i < call->n; i++)
        scores[i] = NAN;
    if (call->n == 0)
        return ERR_OK;
    if (call->raw && r->kind != RERANK_TEI)
        return FAIL(ERR_UNSUPPORTED, "the reranking server gives no raw scores");
    texts = mem_calloc(call->n, sizeof *texts);
    for (size_t i = 0; i < call->n; i++)
        texts[i] = cut(call->texts[i]);
    rc = score_all(r, call, texts, scores);
    mem_free(texts);
    return from_outside(rc);
}

/* ---- opening ---- */

int rerank_remote_check(const struct rerank_remote_options *o)
{
    int rc = ERR_OK;

    if (!o->url || !*o->url)
        return FAIL(ERR_ARGUMENT, "rerank.url is not set; a reranking server needs one");
    rc = url_check(o->url);
    if (rc < 0)
        return err_context(rc, "rerank.url");
    CHECK(o->batch >= 1 && o->batch <= RERANK_BATCH_MAX);
    CHECK(o->timeout_ms >= 1);
    return rc;
}

int rerank_remote_open(struct rerank_remote **out, const struct rerank_remote_options *o)
{
    int rc = ERR_OK;
    struct rerank_remote *r = NULL;

    TRY(rerank_remote_check(o));
    r = mem_calloc(1, sizeof *r);
    r->kind = o->kind;
    r->batch = o->batch;
    r->url = url_join(o->url, "/rerank");
    r->shown = url_shown(r->url);
    r->model = mem_strdup(o->model ? o->model : "");
    r->upstream = upstream_new(&(struct upstream_options){
        .section = "rerank", .key = o->key, .timeout_ms = o->timeout_ms, .probe = probe, .arg = r});
    r->was_reached =
        from_outside(greet(r, upstream_now_ms() + o->timeout_ms, upstream_ask)) == ERR_OK;
    *out = r;
out:
    return rc;
}

void rerank_remote_close(struct rerank_remote *r)
{
    if (!r)
        return;
    upstream_free(r->upstream);
    mem_free(r->model);
    mem_free(r->url);
    mem_free(r->shown);
    mem_free(r);
}

const char *rerank_remote_url(const struct rerank_remote *r)
{
    return r->shown;
}

const char *rerank_remote_model(const struct rerank_remote *r)
{
    return *r->model ? r->model : r->shown;
}

bool rerank_remote_was_reached(const struct rerank_remote *r)
{
    return r->was_reached;
}

void rerank_remote_stats(struct rerank_remote *r, struct upstream_stats *out)
{
    upstream_stats_get(r->upstream, out);
}

struct digest rerank_remote_fingerprint(const struct rerank_remote *r)
{
    struct digester *d = digester_new();

    digester_add_str(d, "remote rerank 1");
    digester_add_str(d, r->model);
    digester_add_str(d, *r->model ? "" : r->url);
    return digester_finish(d);
}
