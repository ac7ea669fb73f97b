#include "query/question_check.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "index/filter.h"
#include "query/query.h"

struct check {
    struct engine *e;
    struct arena *mem; /* holds this too */
    struct query q;
    struct lru_value *reply;
};

/* ---- a question of one's own ---- */

static const struct filter *copy_filter(const struct filter *f, struct arena *mem)
{
    struct filter *copy = NULL;
    json_t *v = NULL;

    if (!f)
        return NULL;
    if (json_parse(&v, str_of(filter_canonical(f, mem)), "filter") == ERR_OK)
        filter_from_json(&copy, v, mem);
    json_decref(v);
    return copy;
}

/* Outlives the request, and is answered as if nobody had asked before. */
static struct query copy_query(const struct query *q, struct arena *mem)
{
    struct query copy = *q;

    copy.question = (struct str){arena_strndup(mem, q->question.p, q->question.n), q->question.n};
    copy.tenant = arena_strdup(mem, q->tenant);
    copy.collection = arena_strdup(mem, q->collection);
    copy.model = arena_strdup(mem, q->model);
    copy.filter = copy_filter(q->filter, mem);
    copy.cache = QUERY_CACHE_NO_STORE;
    copy.semantic = QUERY_SEMANTIC_OFF;
    copy.deadline_ms = 0;
    return copy;
}

/* ---- quoted ---- */

struct quote {
    const char *document, *text;
    int64_t start, end; /* -1, -1 in a summary, which has no place */
};

static int64_t place(const json_t *citation, const char *key)
{
    const json_t *at = json_object_get(citation, key);

    return json_is_integer(at) ? json_integer_value(at) : -1;
}

static struct quote quote_of(const json_t *reply, const json_t *citation)
{
    const json_t *sources = json_object_get(reply, "sources");
    size_t n = (size_t)json_integer_value(json_object_get(citation, "source"));
    const json_t *document = json_object_get(json_array_get(sources, n - 1), "document");

    return (struct quote){
        .document = json_string_value(document),
        .text = json_string_value(json_object_get(citation, "text")),
        .start = place(citation, "start"),
        .end = place(citation, "end"),
    };
}

static bool overlap(const struct quote *a, const struct quote *b)
{
    if (!a->document || !b->document || !a->text || !b->text)
        return false;
    if (strcmp(a->text, b->text) == 0)
        return true;
    return a->start >= 0 && b->start >= 0 && strcmp(a->document, b->document) == 0 &&
           a->start < b->end && b->start < a->end;
}

static bool quotes_agree(const json_t *a, const json_t *b)
{
    const json_t *x, *y;
    size_t i, k;

    json_array_foreach(json_object_get(a, "citations"), i, x)
        json_array_foreach(json_object_get(b, "citations"), k, y) {
            struct quote one = quote_of(a, x), other = quote_of(b, y);

            if (overlap(&one, &other))
                return true;
        }
    return false;
}

/* ---- generated, or passages alone ---- */

static bool shows(const json_t *sources, const struct passage *p)
{
    const json_t *source;
    char chunk[17];
    size_t i;

    snprintf(chunk, sizeof chunk, "%016llx", (unsigned long long)p->chunk_id);
    json_array_foreach(sources, i, source) {
        const char *other = json_string_value(json_object_get(source, "chunk"));

        if (other && strcmp(other, chunk) == 0)
            return true;
    }
    return false;
}

static bool passages_agree(const json_t *reply, const struct answer *fresh)
{
    const json_t *sources = json_object_get(reply, "sources");
    size_t n = json_array_size(sources), n_fresh = 0, same = 0;

    for (size_t i = 0; i < fresh->n_passages; i++) {
        if (fresh->passages[i].is_neighbour)
            continue;
        n_fresh++;
        same += shows(sources, &fresh->passages[i]);
    }
    return 2 * same >= (n > n_fresh ? n : n_fresh);
}

/* ---- both ---- */

static json_t *tree_of(const struct lru_value *reply)
{
    json_t *tree = NULL;
    struct buf b = {0};

    buf_addf(&b, "{%.*s}", (int)reply->n, reply->bytes);
    if (json_parse(&tree, buf_view(&b), "reply") < 0)
        tree = NULL;
    buf_done(&b);
    return tree;
}

static bool agrees(const json_t *reply, const struct query *q, const struct answer *fresh)
{
    bool answered = json_is_true(json_object_get(reply, "answered"));
    json_t *other;
    bool same;

    if (fresh->unfinished || q->answer == QUERY_ANSWER_NONE)
        return passages_agree(reply, fresh);
    if (answered != fresh->extract.answered)
        return false;
    other = tree_of(fresh->shared);
    same = !answered || quotes_agree(reply, other);
    json_decref(other);
    return same;
}

static void run(void *arg, int i_worker)
{
    struct check *c = arg;
    struct answer fresh = {.mem = c->mem};
    json_t *reply = tree_of(c->reply);

    (void)i_worker;
    trace_start(&fresh.trace);
    if (reply && query_run(c->e, &c->q, &fresh) == ERR_OK && !fresh.degraded) {
        if (!agrees(reply, &c->q, &fresh))
            alike_count(c->e->alike, ALIKE_DISAGREED);
        alike_count(c->e->alike, ALIKE_CHECKED);
    }
    json_decref(reply);
    answer_done(&fresh);
    lru_value_unref(c->reply);
    arena_free(c->mem);
}

static bool is_in_sample(double share, uint64_t n)
{
    return floor((double)(n + 1) * share) > floor((double)n * share);
}

void question_check_reused(struct engine *e, const struct query *q, struct lru_value *reply)
{
    uint64_t n = alike_count(e->alike, ALIKE_SERVED);
    struct arena *mem;
    struct check *c;

    if (!is_in_sample(engine_settings(e)->cache.semantic_check, n))
        return;
    mem = arena_new(0);
    c = ARENA_NEW(mem, struct check);
    *c = (struct check){.e = e, .mem = mem, .q = copy_query(q, mem)};
    c->reply = lru_value_ref(reply);
    if (pool_submit(e->pool, QUEUE_BULK, run, c) < 0) {
        lru_value_unref(reply);
        arena_free(mem);
    }
}
