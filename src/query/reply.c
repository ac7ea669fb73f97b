#include "query/reply.h"

#include <math.h>

#include "base/jsonw.h"
#include "query/query.h"
#include "query/question_chat.h"

const char *cache_status_name(enum cache_status s)
{
    static const char *const names[] = {"miss",        "hit",      "revalidated",
                                        "stored",      "semantic", "shared",
                                        "precomputed", "joined",   "bypass"};

    return names[s];
}

bool cache_status_is_hit(enum cache_status s)
{
    return s != CACHE_MISS && s != CACHE_JOINED && s != CACHE_BYPASS;
}

static void write_score(struct jsonw *w, const char *key, double score)
{
    jsonw_key(w, key);
    jsonw_real(w, score); /* NaN: null */
}

/* A place in a document; null where there is none. */
static void write_place(struct jsonw *w, const char *key, bool known, int64_t at)
{
    jsonw_key(w, key);
    if (known)
        jsonw_int(w, at);
    else
        jsonw_null(w);
}

static void write_chunk(struct jsonw *w, const struct passage *p)
{
    char chunk[17];
    bool is_text = p->kind == CHUNK_TEXT;

    snprintf(chunk, sizeof chunk, "%016llx", (unsigned long long)p->chunk_id);
    jsonw_key(w, "chunk");
    jsonw_cstr(w, chunk);
    write_place(w, "page", p->page > 0, p->page);
    write_place(w, "start", is_text, p->start);
    write_place(w, "end", is_text, p->end);
    jsonw_key(w, "text");
    jsonw_str(w, p->text);
}

