/* fake_embed.h - an embedding server that adds up the hashes of words, and fails as told.
 *
 * Texts with words in common come out close, so searching by its vectors makes sense.
 */
#pragma once
#include <jansson.h>
#include <math.h>

#include "base/hash.h"
#include "base/jsonw.h"
#include "support/fake_http.h"

#define FAKE_DIM 32

enum fake_fault {
    FAKE_FINE,
    FAKE_SILENT,       /* reads, never answers */
    FAKE_LATE,         /* five seconds */
    FAKE_HANGS_UP,     /* closes instead of answering */
    FAKE_CUT,          /* in the middle of the reply */
    FAKE_GARBAGE,      /* not HTTP */
    FAKE_NOT_JSON,     /* HTTP, but a page */
    FAKE_WRONG_TYPE,   /* JSON of another shape */
    FAKE_ENDLESS,      /* a reply that goes on and on */
    FAKE_DRIPPING,     /* a byte now and then */
    FAKE_ENDLESS_HEAD, /* header lines that go on and on */
    FAKE_WRONG_DIM,    /* one dimension too few */
    FAKE_WRONG_COUNT,  /* one vector too few */
    FAKE_NAN,          /* not a number, as base64 */
    FAKE_ZERO,         /* a vector without a direction */
    FAKE_429,          /* status 429 */
    FAKE_500,          /* status 500 */
    FAKE_401,          /* status 401 */
    FAKE_REDIRECT,     /* to somewhere else */
    FAKE_REFUSES_WORD, /* status 400 when a text has the word "poison" */
    FAKE_NO_BASE64,    /* status 400 for encoding_format base64 */
    N_FAKE_FAULTS
};

struct fake_embed {
    struct fake_http http;
    _Atomic enum fake_fault fault;
    atomic_int fail_first;    /* so many requests fail, then it is fine; 0: for ever */
    const char *fail_headers; /* "Retry-After: 1\r\n" */
    atomic_size_t dim, batch_max, n_texts, texts_max; /* texts_max: the most in one request */
    const char *model;                                /* what /info says */
    bool reversed;                                    /* OpenAI: entries in the opposite order */
    const char *_Atomic holds; /* requests with this word wait until it is another; NULL: none */
    _Atomic bool key_was_right, asked_dimensions, asked_base64;
};

static inline void fake_vector(const char *text, size_t dim, float *out)
{
    memset(out, 0, dim * sizeof *out);
    out[0] = 0.01f; /* never zero */
    while (*text) {
        size_t n = strcspn(text, " .,;:?!\n\r\t#");
        char word[64];
        size_t len = n < sizeof word ? n : sizeof word;

        for (size_t i = 0; i < len; i++)
            word[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
        if (len)
            out[hash64_stable(word, len) % dim] += 1;
        text += n ? n : 1;
    }
}

static inline void fake_base64(const float *v, size_t dim, struct buf *out)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)v;
    size_t n = dim * sizeof *v;

    for (size_t i = 0; i < n; i += 3) {
        unsigned a = p[i], b = i + 1 < n ? p[i + 1] : 0, c = i + 2 < n ? p[i + 2] : 0;

        buf_add_char(out, set[a >> 2]);
        buf_add_char(out, set[(a & 3) << 4 | b >> 4]);
        buf_add_char(out, i + 1 < n ? set[(b & 15) << 2 | c >> 6] : '=');
        buf_add_char(out, i + 2 < n ? set[c & 63] : '=');
    }
}

static inline void fake_add_vector(struct buf *out, const float *v, size_t dim, bool base64)
{
    buf_add_char(out, base64 ? '"' : '[');
    if (base64)
        fake_base64(v, dim, out);
    for (size_t i = 0; i < dim && !base64; i++)
        buf_addf(out, "%s%.9g", i ? "," : "", v[i]);
    buf_add_char(out, base64 ? '"' : ']');
}

/* The reply that a fine server gives, or nearly. */
static inline void fake_vectors(struct fake_embed *e, enum fake_fault fault, const json_t *ask,
                                struct buf *out)
{
    const json_t *input = json_object_get(ask, "input"), *inputs = json_object_get(ask, "inputs");
    const char *format = json_string_value(json_object_get(ask, "encoding_format"));
    const json_t *texts = input ? input : inputs;
    size_t n = json_array_size(texts), dim = e->dim - (fault == FAKE_WRONG_DIM);
    bool base64 = format && strcmp(format, "base64") == 0;
    float v[4096];

    e->asked_base64 = base64;
    e->asked_dimensions = json_object_get(ask, "dimensions") != NULL;
    e->n_texts += n;
    if (n > e->texts_max)
        e->texts_max = n;
    buf_add_str(out, input ? "{\"object\":\"list\",\"data\":[" : "[");
    for (size_t i = 0; i < n - (fault == FAKE_WRONG_COUNT); i++) {
        size_t at = e->reversed && input ? n - 1 - i : i;

        fake_vector(json_string_value(json_array_get(texts, at)), dim, v);
        if (fault == FAKE_ZERO)
            memset(v, 0, sizeof v);
        if (fault == FAKE_NAN)
            v[dim / 2] = NAN;
        buf_add_str(out, i ? "," : "");
        if (input)
            buf_addf(out, "{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", at);
        fake_add_vector(out, v, dim, base64);
        buf_add_str(out, input ? "}" : "");
    }
    buf_add_str(out, input ? "],\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}"
                           : "]");
}

