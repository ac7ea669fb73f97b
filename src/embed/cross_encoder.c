#include "embed/cross_encoder.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "simd/simd.h"

/* As embedder.c: pairs encoded together keep their rows in the second-level cache. */
#define BATCH_TOKENS 128

/* Pairs tokenized and scored together: bounds the memory of their tokens. */
#define WINDOW_PAIRS 256

#define DEFAULT_MAX_TOKENS 512
#define MEAN_OVER          8 /* batches, in the running mean of what a token takes */

/* What one running batch needs; kept in a list for the next. */
struct scratch {
    struct scratch *next;
    void *memory;         /* for bert_encode */
    int32_t *ids;         /* [batch_tokens] */
    struct tokens tokens; /* of one text */
};

struct cross_encoder {
    struct model model;
    const struct simd *kernels;
    struct digest fingerprint;
    char *name;
    size_t max_tokens, batch_tokens; /* BATCH_TOKENS, or one longest pair */
    int32_t cls, sep;
    atomic_uint_fast64_t token_ns; /* what a token takes one thread; 0: not known yet */
    pthread_mutex_t mu;            /* guards the field below */
    struct scratch *idle;
};

/* ---- scratch ---- */

static struct scratch *scratch_new(const struct cross_encoder *c)
{
    struct scratch *s = mem_calloc(1, sizeof *s);

    s->memory =
        mem_alloc_aligned(bert_scratch_bytes(c->model.bert, c->batch_tokens, c->max_tokens));
    s->ids = mem_calloc(c->batch_tokens, sizeof *s->ids);
    return s;
}

static void scratch_free(struct scratch *s)
{
    mem_free(s->memory);
    mem_free(s->ids);
    mem_free(s->tokens.v);
    mem_free(s);
}

static struct scratch *scratch_take(struct cross_encoder *c)
{
    struct scratch *s;

    pthread_mutex_lock(&c->mu);
    s = c->idle;
    if (s)
        c->idle = s->next;
    pthread_mutex_unlock(&c->mu);
    return s ? s : scratch_new(c);
}

static void scratch_give(struct cross_encoder *c, struct scratch *s)
{
    pthread_mutex_lock(&c->mu);
    s->next = c->idle;
    c->idle = s;
    pthread_mutex_unlock(&c->mu);
}

/* ---- opening ---- */

static struct digest fingerprint_of(const struct cross_encoder *c)
{
    const struct hash128 *weights = &c->model.facts.source.weights;
    struct digest words = wordpiece_digest(c->model.tokenizer);
    struct digester *d = digester_new();

    digester_add_str(d, "cross-encoder 1");
    digester_add(d, weights->b, sizeof weights->b);
    digester_add(d, words.b, sizeof words.b);
    digester_add_u64(d, c->max_tokens);
    return digester_finish(d);
}

static int choose_limit(struct cross_encoder *c, const struct cross_options *o,
                        const struct model_files *files)
{
    size_t positions = c->model.facts.config.n_positions;
    size_t own = files->max_tokens ? files->max_tokens : DEFAULT_MAX_TOKENS;

    own = own < positions ? own : positions;
    if (o->max_tokens > own)
        return FAIL(ERR_LIMIT, "model '%s' takes %zu tokens of a pair, not %zu", o->model_dir, own,
                    o->max_tokens);
    c->max_tokens = o->max_tokens ? o->max_tokens : own;
    if (c->max_tokens <= CROSS_FRAME)
        return FAIL(ERR_FORMAT, "model '%s': %zu tokens leave no room for a pair", o->model_dir,
                    c->max_tokens);
    c->batch_tokens = c->max_tokens > BATCH_TOKENS ? c->max_tokens : BATCH_TOKENS;
    return ERR_OK;
}

static void find_frame(struct cross_encoder *c)
{
    struct token ends[2];

    wordpiece_encode(c->model.tokenizer, STR_LIT(""), ends, 2, NULL);
    c->cls = ends[0].id;
    c->sep = ends[1].id;
}

