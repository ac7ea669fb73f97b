#include "cache/shared_answers.h"

#include <hiredis/hiredis.h>
#include <pthread.h>

#include "net/breaker.h"
#include "support/fake_redis.h"
#include "support/figure.h"
#include "unit/cache/shared_world.h"

static struct redis_server server;
static struct replica one, two;

static void up(void)
{
    if (!redis_server_program())
        return;
    redis_server_start(&server, "");
    replica_open(&one, &server);
    replica_open(&two, &server);
}

static void down(void)
{
    if (!redis_server_program())
        return;
    replica_close(&one);
    replica_close(&two);
    redis_server_stop(&server);
}

TestSuite(shared_answers, .init = up, .fini = down);

static int64_t ticket_of(struct replica *r)
{
    return shared_answers_ticket(r->answers);
}

static int purge(struct replica *r, const char *document)
{
    return shared_answers_purge(r->answers, &world_scope, str_of(document));
}

static struct shared_answers_stats stats_of(struct replica *r)
{
    struct shared_answers_stats s;

    shared_answers_stats_get(r->answers, &s);
    return s;
}

Test(shared_answers, what_one_replica_puts_another_gets)
{
    char body[64];

    REDIS_OR_SKIP();
    cr_expect_eq(look(&two, "p"), 0);
    cr_expect_eq(share(&one, "p", "the answer", "d", ticket_of(&one)), 1);
    cr_expect_eq(look_in(&two, "p", &world_scope, 2000, body, sizeof body), 1);
    cr_expect_str_eq(body, "the answer");
    cr_expect_eq(stats_of(&two).hits, 1);
    cr_expect_eq(stats_of(&two).misses, 1);
    cr_expect_eq(stats_of(&one).stored, 1);
}

Test(shared_answers, of_another_store_or_scope_are_not_seen)
{
    struct replica other;
    struct shared_scope scope = {"t", "other"};
    char body[64];

    REDIS_OR_SKIP();
    replica_open_at(&other, server.url, "another-store");
    share(&one, "p", "x", "d", ticket_of(&one));
    cr_expect_eq(look(&other, "p"), 0);
    cr_expect_eq(look_in(&one, "p", &scope, 2000, body, sizeof body), 0);
    cr_expect_eq(stats_of(&one).damaged, 0);
    cr_expect_eq(shared_answers_refresh(other.answers), ERR_OK);
    cr_expect_eq(shared_answers_purge(other.answers, &world_scope, STR_LIT("d")), ERR_OK);
    cr_expect_eq(shared_answers_clear(other.answers), ERR_OK);
    cr_expect_eq(look(&one, "p"), 1);
    replica_close(&other);
}

Test(shared_answers, live_for_what_is_left_of_their_life)
{
    struct digest p = named("p");
    struct shared_answer a = {.body = STR_LIT("x"), .stored_ms = 1000, .ttl_ms = 10000};
    char body[64], room[SHARED_KEY_MAX];
    struct str key;

    REDIS_OR_SKIP();
    key = shared_answers_key(one.answers, 'a', &p, room);
    cr_expect_eq(shared_answers_put(one.answers, &p, &world_scope, &a, ticket_of(&one), 11000), 0);
    cr_expect_eq(look(&one, "p"), 0);
    cr_expect_eq(shared_answers_put(one.answers, &p, &world_scope, &a, ticket_of(&one), 4000), 1);
    cr_expect_leq(eval_number(&one, "return redis.call('PTTL', KEYS[1])", key.p), 7000);
    cr_expect_eq(look_in(&one, "p", &world_scope, 10999, body, sizeof body), 1);
    cr_expect_eq(look_in(&one, "p", &world_scope, 11000, body, sizeof body), 0);
    cr_expect_eq(shared_answers_put(one.answers, &p, &world_scope, &a, ticket_of(&one), 0), 1);
    cr_expect_leq(eval_number(&one, "return redis.call('PTTL', KEYS[1])", key.p), 10000);
}

