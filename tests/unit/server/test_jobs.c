#include "server/jobs.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "ingest/ingest.h"

#define ACME       STR_LIT("acme#1")
#define ACME_OTHER STR_LIT("acme#2") /* another key of the same tenant */
#define BETA       STR_LIT("beta#3")

/* What a job of these tests does: waits for the gate, then ends as it is told. */
struct doing {
    pthread_mutex_t mu;
    pthread_cond_t changed;
    int n_running, n_running_most, n_runs, n_freed;
    bool open;
    int rc;
};

static void doing_init(struct doing *d)
{
    *d = (struct doing){.rc = ERR_OK};
    pthread_mutex_init(&d->mu, NULL);
    pthread_cond_init(&d->changed, NULL);
}

static int run(struct job *job, void *arg)
{
    struct doing *d = arg;
    bool cancelled;

    pthread_mutex_lock(&d->mu);
    d->n_runs++;
    d->n_running++;
    if (d->n_running > d->n_running_most)
        d->n_running_most = d->n_running;
    pthread_cond_broadcast(&d->changed);
    while (!d->open && !atomic_load(job_cancel(job))) {
        pthread_mutex_unlock(&d->mu);
        usleep(1000);
        pthread_mutex_lock(&d->mu);
    }
    cancelled = !d->open;
    d->n_running--;
    pthread_mutex_unlock(&d->mu);
    if (cancelled)
        return FAIL(ERR_CANCELLED, "told to stop");
    return d->rc < 0 ? FAIL(d->rc, "no room") : d->rc;
}

static void freed(void *arg)
{
    struct doing *d = arg;

    pthread_mutex_lock(&d->mu);
    d->n_freed++;
    pthread_mutex_unlock(&d->mu);
}

static const char *tenant_of(struct str scope)
{
    return *scope.p == 'a' ? "acme" : "beta";
}

static int add(struct jobs *js, struct str scope, struct doing *d, size_t bytes,
               char id[JOB_ID_BYTES])
{
    struct job_work w = {.run = run, .free = freed, .arg = d, .total = 7, .bytes = bytes};

    return jobs_add(js, tenant_of(scope), scope, &w, id);
}

static json_t *job(struct jobs *js, struct str scope, const char *id, bool *ended)
{
    struct buf b = {0};
    json_t *j = NULL;

    if (jobs_write(js, scope, str_of(id), &b, ended) == ERR_OK) {
        j = json_loadb(b.p, b.n, 0, NULL);
        cr_assert_not_null(j, "%s", b.p);
    }
    buf_done(&b);
    return j;
}

static void open_gate(struct doing *d)
{
    pthread_mutex_lock(&d->mu);
    d->open = true;
    pthread_mutex_unlock(&d->mu);
}

static void wait_runs(struct doing *d, int n)
{
    pthread_mutex_lock(&d->mu);
    while (d->n_runs < n)
        pthread_cond_wait(&d->changed, &d->mu);
    pthread_mutex_unlock(&d->mu);
}

/* Waits until the job has ended, then compares its state. */
static void expect_end(struct jobs *js, struct str scope, const char *id, const char *state)
{
    bool ended = false;
    json_t *j = job(js, scope, id, &ended);

    while (!ended) {
        json_decref(j);
        usleep(1000);
        j = job(js, scope, id, &ended);
    }
    cr_expect_str_eq(json_string_value(json_object_get(j, "state")), state);
    cr_expect(json_is_string(json_object_get(j, "ended")));
    json_decref(j);
}

Test(jobs, run_and_end_as_done_or_failed)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char id[JOB_ID_BYTES];
    bool ended;
    json_t *j;

    doing_init(&d);
    open_gate(&d);
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    expect_end(js, ACME, id, "done");
    d.rc = ERR_NO_SPACE;
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    expect_end(js, ACME, id, "failed");
    j = job(js, ACME, id, &ended);
    cr_expect_str_eq(json_string_value(json_object_get(j, "error")), "no room");
    json_decref(j);
    jobs_free(js);
    cr_expect_eq(d.n_freed, 2);
}

