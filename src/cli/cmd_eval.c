/* cmd_eval.c - how good retrieval is, for questions whose documents are known.
 *
 * A document's rank is that of its best chunk. Measures are those of trec_eval with linear gain:
 * recall@k is the share of a question's relevant documents among the first k, MRR@10 the mean of
 * 1/rank of the first relevant one, nDCG@10 the discounted gain over the ideal one. A question of
 * the qrels that is not among the questions counts as zero.
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/qrels.h"
#include "cli/questions.h"
#include "cli/stats.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "query/query.h"

#define DEPTH 10 /* how far down a ranking counts */

/* Hits asked for at first. Each list of a hybrid search has max(FUSION_CANDIDATES, 4k) candidates,
 * so up to a quarter of that the ranking is the one that any smaller k gives. More are asked for
 * while fewer than DEPTH documents are among them. */
#define HITS_FIRST (FUSION_CANDIDATES / 4)

#define QUESTIONS_A_TURN 256 /* between two signs of progress */

enum { KEY_QUESTIONS = 0x3000, KEY_QRELS, KEY_RUN, KEY_MODES };

static const struct eval_kind {
    const char *name;
    enum search_mode mode;
    enum query_encoder encoder;
    enum search_rerank rerank;
} kinds[] = {
    {"hybrid", SEARCH_HYBRID, QUERY_ENCODER_AUTO, RERANK_OFF},
    {"vector", SEARCH_VECTOR, QUERY_ENCODER_AUTO, RERANK_OFF},
    {"keyword", SEARCH_KEYWORD, QUERY_ENCODER_AUTO, RERANK_OFF},
    {"summary", SEARCH_SUMMARY, QUERY_ENCODER_AUTO, RERANK_OFF},
    {"vector-static", SEARCH_VECTOR, QUERY_ENCODER_STATIC, RERANK_OFF},
    {"hybrid-static", SEARCH_HYBRID, QUERY_ENCODER_STATIC, RERANK_OFF},
    {"hybrid+model", SEARCH_HYBRID, QUERY_ENCODER_AUTO, RERANK_MODEL},
    {"vector+model", SEARCH_VECTOR, QUERY_ENCODER_AUTO, RERANK_MODEL},
    {"keyword+model", SEARCH_KEYWORD, QUERY_ENCODER_AUTO, RERANK_MODEL},
};
#define N_KINDS 9
#define KINDS_SAID                                                                                 \
    "hybrid,vector,keyword,summary,vector-static,hybrid-static,hybrid+model,vector+model,"         \
    "keyword+model"

_Static_assert(sizeof kinds / sizeof *kinds == N_KINDS, "one for each");

struct eval_options {
    struct common common;
    const char *questions, *qrels, *run_file;
    const struct eval_kind *kinds[N_KINDS];
    int n_kinds;
};

/* ---- one question ---- */

struct scores {
    double recall1, recall5, recall10, mrr10, ndcg10;
};

static int grade_of(const struct judgement *j, struct str document)
{
    for (size_t i = 0; i < j->n; i++)
        if (str_eq(str_of(j->v[i].document), document))
            return j->v[i].grade;
    return 0;
}

static double gain_at(int grade, size_t i)
{
    return grade / log2((double)i + 2);
}

static struct scores judge(const struct judgement *j, const struct passage *const *ranked, size_t n)
{
    struct scores s = {0};
    double gain = 0, ideal = 0;

    for (size_t i = 0; i < n && i < DEPTH; i++) {
        int grade = grade_of(j, ranked[i]->document);

        if (!grade)
            continue;
        s.recall1 += i < 1;
        s.recall5 += i < 5;
        s.recall10 += 1;
        if (s.mrr10 == 0)
            s.mrr10 = 1 / (double)(i + 1);
        gain += gain_at(grade, i);
    }
    for (size_t i = 0; i < j->n && i < DEPTH; i++)
        ideal += gain_at(j->v[i].grade, i);
    s.recall1 /= (double)j->n;
    s.recall5 /= (double)j->n;
    s.recall10 /= (double)j->n;
    s.ndcg10 = gain / ideal;
    return s;
}

/* The first passage of each document, best first; `out` has room for hits.n. */
static size_t best_of_each(const struct answer *ans, const struct passage **out)
{
    size_t n = 0;

    for (size_t i = 0; i < ans->hits.n && n < DEPTH; i++) {
        bool seen = false;

        for (size_t k = 0; k < n && !seen; k++)
            seen = out[k]->hit.document_id == ans->hits.v[i].document_id;
        if (!seen)
            out[n++] = &ans->passages[i];
    }
    return n;
}