Test(shared_answers, a_damaged_one_is_a_miss_that_is_counted)
{
    struct digest p = named("p");
    char room[SHARED_KEY_MAX];
    struct str key;

    REDIS_OR_SKIP();
    key = shared_answers_key(one.answers, 'a', &p, room);
    share(&one, "p", "x", "d", ticket_of(&one));
    eval_number(&one, "return redis.call('SETRANGE', KEYS[1], 70, 'zz')", key.p);
    cr_expect_eq(look(&one, "p"), 0);
    eval_number(&one, "redis.call('SET', KEYS[1], 'junk') return 1", key.p);
    cr_expect_eq(look(&one, "p"), 0);
    cr_expect_eq(stats_of(&one).damaged, 2);
    eval_number(&one, "redis.call('DEL', KEYS[1]) return redis.call('SADD', KEYS[1], 'x')", key.p);
    cr_expect_eq(look(&one, "p"), ERR_UNAVAILABLE);
}

Test(shared_answers, leave_with_their_document)
{
    REDIS_OR_SKIP();
    share(&one, "p", "x", "d", ticket_of(&one));
    share(&one, "q", "x", "d", ticket_of(&one));
    share(&two, "r", "x", "other", ticket_of(&two));
    cr_expect_eq(purge(&two, "d"), ERR_OK);
    cr_expect_eq(look(&one, "p"), 0);
    cr_expect_eq(look(&one, "q"), 0);
    cr_expect_eq(look(&one, "r"), 1);
    cr_expect_eq(stats_of(&two).purged, 2);
    cr_expect_eq(stats_of(&two).pending, 0);
}

