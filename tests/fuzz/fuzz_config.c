/* fuzz_config.c - a configuration file. One that was read prints as a file that reads the same. */
#include <string.h>

#include "base/err.h"
#include "engine/config_print.h"
#include "fuzz/fuzz.h"

/* What is printed, and whence each setting came, is a file: `out` is what that file prints. */
static void print_read_print(const struct config *c, struct buf *out)
{
    static struct config again;
    struct buf text;

    buf_init(&text);
    config_print(c, false, &text);
    FUZZ_TRUE(config_load(&again, fuzz_file(buf_view(&text))) == ERR_OK);
    config_print(&again, false, out);
    buf_done(&text);
}

static void print_again(const struct config *c)
{
    static struct config second;
    struct buf one, two, json;

    buf_init(&one);
    buf_init(&two);
    buf_init(&json);
    print_read_print(c, &one);
    FUZZ_TRUE(config_load(&second, fuzz_file(buf_view(&one))) == ERR_OK);
    print_read_print(&second, &two);
    FUZZ_TRUE(str_eq(buf_view(&one), buf_view(&two)));
    config_print(c, true, &json);
    FUZZ_TRUE(json.n > 2 && json.p[0] == '{');
    buf_done(&one);
    buf_done(&two);
    buf_done(&json);
}

FUZZ_TARGET(config)
{
    static struct config c;
    const char *path = fuzz_file(in);

    (void)mem;
    if (in.n && memmem(in.p, in.n, "@include", 8)) /* other files of this machine */
        return;
    if (config_load(&c, path) == ERR_OK)
        print_again(&c);
}
