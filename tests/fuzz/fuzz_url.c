/* fuzz_url.c - URLs of servers and keys for them; what may be shown has no secrets. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/url.h"

FUZZ_TARGET(url)
{
    const char *text = fuzz_cstr(in);
    char *shown = url_shown(text), *joined;

    (void)mem;
    FUZZ_TRUE(!strchr(shown, '?') && !strchr(shown, '#'));
    if (url_check(text) == ERR_OK) {
        FUZZ_TRUE(strncasecmp(text, "http", 4) == 0 && !strpbrk(text, "?#\r\n "));
        joined = url_join(text, "/embeddings");
        FUZZ_TRUE(url_check(joined) == ERR_OK);
        mem_free(joined);
    }
    if (url_check_key(text) == ERR_OK)
        FUZZ_TRUE(!strpbrk(text, "\r\n"));
    mem_free(shown);
}