Test(jobs, of_one_tenant_run_one_after_another_and_beside_those_of_others)
{
    struct jobs *js = jobs_new();
    struct doing acme, beta;
    char ids[3][JOB_ID_BYTES];

    doing_init(&acme);
    doing_init(&beta);
    cr_assert_eq(add(js, ACME, &acme, 1, ids[0]), ERR_OK);
    cr_assert_eq(add(js, ACME_OTHER, &acme, 1, ids[1]), ERR_OK);
    cr_assert_eq(add(js, BETA, &beta, 1, ids[2]), ERR_OK);
    wait_runs(&acme, 1);
    wait_runs(&beta, 1); /* although acme's second was asked for before */
    open_gate(&beta);
    open_gate(&acme);
    expect_end(js, ACME, ids[0], "done");
    expect_end(js, ACME_OTHER, ids[1], "done");
    expect_end(js, BETA, ids[2], "done");
    cr_expect_eq(acme.n_running_most, 1);
    jobs_free(js);
}

Test(jobs, of_another_key_are_not_there)
{
    struct jobs *js = jobs_new();
    struct doing d;
    struct buf list = {0};
    char id[JOB_ID_BYTES];
    bool ended;

    doing_init(&d);
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    for (int i = 0; i < 2; i++) {
        struct str other = i ? ACME_OTHER : BETA;

        cr_expect_null(job(js, other, id, &ended));
        cr_expect_eq(jobs_cancel(js, other, str_of(id)), ERR_NOT_FOUND);
        jobs_list(js, other, &list);
        cr_expect_str_eq(list.p, "{\"jobs\":[]}");
        buf_clear(&list);
    }
    jobs_list(js, ACME, &list);
    cr_expect_not_null(strstr(list.p, id));
    buf_done(&list);
    jobs_free(js);
}

Test(jobs, are_cancelled_while_they_wait_and_while_they_run)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char ids[2][JOB_ID_BYTES];

    doing_init(&d);
    cr_assert_eq(add(js, ACME, &d, 1, ids[0]), ERR_OK);
    cr_assert_eq(add(js, ACME, &d, 1, ids[1]), ERR_OK);
    wait_runs(&d, 1);
    cr_expect_eq(jobs_cancel(js, ACME, str_of(ids[1])), ERR_OK);
    expect_end(js, ACME, ids[1], "cancelled");
    cr_expect_eq(d.n_freed, 1, "what it held is gone at once");
    cr_expect_eq(jobs_cancel(js, ACME, str_of(ids[0])), ERR_OK);
    expect_end(js, ACME, ids[0], "cancelled");
    cr_expect_eq(jobs_cancel(js, ACME, str_of(ids[0])), ERR_OK, "again changes nothing");
    cr_expect_eq(d.n_runs, 1);
    jobs_free(js);
    cr_expect_eq(d.n_freed, 2);
}

Test(jobs, over_the_bounds_are_refused_and_their_work_is_freed)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char id[JOB_ID_BYTES];
    int n = 0;

    doing_init(&d);
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    wait_runs(&d, 1);
    while (add(js, ACME, &d, 1, id) == ERR_OK)
        n++;
    cr_expect_eq(n, JOBS_WAITING / 2, "%d", n);
    cr_expect_eq(d.n_freed, 1);
    cr_expect_eq(add(js, ACME_OTHER, &d, 1, id), ERR_BUSY, "keys do not make room");
    cr_expect_eq(d.n_freed, 2);
    cr_expect_eq(add(js, BETA, &d, 1, id), ERR_OK, "another tenant has room yet");
    jobs_stop(js);
    cr_expect_eq(add(js, ACME, &d, 1, id), ERR_CANCELLED);
    jobs_free(js);
    cr_expect_eq(d.n_freed, n + 5);
}

Test(jobs, tell_when_there_may_be_room)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char id[JOB_ID_BYTES];

    doing_init(&d);
    cr_expect_eq(jobs_room_ms(js), 0, "nothing is known yet");
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    wait_runs(&d, 1);
    usleep(20000);
    cr_expect_geq(jobs_room_ms(js), 15, "as long as the one that runs has taken");
    open_gate(&d);
    expect_end(js, ACME, id, "done");
    cr_expect_geq(jobs_room_ms(js), 15, "as long as the last took");
    jobs_free(js);
}

Test(jobs, that_wait_hold_no_more_bytes_than_the_bound)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char id[JOB_ID_BYTES];

    doing_init(&d);
    cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
    wait_runs(&d, 1);
    cr_expect_eq(add(js, ACME, &d, JOBS_WAITING_BYTES / 2, id), ERR_OK);
    cr_expect_eq(add(js, ACME, &d, 1, id), ERR_BUSY);
    cr_expect_eq(add(js, BETA, &d, JOBS_WAITING_BYTES / 2 + 1, id), ERR_BUSY, "of all");
    jobs_free(js);
}