static void set_max_memory(const char *bytes)
{
    redisContext *c = redisConnect("127.0.0.1", server.port);
    redisReply *reply = redisCommand(c, "CONFIG SET maxmemory %s", bytes);

    cr_assert(reply && reply->type == REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    redisFree(c);
}

/* It refuses whatever may need room. */
Test(shared_answers, leave_a_redis_that_is_full_too)
{
    int64_t before;

    REDIS_OR_SKIP();
    before = ticket_of(&one);
    share(&one, "p", "x", "d", before);
    set_max_memory("1");
    cr_expect_eq(share(&one, "q", "x", "other", before), ERR_UNAVAILABLE);
    cr_expect_eq(purge(&two, "d"), ERR_OK, "%s", err_text());
    cr_expect_eq(look(&one, "p"), 0);
    cr_expect_eq(stats_of(&two).pending, 0);
    cr_expect_eq(purge(&two, "never shown"), ERR_OK, "%s", err_text());
    set_max_memory("0");
    cr_expect_eq(share(&one, "p", "x", "d", before), 0, "was on its way meanwhile");
}

Test(shared_answers, leave_with_any_of_their_documents_and_however_many_they_are)
{
    struct str both[] = {STR_LIT("d"), STR_LIT("e")};
    struct shared_answer a = {
        .body = STR_LIT("x"), .ttl_ms = 3600000, .documents = both, .n_documents = 2};

    REDIS_OR_SKIP();
    for (int i = 0; i < 2500; i++) {
        struct digest p = digest_of(&i, sizeof i);

        cr_assert_eq(shared_answers_put(one.answers, &p, &world_scope, &a, ticket_of(&one), 0), 1);
    }
    cr_expect_eq(purge(&one, "e"), ERR_OK);
    cr_expect_eq(stats_of(&one).purged, 2500);
    cr_expect_eq(
        eval_number(&one, "return #redis.call('KEYS', 'ragd:*:a:*')", "ragd:{" WORLD_UUID "}:p"),
        0);
}

Test(shared_answers, a_run_from_before_the_purge_does_not_bring_them_back)
{
    int64_t ticket;

    REDIS_OR_SKIP();
    ticket = ticket_of(&one); /* a run begins here, and reads "d" */
    purge(&two, "d");
    cr_expect_eq(share(&one, "p", "of d", "d", ticket), 0);
    cr_expect_eq(look(&two, "p"), 0);
    cr_expect_eq(share(&one, "q", "of e", "e", ticket), 1, "no other document is in the way");
    cr_expect_eq(stats_of(&one).refused, 1);
    cr_expect_eq(share(&one, "p", "of a new d", "d", ticket_of(&one)), 1, "it has learnt");
}

Test(shared_answers, nothing_is_kept_of_a_run_that_had_no_ticket)
{
    struct replica late;

    REDIS_OR_SKIP();
    replica_open_at(&late, server.url, WORLD_UUID);
    cr_expect_eq(ticket_of(&late), 0);
    cr_expect_eq(share(&late, "p", "x", "d", 0), 0);
    cr_expect_gt(ticket_of(&late), 0);
    cr_expect_eq(share(&late, "p", "x", "d", ticket_of(&late)), 1);
    replica_close(&late);
}

Test(shared_answers, when_redis_has_lost_the_counter_tickets_are_refused_once)
{
    int64_t ticket;

    REDIS_OR_SKIP();
    ticket = ticket_of(&one);
    purge(&two, "d");
    redis_server_kill(&server);
    redis_server_run(&server, "");
    cr_expect_eq(share(&one, "p", "of d", "d", ticket), 0);
    cr_expect_eq(share(&one, "p", "of e", "e", ticket), 0);
    cr_expect_neq(ticket_of(&one), ticket);
    cr_expect_eq(share(&one, "p", "of e", "e", ticket_of(&one)), 1);
}

Test(shared_answers, when_the_counter_is_full_it_begins_anew)
{
    int64_t ticket;

    REDIS_OR_SKIP();
    ticket = ticket_of(&one);
    eval_number(&one, "for i = 1, 10000 do redis.call('HSET', KEYS[1], 'k' .. i, '1') end return 1",
                "ragd:{" WORLD_UUID "}:p");
    purge(&two, "d");
    cr_expect_eq(share(&one, "p", "of d", "d", ticket), 0);
    cr_expect_eq(eval_number(&one, "return redis.call('HLEN', KEYS[1])", "ragd:{" WORLD_UUID "}:p"),
                 2);
    cr_expect_eq(share(&one, "p", "of e", "e", ticket_of(&one)), 1);
}

Test(shared_answers, what_could_not_be_purged_is_when_redis_is_back)
{
    int rc = ERR_UNAVAILABLE;

    REDIS_OR_SKIP();
    share(&one, "p", "x", "d", ticket_of(&one));
    kill(server.pid, SIGSTOP);
    replica_close(&two);
    cr_assert_eq(redis_open(&two.redis, server.url, 20), ERR_OK);
    two.answers = shared_answers_new(two.redis, WORLD_UUID);
    for (int i = 0; i < BREAKER_FAILURES; i++)
        cr_expect_eq(purge(&two, "d"), ERR_UNAVAILABLE);
    cr_expect_eq(stats_of(&two).pending, 1);
    cr_expect_eq(shared_answers_refresh(two.answers), ERR_UNAVAILABLE);
    kill(server.pid, SIGCONT);
    for (int i = 0; i < 1000 && rc < 0; i++) { /* a wait of the breaker's */
        redis_pause(10);
        rc = shared_answers_refresh(two.answers);
    }
    cr_expect_eq(rc, ERR_OK);
    cr_expect_eq(stats_of(&two).pending, 0);
    cr_expect_eq(look(&one, "p"), 0);
}

Test(shared_answers, too_many_that_could_not_be_purged_take_all_answers_along)
{
    struct replica away;
    char url[64];
    int64_t ticket;

    REDIS_OR_SKIP();
    share(&one, "p", "x", "d", ticket_of(&one));
    ticket = ticket_of(&one);
    redis_server_kill(&server);
    snprintf(url, sizeof url, "redis://127.0.0.1:%d/0", server.port);
    replica_open_at(&away, url, WORLD_UUID);
    for (int i = 0; i <= SHARED_PENDING_MAX; i++) {
        char key[32];

        snprintf(key, sizeof key, "document-%d", i);
        cr_assert_eq(purge(&away, key), ERR_UNAVAILABLE);
    }
    cr_expect_eq(stats_of(&away).pending, 1);
    redis_server_run(&server, "");
    shared_answers_refresh(one.answers);
    share(&one, "p", "x", "d", ticket_of(&one));
    for (int i = 0; i < 1000 && stats_of(&away).pending; i++) {
        redis_pause(10);
        shared_answers_refresh(away.answers);
    }
    cr_expect_eq(look(&one, "p"), 0);
    cr_expect_eq(share(&one, "p", "x", "d", ticket), 0, "a run from before");
    replica_close(&away);
}

Test(shared_answers, cleared_are_gone_and_others_keys_stay)
{
    REDIS_OR_SKIP();
    for (int i = 0; i < 3000; i++) {
        char prompt[32], document[32];

        snprintf(prompt, sizeof prompt, "p%d", i);
        snprintf(document, sizeof document, "d%d", i);
        cr_assert_eq(share(&one, prompt, "x", document, ticket_of(&one)), 1);
    }
    cr_assert_eq(redis_set(one.redis, STR_LIT("theirs"), STR_LIT("x"), 60000), ERR_OK);
    cr_expect_eq(shared_answers_clear(two.answers), ERR_OK, "%s", err_text());
    cr_expect_eq(eval_number(&one, "return redis.call('DBSIZE')", "x"), 2, "theirs, the counter");
    cr_expect_eq(share(&one, "p", "x", "d", ticket_of(&one)), 1);
}

Test(shared_answers, nothing_is_read_that_is_over_a_limit)
{
    static char big[SHARED_BODY_MAX + 2];

    REDIS_OR_SKIP();
    memset(big, 'x', sizeof big - 1);
    cr_expect_eq(share(&one, "p", big, "d", ticket_of(&one)), ERR_LIMIT);
    cr_expect_eq(look(&one, "p"), 0);
}

Test(shared_answers, a_redis_that_lies_is_as_none)
{
    static const char *const replies[] = {"$5\r\nHELLO\r\n", ":1\r\n", "*0\r\n", "-ERR\r\n", "x",
                                          ":5000\r\n" /* there is always more */};

    for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
        struct fake_redis f;
        struct replica r;
        int rc;

        fake_redis_start(&f, FAKE_REDIS_REPLY, replies[i]);
        replica_open_at(&r, f.url, WORLD_UUID);
        rc = look(&r, "p");
        cr_expect(rc == ERR_UNAVAILABLE || rc == 0, "%s: %d", replies[i], rc);
        cr_expect_leq(share(&r, "p", "x", "d", 1), 1);
        purge(&r, "d");
        shared_answers_refresh(r.answers);
        shared_answers_clear(r.answers);
        shared_answers_free(r.answers);
        redis_close(r.redis);
        fake_redis_stop(&f);
    }
}

