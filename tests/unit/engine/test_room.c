#include "engine/room.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"

#define BALLAST ((size_t)96 << 20)

static void count(void *arg)
{
    ++*(int *)arg;
}

static void *ballast(void)
{
    void *p = mmap(NULL, BALLAST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(p, MAP_FAILED);
    memset(p, 1, BALLAST);
    return p;
}

static void drop(void *arg)
{
    munmap(*(void **)arg, BALLAST);
    *(void **)arg = NULL;
}

static void until_it_looks_again(void)
{
    nanosleep(&(struct timespec){0, (ROOM_LOOK_MS + 20) * 1000000L}, NULL);
}

Test(room, without_a_limit_there_is_always_room)
{
    int n = 0;
    struct room *r = room_new(0, count, &n);

    cr_expect_not(room_is_short(r));
    cr_expect_eq(room_check(r), ERR_OK);
    cr_expect_eq(n, 0);
    room_free(r);
    room_free(NULL);
}

Test(room, beyond_it_the_limit_and_what_is_in_use_are_named)
{
    int n = 0;
    struct room *r = room_new(1500000, count, &n);

    cr_expect(room_is_short(r));
    cr_expect_eq(room_check(r), ERR_NO_SPACE);
    cr_expect_not_null(strstr(err_text(), "limits.memory"));
    cr_expect_not_null(strstr(err_text(), "the limit of 1.5"));
    cr_expect_eq(n, 1, "memory was given back %d times", n); /* and not at every look */
    room_free(r);
}

Test(room, a_glance_gives_nothing_back_and_lets_those_through_who_will)
{
    int n = 0;
    struct room *r = room_new(1500000, count, &n);

    cr_expect_eq(room_glance(r), ERR_OK, "it is time to give back");
    cr_expect_eq(n, 0);
    cr_expect_eq(room_check(r), ERR_NO_SPACE);
    cr_expect_eq(room_glance(r), ERR_NO_SPACE);
    cr_expect_not_null(strstr(err_text(), "limits.memory"));
    cr_expect_eq(n, 1);
    room_free(r);
    r = room_new(0, count, &n);
    cr_expect_eq(room_glance(r), ERR_OK);
    room_free(r);
}

Test(room, what_is_given_back_counts_at_once)
{
    size_t limit = mem_own_bytes() + BALLAST / 2;
    void *p = ballast();
    struct room *r = room_new(limit, drop, &p);

    cr_expect_eq(room_check(r), ERR_OK);
    cr_expect_null(p);
    room_free(r);
}

Test(room, there_is_room_again_when_memory_is)
{
    int n = 0;
    struct room *r = room_new(mem_own_bytes() + BALLAST / 2, count, &n);
    void *p = ballast();

    cr_expect(room_is_short(r));
    drop(&p);
    until_it_looks_again();
    cr_expect_not(room_is_short(r));
    room_free(r);
}

Test(room, files_that_are_mapped_do_not_count)
{
    size_t before = mem_own_bytes(), all = mem_resident_bytes();
    void *p = mmap(NULL, BALLAST, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(p, MAP_FAILED);
    memset(p, 1, BALLAST);
    cr_expect_gt(mem_resident_bytes(), all + BALLAST / 2);
    cr_expect_lt(mem_own_bytes(), before + BALLAST / 2);
    munmap(p, BALLAST);
}
