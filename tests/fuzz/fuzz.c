#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

#define TARGETS_MAX 128
#define BLOCKS_MAX  64

struct target {
    const char *name;
    fuzz_fn run;
};

const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

/* libconfig gives up the strings it holds when a file has a syntax error: a few bytes, once, of a
 * program that then ends. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

const char *__lsan_default_options(void)
{
    return "print_suppressions=0"; /* what it prints would count as a report */
}

static struct target targets[TARGETS_MAX];
static size_t n_targets;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct target *)a)->name, ((const struct target *)b)->name);
}

void fuzz_register(const char *name, fuzz_fn run)
{
    FUZZ_TRUE(n_targets < TARGETS_MAX);
    targets[n_targets++] = (struct target){name, run};
    qsort(targets, n_targets, sizeof *targets, by_name);
}

size_t fuzz_n_targets(void)
{
    return n_targets;
}

const char *fuzz_target_name(size_t i)
{
    return targets[i].name;
}

/* ---- one input ---- */

/* Blocks that end where their bytes end; an arena's do not. */
static void *blocks[BLOCKS_MAX];
static size_t n_blocks;

char *fuzz_block(size_t n)
{
    FUZZ_TRUE(n_blocks < BLOCKS_MAX);
    return blocks[n_blocks++] = mem_alloc(n ? n : 1);
}

void fuzz_run(size_t i, const void *p, size_t n)
{
    static struct arena *mem;

    if (!mem)
        mem = arena_new(0);
    targets[i].run((struct str){p, n}, mem);
    arena_reset(mem);
    while (n_blocks)
        mem_free(blocks[--n_blocks]);
}

void fuzz_wrong(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: it does not hold: %s\n", file, line, what);
    abort();
}

/* ---- taking an input apart ---- */

struct str fuzz_part(struct str *rest)
{
    const char *end = rest->n ? memchr(rest->p, FUZZ_PART, rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct str part = {rest->p, n};

    *rest = str_sub(*rest, end ? n + 1 : n, rest->n);
    return part;
}

uint8_t fuzz_byte(struct str *rest)
{
    uint8_t byte = rest->n ? (uint8_t)rest->p[0] : 0;

    *rest = str_sub(*rest, rest->n ? 1 : 0, rest->n);
    return byte;
}

struct str fuzz_utf8(struct str s, struct arena *mem)
{
    char *out = arena_alloc(mem, 3 * s.n + 1), *exact;
    size_t n = 0, step;

    for (size_t at = 0; at < s.n; at += step) {
        uint32_t cp;

        step = utf8_decode(s.p + at, s.n - at, &cp);
        n += utf8_encode(cp, out + n);
    }
    exact = fuzz_block(n);
    memcpy(exact, out, n);
    return (struct str){exact, n};
}

const char *fuzz_cstr(struct str s)
{
    char *exact = fuzz_block(s.n + 1);

    memcpy(exact, s.n ? s.p : "", s.n);
    exact[s.n] = '\0';
    return exact;
}

/* ---- files ---- */

const char *fuzz_file(struct str bytes)
{
    static char path[64];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_TRUE(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_TRUE(ftruncate(fd, 0) == 0);
    FUZZ_TRUE(pwrite(fd, bytes.n ? bytes.p : "", bytes.n, 0) == (ssize_t)bytes.n);
    return path;
}

static char dir[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_dir(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    if (!*dir) {
        snprintf(dir, sizeof dir, "%s/ragd-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        FUZZ_TRUE(mkdtemp(dir) != NULL);
        atexit(remove_dir);
    }
    return dir;
}

void fuzz_dir_put(const char *name, struct str bytes)
{
    char path[160], *slash;
    int fd;

    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    if (!bytes.p) {
        unlink(path);
        return;
    }
    slash = strrchr(path, '/');
    *slash = '\0';
    (void)mkdir(path, 0700);
    *slash = '/';
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FUZZ_TRUE(fd >= 0);
    FUZZ_TRUE(write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n);
    close(fd);
}