/* ---- one mode ---- */

struct eval_run {
    struct engine *e;
    const struct command_call *call;
    const struct eval_options *o;
    const struct questions *questions;
    const struct qrels *qrels;
    const struct eval_kind *kind;
    size_t from;           /* the first question of this turn */
    struct scores *scores; /* [questions->n] */
    double *ms;            /* [questions->n]; below 0: not judged */
    char **lines;          /* [questions->n], of the run file; NULL when none is written */
    _Atomic(int) rc;       /* of the first that failed */
    char error[ERR_TEXT_MAX];
};

static int search_deep(const struct eval_run *r, struct query *q, struct answer *ans,
                       const struct passage ***ranked, size_t *n)
{
    int rc = ERR_OK;

    for (q->k = HITS_FIRST;; q->k = q->k * 4 < SEARCH_K_MAX ? q->k * 4 : SEARCH_K_MAX) {
        TRY(query_search(r->e, q, ans));
        if (ans->degraded & DEGRADED_RERANK)
            return FAIL(ERR_UNAVAILABLE, "the reranker gave no scores");
        *ranked = ARENA_ARRAY(ans->mem, const struct passage *, ans->hits.n + 1);
        *n = best_of_each(ans, *ranked);
        if (*n >= DEPTH || ans->hits.n < (size_t)q->k || q->k == SEARCH_K_MAX)
            return ERR_OK;
    }
out:
    return rc;
}

/* What its list is sorted by. */
static double score_of(const struct hit *h)
{
    return isnan(h->rerank_score) ? h->score : (double)h->rerank_score;
}

static char *run_lines(const char *id, const struct passage *const *ranked, size_t n)
{
    struct buf b;

    buf_init(&b);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "%s\t%.*s\t%.9g\n", id, STR_ARGS(ranked[i]->document),
                 score_of(&ranked[i]->hit));
    return buf_take(&b);
}

static int eval_one(struct eval_run *r, size_t i, const struct judgement *j)
{
    int rc = ERR_OK;
    struct answer ans = {.mem = arena_new(0)};
    const struct passage **ranked = NULL;
    size_t n = 0;
    struct query q;

    trace_start(&ans.trace);
    query_defaults(&q, r->e);
    q.tenant = r->o->common.config.tenant;
    q.collection = r->o->common.config.collection;
    q.mode = r->kind->mode;
    q.encoder = r->kind->encoder;
    q.rerank = r->kind->rerank;
    q.question = str_of(r->questions->v[i].text);
    TRY(query_prepare(&q, ans.mem));
    TRY(search_deep(r, &q, &ans, &ranked, &n));
    r->ms[i] = clock_ms_since(ans.trace.start_ns);
    r->scores[i] = judge(j, ranked, n);
    if (r->lines)
        r->lines[i] = run_lines(r->questions->v[i].id, ranked, n);
out:
    answer_done(&ans);
    arena_free(ans.mem);
    return rc;
}

static void eval_each(void *arg, size_t offset)
{
    struct eval_run *r = arg;
    size_t i = r->from + offset;
    const char *id = r->questions->v[i].id;
    uint64_t at;
    int rc, none = ERR_OK;

    if (!map_get(r->qrels->by_id, id, strlen(id), &at) || atomic_load(&r->rc) < 0)
        return;
    rc = *r->call->cancelled ? FAIL(ERR_CANCELLED, "cancelled") : eval_one(r, i, &r->qrels->v[at]);
    if (rc < 0 && atomic_compare_exchange_strong(&r->rc, &none, rc))
        snprintf(r->error, sizeof r->error, "question '%.100s': %s", id, err_text());
}

/* A few hundred questions at a time, so that progress can be told between. */
static int eval_all(struct eval_run *r, struct progress *bar, const char *text)
{
    size_t n = r->questions->n;

    for (r->from = 0; r->from < n && atomic_load(&r->rc) == ERR_OK; r->from += QUESTIONS_A_TURN) {
        size_t left = n - r->from, some = left < QUESTIONS_A_TURN ? left : QUESTIONS_A_TURN;

        pool_each(r->e->pool, some, eval_each, r);
        progress_show(bar, r->from + some, n, text);
    }
    return atomic_load(&r->rc) < 0 ? FAIL(atomic_load(&r->rc), "%s", r->error) : ERR_OK;
}

/* ---- what came out ---- */

struct verdict {
    const char *mode;
    struct scores mean;
    double p50_ms, p99_ms;
    size_t n_unasked; /* in the qrels, not among the questions */
};

