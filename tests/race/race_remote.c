/* race_remote.c - one remote embedder used by many threads while its server fails and comes back:
 * documents, then questions that share requests.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/pool.h"
#include "embed/remote.h"
#include "support/fake_embed.h"

#define ROUNDS  300
#define N_TEXTS 10

struct race {
    struct fake_embed server;
    struct remote *remote;
    atomic_int n_right, n_answered;
};

static void use_remote(void *arg, size_t i)
{
    struct race *r = arg;
    char words[N_TEXTS][32];
    struct str texts[N_TEXTS];
    float v[N_TEXTS * FAKE_DIM];
    struct remote_stats stats;

    for (size_t j = 0; j < N_TEXTS; j++)
        texts[j] = (struct str){words[j],
                                (size_t)snprintf(words[j], sizeof words[j], "word%zu", i * j % 31)};
    r->server.fault = i % 40 == 13 ? FAKE_500 : i % 40 == 23 ? FAKE_CUT : FAKE_FINE;
    if (remote_embed(r->remote, texts, N_TEXTS, 5000, v) == ERR_OK)
        r->n_right++;
    else
        CHECK(*err_text());
    remote_stats_get(r->remote, &stats);
}

/* The breaker may be open. */
static void come_back(struct race *r)
{
    static const struct str text = {"word", 4};
    float v[FAKE_DIM];

    r->server.fault = FAKE_FINE;
    while (remote_embed(r->remote, &text, 1, 5000, v) < 0)
        usleep(10000);
    r->server.fault = FAKE_REFUSES_WORD;
}

/* Some have so little time that they leave while another one's request has their text. */
static void ask_question(void *arg, size_t i)
{
    struct race *r = arg;
    struct arena *mem = arena_new(0);
    char text[32];
    float *v;

    snprintf(text, sizeof text, "%s %zu", i % 50 == 31 ? "poison" : "question", i);
    if (remote_query(r->remote, str_of(text), i % 7 == 3 ? 1 : 5000, mem, &v) == ERR_OK) {
        CHECK(v[0] > 0);
        r->n_answered++;
    } else {
        CHECK(*err_text());
    }
    arena_free(mem);
}

int main(void)
{
    static struct race r;
    char url[128];
    struct pool *pool = pool_new("race", 6, 64), *askers = pool_new("ask", 16, 64);
    struct remote_options o = {.kind = REMOTE_TEI, .timeout_ms = 10000, .batch = 3};

    fake_embed_start(&r.server);
    o.url = fake_url(&r.server.http, "", url);
    CHECK(remote_open(&r.remote, &o) == ERR_OK);
    pool_each(pool, ROUNDS, use_remote, &r);
    CHECK(r.n_right > 0);
    come_back(&r);
    pool_each(askers, ROUNDS, ask_question, &r);
    CHECK(r.n_answered > 0);
    pool_free(askers);
    pool_free(pool);
    remote_close(r.remote);
    fake_embed_stop(&r.server);
    return 0;
}
