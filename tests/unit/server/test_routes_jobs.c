#include "server/routes.h"

#include <semaphore.h>

#include "store/store.h"
#include "support/live.h"

#define ADD "{\"documents\":[{\"id\":\"a\",\"text\":\"Frogs eat flies.\"}]}"

/* Begins a job; its path is written to out. */
static void begin(const struct live *l, char out[64])
{
    struct buf b = {0};
    char *reply, *at;

    buf_addf(&b,
             "POST /documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Prefer: respond-async\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n" ADD,
             strlen(ADD));
    reply = live_raw(l, b.p);
    at = strstr(reply, "Location: ");
    cr_assert_not_null(at, "%s", reply);
    cr_assert_eq(sscanf(at, "Location: %63s", out), 1);
    mem_free(reply);
    buf_done(&b);
}

static char *get_waiting(const struct live *l, const char *path, const char *seconds)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nPrefer: wait=%s\r\n\r\n",
             path, seconds);
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

Test(routes_jobs, who_waits_for_one_hears_of_its_end)
{
    struct live l;
    char path[64], *reply;

    LIVE_OPEN(&l, NULL);
    begin(&l, path);
    reply = get_waiting(&l, path, "60");
    cr_expect_not_null(strstr(reply, "\"state\":\"done\""), "%s", reply);
    cr_expect_not_null(strstr(reply, "Preference-Applied: wait=60"), "%s", reply);
    mem_free(reply);
    live_close(&l);
}

Test(routes_jobs, are_listed_and_cancelled)
{
    struct live l;
    char path[64], *reply;
    json_t *j;
    int status;

    LIVE_OPEN(&l, NULL);
    begin(&l, path);
    j = live_call(&l, "GET", "/jobs", NULL, &status);
    cr_expect_eq(json_array_size(json_object_get(j, "jobs")), 1);
    json_decref(j);
    mem_free(get_waiting(&l, path, "60"));
    reply = live_member(&l, "DELETE", path, NULL, "state");
    cr_expect_str_eq(reply, "done", "what has ended stays as it is");
    mem_free(reply);
    cr_expect_eq(live_status(&l, "GET", "/jobs/job_0", NULL), 404);
    cr_expect_eq(live_status(&l, "DELETE", "/jobs/job_0", NULL), 404);
    cr_expect_eq(live_status(&l, "POST", "/jobs", "{}"), 405);
    live_close(&l);
}

struct held {
    struct store *store;
    sem_t held, enough;
};

static int hold(struct store_tx *tx, void *arg)
{
    struct held *h = arg;

    (void)tx;
    sem_post(&h->held);
    sem_wait(&h->enough);
    return ERR_OK;
}

static void *hold_main(void *arg)
{
    struct held *h = arg;

    return (void *)(intptr_t)store_write(h->store, hold, NULL, h);
}

Test(routes_jobs, who_waits_and_resets_ends_its_request_once)
{
    struct live l;
    struct linger at_once = {1, 0};
    struct held h = {0};
    struct buf b = {0};
    pthread_t holder;
    char path[64];
    int fd;

    LIVE_OPEN(&l, NULL);
    h.store = l.world.engine->store;
    sem_init(&h.held, 0, 0);
    sem_init(&h.enough, 0, 0);
    cr_assert_eq(pthread_create(&holder, NULL, hold_main, &h), 0);
    sem_wait(&h.held);
    begin(&l, path);
    fd = live_connect(&l);
    buf_addf(&b, "GET %s HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=1\r\n\r\n", path);
    cr_assert_eq(send(fd, b.p, b.n, MSG_NOSIGNAL), (ssize_t)b.n);
    shutdown(fd, SHUT_WR); /* from now on it is not read from, and only a write tells */
    usleep(100000);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    mem_free(get_waiting(&l, path, "2")); /* until the other's time is over */
    cr_expect_eq(live_status(&l, "GET", "/healthz", NULL), 200);
    sem_post(&h.enough);
    pthread_join(holder, NULL);
    buf_done(&b);
    live_close(&l);
}
