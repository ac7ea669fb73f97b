#include "cache/origin.h"

#include <string.h>

#include "base/buf.h"
#include "base/check.h"

struct head {
    struct digest prompt_hash;
    uint64_t epoch;
    uint32_t n_documents;
};

static bool stands_before(const struct answer_origin *o, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(o->documents[j], o->documents[i]))
            return true;
    return false;
}

static void add_documents(struct buf *tail, const struct answer_origin *o, struct head *h)
{
    for (size_t i = 0; i < o->n_documents; i++) {
        uint32_t n = (uint32_t)o->documents[i].n;

        if (stands_before(o, i))
            continue;
        buf_add(tail, &n, sizeof n);
        buf_add_view(tail, o->documents[i]);
        h->n_documents++;
    }
}

struct lru_value *origin_value(struct str body, const struct answer_origin *o, int64_t ttl_ms)
{
    struct head h = {.prompt_hash = o->prompt_hash, .epoch = o->epoch};
    struct lru_value *v;
    struct buf tail;

    buf_init(&tail);
    buf_add(&tail, &h, sizeof h);
    buf_add(&tail, o->tenant, strlen(o->tenant) + 1);
    buf_add(&tail, o->collection, strlen(o->collection) + 1);
    add_documents(&tail, o, &h);
    memcpy(tail.p, &h, sizeof h);
    v = lru_value_new_with(body, buf_view(&tail), ttl_ms);
    buf_done(&tail);
    return v;
}

static const char *tail_of(const struct lru_value *v)
{
    CHECK(v->n_tail > sizeof(struct head));
    return v->bytes + v->n;
}

void origin_of(const struct lru_value *v, struct answer_origin *out)
{
    const char *tail = tail_of(v);
    struct head h;

    memcpy(&h, tail, sizeof h);
    *out = (struct answer_origin){
        .prompt_hash = h.prompt_hash, .epoch = h.epoch, .n_documents = h.n_documents};
    out->tenant = tail + sizeof h;
    out->collection = out->tenant + strlen(out->tenant) + 1;
}

bool origin_next(const struct lru_value *v, size_t *at, struct str *document)
{
    const char *tail = tail_of(v);
    struct answer_origin o;
    uint32_t n;

    if (*at == 0) {
        origin_of(v, &o);
        *at = (size_t)(o.collection - tail) + strlen(o.collection) + 1;
    }
    if (*at == v->n_tail)
        return false;
    memcpy(&n, tail + *at, sizeof n);
    *document = (struct str){tail + *at + sizeof n, n};
    *at += sizeof n + n;
    return true;
}
