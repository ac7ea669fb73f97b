/* R15: writers change, add and remove documents while readers ask, truly at once. Every reply is
 * compared with a fresh run (cache off) at an epoch between the question's start and its reply. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "support/world.h"

enum { N_EPOCHS_MAX = 4096, N_READERS = 3, N_CHANGES_DEFAULT = 60 };

/* Every kind of question whose answer may go stale in a way of its own. */
static const char *const requests[] = {
    "{\"question\":\"What is the minimum CET1 ratio?\"}",
    "{\"question\":\"What is the minimum CET1 ratio?\",\"k\":1}",
    "{\"question\":\"Which ratio applies?\",\"k\":20}",
    "{\"question\":\"Which ratio applies?\",\"mode\":\"keyword\"}",
    "{\"question\":\"Which ratio applies?\",\"mode\":\"vector\",\"k\":3}",
    "{\"question\":\"How long are reports kept?\",\"filter\":{\"year\":{\"gte\":2020}}}",
    "{\"question\":\"How long are reports kept?\",\"fusion\":\"rrf\"}",
    "{\"question\":\"Who won the chess championship in Reykjavik?\"}",
    /* These may be answered as each other, and say so. */
    "{\"question\":\"What was the minimum CET1 ratio?\",\"semantic\":\"strict\"}",
    "{\"question\":\"What was the lowest CET1 ratio?\",\"semantic\":\"strict\"}",
    "{\"question\":\"Please tell me what the lowest CET1 ratio was.\",\"semantic\":\"strict\"}",
};
enum { N_REQUESTS = sizeof requests / sizeof *requests };

struct seen {
    int i_request;
    uint64_t from, to; /* epochs before the question and after its reply */
    struct digest context;
    bool from_cache, as_another;
};

struct scene {
    struct world w;
    atomic_bool stop;
    struct digest fresh[N_EPOCHS_MAX][N_REQUESTS];
    struct reader {
        struct scene *s;
        pthread_t thread;
        struct seen *seen;
        size_t n, cap;
    } readers[N_READERS];
};

static uint64_t epoch(struct scene *s)
{
    return retriever_epoch(s->w.engine->retriever, "default", "default");
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The context of a reply: its sources, whatever their order, without scores. */
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
        struct seen seen = {.i_request = rand_r(&seed) % N_REQUESTS, .from = epoch(r->s)};
        struct world_reply reply;

        world_ask(&r->s->w, requests[seen.i_request], &reply);
        seen.to = epoch(r->s);
        seen.context = context_of(reply.json);
        seen.from_cache = reply.ans.cache != CACHE_MISS;
        seen.as_another = reply.ans.cache == CACHE_SEMANTIC;
        if (seen.as_another)
            seen.i_request = request_of(json_string_value(
                json_object_get(json_object_get(reply.json, "cache"), "question")));
        world_forget(&reply);
        r->seen = mem_grow(r->seen, &r->cap, r->n + 1, sizeof *r->seen);
        r->seen[r->n++] = seen;
    }
    return NULL;
}

/* Only the writer moves the epoch, so between its changes it can say what is true at this one. */
static void note_truth(struct scene *s)
{
    uint64_t at = epoch(s);

    cr_assert_lt(at, N_EPOCHS_MAX);
    for (int i = 0; i < N_REQUESTS; i++) {
        json_t *request = json_loads(requests[i], 0, NULL);
        struct world_reply reply;
        char *text;

        json_object_set_new(request, "cache", json_string("no-store"));
        text = json_dumps(request, 0);
        world_ask(&s->w, text, &reply);
        s->fresh[at][i] = context_of(reply.json);
        world_forget(&reply);
        json_decref(request);
        free(text);
    }
}

static void change_something(struct scene *s, unsigned *seed)
{
    static const char *const subjects[] = {"CET1 ratio", "leverage ratio", "report", "liquidity"};
    char id[16], text[256], meta[32];
    int i = rand_r(seed) % 12;

    snprintf(id, sizeof id, "doc-%d", i);
    if (rand_r(seed) % 4 == 0) {
        world_remove(&s->w, id);
        return;
    }
    snprintf(text, sizeof text,
             "The minimum %s is %d percent. Reports are kept for %d years. Which ratio applies "
             "depends on the size of the bank.",
             subjects[rand_r(seed) % 4], rand_r(seed) % 20, rand_r(seed) % 10);
    snprintf(meta, sizeof meta, "{\"year\": %d}", 2015 + rand_r(seed) % 10);
    world_put(&s->w, id, text, meta);
}

static bool is_true_at_some_epoch(const struct scene *s, const struct seen *seen)
{
    for (uint64_t e = seen->from; e <= seen->to; e++)
        if (digest_eq(&s->fresh[e][seen->i_request], &seen->context))
            return true;
    return false;
}

Test(never_stale, replies_are_those_of_a_fresh_run_while_documents_change, .timeout = 300)
{
    struct scene *s = mem_calloc(1, sizeof *s);
    const char *n_wanted = getenv("RAGD_TORTURE_CHANGES");
    int n_changes = n_wanted ? atoi(n_wanted) : N_CHANGES_DEFAULT;
    unsigned seed = 20260301;
    size_t n = 0, n_stale = 0, n_cached = 0, n_semantic = 0;

    WORLD_OPEN(&s->w);
    for (int i = 0; i < 12; i++)
        change_something(s, &seed);
    note_truth(s);
    for (int i = 0; i < N_READERS; i++) {
        s->readers[i].s = s;
        pthread_create(&s->readers[i].thread, NULL, read_all_the_time, &s->readers[i]);
    }
    for (int i = 0; i < n_changes; i++) {
        change_something(s, &seed);
        note_truth(s);
    }
    atomic_store(&s->stop, true);
    for (int i = 0; i < N_READERS; i++) {
        struct reader *r = &s->readers[i];

        pthread_join(r->thread, NULL);
        for (size_t k = 0; k < r->n; k++, n++) {
            n_cached += r->seen[k].from_cache;
            n_semantic += r->seen[k].as_another;
            n_stale += !is_true_at_some_epoch(s, &r->seen[k]);
        }
        mem_free(r->seen);
    }
    printf("# %zu replies, %zu from the cache, %zu of another question, %zu stale\n", n, n_cached,
           n_semantic, n_stale);
    cr_expect_eq(n_stale, 0);
    cr_expect_gt(n, 0);
    cr_expect_gt(n_cached, 0);
    cr_expect_gt(n_semantic, 0);
    world_close(&s->w);
    mem_free(s);
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