/* ---- random operations against a plain model (documents and prompts are a thread's own, the
 * server, the counter and the connections are shared) ---- */

#define THREADS   4
#define STEPS     25000
#define PROMPTS   40
#define DOCUMENTS 12
#define TICKETS   8
#define MINUTE    60000

struct model {
    pthread_t thread;
    int i_thread;
    uint64_t random;
    int64_t now_ms;
    struct entry {
        bool there;
        int64_t until_ms;
        unsigned version;
    } prompts[PROMPTS];
    int64_t purged_at[DOCUMENTS]; /* steps */
    struct {
        int64_t number, step;
    } tickets[TICKETS];
    int n_differences, n_found, n_refused;
    char first[200];
};

static unsigned below(struct model *m, unsigned n)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(m->random >> 33) % n;
}

static void differs(struct model *m, int step, const char *what, int got, int want)
{
    if (m->n_differences++ == 0)
        snprintf(m->first, sizeof m->first, "thread %d step %d: %s: %d, the model %d", m->i_thread,
                 step, what, got, want);
}

static struct digest prompt_of(const struct model *m, unsigned i)
{
    int name[2] = {m->i_thread, (int)i};

    return digest_of(name, sizeof name);
}

/* Which documents a prompt's answer shows, as bits: a function of the prompt, as in life. */
static unsigned shown_by(unsigned i_prompt)
{
    return i_prompt * 2654435761u >> 13 & i_prompt * 40503u & ((1u << DOCUMENTS) - 1);
}

static struct str document_of(const struct model *m, unsigned i, char room[32])
{
    return (struct str){room, (size_t)snprintf(room, 32, "%d/%u", m->i_thread, i)};
}