Test(jobs, one_that_is_larger_than_a_tenants_share_waits_where_it_is_its_only_one)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char id[JOB_ID_BYTES];

    doing_init(&d);
    for (int i = 0; i < 2; i++) { /* one runs, one waits */
        cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
        wait_runs(&d, 1);
    }
    cr_assert_eq(add(js, BETA, &d, 1, id), ERR_OK);
    wait_runs(&d, 2);
    cr_expect_eq(add(js, BETA, &d, JOBS_WAITING_BYTES / 2 + 1, id), ERR_OK);
    cr_expect_eq(add(js, BETA, &d, 1, id), ERR_BUSY);
    jobs_free(js);
}

Test(jobs, that_have_ended_are_kept_for_a_while)
{
    struct jobs *js = jobs_new();
    struct doing d;
    char first[JOB_ID_BYTES], id[JOB_ID_BYTES];
    bool ended;

    doing_init(&d);
    open_gate(&d);
    cr_assert_eq(add(js, ACME, &d, 1, first), ERR_OK);
    expect_end(js, ACME, first, "done");
    for (int i = 0; i < JOBS_KEPT_TENANT + 1; i++) {
        cr_assert_eq(add(js, ACME, &d, 1, id), ERR_OK);
        expect_end(js, ACME, id, "done");
    }
    cr_expect_null(job(js, ACME, first, &ended));
    jobs_free(js);
}

/* ---- progress ---- */

static int run_telling(struct job *job, void *arg)
{
    char paths[3][3] = {"a\"", "b", "c"}, why[] = "bad";
    struct ingest_issue refused[] = {{paths[0], why}, {paths[1], why}},
                        skipped[] = {{paths[2], why}};
    struct ingest_report r = {.documents = 2,
                              .chunks = 5,
                              .unchanged = 1,
                              .refused = refused,
                              .n_refused = 1,
                              .skipped = skipped};

    (void)arg;
    job_tell(job, 4, &r);
    r.n_refused = 2;
    r.n_skipped = 1;
    job_tell(job, 6, &r);
    return ERR_OK;
}

Test(jobs, tell_how_far_they_are)
{
    struct jobs *js = jobs_new();
    struct doing d;
    struct job_work w = {.run = run_telling, .free = freed, .arg = &d, .total = 6};
    char id[JOB_ID_BYTES];
    bool ended;
    json_t *j, *refused;

    doing_init(&d);
    cr_assert_eq(jobs_add(js, "acme", ACME, &w, id), ERR_OK);
    expect_end(js, ACME, id, "done");
    j = job(js, ACME, id, &ended);
    cr_expect_eq(json_integer_value(json_object_get(j, "done")), 6);
    cr_expect_eq(json_integer_value(json_object_get(j, "total")), 6);
    cr_expect_eq(json_integer_value(json_object_get(j, "ingested")), 2);
    cr_expect_eq(json_integer_value(json_object_get(j, "unchanged")), 1);
    cr_expect_eq(json_integer_value(json_object_get(j, "chunks")), 5);
    cr_expect_eq(json_integer_value(json_object_get(j, "refused_total")), 3);
    refused = json_object_get(j, "refused");
    cr_expect_eq(json_array_size(refused), 3);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(refused, 0), "id")), "a\"");
    json_decref(j);
    jobs_free(js);
}

static int run_refusing(struct job *job, void *arg)
{
    char path[] = "some/document.txt", why[] = "there is no text in it";
    struct ingest_report r;
    struct ingest_issue *all = mem_calloc(5000, sizeof *all);

    (void)arg;
    for (size_t i = 0; i < 5000; i++)
        all[i] = (struct ingest_issue){path, why};
    r = (struct ingest_report){.refused = all, .n_refused = 5000};
    job_tell(job, 5000, &r);
    mem_free(all);
    return ERR_OK;
}

Test(jobs, name_refusals_within_a_bound_and_count_all)
{
    struct jobs *js = jobs_new();
    struct doing d;
    struct job_work w = {.run = run_refusing, .free = freed, .arg = &d, .total = 5000};
    char id[JOB_ID_BYTES];
    bool ended;
    json_t *j;

    doing_init(&d);
    cr_assert_eq(jobs_add(js, "acme", ACME, &w, id), ERR_OK);
    expect_end(js, ACME, id, "done");
    j = job(js, ACME, id, &ended);
    cr_expect_eq(json_integer_value(json_object_get(j, "refused_total")), 5000);
    cr_expect_lt(json_array_size(json_object_get(j, "refused")), 2000);
    json_decref(j);
    jobs_free(js);
}
