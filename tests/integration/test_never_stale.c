/* R15: writers change, add and remove documents while readers ask, truly at once. Every reply is
 * compared with a fresh run (cache off) at an epoch between the question's start and its reply:
 * in one process, through a restart, and between two that share answers in a Redis. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "support/figure.h"
#include "support/redis_server.h"
#include "support/world.h"

enum { N_EPOCHS_MAX = 8192, N_READERS = 3, N_CHANGES = 40, N_CHANGES_LONG = 200, N_CHANGING = 12 };

/* Every kind of question whose answer may go stale in a way of its own. */
static const char *const requests[] = {
    "{\"question\":\"What is the minimum CET1 ratio?\"}",
    "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}",
    "{\"question\":\"Which ratio applies?\",\"k\":20}",
    "{\"question\":\"Which ratio applies?\",\"mode\":\"keyword\"}",
    "{\"question\":\"Which ratio applies?\",\"mode\":\"vector\",\"k\":3}",
    "{\"question\":\"Which ratio applies?\",\"mmr\":0.6}",
    "{\"question\":\"What are the rules of the harbour?\",\"mode\":\"summary\"}",
    "{\"question\":\"How long are reports kept?\",\"filter\":{\"year\":{\"gte\":2020}}}",
    "{\"question\":\"How long are reports kept?\",\"fusion\":\"rrf\",\"window\":1}",
    "{\"question\":\"Who won the chess championship in Reykjavik?\"}",
    "{\"question\":\"How are eggs boiled?\"}",
    /* These may be answered as each other, and say so. */
    "{\"question\":\"What was the minimum CET1 ratio?\",\"semantic\":\"strict\"}",
    "{\"question\":\"What was the lowest CET1 ratio?\",\"semantic\":\"strict\"}",
    "{\"question\":\"Please tell me what the lowest CET1 ratio was.\",\"semantic\":\"strict\"}",
};
enum { N_REQUESTS = sizeof requests / sizeof *requests };

/* A server's part of it: an engine, and what was true at its epochs. */
struct house {
    struct world w;
    struct digest fresh[N_EPOCHS_MAX][N_REQUESTS];
};

struct seen {
    int i_house, i_request;
    uint64_t from, to; /* epochs before the question and after its reply */
    uint64_t start_ns, end_ns;
    struct digest context;
    enum cache_status cache;
};

struct reader {
    struct scene *s;
    pthread_t thread;
    struct seen *seen;
    size_t n, cap;
};

struct scene {
    struct house house[2];
    int n_houses;
    unsigned seed;
    atomic_bool stop;
    struct reader readers[N_READERS];
};

static uint64_t epoch(struct house *h)
{
    return retriever_epoch(h->w.engine->retriever, "default", "default");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The context of a reply: its sources, whatever their order, without scores. When a document came
 * is not part of it: two servers read the same at different times. */
static struct digest context_of(const json_t *reply)
{
    struct digester *d = digester_new();
    json_t *sources = json_object_get(reply, "sources"), *source;
    char *rows[128];
    size_t i, n = 0;

    json_array_foreach(sources, i, source) {
        json_object_del(source, "score");
        json_object_del(source, "scores");
        json_object_del(source, "n");
        rows[n++] = json_dumps(source, JSON_SORT_KEYS);
    }
    qsort(rows, n, sizeof *rows, by_text);
    for (i = 0; i < n; i++) {
        digester_add_str(d, rows[i]);
        free(rows[i]);
    }
    return digester_finish(d);
}

/* The request whose question was answered in another's place. */
static int request_of(const char *question)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (strstr(requests[i], question) && strstr(requests[i], "strict"))
            return i;
    cr_assert(false, "nobody asked '%s'", question);
    return -1;
}