static inline bool fake_answer(struct fake_embed *e, int fd, enum fake_fault fault, struct str body)
{
    json_t *ask = json_loadb(body.p, body.n, 0, NULL);
    struct buf out;
    char head[128];

    buf_init(&out);
    fake_vectors(e, fault, ask, &out);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", out.n);
    fake_text(fd, head);
    fake_send(fd, out.p, fault == FAKE_CUT ? out.n / 2 : out.n);
    buf_done(&out);
    json_decref(ask);
    return fault != FAKE_CUT;
}

static inline void fake_forever(struct fake_embed *e, int fd, const char *part, int pause_ms)
{
    struct pollfd p = {fd, POLLRDHUP, 0};

    while (!e->http.stopping && poll(&p, 1, pause_ms) == 0)
        fake_text(fd, part);
}

static inline bool fake_fail(struct fake_embed *e, int fd, enum fake_fault fault, struct str body)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    const char *extra = e->fail_headers ? e->fail_headers : "";

    switch (fault) {
    case FAKE_SILENT: fake_wait(&e->http, fd, 60000); return false;
    case FAKE_LATE: fake_wait(&e->http, fd, 5000); return fake_answer(e, fd, FAKE_FINE, body);
    case FAKE_HANGS_UP: return false;
    case FAKE_GARBAGE: fake_text(fd, "\x01\x02 what? \xff\xfe\r\n\r\n"); return false;
    case FAKE_NOT_JSON: fake_reply(fd, 200, "", "<html>welcome</html>"); return true;
    case FAKE_WRONG_TYPE: fake_reply(fd, 200, "", "{\"data\":\"later\"}"); return true;
    case FAKE_ENDLESS:
        fake_text(fd, head);
        fake_text(fd, "\r\n[");
        fake_forever(e, fd, "[0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.1,0.2,0.3,0.4,0.5],", 0);
        return false;
    case FAKE_DRIPPING:
        fake_text(fd, head);
        fake_text(fd, "\r\n[");
        fake_forever(e, fd, " ", 50);
        return false;
    case FAKE_ENDLESS_HEAD:
        fake_text(fd, head);
        fake_forever(e, fd, "X-More: more and more and more and more and more\r\n", 0);
        return false;
    case FAKE_429: fake_reply(fd, 429, extra, "{\"error\":\"slow down\"}"); return true;
    case FAKE_500: fake_reply(fd, 500, extra, "{\"error\":\"oops\"}"); return true;
    case FAKE_401: fake_reply(fd, 401, extra, "{\"error\":\"wrong key: sesame-42\"}"); return true;
    case FAKE_REDIRECT:
        fake_reply(fd, 302, "Location: http://127.0.0.1:9/elsewhere\r\n", "");
        return true;
    case FAKE_REFUSES_WORD:
        if (!memmem(body.p, body.n, "poison", 6))
            return fake_answer(e, fd, FAKE_FINE, body);
        fake_reply(fd, 400, "", "{\"error\":\"I do not like this\"}");
        return true;
    case FAKE_NO_BASE64:
        if (!memmem(body.p, body.n, "base64", 6))
            return fake_answer(e, fd, FAKE_FINE, body);
        fake_reply(fd, 400, "", "{\"error\":\"encoding_format must be float\"}");
        return true;
    default: return fake_answer(e, fd, fault, body);
    }
}

static inline void fake_hold(struct fake_embed *e, struct str body)
{
    const char *word;

    while ((word = e->holds) && memmem(body.p, body.n, word, strlen(word)) && !e->http.stopping)
        usleep(1000);
}

static inline bool fake_embed_fn(struct fake_http *f, int fd, int i, struct str head,
                                 struct str body)
{
    struct fake_embed *e = f->arg;
    enum fake_fault fault = e->fault;
    char info[256];

    (void)i;
    fake_hold(e, body);
    e->key_was_right = memmem(head.p, head.n, "Authorization: Bearer sesame-42\r\n", 33) != NULL;
    if (e->fail_first > 0 && --e->fail_first == 0)
        e->fault = FAKE_FINE; /* this one still fails */
    if (str_starts(head, STR_LIT("GET /info ")) && fault == FAKE_FINE) {
        snprintf(info, sizeof info,
                 "{\"model_id\":\"%s\",\"max_input_length\":256,\"max_client_batch_size\":%zu}",
                 e->model, (size_t)e->batch_max);
        fake_reply(fd, 200, "", info);
        return true;
    }
    return fault == FAKE_FINE ? fake_answer(e, fd, fault, body) : fake_fail(e, fd, fault, body);
}

static inline void fake_embed_start_on(struct fake_embed *e, int port)
{
    memset(e, 0, sizeof *e);
    e->dim = FAKE_DIM;
    e->batch_max = 32;
    e->model = "fake/words";
    fake_start_on(&e->http, port, fake_embed_fn, e);
}

static inline void fake_embed_start(struct fake_embed *e)
{
    fake_embed_start_on(e, 0);
}

static inline void fake_embed_stop(struct fake_embed *e)
{
    fake_stop(&e->http);
}

/* The next n requests (0: all) fail. */
static inline void fake_embed_fail(struct fake_embed *e, enum fake_fault fault, int n)
{
    e->fail_first = n;
    e->fault = fault;
}