int cross_open(struct cross_encoder **out, const struct cross_options *o)
{
    int rc = ERR_OK;
    struct cross_encoder *c = mem_calloc(1, sizeof *c);
    struct bert_config config;
    struct model_files files = {0};
    struct model_folder folder = {
        .dir = o->model_dir, .packs = o->pack, .config = &config, .files = &files};

    pthread_mutex_init(&c->mu, NULL);
    folder.name = c->name = model_name(o->model_dir);
    c->kernels = simd_get();
    TRY(bert_config_read_cross(&config, o->model_dir));
    TRY(model_files_read(&files, o->model_dir));
    files.cls_pooling = true; /* the row that the score is made of, and the quality measured on */
    TRY(model_open_best(&c->model, &folder, o->precision, c->kernels->level));
    TRY(choose_limit(c, o, &files));
    find_frame(c);
    c->fingerprint = fingerprint_of(c);
    *out = c;
    c = NULL; /* handed over */
out:
    model_files_done(&files);
    cross_close(c);
    return rc;
}

void cross_close(struct cross_encoder *c)
{
    if (!c)
        return;
    while (c->idle) {
        struct scratch *next = c->idle->next;

        scratch_free(c->idle);
        c->idle = next;
    }
    pthread_mutex_destroy(&c->mu);
    model_close(&c->model);
    mem_free(c->name);
    mem_free(c);
}

const struct model *cross_model(const struct cross_encoder *c)
{
    return &c->model;
}

const char *cross_name(const struct cross_encoder *c)
{
    return c->name;
}

size_t cross_max_tokens(const struct cross_encoder *c)
{
    return c->max_tokens;
}

struct digest cross_fingerprint(const struct cross_encoder *c)
{
    return c->fingerprint;
}

size_t cross_count(const struct cross_encoder *c, struct str text)
{
    return wordpiece_count(c->model.tokenizer, text);
}

/* ---- pairs ----
 *
 *   texts --tokenize, cut--> pairs --in their order--> batches --encode--> scores
 *
 * a window of texts at a time; tokenizing and encoding are spread over the pool. */

struct window {
    struct cross_encoder *c;
    const struct cross_call *call;
    struct tokens question;
    const struct str *texts;
    float *scores;
    size_t n;
    int32_t *ids;      /* [n, max_tokens] */
    uint32_t *lengths; /* [n] */
    uint32_t *seconds; /* [n] where the text begins */
    uint32_t *batches; /* [n_batches + 1] the first pair of each */
    size_t n_batches;
    atomic_bool failed; /* some score was no number */
};

/* How many tokens of either stay: "longest first" of the reference, in one step. */
static void cut(size_t room, size_t *n_question, size_t *n_text)
{
    bool question_is_longer = *n_question > *n_text;
    size_t shorter = question_is_longer ? *n_text : *n_question;
    size_t longer = question_is_longer ? *n_question : *n_text;

    if (shorter + longer <= room)
        return;
    if (shorter <= room / 2) {
        longer = room - shorter;
    } else {
        shorter = room / 2;
        longer = room - shorter;
    }
    *n_question = question_is_longer ? longer : shorter;
    *n_text = question_is_longer ? shorter : longer;
}

static size_t put(int32_t *to, const struct token *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = tokens[i].id;
    return n;
}

static void make_pair(void *arg, size_t i)
{
    struct window *w = arg;
    struct cross_encoder *c = w->c;
    struct scratch *s = scratch_take(c);
    int32_t *ids = w->ids + i * c->max_tokens;
    size_t n_question = w->question.n, n_text, n = 0;

    s->tokens.n = 0;
    wordpiece_encode_all(c->model.tokenizer, w->texts[i], &s->tokens);
    n_text = s->tokens.n;
    cut(c->max_tokens - CROSS_FRAME, &n_question, &n_text);
    ids[n++] = c->cls;
    n += put(ids + n, w->question.v, n_question);
    ids[n++] = c->sep;
    w->seconds[i] = (uint32_t)n;
    n += put(ids + n, s->tokens.v, n_text);
    ids[n++] = c->sep;
    w->lengths[i] = (uint32_t)n;
    scratch_give(c, s);
}

