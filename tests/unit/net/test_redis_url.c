#include "net/redis_url.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static void expect(const char *text, const char *shown, const char *user, const char *password)
{
    struct redis_url u;
    char *s;

    cr_assert_eq(redis_url_read(&u, text), ERR_OK, "%s: %s", text, err_text());
    s = redis_url_shown(&u);
    cr_expect_str_eq(s, shown);
    cr_expect_str_eq(u.user ? u.user : "", user);
    cr_expect_str_eq(u.password ? u.password : "", password);
    mem_free(s);
    redis_url_done(&u);
}

Test(redis_url, reads_what_it_says_it_reads)
{
    expect("redis://localhost", "redis://localhost:6379/0", "", "");
    expect("redis://localhost/", "redis://localhost:6379/0", "", "");
    expect("redis://10.0.0.7:7000/15", "redis://10.0.0.7:7000/15", "", "");
    expect("redis://ann:s%3Acret@cache.example_1:1", "redis://cache.example_1:1/0", "ann",
           "s:cret");
    expect("redis://:s@cret@h", "redis://h:6379/0", "", "s@cret");
    expect("redis://[::1]", "redis://[::1]:6379/0", "", "");
    expect("redis://:p@[fe80::1]:7000/2", "redis://[fe80::1]:7000/2", "", "p");
    expect("/run/redis.sock", "unix:///run/redis.sock", "", "");
    expect("unix:///run/redis.sock", "unix:///run/redis.sock", "", "");
    expect("unix://ann:p@/run/redis.sock", "unix:///run/redis.sock", "ann", "p");
}

Test(redis_url, refuses_everything_else_and_repeats_none_of_it)
{
    static const char *const wrong[] = {
        "",
        "localhost:6379",
        "http://sesame",
        "REDIS://sesame",
        "redis://",
        "redis://:",
        "redis://sesame:",
        "redis://sesame:0",
        "redis://sesame:65536",
        "redis://sesame:6379x",
        "redis://sesame:+1",
        "redis://sesame/x",
        "redis://sesame/-1",
        "redis://sesame/65536",
        "redis://sesame/1/",
        "redis://sesame/1?db=2",
        "redis://sesame?db=2",
        "redis://sesame#1",
        "redis://sesame h",
        "redis://sesame\n",
        "redis://sesame\x80",
        "redis://user@sesame",
        "redis://user:@sesame",
        "redis://a:b:sesame@h",
        "redis://:%zzsesame@h",
        "redis://:sesame%0@h",
        "redis://:sesame%@h",
        "redis://:sesame%00x@h",
        "redis://:sesame@",
        "redis://[::1",
        "redis://[]",
        "redis://[sesame]",
        "redis://[::1]x",
        "redis://[::1]:",
        "redis://::1",
        "unix://",
        "unix:///",
        "unix://sesame",
        "unix://sesame/path",
        "unix:///sesame?db=1",
        "/",
        "/sesame sock",
        "unix:///"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct redis_url u = {.port = 7};

        cr_expect_eq(redis_url_read(&u, wrong[i]), ERR_ARGUMENT, "'%s'", wrong[i]);
        cr_expect_eq(u.port, 7, "'%s' has touched its output", wrong[i]);
        cr_expect_null(strstr(err_text(), "sesame"), "%s", err_text());
    }
}

Test(redis_url, of_tls_says_the_way_out)
{
    struct redis_url u;

    cr_expect_eq(redis_url_read(&u, "rediss://:sesame@h"), ERR_UNSUPPORTED);
    cr_expect_not_null(strstr(err_text(), "stunnel"));
    cr_expect_null(strstr(err_text(), "sesame"));
}

Test(redis_url, is_no_longer_than_its_limit)
{
    char text[REDIS_URL_MAX + 64];
    struct redis_url u;
    int n = snprintf(text, sizeof text, "redis://:");

    memset(text + n, 'p', sizeof text - (size_t)n);
    strcpy(text + REDIS_URL_MAX - 2, "@h");
    cr_assert_eq(redis_url_read(&u, text), ERR_OK);
    redis_url_done(&u);
    strcpy(text + REDIS_URL_MAX - 1, "@h");
    cr_expect_eq(redis_url_read(&u, text), ERR_ARGUMENT);
}

/* Bytes changed, lost, doubled: refused, or read as something that is itself read the same. */
Test(redis_url, whatever_is_done_to_it_is_read_whole_or_refused)
{
    static const char *const seeds[] = {"redis://ann:s%3Acret@host.example:6379/12",
                                        "redis://:p@[fe80::1]:7000/2", "unix://a:b@/run/r.sock"};
    unsigned state = 7;
    int n_read = 0;

    for (int i = 0; i < 100000; i++) {
        char text[128], *shown, *again;
        struct redis_url u, v;

        snprintf(text, sizeof text, "%s", seeds[i % 3]);
        for (int k = 0; k <= i % 4; k++) {
            size_t n = strlen(text), at;

            state = state * 1103515245 + 12345;
            at = n ? state / 65536 % n : 0;
            if (state % 3 == 0)
                memmove(text + at, text + at + 1, n - at);
            else
                text[at] = "@:/%[]?#.x0 \x01\xff-"[state / 7 % 15];
        }
        if (redis_url_read(&u, text) < 0)
            continue;
        n_read++;
        shown = redis_url_shown(&u);
        cr_assert_eq(redis_url_read(&v, shown), ERR_OK, "%s gave %s: %s", text, shown, err_text());
        again = redis_url_shown(&v);
        cr_expect_str_eq(again, shown);
        cr_expect((u.host == NULL) != (u.path == NULL));
        mem_free(shown);
        mem_free(again);
        redis_url_done(&u);
        redis_url_done(&v);
    }
    cr_expect_gt(n_read, 1000);
}
