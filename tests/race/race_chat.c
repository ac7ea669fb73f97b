/* race_chat.c - several event loops ask the same two models while one of these fails, is late and
 * comes back: breakers, first-token times and counters are shared, everything else is not.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#include "base/check.h"
#include "base/err.h"
#include "generate/chat.h"
#include "support/fake_chat.h"

#define N_LOOPS   4
#define N_CALLS   60
#define AT_ONCE   5
#define N_MODELS  2
#define WITHIN_MS 2000

struct race {
    struct fake_chat servers[N_MODELS];
    struct chat_models *models;
    atomic_int n_right, n_wrong, n_left;
};

/* One loop's calls: AT_ONCE of them are under way, some are cancelled by their first token. */
struct asker {
    struct race *r;
    pthread_t thread;
    uv_loop_t loop;
    struct chat *chat;
    int n_started, n_running;
};

struct asking {
    struct asker *a;
    struct chat_run *run;
    bool leaves;
};

static void start(struct asker *a);

static void over(struct asking *q)
{
    struct asker *a = q->a;

    mem_free(q);
    a->n_running--;
    if (a->n_started < N_CALLS)
        start(a);
    if (a->n_running == 0)
        uv_stop(&a->loop);
}

static void on_token(void *arg, struct str text)
{
    struct asking *q = arg;

    CHECK(text.n > 0);
    if (!q->leaves)
        return;
    chat_cancel(q->run);
    q->a->r->n_left++;
    over(q);
}

static void on_done(void *arg, const struct chat_result *result)
{
    struct asking *q = arg;
    struct race *r = q->a->r;

    if (result->rc == ERR_OK)
        r->n_right++;
    else
        CHECK(*result->error);
    if (result->rc != ERR_OK)
        r->n_wrong++;
    over(q);
}

static void start(struct asker *a)
{
    static const struct chat_message message = {CHAT_USER, {"how is it?", 10}};
    static const int chain[] = {0, 1};
    struct asking *q = mem_calloc(1, sizeof *q);
    struct chat_call call = {.messages = &message,
                             .n = 1,
                             .models = chain,
                             .n_models = N_MODELS,
                             .temperature = NAN,
                             .until_ns = clock_ns() + WITHIN_MS * 1000000ull,
                             .hedge = true,
                             .token = on_token,
                             .done = on_done,
                             .arg = q};

    q->a = a;
    q->leaves = ++a->n_started % 7 == 3;
    a->n_running++;
    q->run = chat_start(a->chat, &call);
}

static void *ask(void *arg)
{
    struct asker *a = arg;

    CHECK(uv_loop_init(&a->loop) == 0);
    a->chat = chat_new(&a->loop, a->r->models);
    for (int i = 0; i < AT_ONCE; i++)
        start(a);
    uv_run(&a->loop, UV_RUN_DEFAULT);
    CHECK(a->n_running == 0);
    chat_free(a->chat);
    while (uv_run(&a->loop, UV_RUN_DEFAULT))
        ;
    CHECK(uv_loop_close(&a->loop) == 0);
    return NULL;
}

/* Until all have asked. */
static void *upset(void *arg)
{
    static const enum fake_chat_fault faults[] = {CHAT_FAKE_FINE, CHAT_FAKE_STATUS, CHAT_FAKE_CUT,
                                                  CHAT_FAKE_HANGS_UP, CHAT_FAKE_NO_STREAM};
    struct race *r = arg;
    struct chat_model_stats stats;

    for (int i = 0; r->n_right + r->n_wrong + r->n_left < N_LOOPS * N_CALLS; i++) {
        r->servers[0].fault = faults[i % 5];
        r->servers[0].late_first = i % 3;
        chat_models_stats(r->models, 0, &stats);
        usleep(5000);
    }
    return NULL;
}

int main(void)
{
    static struct race r;
    static struct asker askers[N_LOOPS];
    struct chat_model_options o[N_MODELS] = {{.name = "fast", .model = "f", .key = "sesame-42"},
                                             {.name = "best", .model = "b"}};
    char url[N_MODELS][128];
    pthread_t upsetting;

    for (int i = 0; i < N_MODELS; i++) {
        fake_chat_start(&r.servers[i]);
        o[i].url = fake_url(&r.servers[i].http, "/v1", url[i]);
    }
    CHECK(chat_models_new(&r.models, o, N_MODELS) == ERR_OK);
    CHECK(pthread_create(&upsetting, NULL, upset, &r) == 0);
    for (int i = 0; i < N_LOOPS; i++) {
        askers[i].r = &r;
        CHECK(pthread_create(&askers[i].thread, NULL, ask, &askers[i]) == 0);
    }
    for (int i = 0; i < N_LOOPS; i++)
        pthread_join(askers[i].thread, NULL);
    pthread_join(upsetting, NULL);
    printf("%d right, %d wrong, %d left\n", r.n_right, r.n_wrong, r.n_left);
    CHECK(r.n_right > 0);
    CHECK(r.n_left > 0);
    CHECK(r.n_right + r.n_wrong + r.n_left == N_LOOPS * N_CALLS);
    chat_models_free(r.models);
    for (int i = 0; i < N_MODELS; i++)
        fake_chat_stop(&r.servers[i]);
    return 0;
}