static void make_batches(struct window *w)
{
    size_t n_tokens = 0;

    w->n_batches = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (i == 0 || n_tokens + w->lengths[i] > BATCH_TOKENS) {
            w->batches[w->n_batches++] = (uint32_t)i;
            n_tokens = 0;
        }
        n_tokens += w->lengths[i];
    }
    w->batches[w->n_batches] = (uint32_t)w->n;
}

/* Two threads may overwrite each other's sample: a mean can do without it. */
static void learn(struct cross_encoder *c, uint64_t ns, size_t n_tokens)
{
    uint64_t mean = atomic_load(&c->token_ns), sample = ns / n_tokens;

    if (mean)
        sample = (mean * (MEAN_OVER - 1) + sample) / MEAN_OVER;
    atomic_store(&c->token_ns, sample ? sample : 1);
}

static bool fits(const struct cross_encoder *c, const struct cross_call *call, size_t n_tokens)
{
    uint64_t expected_ns = atomic_load(&c->token_ns) * n_tokens;

    return call->until_ns == 0 || clock_ns() + expected_ns < call->until_ns;
}

static void encode_pairs(struct window *w, size_t first, size_t n, size_t n_tokens)
{
    struct cross_encoder *c = w->c;
    struct scratch *s = scratch_take(c);
    struct bert_call call = {.kernels = c->kernels, .seconds = w->seconds + first};
    const uint32_t *lengths = w->lengths + first;
    uint64_t since = clock_ns();
    int32_t *ids = s->ids;
    const float *rows;

    CHECK(n_tokens <= c->batch_tokens);
    for (size_t i = 0; i < n; ids += lengths[i++])
        memcpy(ids, w->ids + (first + i) * c->max_tokens, lengths[i] * sizeof *ids);
    rows = bert_encode(c->model.bert, &call, s->ids, lengths, n, s->memory);
    bert_scores(c->model.bert, &call, rows, lengths, n, w->scores + first);
    scratch_give(c, s);
    learn(c, clock_ns() - since, n_tokens);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(w->scores[first + i]))
            w->failed = true;
}

static void score_batch(void *arg, size_t i_batch)
{
    struct window *w = arg;
    size_t first = w->batches[i_batch], n = w->batches[i_batch + 1] - first, n_tokens = 0;

    for (size_t i = 0; i < n; i++)
        n_tokens += w->lengths[first + i];
    if (fits(w->c, w->call, n_tokens))
        encode_pairs(w, first, n, n_tokens);
}

static void each(struct pool *pool, size_t n, pool_each_fn fn, void *arg)
{
    if (pool) {
        pool_each(pool, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fn(arg, i);
}

static void run_window(struct window *w)
{
    for (size_t i = 0; i < w->n; i++)
        w->scores[i] = NAN;
    if (!fits(w->c, w->call, 0))
        return;
    each(w->call->pool, w->n, make_pair, w);
    make_batches(w);
    each(w->call->pool, w->n_batches, score_batch, w);
}

int cross_score(struct cross_encoder *c, const struct cross_call *call, float *scores)
{
    size_t cap = call->n < WINDOW_PAIRS ? call->n : WINDOW_PAIRS;
    struct window w = {.c = c, .call = call};

    if (call->n == 0)
        return ERR_OK;
    w.ids = mem_alloc(cap * c->max_tokens * sizeof *w.ids);
    w.lengths = mem_calloc(cap, sizeof *w.lengths);
    w.seconds = mem_calloc(cap, sizeof *w.seconds);
    w.batches = mem_calloc(cap + 1, sizeof *w.batches);
    wordpiece_encode_all(c->model.tokenizer, call->question, &w.question);
    for (size_t i = 0; i < call->n; i += cap) {
        w.texts = call->texts + i;
        w.scores = scores + i;
        w.n = call->n - i < cap ? call->n - i : cap;
        run_window(&w);
    }
    mem_free(w.question.v);
    mem_free(w.ids);
    mem_free(w.lengths);
    mem_free(w.seconds);
    mem_free(w.batches);
    return w.failed ? FAIL(ERR_FORMAT,
                           "model '%s' gave a score that is not finite; its weights are damaged",
                           c->name)
                    : ERR_OK;
}
