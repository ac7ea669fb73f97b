/* main.c - the program: a command, or the child that reads files of others. */
#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "extract/extract.h"

/* libcrypto crashes when it is without memory while it starts (it locks a lock that it could not
 * make), so it gets ours, which stops with a message. A library in another's process must not. */
static void *crypto_alloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    return n ? mem_alloc(n) : NULL;
}

static void crypto_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    mem_free(p);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
    if (n)
        return mem_realloc(p, n);
    crypto_free(p, file, line);
    return NULL;
}

int main(int argc, char **argv)
{
    mem_share_heaps();
    CRYPTO_set_mem_functions(crypto_alloc, crypto_realloc, crypto_free);
    json_set_alloc_funcs(mem_alloc, mem_free); /* or it leaves out what it has no memory for */
    if (argc == 2 && strcmp(argv[1], "--extract-helper") == 0)
        return extract_helper_main();
    return command_main(argc, argv);
}
