#include "server/loop.h"

#include <criterion/criterion.h>

#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "server/service.h"

struct job {
    struct work work;
    pthread_t ran_on, done_on;
    int rc;
    char error[100];
};

static int run(struct work *w)
{
    struct job *j = (struct job *)w;

    j->ran_on = pthread_self();
    return FAIL(ERR_TIMEOUT, "a worker's words");
}

static void done(struct work *w)
{
    struct job *j = (struct job *)w;

    j->done_on = pthread_self();
    j->rc = w->rc;
    snprintf(j->error, sizeof j->error, "%s", w->error);
}

Test(loop, work_goes_to_a_worker_and_its_error_comes_back_here)
{
    struct engine *e = mem_calloc(1, sizeof *e);
    struct service s = {.engine = e, .stopping = true}; /* it ends as soon as nothing is away */
    struct pool *pool = pool_new("test", 1, 4);
    struct loop l;
    struct job j = {.work = {.loop = &l, .run = run, .done = done}};

    cr_assert_eq(loop_init(&l, &s, 0, -1, -1), ERR_OK);
    cr_assert_eq(work_submit(&j.work, pool, QUEUE_URGENT), ERR_OK);
    loop_run(&l);
    loop_done(&l);
    pool_free(pool);
    mem_free(e);
    cr_expect_eq(j.rc, ERR_TIMEOUT);
    cr_expect_str_eq(j.error, "a worker's words");
    cr_expect(pthread_equal(j.done_on, pthread_self()));
    cr_expect_not(pthread_equal(j.ran_on, pthread_self()));
}

/* Work in three parts. */
struct parts {
    struct work work;
    struct pool *pool;
    int n_run, n_done;
};

static int run_part(struct work *w)
{
    ((struct parts *)w)->n_run++;
    return ERR_OK;
}

static void part_done(struct work *w)
{
    struct parts *p = (struct parts *)w;

    if (++p->n_done < 3)
        cr_assert_eq(work_submit_again(w, p->pool, QUEUE_BULK), ERR_OK);
}

Test(loop, work_in_parts_comes_back_after_each)
{
    struct engine *e = mem_calloc(1, sizeof *e);
    struct service s = {.engine = e, .stopping = true};
    struct loop l;
    struct parts p = {.work = {.loop = &l, .run = run_part, .done = part_done},
                      .pool = pool_new("test", 1, 1)};

    cr_assert_eq(loop_init(&l, &s, 0, -1, -1), ERR_OK);
    cr_assert_eq(work_submit(&p.work, p.pool, QUEUE_BULK), ERR_OK);
    loop_run(&l);
    loop_done(&l);
    pool_free(p.pool);
    mem_free(e);
    cr_expect_eq(p.n_run, 3);
    cr_expect_eq(p.n_done, 3);
}

Test(loop, one_that_never_ran_can_be_closed)
{
    struct service s = {0};
    struct loop l;

    cr_assert_eq(loop_init(&l, &s, 0, -1, -1), ERR_OK);
    loop_done(&l);
}
