#include "embed/embedder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/model.h"
#include "embed/pace.h"
#include "embed/pooling.h"
#include "embed/remote.h"
#include "simd/simd.h"
#include "text/wordpiece.h"

/* Tokens encoded together: as many as keep their rows in the second-level cache, whatever the
 * lengths of the texts. Twice as many cost 5 % (bench_embed, 64 passages), eight times as many half
 * the speed. */
#define BATCH_TOKENS 128

/* Items tokenized, sorted and encoded together: bounds the memory of their tokens. */
#define WINDOW_ITEMS 1024

/* A model without a limit of its own is cut here, or at its last position. */
#define DEFAULT_MAX_TOKENS 512

/* What one running call needs; kept in a list for the next. */
struct scratch {
    struct scratch *next;
    void *memory; /* for bert_encode */
    struct crew *crew;
    struct token *tokens; /* [max_tokens] of a question */
    int32_t *ids;         /* [batch_tokens] */
    struct buf text;      /* a text with its prefix */
};

struct embedder {
    atomic_int refs;
    struct remote *remote; /* NULL: all is local */
    struct model model;
    const struct simd *kernels;
    struct embedder_info info;
    struct digest fingerprint;
    char *name, *model_dir, *query_prefix, *document_prefix;
    size_t batch_tokens; /* BATCH_TOKENS, or one longest text */
    struct pace pace;    /* of questions */
    pthread_mutex_t mu;  /* guards the field below */
    struct scratch *idle;
};

/* ---- scratch ---- */

static struct scratch *scratch_new(const struct embedder *e)
{
    struct scratch *s = mem_calloc(1, sizeof *s);

    s->memory =
        mem_alloc_aligned(bert_scratch_bytes(e->model.bert, e->batch_tokens, e->info.max_tokens));
    s->crew = crew_new();
    s->tokens = mem_calloc(e->info.max_tokens, sizeof *s->tokens);
    s->ids = mem_calloc(e->batch_tokens, sizeof *s->ids);
    buf_init(&s->text);
    return s;
}

static void scratch_free(struct scratch *s)
{
    crew_free(s->crew);
    mem_free(s->memory);
    mem_free(s->tokens);
    mem_free(s->ids);
    buf_done(&s->text);
    mem_free(s);
}

static struct scratch *scratch_take(struct embedder *e)
{
    struct scratch *s;

    pthread_mutex_lock(&e->mu);
    s = e->idle;
    if (s)
        e->idle = s->next;
    pthread_mutex_unlock(&e->mu);
    return s ? s : scratch_new(e);
}

static void scratch_give(struct embedder *e, struct scratch *s)
{
    pthread_mutex_lock(&e->mu);
    s->next = e->idle;
    e->idle = s;
    pthread_mutex_unlock(&e->mu);
}

/* ---- opening ---- */

/* The weights go in by their XXH3-128, which the pack holds: SHA-256 over 90 MB would be most of
 * the opening time, and the file is the operator's own, so nobody gains by a collision. */
static struct digest fingerprint_of(const struct embedder *e)
{
    const struct hash128 *weights = &e->model.facts.source.weights;
    struct digest words = wordpiece_digest(e->model.tokenizer);
    struct digester *d = digester_new();

    digester_add_str(d, "bert 2");
    digester_add(d, weights->b, sizeof weights->b);
    digester_add(d, words.b, sizeof words.b);
    digester_add_u64(d, e->info.max_tokens);
    digester_add_str(d, e->info.pooling);
    digester_add_u64(d, e->info.dim);
    digester_add_str(d, e->query_prefix);
    digester_add_str(d, e->document_prefix);
    return digester_finish(d);
}

static void fill_info(struct embedder *e, const struct model_files *m)
{
    const struct pack_facts *f = &e->model.facts;
    const struct bert_config *c = &f->config;
    const struct pack *pack = bert_pack(e->model.bert);
    size_t limit = m->max_tokens ? m->max_tokens : DEFAULT_MAX_TOKENS;

    e->info = (struct embedder_info){
        .kind = "local",
        .name = e->name,
        .model_dir = e->model_dir,
        .has_sentences = true,
        .was_reached = true,
        .dim = c->hidden,
        .n_layers = c->n_layers,
        .n_heads = c->n_heads,
        .hidden = c->hidden,
        .intermediate = c->intermediate,
        .vocab_size = c->vocab_size,
        .max_tokens = limit < c->n_positions ? limit : c->n_positions,
        .pooling = m->cls_pooling ? "cls" : "mean",
        .precision = precision_name(f->precision),
        .query_prefix = e->query_prefix,
        .document_prefix = e->document_prefix,
        .weight_bytes = f->source.size,
        .pack = e->model.pack_path,
        .pack_bytes = pack_bytes(pack),
        .memory_bytes = pack_memory_bytes(pack),
        .n_quality_texts = f->quality.n_texts,
        .quality_mean = f->quality.mean,
        .quality_smallest = f->quality.smallest,
    };
    e->batch_tokens = e->info.max_tokens > BATCH_TOKENS ? e->info.max_tokens : BATCH_TOKENS;
}

