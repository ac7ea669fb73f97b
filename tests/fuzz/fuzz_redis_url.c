/* fuzz_redis_url.c - where a Redis is. What may be shown has no password in it, and reads as the
 * same place. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/redis_url.h"

static void check_shown(const struct redis_url *u)
{
    char *shown = redis_url_shown(u);
    struct redis_url again = {0};

    FUZZ_TRUE(!strchr(shown, '@') || u->path);
    FUZZ_TRUE(redis_url_read(&again, shown) == ERR_OK);
    FUZZ_TRUE(!again.user && !again.password);
    FUZZ_TRUE(str_eq(str_of(again.host), str_of(u->host)));
    FUZZ_TRUE(str_eq(str_of(again.path), str_of(u->path)));
    FUZZ_TRUE(again.port == u->port && again.database == u->database);
    redis_url_done(&again);
    mem_free(shown);
}

FUZZ_TARGET(redis_url)
{
    struct redis_url u = {0};

    (void)mem;
    if (redis_url_read(&u, fuzz_cstr(in)) < 0)
        return;
    FUZZ_TRUE(!u.host != !u.path && (!u.user || u.password));
    FUZZ_TRUE(u.path || (u.port >= 1 && u.port <= 65535));
    FUZZ_TRUE(u.database >= 0 && u.database <= REDIS_DATABASE_MAX);
    check_shown(&u);
    redis_url_done(&u);
}