static void *read_all_the_time(void *arg)
{
    struct reader *r = arg;
    unsigned seed = (unsigned)(r - r->s->readers) + 1;

    while (!atomic_load(&r->s->stop)) {
        struct seen seen = {.i_house = rand_r(&seed) % r->s->n_houses,
                            .i_request = rand_r(&seed) % N_REQUESTS,
                            .start_ns = clock_ns()};
        struct house *h = &r->s->house[seen.i_house];
        struct world_reply reply;

        seen.from = epoch(h);
        world_ask(&h->w, requests[seen.i_request], &reply);
        seen.to = epoch(h);
        seen.end_ns = clock_ns();
        seen.context = context_of(reply.json);
        seen.cache = reply.ans.cache;
        if (seen.cache == CACHE_SEMANTIC)
            seen.i_request = request_of(json_string_value(
                json_object_get(json_object_get(reply.json, "cache"), "question")));
        world_forget(&reply);
        r->seen = mem_grow(r->seen, &r->cap, r->n + 1, sizeof *r->seen);
        r->seen[r->n++] = seen;
    }
    return NULL;
}

/* Only the writer moves the epoch, so between its changes it can say what is true at this one. */
static void note_truth(struct house *h)
{
    uint64_t at = epoch(h);

    cr_assert_lt(at, N_EPOCHS_MAX);
    for (int i = 0; i < N_REQUESTS; i++) {
        json_t *request = json_loads(requests[i], 0, NULL);
        struct world_reply reply;
        char *text;

        json_object_set_new(request, "cache", json_string("no-store"));
        text = json_dumps(request, 0);
        world_ask(&h->w, text, &reply);
        h->fresh[at][i] = context_of(reply.json);
        world_forget(&reply);
        json_decref(request);
        free(text);
    }
}

/* The same change in every house. */
static void change_something(struct scene *s)
{
    static const char *const subjects[] = {"CET1 ratio", "leverage ratio", "report", "liquidity"};
    unsigned *seed = &s->seed;
    char id[16], text[256], meta[32];
    bool goes = rand_r(seed) % 4 == 0;

    snprintf(id, sizeof id, "doc-%d", rand_r(seed) % N_CHANGING);
    snprintf(text, sizeof text,
             "The minimum %s is %d percent. Reports are kept for %d years. Which ratio applies "
             "depends on the size of the bank.",
             subjects[rand_r(seed) % 4], rand_r(seed) % 20, rand_r(seed) % 10);
    snprintf(meta, sizeof meta, "{\"year\": %d}", 2015 + rand_r(seed) % 10);
    for (int i = 0; i < s->n_houses; i++) {
        if (goes)
            world_remove(&s->house[i].w, id);
        else
            world_put(&s->house[i].w, id, text, meta);
        note_truth(&s->house[i]);
    }
}

/* Documents that stay: some short ones, and two that are long enough for a summary. */
static void furnish(struct world *w)
{
    static const char *const things[] = {"Eggs", "Potatoes", "Carrots", "Noodles", "Rice"};
    char id[32];
    struct buf text = {0};

    for (int i = 0; i < 30; i++) {
        buf_clear(&text);
        buf_addf(&text, "%s are boiled for %d minutes in a pot of kitchen number %d.",
                 things[i % 5], 3 + i, i);
        snprintf(id, sizeof id, "kitchen-%d", i);
        world_put(w, id, text.p, NULL);
    }
    for (int i = 0; i < 2; i++) {
        buf_clear(&text);
        for (int k = 0; k < 120; k++)
            buf_addf(&text,
                     "Rule %d of the harbour %d says that boats of class %d moor at pier %d. ", k,
                     i, k % 7, k % 11);
        snprintf(id, sizeof id, "harbour-%d", i);
        world_put(w, id, text.p, NULL);
    }
    buf_done(&text);
}

static void start_readers(struct scene *s)
{
    atomic_store(&s->stop, false);
    for (int i = 0; i < N_READERS; i++) {
        s->readers[i].s = s;
        pthread_create(&s->readers[i].thread, NULL, read_all_the_time, &s->readers[i]);
    }
}

static void stop_readers(struct scene *s)
{
    atomic_store(&s->stop, true);
    for (int i = 0; i < N_READERS; i++)
        pthread_join(s->readers[i].thread, NULL);
}