/* What is given, else the model's own, else nothing. */
static char *choose_prefix(const char *given, const char *prompt)
{
    return mem_strdup(given && *given ? given : prompt ? prompt : "");
}

static int open_remote(struct embedder **out, const struct remote_options *o)
{
    int rc = ERR_OK;
    struct embedder *e = mem_calloc(1, sizeof *e);
    const struct remote_info *info;

    atomic_init(&e->refs, 1);
    pthread_mutex_init(&e->mu, NULL);
    pace_init(&e->pace);
    TRY(remote_open(&e->remote, o));
    info = remote_info(e->remote);
    e->info = (struct embedder_info){.kind = info->kind,
                                     .name = info->model,
                                     .model_dir = "",
                                     .url = info->url,
                                     .was_reached = info->was_reached,
                                     .dim = info->dim,
                                     .max_tokens = info->max_tokens,
                                     .pooling = "",
                                     .query_prefix = "",
                                     .document_prefix = "",
                                     .precision = "remote"};
    *out = e;
    e = NULL; /* handed over */
out:
    embedder_close(e);
    return rc;
}

static int open_local(struct embedder **out, const struct embedder_options *o)
{
    int rc = ERR_OK;
    struct embedder *e = mem_calloc(1, sizeof *e);
    struct bert_config config;
    struct model_files files = {0};
    struct model_folder folder = {.packs = o->pack, .config = &config, .files = &files};

    atomic_init(&e->refs, 1);
    pthread_mutex_init(&e->mu, NULL);
    pace_init(&e->pace);
    folder.dir = e->model_dir = mem_strdup(o->model_dir);
    folder.name = e->name = model_name(o->model_dir);
    e->kernels = simd_get();
    TRY(bert_config_read(&config, e->model_dir)); /* first: it tells a model of another class */
    TRY(model_files_read(&files, e->model_dir));
    e->query_prefix = choose_prefix(o->query_prefix, files.query_prompt);
    e->document_prefix = choose_prefix(o->document_prefix, files.document_prompt);
    TRY(model_open_best(&e->model, &folder, o->precision, e->kernels->level));
    fill_info(e, &files);
    e->fingerprint = fingerprint_of(e);
    *out = e;
    e = NULL; /* handed over */
out:
    model_files_done(&files);
    embedder_close(e);
    return rc;
}

int embedder_open(struct embedder **out, const struct embedder_options *o)
{
    return o->remote ? open_remote(out, o->remote) : open_local(out, o);
}

struct embedder *embedder_ref(struct embedder *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void embedder_close(struct embedder *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1)
        return;
    while (e->idle) {
        struct scratch *next = e->idle->next;

        scratch_free(e->idle);
        e->idle = next;
    }
    pthread_mutex_destroy(&e->mu);
    pace_done(&e->pace);
    remote_close(e->remote);
    model_close(&e->model);
    mem_free(e->name);
    mem_free(e->model_dir);
    mem_free(e->query_prefix);
    mem_free(e->document_prefix);
    mem_free(e);
}

const struct embedder_info *embedder_info(const struct embedder *e)
{
    return &e->info;
}

const struct wordpiece *embedder_tokenizer(const struct embedder *e)
{
    return e->remote ? remote_tokenizer(e->remote) : e->model.tokenizer;
}

bool embedder_remote_stats(const struct embedder *e, struct remote_stats *out)
{
    if (e->remote)
        remote_stats_get(e->remote, out);
    return e->remote != NULL;
}

struct digest embedder_fingerprint(const struct embedder *e)
{
    return e->remote ? remote_fingerprint(e->remote) : e->fingerprint;
}

/* ---- from text to vector ---- */

/* Tokens of prefix + text; their places count from the prefix's first byte. */
static size_t tokenize(const struct embedder *e, struct scratch *s, const char *prefix,
                       struct str text, struct token *out, bool *cut)
{
    if (*prefix) {
        buf_clear(&s->text);
        buf_add_str(&s->text, prefix);
        buf_add_view(&s->text, text);
        text = buf_view(&s->text);
    }
    return wordpiece_encode(e->model.tokenizer, text, out, e->info.max_tokens, cut);
}

