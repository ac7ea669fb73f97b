/* fake_rerank.h - a reranking server that counts the question's words in a text, and fails as told.
 *
 * It answers TEI's and Cohere's form, whichever it is asked in.
 */
#pragma once
#include <jansson.h>
#include <strings.h>

#include "base/err.h"
#include "support/fake_http.h"

enum rerank_fault {
    RERANK_FINE,
    RERANK_SILENT,      /* reads, never answers */
    RERANK_LATE,        /* five seconds */
    RERANK_HANGS_UP,    /* closes instead of answering */
    RERANK_CUT,         /* in the middle of the reply */
    RERANK_GARBAGE,     /* not HTTP */
    RERANK_PAGE,        /* HTTP, but a page */
    RERANK_WRONG_TYPE,  /* JSON of another shape */
    RERANK_ENDLESS,     /* a reply that goes on and on */
    RERANK_WRONG_COUNT, /* one score too few */
    RERANK_TWICE,       /* the same index twice */
    RERANK_NAN,         /* a score that is no JSON */
    RERANK_NULL,        /* a score that is no number */
    RERANK_HUGE,        /* a number that no float holds */
    RERANK_429,
    RERANK_500,
    RERANK_401,
    N_RERANK_FAULTS
};

struct fake_rerank {
    struct fake_http http;
    _Atomic enum rerank_fault fault;
    atomic_int slow_ms;                          /* before each reply */
    atomic_size_t n_texts, texts_max, bytes_max; /* in all, in one request, in one text */
    _Atomic bool key_was_right, asked_raw, asked_model;
};

/* Of the question's words, how many of a hundred the text has, as 0.00 .. 1.00; less a little for
 * its length, so that few scores are equal. */
static inline double fake_score(const char *question, const char *text)
{
    size_t n = 0, n_found = 0;

    while (*question) {
        size_t len = strcspn(question, " ?.,");
        char word[64];

        snprintf(word, sizeof word, "%.*s", (int)len, question);
        n += len > 0;
        n_found += len > 0 && strcasestr(text, word) != NULL;
        question += len ? len : 1;
    }
    return (n ? (double)n_found / (double)n : 0) * 0.9 - (double)(strlen(text) % 100) * 1e-4 + 0.05;
}

static inline void fake_rerank_entry(struct fake_rerank *r, enum rerank_fault fault, bool tei,
                                     size_t i, double score, struct buf *out)
{
    buf_addf(out, "{\"index\":%zu,\"%s\":", fault == RERANK_TWICE ? 0 : i,
             tei ? "score" : "relevance_score");
    if (fault == RERANK_NAN)
        buf_add_str(out, "NaN}");
    else if (fault == RERANK_NULL)
        buf_add_str(out, "null}");
    else if (fault == RERANK_HUGE)
        buf_add_str(out, "1e300}");
    else
        buf_addf(out, "%.6f}", r->asked_raw ? score * 10 - 5 : score);
}

/* The last text comes first: who trusts the order is wrong. */
static inline void fake_rerank_write(struct fake_rerank *r, enum rerank_fault fault,
                                     const json_t *ask, struct buf *out)
{
    const json_t *texts = json_object_get(ask, "texts");
    const char *question = json_string_value(json_object_get(ask, "query"));
    bool tei = texts != NULL;
    size_t n;

    texts = tei ? texts : json_object_get(ask, "documents");
    n = json_array_size(texts);
    r->n_texts += n;
    r->texts_max = n > r->texts_max ? n : r->texts_max;
    r->asked_raw = json_is_true(json_object_get(ask, "raw_scores"));
    r->asked_model = json_object_get(ask, "model") != NULL;
    buf_add_str(out, tei ? "[" : "{\"results\":[");
    for (size_t i = n; i-- > (fault == RERANK_WRONG_COUNT ? 1 : 0);) {
        const char *text = json_string_value(json_array_get(texts, i));

        r->bytes_max = strlen(text) > r->bytes_max ? strlen(text) : r->bytes_max;
        fake_rerank_entry(r, fault, tei, i, fake_score(question, text), out);
        buf_add_str(out, i > (fault == RERANK_WRONG_COUNT ? 1 : 0) ? "," : "");
    }
    buf_add_str(out, tei ? "]" : "]}");
}

static inline bool fake_rerank_answer(struct fake_rerank *r, int fd, enum rerank_fault fault,
                                      struct str body)
{
    json_t *ask = json_loadb(body.p, body.n, 0, NULL);
    struct buf out;
    char head[128];

    buf_init(&out);
    fake_rerank_write(r, fault, ask, &out);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", out.n);
    fake_text(fd, head);
    fake_send(fd, out.p, fault == RERANK_CUT ? out.n / 2 : out.n);
    buf_done(&out);
    json_decref(ask);
    return fault != RERANK_CUT;
}

static inline void fake_rerank_endless(struct fake_rerank *r, int fd)
{
    struct pollfd p = {fd, POLLRDHUP, 0};

    fake_text(fd, "HTTP/1.1 200 OK\r\n\r\n[");
    while (!r->http.stopping && poll(&p, 1, 0) == 0)
        fake_text(fd, "{\"index\":0,\"score\":0.5},{\"index\":0,\"score\":0.5},");
}

static inline bool fake_rerank_fn(struct fake_http *f, int fd, int i, struct str head,
                                  struct str body)
{
    struct fake_rerank *r = f->arg;

    (void)i;
    r->key_was_right = memmem(head.p, head.n, "Authorization: Bearer sesame-42\r\n", 33) != NULL;
    if (!str_starts(head, STR_LIT("POST /rerank ")) &&
        !str_starts(head, STR_LIT("POST /v2/rerank "))) {
        fake_reply(fd, 404, "", "{\"error\":\"no such path\"}");
        return true;
    }
    if (r->slow_ms)
        usleep((useconds_t)r->slow_ms * 1000);
    switch (r->fault) {
    case RERANK_SILENT: fake_wait(f, fd, 60000); return false;
    case RERANK_LATE: fake_wait(f, fd, 5000); return fake_rerank_answer(r, fd, RERANK_FINE, body);
    case RERANK_HANGS_UP: return false;
    case RERANK_GARBAGE: fake_text(fd, "\x01\x02 what? \xff\xfe\r\n\r\n"); return false;
    case RERANK_PAGE: fake_reply(fd, 200, "", "<html>welcome</html>"); return true;
    case RERANK_WRONG_TYPE: fake_reply(fd, 200, "", "{\"results\":\"later\"}"); return true;
    case RERANK_ENDLESS: fake_rerank_endless(r, fd); return false;
    case RERANK_429: fake_reply(fd, 429, "Retry-After: 9\r\n", "{\"error\":\"slow\"}"); return true;
    case RERANK_500: fake_reply(fd, 500, "", "{\"error\":\"oops\"}"); return true;
    case RERANK_401: fake_reply(fd, 401, "", "{\"error\":\"wrong key: sesame-42\"}"); return true;
    default: return fake_rerank_answer(r, fd, r->fault, body);
    }
}

static inline void fake_rerank_start(struct fake_rerank *r)
{
    memset(r, 0, sizeof *r);
    fake_start(&r->http, fake_rerank_fn, r);
}

static inline void fake_rerank_stop(struct fake_rerank *r)
{
    fake_stop(&r->http);
}