static void model_put(struct model *m, int step)
{
    unsigned i = below(m, PROMPTS), t = below(m, TICKETS), n = 0;
    struct entry e = {true, m->now_ms + (60 + below(m, 240)) * MINUTE, (unsigned)step};
    struct digest p = prompt_of(m, i);
    char rooms[DOCUMENTS][32], body[32];
    struct str shown[DOCUMENTS];
    struct shared_answer a = {.body = {body, (size_t)snprintf(body, sizeof body, "v%d", step)},
                              .stored_ms = m->now_ms,
                              .ttl_ms = e.until_ms - m->now_ms,
                              .documents = shown};
    int want = 1, got;

    for (unsigned d = 0; d < DOCUMENTS; d++) {
        if (!(shown_by(i) & 1u << d))
            continue;
        shown[n] = document_of(m, d, rooms[n]);
        n++;
        if (m->purged_at[d] > m->tickets[t].step)
            want = 0;
    }
    a.n_documents = n;
    got = shared_answers_put(one.answers, &p, &world_scope, &a, m->tickets[t].number, m->now_ms);
    if (got != want)
        differs(m, step, "put", got, want);
    if (want)
        m->prompts[i] = e;
    m->n_refused += !want;
}

static void model_get(struct model *m, int step)
{
    unsigned i = below(m, PROMPTS);
    const struct entry *e = &m->prompts[i];
    struct digest p = prompt_of(m, i);
    struct arena *mem = arena_new(0);
    struct shared_answer a;
    char body[32];
    int want = e->there && e->until_ms > m->now_ms;
    int got = shared_answers_get(below(m, 2) ? one.answers : two.answers, &p, &world_scope,
                                 m->now_ms, mem, &a);

    snprintf(body, sizeof body, "v%u", e->version);
    if (got != want)
        differs(m, step, "get", got, want);
    else if (got && !str_eq(a.body, str_of(body)))
        differs(m, step, "body", 0, (int)e->version);
    m->n_found += want;
    arena_free(mem);
}

static void model_purge(struct model *m, int step)
{
    unsigned d = below(m, DOCUMENTS);
    char room[32];
    int got = shared_answers_purge(below(m, 2) ? one.answers : two.answers, &world_scope,
                                   document_of(m, d, room));

    if (got != ERR_OK)
        differs(m, step, "purge", got, ERR_OK);
    for (unsigned i = 0; i < PROMPTS; i++)
        if (shown_by(i) & 1u << d)
            m->prompts[i].there = false;
    m->purged_at[d] = step;
}

/* Not shared_answers_ticket: what it knows may be older, which refuses more than the model. */
static void model_ticket(struct model *m, int step)
{
    unsigned t = below(m, TICKETS);
    struct str key = STR_LIT("ragd:{" WORLD_UUID "}:p");

    redis_eval(one.redis, "return tonumber(redis.call('HGET', KEYS[1], 'n'))", &key, 1, NULL, 0,
               &m->tickets[t].number);
    m->tickets[t].step = step;
}

static void *model_main(void *arg)
{
    struct model *m = arg;

    for (int i = 0; i < TICKETS; i++)
        m->tickets[i].number = shared_answers_ticket(one.answers);
    for (int step = 1; step <= STEPS; step++) {
        unsigned what = below(m, 100);

        if (what < 35)
            model_put(m, step);
        else if (what < 80)
            model_get(m, step);
        else if (what < 86)
            model_purge(m, step);
        else if (what < 92)
            model_ticket(m, step);
        else
            m->now_ms += below(m, 10) * MINUTE;
    }
    return NULL;
}

Test(shared_answers, does_what_a_plain_map_does_over_100000_steps_of_four_threads)
{
    static struct model models[THREADS];
    int n_differences = 0;

    REDIS_OR_SKIP();
    for (int i = 0; i < THREADS; i++) {
        models[i] = (struct model){.i_thread = i, .random = 42 + (uint64_t)i, .now_ms = 1000000};
        cr_assert_eq(pthread_create(&models[i].thread, NULL, model_main, &models[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(models[i].thread, NULL);
        cr_expect_eq(models[i].n_differences, 0, "seed %d: %d differences; %s", 42 + i,
                     models[i].n_differences, models[i].first);
        cr_expect_gt(models[i].n_found, 100);
        cr_expect_gt(models[i].n_refused, 100);
        n_differences += models[i].n_differences;
    }
    figure("R13 | shared cache in a Redis against a plain map, 100000 steps of %d threads | "
           "%d differences",
           THREADS, n_differences);
}
