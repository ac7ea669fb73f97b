#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"

static void *or_stop(void *p, size_t size)
{
    if (!p && size) {
        fprintf(stderr,
                "ragd: out of memory (%zu bytes wanted); stopping, nothing acknowledged is lost\n",
                size);
        _exit(70);
    }
    return p;
}

void mem_must_have(bool made, const char *what)
{
    if (made)
        return;
    fprintf(stderr, "ragd: out of memory (for %s); stopping, nothing acknowledged is lost\n", what);
    _exit(70);
}

void *mem_alloc(size_t size)
{
    return or_stop(malloc(size ? size : 1), size);
}

void *mem_calloc(size_t n, size_t size)
{
    return or_stop(calloc(n ? n : 1, size ? size : 1), n * size);
}

void *mem_realloc(void *p, size_t size)
{
    return or_stop(realloc(p, size ? size : 1), size);
}

void *mem_alloc_aligned(size_t size)
{
    size_t padded = (size + 63) & ~(size_t)63;
    void *p = or_stop(aligned_alloc(64, padded ? padded : 64), padded);

    memset(p, 0, padded);
    return p;
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s) + 1);
}

void *mem_dup(const void *p, size_t size)
{
    void *copy = mem_alloc(size);

    if (size)
        memcpy(copy, p, size);
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

void *mem_grow(void *p, size_t *cap, size_t n, size_t elem_size)
{
    size_t want = *cap ? *cap : 8;

    if (p && n <= *cap)
        return p;
    while (want < n)
        want *= 2;
    *cap = want;
    return mem_realloc(p, want * elem_size);
}

void mem_share_heaps(void)
{
    mallopt(M_ARENA_MAX, cpu_count());
}

void mem_return(void)
{
    malloc_trim(0);
}

static bool read_pages(unsigned long *resident, unsigned long *of_files)
{
    FILE *f = fopen("/proc/self/statm", "r");
    bool read;

    if (!f)
        return false;
    read = fscanf(f, "%*u %lu %lu", resident, of_files) == 2;
    fclose(f);
    return read;
}

size_t mem_resident_bytes(void)
{
    unsigned long resident, of_files;

    return read_pages(&resident, &of_files) ? resident * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

size_t mem_own_bytes(void)
{
    unsigned long resident, of_files;

    if (!read_pages(&resident, &of_files) || of_files > resident)
        return 0;
    return (resident - of_files) * (size_t)sysconf(_SC_PAGESIZE);
}