/* Token outputs [n, dim] of one text into its vector. */
static bool pool_text(const struct embedder *e, const float *rows, size_t n, bool raw, float *out)
{
    size_t n_pooled = strcmp(e->info.pooling, "cls") == 0 ? 1 : n;

    if (raw)
        return pool_raw_mean(e->kernels, rows, n_pooled, e->info.dim, out);
    return pool_mean(e->kernels, rows, n_pooled, e->info.dim, out);
}

static int no_direction(const struct embedder *e)
{
    return FAIL(ERR_FORMAT,
                "model '%s' gave a vector that is zero or not finite; its weights are damaged",
                e->model_dir);
}

/* One text on this thread and, if that is faster now, on what workers are idle. */
static const float *encode_one(struct embedder *e, struct pool *pool, struct scratch *s, size_t n)
{
    uint32_t length = (uint32_t)n;
    struct bert_call call = {.kernels = e->kernels};
    uint64_t since = clock_ns();
    const float *rows;

    if (pool && pace_with_helpers(&e->pace) && crew_open(s->crew, pool))
        call.crew = s->crew;
    rows = bert_encode(e->model.bert, &call, s->ids, &length, 1, s->memory);
    if (call.crew)
        crew_close(s->crew);
    pace_took(&e->pace, call.crew != NULL, n, clock_ns() - since);
    return rows;
}

static int local_query(struct embedder *e, struct pool *pool, struct str text, struct arena *mem,
                       float **out)
{
    struct scratch *s = scratch_take(e);
    size_t n = tokenize(e, s, e->query_prefix, text, s->tokens, NULL);
    float *vector = arena_alloc(mem, e->info.dim * sizeof *vector);
    bool ok;

    for (size_t i = 0; i < n; i++)
        s->ids[i] = s->tokens[i].id;
    ok = pool_text(e, encode_one(e, pool, s, n), n, false, vector);
    scratch_give(e, s);
    if (!ok)
        return no_direction(e);
    *out = vector;
    return ERR_OK;
}

/* ---- passages ----
 *
 *   items --tokenize--> tokens --longest first, greedily--> batches --encode, pool--> vectors
 *
 * a window of items at a time; tokenizing and encoding are spread over the pool. */

struct window {
    struct embedder *e;
    struct embed_item *items;
    size_t n;
    struct token *tokens; /* [n, max_tokens] */
    uint32_t *lengths;    /* [n] */
    uint32_t *order;      /* [n] items, longest first */
    uint32_t *batches;    /* [n_batches + 1] where in `order` each begins */
    size_t n_batches;
    atomic_bool failed; /* some vector had no direction */
};

/* Ids stand for no text, so they have no places. */
static void copy_ids(struct window *w, size_t i, struct token *tokens)
{
    const struct embed_item *item = &w->items[i];

    CHECK(item->n_ids >= 1 && item->n_ids <= w->e->info.max_tokens);
    CHECK(item->n_spans == 0);
    for (size_t j = 0; j < item->n_ids; j++) {
        CHECK(item->ids[j] >= 0 && (size_t)item->ids[j] < w->e->info.vocab_size);
        tokens[j] = (struct token){.id = item->ids[j]};
    }
    w->lengths[i] = (uint32_t)item->n_ids;
    w->items[i].cut = false;
}

static void tokenize_item(void *arg, size_t i)
{
    struct window *w = arg;
    struct token *tokens = w->tokens + i * w->e->info.max_tokens;
    struct scratch *s;

    if (w->items[i].ids) {
        copy_ids(w, i, tokens);
        return;
    }
    s = scratch_take(w->e);
    w->lengths[i] = (uint32_t)tokenize(w->e, s, w->e->document_prefix, w->items[i].text, tokens,
                                       &w->items[i].cut);
    scratch_give(w->e, s);
}

static int longest_first(const void *a, const void *b, void *lengths)
{
    const uint32_t *x = a, *y = b, *len = lengths;

    if (len[*x] != len[*y])
        return len[*x] > len[*y] ? -1 : 1;
    return (*x > *y) - (*x < *y);
}