/* RAGD_LONG=1: `make torture`. */
static int n_changes(void)
{
    const char *is_long = getenv("RAGD_LONG");

    return is_long && strcmp(is_long, "1") == 0 ? N_CHANGES_LONG : N_CHANGES;
}

static void change_while_they_read(struct scene *s)
{
    start_readers(s);
    for (int i = 0; i < n_changes(); i++)
        change_something(s);
    stop_readers(s);
}

/* ---- what the replies were worth ---- */

struct count {
    size_t n, stale;
    size_t same, same_cached; /* same: the context of an earlier reply to this question */
    size_t anew, anew_cached; /* of these, those whose retrieval ran again */
    size_t by_status[CACHE_BYPASS + 1];
};

static bool is_true_at_some_epoch(const struct scene *s, const struct seen *seen)
{
    for (uint64_t e = seen->from; e <= seen->to; e++)
        if (digest_eq(&s->house[seen->i_house].fresh[e][seen->i_request], &seen->context))
            return true;
    return false;
}

/* Had somebody the same answer from this house before this question was asked? */
static bool was_known(const struct scene *s, const struct seen *seen)
{
    for (int i = 0; i < N_READERS; i++)
        for (size_t k = 0; k < s->readers[i].n; k++) {
            const struct seen *other = &s->readers[i].seen[k];

            if (other->i_request == seen->i_request && other->i_house == seen->i_house &&
                other->end_ns < seen->start_ns && digest_eq(&other->context, &seen->context))
                return true;
        }
    return false;
}

static void count_replies(const struct scene *s, struct count *c)
{
    for (int i = 0; i < N_READERS; i++)
        for (size_t k = 0; k < s->readers[i].n; k++) {
            const struct seen *seen = &s->readers[i].seen[k];
            bool same = was_known(s, seen);

            c->n++;
            c->stale += !is_true_at_some_epoch(s, seen);
            c->by_status[seen->cache]++;
            c->same += same;
            c->same_cached += same && seen->cache != CACHE_MISS;
            c->anew += same && seen->cache != CACHE_HIT;
            c->anew_cached += same && seen->cache != CACHE_HIT && seen->cache != CACHE_MISS;
        }
}

static void judge(struct scene *s, struct count *c, const char *how)
{
    *c = (struct count){0};
    count_replies(s, c);
    printf("# %zu replies, %zu stale;", c->n, c->stale);
    for (int i = 0; i <= CACHE_BYPASS; i++)
        if (c->by_status[i])
            printf(" %s %zu", cache_status_name((enum cache_status)i), c->by_status[i]);
    printf("; context as before: %zu of %zu from the cache, of those looked at anew %zu of %zu\n",
           c->same_cached, c->same, c->anew_cached, c->anew);
    figure("R15 | %s, documents changed %d times while %d threads ask: %zu replies | %zu stale, "
           "%.1f %% of those that may come from the cache do",
           how, n_changes(), N_READERS, c->n, c->stale,
           c->same ? 100.0 * (double)c->same_cached / (double)c->same : 100.0);
    cr_expect_eq(c->stale, 0);
    cr_expect_gt(c->n, 0);
    cr_expect_geq((double)c->same_cached, 0.95 * (double)c->same);
}

static void scene_free(struct scene *s)
{
    for (int i = 0; i < N_READERS; i++)
        mem_free(s->readers[i].seen);
    for (int i = 0; i < s->n_houses; i++)
        world_close(&s->house[i].w);
    mem_free(s);
}

static struct scene *scene_new(void)
{
    struct scene *s = mem_calloc(1, sizeof *s);

    s->seed = 20260301;
    s->n_houses = 1;
    world_open(&s->house[0].w);
    furnish(&s->house[0].w);
    for (int i = 0; i < N_CHANGING; i++)
        change_something(s);
    return s;
}

#define MODEL_OR_SKIP()                                                                            \
    if (!world_model())                                                                            \
    cr_skip_test("needs the model (make model, or RAGD_MODEL_PATH)")