static struct verdict sum_up(const struct eval_run *r)
{
    struct verdict v = {.mode = r->kind->name};
    struct sample ms = {0};
    struct stats latency;
    double n = (double)r->qrels->n;

    for (size_t i = 0; i < r->questions->n; i++) {
        if (r->ms[i] < 0)
            continue;
        sample_add(&ms, r->ms[i]);
        v.mean.recall1 += r->scores[i].recall1 / n;
        v.mean.recall5 += r->scores[i].recall5 / n;
        v.mean.recall10 += r->scores[i].recall10 / n;
        v.mean.mrr10 += r->scores[i].mrr10 / n;
        v.mean.ndcg10 += r->scores[i].ndcg10 / n;
    }
    v.n_unasked = r->qrels->n - ms.n;
    latency = stats_of(&ms);
    v.p50_ms = latency.p50;
    v.p99_ms = latency.p99;
    sample_done(&ms);
    return v;
}

static int write_run_file(const struct eval_run *r, const char *path, bool first)
{
    int rc;
    struct buf all, name;

    buf_init(&all);
    buf_init(&name);
    buf_addf(&name, first ? "%s" : "%s.%s", path, r->kind->name);
    for (size_t i = 0; i < r->questions->n; i++)
        if (r->lines[i])
            buf_add_str(&all, r->lines[i]);
    rc = file_write_atomic(name.p, all.p ? all.p : "", all.n);
    buf_done(&name);
    buf_done(&all);
    return rc;
}

static int eval_mode(struct eval_run *r, const char *run_path, bool first, struct verdict *out)
{
    int rc = ERR_OK;
    size_t n = r->questions->n;
    struct progress bar;

    progress_init(&bar, r->call->err, r->call->terminal);
    r->scores = mem_calloc(n, sizeof *r->scores);
    r->ms = mem_calloc(n, sizeof *r->ms);
    r->lines = run_path ? mem_calloc(n, sizeof *r->lines) : NULL;
    for (size_t i = 0; i < n; i++)
        r->ms[i] = -1;
    rc = eval_all(r, &bar, r->kind->name);
    progress_done(&bar);
    if (rc == ERR_OK)
        *out = sum_up(r);
    if (rc == ERR_OK && run_path)
        rc = write_run_file(r, run_path, first);
    for (size_t i = 0; r->lines && i < n; i++)
        mem_free(r->lines[i]);
    mem_free(r->lines);
    mem_free(r->scores);
    mem_free(r->ms);
    return rc;
}

static void print_json(FILE *out, const struct verdict *v, int n, size_t queries)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    jsonw_open(&w, '{');
    jsonw_key(&w, "modes");
    jsonw_open(&w, '[');
    for (int i = 0; i < n; i++) {
        jsonw_open(&w, '{');
        jsonw_key(&w, "mode"), jsonw_cstr(&w, v[i].mode);
        jsonw_key(&w, "queries"), jsonw_int(&w, (int64_t)queries);
        jsonw_key(&w, "recall@1"), jsonw_real(&w, v[i].mean.recall1);
        jsonw_key(&w, "recall@5"), jsonw_real(&w, v[i].mean.recall5);
        jsonw_key(&w, "recall@10"), jsonw_real(&w, v[i].mean.recall10);
        jsonw_key(&w, "mrr@10"), jsonw_real(&w, v[i].mean.mrr10);
        jsonw_key(&w, "ndcg@10"), jsonw_real(&w, v[i].mean.ndcg10);
        jsonw_key(&w, "p50_ms"), jsonw_real(&w, v[i].p50_ms);
        jsonw_key(&w, "p99_ms"), jsonw_real(&w, v[i].p99_ms);
        jsonw_close(&w, '}');
    }
    jsonw_close(&w, ']');
    jsonw_close(&w, '}');
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static void print_text(FILE *out, const struct verdict *v, int n, size_t queries)
{
    struct table t;

    table_init(&t, "mode|queries|recall@1|recall@5|recall@10|MRR@10|nDCG@10|p50 ms|p99 ms",
               "lrrrrrrrr");
    for (int i = 0; i < n; i++) {
        table_cell(&t, "%s", v[i].mode);
        table_cell(&t, "%zu", queries);
        table_cell(&t, "%.4f", v[i].mean.recall1);
        table_cell(&t, "%.4f", v[i].mean.recall5);
        table_cell(&t, "%.4f", v[i].mean.recall10);
        table_cell(&t, "%.4f", v[i].mean.mrr10);
        table_cell(&t, "%.4f", v[i].mean.ndcg10);
        table_cell(&t, "%.2f", v[i].p50_ms);
        table_cell(&t, "%.2f", v[i].p99_ms);
    }
    table_print(&t, out);
    table_done(&t);
}