/* Batches of about BATCH_TOKENS; smaller ones when there would be fewer than threads. */
static void make_batches(struct window *w, size_t n_threads)
{
    size_t total = 0, target, n_tokens = 0;

    for (size_t i = 0; i < w->n; i++) {
        w->order[i] = (uint32_t)i;
        total += w->lengths[i];
    }
    target = total / n_threads;
    target = target < BATCH_TOKENS ? target : BATCH_TOKENS;
    target = target > BATCH_TOKENS / 4 ? target : BATCH_TOKENS / 4;
    qsort_r(w->order, w->n, sizeof *w->order, longest_first, w->lengths);
    for (size_t i = 0; i < w->n; i++) {
        uint32_t length = w->lengths[w->order[i]];

        if (i == 0 || n_tokens + length > target) {
            w->batches[w->n_batches++] = (uint32_t)i;
            n_tokens = 0;
        }
        n_tokens += length;
    }
    w->batches[w->n_batches] = (uint32_t)w->n;
}

/* Sentence vectors: means of the token outputs inside each span. */
static void pool_spans(const struct embedder *e, struct embed_item *item,
                       const struct token *tokens, size_t n, const float *rows)
{
    size_t shift = strlen(e->document_prefix), dim = e->info.dim, from = 0;

    for (size_t i = 0; i < item->n_spans; i++) {
        size_t count = span_tokens(tokens, n, item->spans[i], shift, from, &from);

        pool_mean(e->kernels, rows + from * dim, count, dim, item->span_vectors + i * dim);
        from += count;
    }
}

static void encode_batch(void *arg, size_t i_batch)
{
    struct window *w = arg;
    struct embedder *e = w->e;
    const uint32_t *order = w->order + w->batches[i_batch];
    size_t n = w->batches[i_batch + 1] - w->batches[i_batch], n_ids = 0;
    struct scratch *s = scratch_take(e);
    struct bert_call call = {.kernels = e->kernels};
    uint32_t lengths[BATCH_TOKENS]; /* every text has a token at least */
    const float *rows;

    CHECK(n <= BATCH_TOKENS);
    for (size_t i = 0; i < n; i++) {
        const struct token *tokens = w->tokens + order[i] * e->info.max_tokens;

        lengths[i] = w->lengths[order[i]];
        for (size_t j = 0; j < lengths[i]; j++)
            s->ids[n_ids++] = tokens[j].id;
    }
    rows = bert_encode(e->model.bert, &call, s->ids, lengths, n, s->memory);
    for (size_t i = 0; i < n; i++) {
        struct embed_item *item = &w->items[order[i]];

        if (!pool_text(e, rows, lengths[i], item->raw, item->vector))
            w->failed = true;
        pool_spans(e, item, w->tokens + order[i] * e->info.max_tokens, lengths[i], rows);
        rows += lengths[i] * e->info.dim;
    }
    scratch_give(e, s);
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

static void run_window(struct window *w, struct pool *pool)
{
    w->n_batches = 0;
    each(pool, w->n, tokenize_item, w);
    make_batches(w, pool ? (size_t)pool_threads(pool) : 1);
    each(pool, w->n_batches, encode_batch, w);
}

static int local_documents(struct embedder *e, struct pool *pool, struct embed_item *items,
                           size_t n)
{
    size_t cap = n < WINDOW_ITEMS ? n : WINDOW_ITEMS;
    struct window w = {.e = e};

    if (n == 0)
        return ERR_OK;
    w.tokens = mem_alloc(cap * e->info.max_tokens * sizeof *w.tokens);
    w.lengths = mem_calloc(cap, sizeof *w.lengths);
    w.order = mem_calloc(cap, sizeof *w.order);
    w.batches = mem_calloc(cap + 1, sizeof *w.batches);
    for (size_t i = 0; i < n; i += cap) {
        w.items = items + i;
        w.n = n - i < cap ? n - i : cap;
        run_window(&w, pool);
    }
    mem_free(w.tokens);
    mem_free(w.lengths);
    mem_free(w.order);
    mem_free(w.batches);
    return w.failed ? no_direction(e) : ERR_OK;
}

/* ---- here or with a server ---- */

int embed_query_within(struct embedder *e, struct pool *pool, struct str text, int64_t within_ms,
                       struct arena *mem, float **out)
{
    return e->remote ? remote_query(e->remote, text, within_ms, mem, out)
                     : local_query(e, pool, text, mem, out);
}

int embed_query(struct embedder *e, struct pool *pool, struct str text, struct arena *mem,
                float **out)
{
    return embed_query_within(e, pool, text, 0, mem, out);
}

int embed_documents(struct embedder *e, struct pool *pool, struct embed_item *items, size_t n)
{
    return e->remote ? remote_documents(e->remote, items, n) : local_documents(e, pool, items, n);
}
