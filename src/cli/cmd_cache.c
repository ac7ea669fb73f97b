/* cmd_cache.c - the answers of the server that owns the folder, those in the folder and in Redis,
 * and the questions that are kept. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/jsonw.h"
#include "cache/answers_report.h"
#include "cache/shared_answers.h"
#include "cli/command.h"
#include "cli/table.h"
#include "engine/engine.h"
#include "server/cache_report.h"
#include "store/store_answers.h"

struct cache_options {
    struct common common;
    const char *what;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct cache_options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT: COMMON_INIT(state, o); return 0;
    case ARGP_KEY_ARG:
        if (o->what || (strcmp(arg, "stats") != 0 && strcmp(arg, "clear") != 0 &&
                        strcmp(arg, "forget-questions") != 0)) {
            argp_error(state, "say 'stats', 'clear' or 'forget-questions', not '%s'", arg);
            return EINVAL;
        }
        o->what = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        if (o->common.help)
            return 0;
        argp_error(state, "say 'stats', 'clear' or 'forget-questions'");
        return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- how a server's are doing ---- */

static void stats_json(FILE *out, struct engine *e)
{
    struct buf b;
    struct jsonw w = jsonw_to(&b);

    buf_init(&b);
    cache_report_json(e, &w);
    fprintf(out, "%s\n", b.p);
    buf_done(&b);
}

static void print_share(struct table *t, uint64_t n, uint64_t of)
{
    if (of)
        table_cell(t, "%.1f %%", 100.0 * (double)n / (double)of);
    else
        table_cell(t, "-");
}

static const char *place_of(enum answers_outcome outcome)
{
    switch (outcome) {
    case ANSWERS_OUTCOME_HIT: return "memory";
    case ANSWERS_OUTCOME_SEMANTIC: return "same meaning";
    case ANSWERS_OUTCOME_MISS: return "made anew";
    default: return answers_outcome_name(outcome);
    }
}

static void print_answers(FILE *out, const struct answers_stats *s)
{
    struct table t;
    uint64_t asked = answers_asked(s), reused = answers_reused(s);

    table_init(&t, "answers from|times|share", "lrr");
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++) {
        table_cell(&t, "%s", place_of((enum answers_outcome)i));
        table_cell(&t, "%llu", (unsigned long long)s->outcomes[i]);
        print_share(&t, s->outcomes[i], asked);
    }
    table_cell(&t, "not made again");
    table_cell(&t, "%llu", (unsigned long long)reused);
    print_share(&t, reused, asked);
    table_print(&t, out);
    table_done(&t);
}

static void print_saved(FILE *out, const struct savings_stats *s)
{
    fprintf(out, "\ntime saved    %.3f s", s->ms / 1e3);
    if (s->answers)
        fprintf(out, ", %.1f ms an answer", s->ms / (double)s->answers);
    fprintf(out, "\ntokens saved  %llu in, %llu out\n", (unsigned long long)s->tokens_in,
            (unsigned long long)s->tokens_out);
    if (s->cost > 0)
        fprintf(out, "money saved   %.4f\n", s->cost);
}

static void print_tiers(FILE *out, const struct engine *e)
{
    struct tiers_stats s;

    tiers_stats_get(e->tiers, &s);
    fprintf(out, "in the store %lld, %.1f of %.1f MB\n", (long long)s.store_answers,
            (double)s.store_bytes / 1e6, (double)e->config.cache.store_bytes / 1e6);
    if (s.has_shared)
        fprintf(out, "redis        %s, %s: %llu found, %llu put\n", s.redis_shown,
                s.redis.open ? "away" : "there", (unsigned long long)s.shared.hits,
                (unsigned long long)s.shared.stored);
}

/* Nothing where no request has asked for reuse by meaning. */
static void print_semantic(FILE *out, struct alike *a)
{
    struct alike_stats s;

    alike_stats_get(a, &s);
    if (s.questions + s.events[ALIKE_SERVED] + s.events[ALIKE_REFUSED] == 0)
        return;
    fprintf(out, "\nby meaning    %zu questions; %llu served, %llu refused", (size_t)s.questions,
            (unsigned long long)s.events[ALIKE_SERVED],
            (unsigned long long)s.events[ALIKE_REFUSED]);
    fprintf(out, "; of %llu checked %llu disagreed\n", (unsigned long long)s.events[ALIKE_CHECKED],
            (unsigned long long)s.events[ALIKE_DISAGREED]);
}

static void stats_text(FILE *out, const struct engine *e)
{
    struct answers_stats s;

    answers_stats_get(e->answers, &s);
    fprintf(out, "answers      %zu, %.1f of %.1f MB\n", s.answers.entries,
            (double)s.answers.bytes / 1e6, (double)s.answers.bytes_max / 1e6);
    print_tiers(out, e);
    fprintf(out, "questions    %zu\n", s.questions.entries);
    fprintf(out, "dropped      %llu with their document, %llu for room, %llu for age\n\n",
            (unsigned long long)s.purged, (unsigned long long)s.answers.evictions,
            (unsigned long long)s.answers.expirations);
    print_answers(out, &s);
    print_saved(out, &s.saved);
    print_semantic(out, e->alike);
}