Test(never_stale, replies_are_those_of_a_fresh_run_while_documents_change, .timeout = 3600)
{
    struct scene *s;
    struct count c;

    MODEL_OR_SKIP();
    s = scene_new();
    change_while_they_read(s);
    judge(s, &c, "one server");
    cr_expect_gt(c.by_status[CACHE_HIT], 0);
    cr_expect_gt(c.by_status[CACHE_REVALIDATED], 0);
    cr_expect_gt(c.by_status[CACHE_SEMANTIC], 0);
    scene_free(s);
}

Test(never_stale, and_after_a_restart_that_kept_answers, .timeout = 3600)
{
    struct scene *s;
    struct count c;

    MODEL_OR_SKIP();
    s = scene_new();
    change_while_they_read(s);
    world_reopen(&s->house[0].w);
    for (int i = 0; i < N_READERS; i++)
        s->readers[i].n = 0;
    change_while_they_read(s);
    judge(s, &c, "through a restart");
    cr_expect_gt(c.by_status[CACHE_STORED], 0, "from the store");
    scene_free(s);
}

/* The second is a copy of the first, as one put back from a backup is. */
static void open_second_house(struct scene *s, const struct redis_server *redis)
{
    struct world *one = &s->house[0].w, *two = &s->house[1].w;
    char command[2 * CONFIG_TEXT_MAX + 16];

    engine_close(one->engine);
    one->engine = NULL;
    strcpy(one->config.redis.url, redis->url);
    one->config.redis.timeout_ms = 10000;
    *two = *one;
    snprintf(two->dir, sizeof two->dir, "/tmp/ragd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(two->dir));
    snprintf(two->config.data, sizeof two->config.data, "%s/data", two->dir);
    snprintf(command, sizeof command, "cp -a %s %s", one->config.data, two->config.data);
    cr_assert_eq(system(command), 0);
    world_reopen(one);
    world_reopen(two);
    s->n_houses = 2;
    for (int i = 0; i < 2; i++)
        note_truth(&s->house[i]);
}

Test(never_stale, and_between_two_servers_that_share_a_redis, .timeout = 3600)
{
    struct redis_server redis;
    struct scene *s;
    struct count c;

    MODEL_OR_SKIP();
    REDIS_OR_SKIP();
    redis_server_start(&redis, "");
    s = scene_new();
    open_second_house(s, &redis);
    change_while_they_read(s);
    judge(s, &c, "two servers with one Redis");
    cr_expect_gt(c.by_status[CACHE_SHARED], 0);
    scene_free(s);
    redis_server_stop(&redis);
}

Test(never_stale, an_answer_survives_a_change_that_does_not_matter_to_it, .timeout = 60)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    world_put(&w, "a", "The minimum CET1 ratio is 4.5 percent of risk-weighted assets.", NULL);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}", &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    world_forget(&r);
    world_put(&w, "b", "Bread is baked in an oven at two hundred degrees.", NULL);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}", &r);
    cr_expect(r.ans.cache == CACHE_REVALIDATED || r.ans.cache == CACHE_MISS);
    world_forget(&r);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}", &r);
    cr_expect_eq(r.ans.cache, CACHE_HIT);
    world_forget(&r);
    world_close(&w);
}

Test(never_stale, a_deleted_document_is_in_no_answer_afterwards, .timeout = 60)
{
    struct world w;
    struct world_reply r;

    WORLD_OPEN(&w);
    world_put(&w, "a", "The secret word of the vault is marmalade.", NULL);
    world_ask(&w, "{\"question\":\"What is the secret word of the vault?\"}", &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 1);
    world_forget(&r);
    world_remove(&w, "a");
    world_ask(&w, "{\"question\":\"What is the secret word of the vault?\"}", &r);
    cr_expect_eq(json_array_size(json_object_get(r.json, "sources")), 0);
    cr_expect(json_is_false(json_object_get(r.json, "answered")));
    world_forget(&r);
    world_close(&w);
}