/* The neighbours that follow passage i. */
static void write_window(struct jsonw *w, const struct answer *ans, size_t i)
{
    jsonw_key(w, "window");
    jsonw_open(w, '[');
    for (i++; i < ans->n_passages && ans->passages[i].is_neighbour; i++) {
        jsonw_open(w, '{');
        write_chunk(w, &ans->passages[i]);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

/* The members that sources and hits have in common. */
static void write_passage(struct jsonw *w, const struct passage *p)
{
    jsonw_key(w, "document");
    jsonw_str(w, p->document);
    jsonw_key(w, "title");
    jsonw_str(w, p->title);
    jsonw_key(w, "uri");
    jsonw_str(w, p->uri);
    jsonw_key(w, "heading");
    jsonw_str(w, p->heading);
    jsonw_key(w, "kind");
    jsonw_cstr(w, p->kind == CHUNK_SUMMARY ? "summary" : "text");
    write_chunk(w, p);
    write_score(w, "score", p->hit.score);
    jsonw_key(w, "scores");
    jsonw_open(w, '{');
    write_score(w, "vector", p->hit.vector_score);
    write_score(w, "keyword", p->hit.keyword_score);
    write_score(w, "rerank", p->hit.rerank_score);
    jsonw_close(w, '}');
    jsonw_key(w, "duplicates");
    jsonw_int(w, p->hit.duplicates);
    jsonw_key(w, "metadata");
    jsonw_raw(w, p->metadata.n ? p->metadata : STR_LIT("{}"));
}

/* Sources of an answer are numbered, hits of a search are not. */
static void write_passages(struct jsonw *w, const struct query *q, const struct answer *ans,
                           bool numbered)
{
    jsonw_open(w, '[');
    for (size_t i = 0; i < ans->n_passages; i++) {
        if (ans->passages[i].is_neighbour)
            continue;
        jsonw_open(w, '{');
        if (numbered) {
            jsonw_key(w, "n");
            jsonw_int(w, (int64_t)ans->passages[i].source + 1);
        }
        write_passage(w, &ans->passages[i]);
        if (q->window > 0)
            write_window(w, ans, i);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

void query_sources(const struct query *q, const struct answer *ans, struct buf *out)
{
    struct jsonw w = jsonw_to(out);

    write_passages(&w, q, ans, true);
}

static void write_citations(struct jsonw *w, const struct answer *ans)
{
    const struct extract_result *r = &ans->extract;

    jsonw_key(w, "citations");
    jsonw_open(w, '[');
    for (size_t i = 0; i < r->n_citations; i++) {
        const struct citation *c = &r->citations[i];
        const struct passage *p = &ans->passages[c->i_passage];

        jsonw_open(w, '{');
        jsonw_key(w, "source");
        jsonw_int(w, (int64_t)p->source + 1);
        write_place(w, "start", p->kind == CHUNK_TEXT, c->start);
        write_place(w, "end", p->kind == CHUNK_TEXT, c->end);
        jsonw_key(w, "text");
        jsonw_str(w, c->text);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

/* Which answered, and which was chosen. */
static void write_model(struct jsonw *w, const struct answer *ans, const char *model)
{
    jsonw_key(w, "model");
    jsonw_cstr(w, ans->generated.text.p ? ans->generated.model : model);
    jsonw_key(w, "route");
    if (!ans->chat) {
        jsonw_null(w);
        return;
    }
    jsonw_open(w, '{');
    jsonw_key(w, "choice");
    jsonw_cstr(w, ans->chat->choice);
    jsonw_key(w, "reason");
    jsonw_cstr(w, ans->chat->reason);
    jsonw_close(w, '}');
}

/* A generated answer cites by [n]: the sources, in the order of their first mention. */
static size_t cited_sources(const struct answer *ans, uint32_t *out, size_t most)
{
    struct str text = ans->generated.text;
    size_t n = 0;

    for (size_t i = 0; i < text.n && n < most; i++) {
        uint32_t source = 0;
        size_t at = i + 1, seen = 0;

        if (text.p[i] != '[')
            continue;
        while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9' && source < 1000)
            source = source * 10 + (uint32_t)(text.p[at++] - '0');
        if (at == text.n || text.p[at] != ']' || source == 0 || source > ans->hits.n)
            continue;
        while (seen < n && out[seen] != source)
            seen++;
        if (seen == n)
            out[n++] = source;
    }
    return n;
}

static void write_cited(struct jsonw *w, const struct answer *ans)
{
    uint32_t cited[QUERY_K_MAX];
    size_t n = cited_sources(ans, cited, QUERY_K_MAX);

    jsonw_key(w, "citations");
    jsonw_open(w, '[');
    for (size_t i = 0; i < n; i++) {
        jsonw_open(w, '{');
        jsonw_key(w, "source");
        jsonw_int(w, cited[i]);
        jsonw_key(w, "start"), jsonw_null(w);
        jsonw_key(w, "end"), jsonw_null(w);
        jsonw_key(w, "text"), jsonw_null(w);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

/* The sentences of a generated answer that the passages do not bear out. */
static void write_unsupported(struct jsonw *w, const struct generated *g)
{
    jsonw_key(w, "unsupported");
    jsonw_open(w, '[');
    for (size_t i = 0; i < g->n_claims; i++) {
        const struct claim *c = &g->claims[i];

        if (claim_is_supported(c->verdict))
            continue;
        jsonw_open(w, '{');
        jsonw_key(w, "start"), jsonw_int(w, c->span.start);
        jsonw_key(w, "end"), jsonw_int(w, c->span.end);
        jsonw_key(w, "kind"), jsonw_cstr(w, claim_verdict_name(c->verdict));
        jsonw_key(w, "reason"), jsonw_cstr(w, c->reason);
        jsonw_close(w, '}');
    }
    jsonw_close(w, ']');
}

/* By the names of the stages. */
static void write_degraded(struct jsonw *w, unsigned degraded)
{
    jsonw_key(w, "degraded");
    jsonw_open(w, '[');
    if (degraded & DEGRADED_EMBED)
        jsonw_cstr(w, "embed");
    if (degraded & DEGRADED_RERANK)
        jsonw_cstr(w, "rerank");
    if (degraded & DEGRADED_MODEL)
        jsonw_cstr(w, "model");
    if (degraded & (DEGRADED_GENERATE | DEGRADED_QUOTED))
        jsonw_cstr(w, "generate");
    if (degraded & DEGRADED_LENGTH)
        jsonw_cstr(w, "length");
    jsonw_close(w, ']');
}

static void write_count(struct jsonw *w, const char *key, size_t n)
{
    jsonw_key(w, key);
    jsonw_int(w, (int64_t)n);
}

/* What the plan left out is null. */
static void write_plan(struct jsonw *w, const struct query *q, const struct hits *hits)
{
    const struct search_plan *p = &hits->plan;

    jsonw_key(w, "plan");
    jsonw_cstr(w, search_plan_name(p->by_vector)); /* NULL: null */
    write_count(w, "candidates_visited", p->n_visited);
    write_count(w, "allowed", hits->n_allowed);
    write_place(w, "ef", p->ef > 0, (int64_t)p->ef);
    jsonw_key(w, "recall_target");
    jsonw_real(w, q->recall_target > 0 ? q->recall_target : NAN);
    write_place(w, "documents", q->mode == SEARCH_SUMMARY, (int64_t)p->n_documents);
    jsonw_key(w, "words");
    jsonw_open(w, '{');
    write_count(w, "asked", p->n_words);
    write_count(w, "known", p->n_words_known);
    write_count(w, "candidates", p->n_word_candidates);
    jsonw_close(w, '}');
}

static void write_explain(struct jsonw *w, const struct query *q, const struct answer *ans)
{
    jsonw_key(w, "explain");
    jsonw_open(w, '{');
    jsonw_key(w, "search");
    jsonw_open(w, '{');
    write_plan(w, q, &ans->hits);
    jsonw_close(w, '}');
    jsonw_close(w, '}');
}

const char *reply_explain_text(const struct query *q, const struct answer *ans)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);
    const char *text;

    buf_init(&b);
    write_explain(&w, q, ans);
    text = arena_strndup(ans->mem, b.p, b.n);
    buf_done(&b);
    return text;
}

void reply_body(const struct query *q, const struct answer *ans, struct buf *out)
{
    struct jsonw w = jsonw_to(out);
    bool asked = q->answer != QUERY_ANSWER_NONE && !(ans->degraded & DEGRADED_GENERATE);

    bool generated = ans->generated.text.p != NULL;
    uint32_t first;

    jsonw_key(&w, "answer");
    if (generated)
        jsonw_str(&w, ans->generated.text);
    else if (asked)
        jsonw_str(&w, ans->extract.text);
    else
        jsonw_null(&w);
    jsonw_key(&w, "answered");
    jsonw_bool(&w, generated ? cited_sources(ans, &first, 1) > 0 : ans->extract.answered);
    jsonw_key(&w, "support");
    jsonw_real(&w, asked && !generated ? ans->extract.support : NAN);
    jsonw_key(&w, "sources");
    write_passages(&w, q, ans, true);
    if (generated)
        write_cited(&w, ans);
    else
        write_citations(&w, ans);
    write_unsupported(&w, &ans->generated);
    write_model(&w, ans, asked ? "extractive" : NULL);
    write_degraded(&w, ans->degraded);
    if (q->explain)
        write_explain(&w, q, ans);
}

int64_t answer_age_s(const struct answer *ans)
{
    int64_t age = ans->shared ? clock_wall_ms() - ans->shared->stored_ms : 0;

    return age > 0 ? age / 1000 : 0;
}

int64_t answer_ttl_s(const struct answer *ans)
{
    int64_t left = ans->shared ? ans->shared->ttl_ms / 1000 - answer_age_s(ans) : 0;

    return left > 0 ? left : 0;
}

/* What a reply has around its shared part: id, usage, cache, timings. */
#define AROUND_BYTES 768

void query_timings(const struct trace *t, struct buf *out)
{
    uint64_t total_ns = trace_total_ns(t);

    buf_reserve(out, AROUND_BYTES);
    buf_add_char(out, '{');
    for (int i = 0; i < N_STAGES; i++) { /* nanoseconds as the milliseconds of the contract */
        buf_add_char(out, '"');
        buf_add_str(out, stage_ms_name((enum stage)i));
        buf_add(out, "\":", 2);
        if (t->ns[i])
            buf_add_fixed(out, t->ns[i], 6);
        else
            buf_add_char(out, '0'); /* most of them, from the cache */
        buf_add_char(out, ',');
    }
    buf_add_str(out, "\"other_ms\":");
    buf_add_fixed(out, trace_other_ns(t, total_ns), 6);
    buf_add_str(out, ",\"total_ms\":");
    buf_add_fixed(out, total_ns, 6);
    buf_add_char(out, '}');
}

static void add_count(struct buf *out, const char *before, int64_t n)
{
    buf_add_str(out, before);
    buf_add_u64(out, (uint64_t)n);
}

static void write_cache(const struct answer *ans, struct buf *out)
{
    struct str question = lru_value_question(ans->shared);

    buf_add_str(out, ",\"cache\":{\"status\":\"");
    buf_add_str(out, cache_status_name(ans->cache));
    add_count(out, "\",\"age_s\":", answer_age_s(ans));
    add_count(out, ",\"ttl_s\":", answer_ttl_s(ans));
    if (question.p) {
        buf_add_str(out, ",\"question\":");
        jsonw_string(out, question);
    }
    buf_add_char(out, '}');
}

/* What it took this time, or what it took the first time and not again. */
static void write_usage(const struct answer *ans, struct buf *out)
{
    bool again = ans->cache != CACHE_MISS && ans->cache != CACHE_BYPASS;
    uint32_t n_in = ans->shared->tokens_in, n_out = ans->shared->tokens_out;

    add_count(out, ",\"usage\":{\"prompt_tokens\":", again ? 0 : n_in);
    add_count(out, ",\"completion_tokens\":", again ? 0 : n_out);
    add_count(out, ",\"saved_tokens\":", again ? (int64_t)n_in + n_out : 0);
    buf_add_char(out, '}');
}

/* The last member of a reply: what was written before it is the reply stage. */
static void end_with_timings(struct answer *ans, uint64_t since, struct buf *out)
{
    buf_add_str(out, ",\"timings\":");
    ans->trace.end_ns = trace_add(&ans->trace, STAGE_REPLY, since);
    query_timings(&ans->trace, out);
    buf_add_char(out, '}');
}

void query_reply_around(struct answer *ans, const char *id, struct buf *around,
                        struct str pieces[QUERY_REPLY_PIECES])
{
    uint64_t since = clock_ns();
    size_t n_before;

    buf_clear(around);
    buf_reserve(around, AROUND_BYTES);
    buf_add_str(around, "{\"id\":\"");
    buf_add_str(around, id);
    buf_add(around, "\",", 2);
    n_before = around->n;
    write_usage(ans, around);
    write_cache(ans, around);
    end_with_timings(ans, since, around);
    pieces[0] = (struct str){around->p, n_before};
    pieces[1] = (struct str){ans->shared->bytes, ans->shared->n};
    pieces[2] = (struct str){around->p + n_before, around->n - n_before};
}

void query_reply(struct answer *ans, const char *id, struct buf *out)
{
    struct str pieces[QUERY_REPLY_PIECES];
    struct buf around = {0};

    query_reply_around(ans, id, &around, pieces);
    buf_reserve(out, around.n + ans->shared->n);
    for (size_t i = 0; i < QUERY_REPLY_PIECES; i++)
        buf_add_view(out, pieces[i]);
    buf_done(&around);
}

void query_search_reply(const struct query *q, struct answer *ans, struct buf *out)
{
    uint64_t since = clock_ns();
    struct jsonw w = jsonw_to(out);

    jsonw_open(&w, '{');
    jsonw_key(&w, "hits");
    write_passages(&w, q, ans, false);
    write_degraded(&w, ans->degraded);
    if (q->explain)
        write_explain(&w, q, ans);
    end_with_timings(ans, since, out);
}