/* ---- without a server ---- */

static int with_folder(const struct config *c,
                       int (*fn)(struct store *store, const struct config *c, void *arg), void *arg)
{
    int rc = ERR_OK;
    struct folder_lock *lock = NULL;
    struct store *store = NULL;

    TRY(command_needs_data(c->data));
    TRY(folder_lock_take(&lock, c->data));
    TRY(store_open(&store, c->data));
    TRY(fn(store, c, arg));
out:
    store_close(store);
    folder_lock_release(lock);
    return rc;
}

static int clear_rows(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_clear_answers(tx);
}

static int clear_in_folder(struct store *store, const struct config *c, void *arg)
{
    int rc = ERR_OK;
    struct redis *redis = NULL;
    struct shared_answers *shared = NULL;

    (void)arg;
    TRY(store_write(store, clear_rows, NULL, NULL));
    if (!c->redis.url[0])
        goto out;
    TRY(redis_open(&redis, c->redis.url, (int)c->redis.timeout_ms));
    shared = shared_answers_new(redis, store_uuid(store));
    TRY(shared_answers_clear(shared));
out:
    shared_answers_free(shared);
    redis_close(redis);
    return rc;
}

struct kept_answers {
    int64_t n, n_bytes;
};

static int count_row(void *arg, const struct answer_row *row)
{
    struct kept_answers *kept = arg;

    kept->n++;
    kept->n_bytes += row->n_packed;
    return ERR_OK;
}

static int count_in_folder(struct store *store, const struct config *c, void *arg)
{
    struct store_reader *r = store_reader_get(store);
    int rc = store_each_answer(r, 0, 0, count_row, arg);

    (void)c;
    store_reader_put(store, r);
    return rc;
}

static int stats_of_folder(const struct command_call *call, const struct cache_options *o)
{
    struct kept_answers kept = {0};
    int rc = with_folder(&o->common.config, count_in_folder, &kept);

    if (rc < 0)
        return rc;
    fprintf(call->err,
            "ragd: no server runs on '%s'; what was asked and saved is known to a running one\n",
            o->common.config.data);
    if (o->common.json)
        fprintf(call->out, "{\"store\":{\"entries\":%lld,\"bytes\":%lld}}\n", (long long)kept.n,
                (long long)kept.n_bytes);
    else
        fprintf(call->out, "in the store %lld, %.1f of %.1f MB\n", (long long)kept.n,
                (double)kept.n_bytes / 1e6, (double)o->common.config.cache.store_bytes / 1e6);
    return ERR_OK;
}

/* ---- questions that were kept ---- */

static int forget_in_folder(struct store *store, const struct config *c, void *arg)
{
    (void)c, (void)arg;
    return kept_questions_forget(store, NULL);
}

static int forget_questions(struct engine *e, const struct command_call *call,
                            const struct cache_options *o)
{
    int rc = e ? kept_questions_forget(e->store, e->asked)
               : with_folder(&o->common.config, forget_in_folder, NULL);

    if (rc == ERR_OK)
        fputs(o->common.json ? "{\"forgotten\":true}\n" : "no questions are kept\n", call->out);
    return rc;
}

/* ---- the command ---- */

static int clear(struct engine *e, const struct command_call *call, const struct cache_options *o)
{
    int rc = e ? engine_forget_answers(e) : with_folder(&o->common.config, clear_in_folder, NULL);

    if (rc == ERR_OK)
        fputs(o->common.json ? "{\"cleared\":true}\n" : "the cache is empty\n", call->out);
    return rc;
}

static int stats(struct engine *e, const struct command_call *call, const struct cache_options *o)
{
    if (!e)
        return stats_of_folder(call, o);
    if (o->common.json)
        stats_json(call->out, e);
    else
        stats_text(call->out, e);
    return ERR_OK;
}

static int run(struct engine *e, const struct command_call *call, void *options)
{
    const struct cache_options *o = options;
    int rc;

    if (strcmp(o->what, "forget-questions") == 0)
        rc = forget_questions(e, call, o);
    else
        rc = strcmp(o->what, "clear") == 0 ? clear(e, call, o) : stats(e, call, o);
    return rc < 0 ? command_failed(call, rc) : EXIT_DONE;
}

static const struct argp argp = {
    NULL,
    parse,
    "stats|clear|forget-questions",
    "Tells how the answer cache is doing, empties it (memory, data folder and Redis), or deletes "
    "the "
    "questions that `cache.keep_questions` has written down. Without a server it is about what the "
    "data folder and Redis keep.",
    common_children,
    NULL,
    NULL,
};

const struct command cmd_cache = {
    .name = "cache",
    .brief = "tell about the answer cache, or empty it",
    .place = PLACE_SERVER,
    .argp = &argp,
    .options_size = sizeof(struct cache_options),
    .run = run,
};