/* ---- the command ---- */

/* "hybrid,keyword"; returns how many, or -1. */
static int parse_modes(const char *text, const struct eval_kind *out[N_KINDS])
{
    int n = 0;

    while (*text) {
        size_t len = strcspn(text, ",");
        const struct eval_kind *found = NULL;

        for (int i = 0; i < N_KINDS; i++)
            if (strlen(kinds[i].name) == len && memcmp(text, kinds[i].name, len) == 0)
                found = &kinds[i];
        for (int i = 0; i < n; i++)
            if (out[i] == found)
                found = NULL;
        if (!found)
            return -1;
        out[n++] = found;
        text += len + (text[len] == ',');
    }
    return n ? n : -1;
}

static error_t check_required(const struct eval_options *o, struct argp_state *state)
{
    if (o->common.help)
        return 0;
    if (!o->questions || !o->qrels) {
        argp_error(state, "--questions FILE and --qrels FILE are needed");
        return EINVAL;
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct eval_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case KEY_QUESTIONS: o->questions = arg; return 0;
    case KEY_QRELS: o->qrels = arg; return 0;
    case KEY_RUN: o->run_file = arg; return 0;
    case KEY_MODES:
        if ((o->n_kinds = parse_modes(arg, o->kinds)) < 0) {
            argp_error(state, "--modes must be some of " KINDS_SAID ", not '%s'", arg);
            return EINVAL;
        }
        return 0;
    case ARGP_KEY_END: return check_required(o, state);
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void init(void *options)
{
    struct eval_options *o = options;

    o->n_kinds = parse_modes("hybrid,vector,keyword", o->kinds);
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    int rc = ERR_OK;
    struct eval_options *o = options;
    struct questions questions = {0};
    struct qrels qrels = {0};
    struct verdict verdicts[N_KINDS];
    char *questions_path = command_path(call, o->questions);
    char *qrels_path = command_path(call, o->qrels);
    char *run_path = o->run_file ? command_path(call, o->run_file) : NULL;

    TRY(questions_read(&questions, questions_path));
    TRY(qrels_read(&qrels, qrels_path));
    for (int i = 0; i < o->n_kinds; i++) {
        struct eval_run r = {
            .e = e,
            .call = call,
            .o = o,
            .questions = &questions,
            .qrels = &qrels,
            .kind = o->kinds[i],
        };

        TRY(eval_mode(&r, run_path, i == 0, &verdicts[i]));
    }
    if (verdicts[0].n_unasked)
        fprintf(call->err, "ragd: %zu questions of the qrels were not asked and count as zero\n",
                verdicts[0].n_unasked);
    if (o->common.json)
        print_json(call->out, verdicts, o->n_kinds, qrels.n);
    else
        print_text(call->out, verdicts, o->n_kinds, qrels.n);
out:
    questions_done(&questions);
    qrels_done(&qrels);
    mem_free(questions_path);
    mem_free(qrels_path);
    mem_free(run_path);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp_option options[] = {
    {"questions", KEY_QUESTIONS, "FILE", 0, "jsonl with id and text (or question)", 1},
    {"qrels", KEY_QRELS, "FILE", 0, "question id, document id and grade, separated by tabs", 1},
    {"run", KEY_RUN, "FILE", 0,
     "write question id, document id and score of the first mode; of others to FILE.MODE", 1},
    {"modes", KEY_MODES, "LIST", 0,
     "which to compare (hybrid,vector,keyword); also summary, vector-static and hybrid-static, "
     "with "
     "the table that stands in for the model, and hybrid+model, vector+model and keyword+model, "
     "reranked",
     1},
    {0},
};

static const struct argp argp = {
    options,
    parse,
    NULL,
    "Measures retrieval on questions whose documents are known: recall, MRR and nDCG of each mode, "
    "and how long a search takes with all processors busy.\v"
    "A document's rank is that of its best chunk. A question that the qrels have and the file of "
    "questions has not counts as zero.\n\n"
    "  ragd ingest --data /tmp/squad --chunk-chars 0 corpus.jsonl\n"
    "  ragd eval --data /tmp/squad --questions queries.jsonl --qrels qrels.tsv",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_eval = {
    .name = "eval",
    .brief = "recall, MRR and nDCG for questions with known answers",
    .place = PLACE_ENGINE,
    .argp = &argp,
    .options_size = sizeof(struct eval_options),
    .init = init,
    .run = run,
};
