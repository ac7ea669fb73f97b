#include "server/replay.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct event_log *new_log(const char *request, int n_events)
{
    struct digest d = digest_of(request, strlen(request));
    struct event_log *l = event_log_new(&d);

    for (int i = 0; i < n_events; i++)
        event_log_add(l, "token", STR_LIT("{}"));
    return l;
}

static struct event_log *find(struct replay *r, const char *generation, const char *n,
                              const char *request, size_t *next)
{
    struct digest d = digest_of(request, strlen(request));
    char id[64];

    snprintf(id, sizeof id, "%s-%s", generation, n);
    return replay_find(r, str_of(id), &d, next);
}

Test(replay, continues_after_the_event_that_was_seen)
{
    struct replay *r = replay_new();
    struct event_log *l = new_log("q", 3), *again;
    size_t next = 99;

    replay_keep(r, l, 1000);
    again = find(r, event_log_id(l), "1", "q", &next);
    cr_expect_eq(again, l);
    cr_expect_eq(next, 2);
    event_log_unref(again);
    again = find(r, event_log_id(l), "2", "q", &next);
    cr_expect_eq(next, 3, "the end: nothing is left to send");
    event_log_unref(again);
    event_log_unref(l);
    replay_free(r);
}

Test(replay, only_the_same_request_continues)
{
    struct replay *r = replay_new();
    struct event_log *l = new_log("q", 3);
    size_t next;

    replay_keep(r, l, 0);
    cr_expect_null(find(r, event_log_id(l), "1", "another", &next));
    cr_expect_null(find(r, event_log_id(l), "3", "q", &next), "beyond the end");
    cr_expect_null(find(r, event_log_id(l), "", "q", &next));
    cr_expect_null(find(r, event_log_id(l), "x", "q", &next));
    cr_expect_null(find(r, event_log_id(l), "99999999999999999999", "q", &next));
    cr_expect_null(find(r, "00000000000000000000000000000000", "1", "q", &next));
    cr_expect_null(find(r, "short", "1", "q", &next));
    event_log_unref(l);
    replay_free(r);
}

Test(replay, forgets_after_a_minute)
{
    struct replay *r = replay_new();
    struct event_log *l = new_log("q", 1);
    size_t next;

    replay_keep(r, l, 1000);
    replay_expire(r, 1000 + REPLAY_KEEP_MS - 1);
    event_log_unref(find(r, event_log_id(l), "0", "q", &next));
    replay_expire(r, 1000 + REPLAY_KEEP_MS);
    cr_expect_null(find(r, event_log_id(l), "0", "q", &next));
    event_log_unref(l);
    replay_free(r);
}

Test(replay, keeps_within_its_bytes)
{
    struct replay *r = replay_new();
    struct event_log *first = new_log("q", 1), *huge = new_log("h", 0);
    char *big = calloc(1, REPLAY_BYTES_MAX / 2 + 1);
    size_t next;

    replay_keep(r, first, 0);
    for (int i = 0; i < 2; i++) {
        struct event_log *l = new_log("b", 0);

        event_log_add(l, "done", (struct str){big, REPLAY_BYTES_MAX / 2 - 1000});
        replay_keep(r, l, 0);
        event_log_unref(l);
    }
    event_log_unref(find(r, event_log_id(first), "0", "q", &next));
    event_log_add(huge, "done", (struct str){big, REPLAY_BYTES_MAX / 2});
    replay_keep(r, huge, 0);
    cr_expect_null(find(r, event_log_id(first), "0", "q", &next), "the oldest went for room");
    event_log_add(huge, "done", (struct str){big, REPLAY_BYTES_MAX / 2});
    event_log_unref(first);
    event_log_unref(huge);
    free(big);
    replay_free(r);
}

/* ---- while it is written ---- */

static int n_told;

static void count_told(void *arg)
{
    n_told++;
    (void)arg;
}

Test(replay, watchers_are_told_of_each_event_and_of_the_end)
{
    struct digest request = digest_of("q", 1);
    struct event_log *l = event_log_new(&request);
    int me;

    event_log_watch(l, count_told, &me);
    event_log_add(l, "token", STR_LIT("{}"));
    cr_expect_eq(n_told, 1);
    cr_expect_not(event_log_is_finished(l));
    event_log_finish(l);
    cr_expect_eq(n_told, 2);
    cr_expect(event_log_is_finished(l));
    event_log_unwatch(l, &me);
    event_log_add(l, "late", STR_LIT("{}"));
    cr_expect_eq(n_told, 2);
    event_log_unref(l);
}

Test(replay, a_log_whose_last_watcher_leaves_before_the_end_is_abandoned_once)
{
    struct digest request = digest_of("q", 1);
    struct event_log *l = event_log_new(&request);
    int a, b;

    n_told = 0;
    event_log_on_abandoned(l, count_told, NULL);
    event_log_watch(l, count_told, &a);
    event_log_watch(l, count_told, &b);
    event_log_unwatch(l, &a);
    event_log_unwatch(l, &a);
    cr_expect_eq(n_told, 0);
    cr_expect_eq(event_log_watchers(l), 1);
    event_log_unwatch(l, &b);
    cr_expect_eq(n_told, 1);
    event_log_watch(l, count_told, &a);
    event_log_finish(l);
    n_told = 0;
    event_log_unwatch(l, &a);
    cr_expect_eq(n_told, 0, "it is finished");
    event_log_unref(l);
}

Test(replay, a_log_that_is_being_written_is_found_by_its_flight_and_by_its_id)
{
    struct replay *r = replay_new();
    struct digest request = digest_of("q", 1), flight = digest_of("f", 1),
                  other = digest_of("g", 1);
    struct event_log *l = event_log_new(&request), *found;
    char id[64];
    size_t next;

    event_log_add(l, "sources", STR_LIT("{}"));
    event_log_add(l, "token", STR_LIT("{}"));
    replay_live_add(r, &flight, l);
    found = replay_live(r, &flight);
    cr_expect_eq(found, l);
    event_log_unref(found);
    cr_expect_null(replay_live(r, &other));
    snprintf(id, sizeof id, "%s-0", event_log_id(l));
    found = replay_find(r, str_of(id), &request, &next);
    cr_expect_eq(found, l);
    cr_expect_eq(next, 1);
    event_log_unref(found);
    replay_live_remove(r, l);
    cr_expect_null(replay_live(r, &flight));
    cr_expect_null(replay_find(r, str_of(id), &request, &next));
    event_log_unref(l);
    replay_free(r);
}
