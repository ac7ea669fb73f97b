#include "server/routes.h"

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
