/* fail_calls.c - makes one system call of a running program fail: LD_PRELOAD, for the tests.
 *
 * The file named by RAGD_FAULT_PAGE is mapped by the program and by its test, which arms it:
 *
 *   offset  bytes  what
 *   0       4      kind that is to fail, an index of `kinds`
 *   4       4      so many calls of the kind go well before (counts down)
 *   8       4      so many then fail (counts down); written last; 0: nothing is armed
 *   12      4      errno; 0: the call does half of what it was asked for
 *   16      4      the process; 0: whichever maps the page
 *   20      4      calls that were failed, counts up
 *   64      128    the last one in words: call, thread, file
 *   256     4*n    calls of each kind, counts up
 *
 * Works beside ASan when its library stands before this one in LD_PRELOAD: its interceptors then
 * call ours. Only allocations do not pass through here then; they need the release build.
 * `own-malloc` is an allocation of the program itself, `malloc` one of a library it uses. What the
 * C library does inside itself (stacks of threads, opendir) is not seen.
 *
 * Pipes and descriptors of the kernel's own (eventfd, epoll) never fail to be read or written: no
 * system does that, and libuv, which has some for itself, stops the process then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    READ,
    PREAD,
    WRITE,
    PWRITE,
    WRITEV,
    SEND,
    RECV,
    ACCEPT,
    CONNECT,
    SOCKET,
    OPEN,
    FSYNC,
    MMAP,
    EPOLL,
    THREAD,
    TRUNCATE,
    RENAME,
    UNLINK,
    SPAWN,
    PIPE,
    MALLOC,
    OWN_MALLOC,
    N_KINDS
};

static const char *const kinds[N_KINDS] = {
    "read",    "pread",  "write", "pwrite", "writev", "send",      "recv",   "accept",
    "connect", "socket", "open",  "fsync",  "mmap",   "epoll",     "thread", "truncate",
    "rename",  "unlink", "spawn", "pipe",   "malloc", "own-malloc"};

struct page {
    _Atomic uint32_t kind;
    _Atomic int32_t before, times;
    _Atomic int32_t error;
    _Atomic uint32_t pid, n_failed;
    char unused[40];
    char last[128];
    char unused_too[64];
    _Atomic uint32_t calls[N_KINDS];
};

_Static_assert(offsetof(struct page, last) == 64, "as the table says");
_Static_assert(offsetof(struct page, calls) == 256, "as the table says");

static struct page *page;
static uintptr_t own_from, own_to; /* where the program itself lies */

static int find_program(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];

        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X))
            continue;
        own_from = info->dlpi_addr + h->p_vaddr;
        own_to = own_from + h->p_memsz;
    }
    return 1; /* the first is the program */
}

__attribute__((constructor)) static void map_page(void)
{
    const char *path = getenv("RAGD_FAULT_PAGE");
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    void *p;

    dl_iterate_phdr(find_program, NULL);
    if (fd < 0)
        return;
    p = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (p != MAP_FAILED)
        page = p;
}

/* The next one of that name, looked for once. */
#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (!real)                                                                                     \
    real = (__typeof__(real))(uintptr_t)dlsym(RTLD_NEXT, #name)

static void describe(enum kind kind, int fd, const char *path)
{
    char thread[16] = "", link[32], file[64] = "";
    char text[sizeof page->last];
    ssize_t n = 0;

    prctl(PR_GET_NAME, thread);
    if (fd >= 0) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = syscall(SYS_readlink, link, file, sizeof file - 1);
    }
    file[n > 0 ? n : 0] = '\0';
    n = snprintf(text, sizeof text, "%s in thread '%s' of %.70s", kinds[kind], thread,
                 path ? path : file);
    memcpy(page->last, text, (size_t)n < sizeof text ? (size_t)n + 1 : sizeof text);
}

/* Whether this call is the one. */
static bool hits(enum kind kind)
{
    struct page *p = page;

    if (!p)
        return false;
    atomic_fetch_add(&p->calls[kind], 1);
    if (p->times <= 0 || p->kind != kind || (p->pid && p->pid != (uint32_t)getpid()))
        return false;
    if (atomic_fetch_sub(&p->before, 1) > 0)
        return false;
    return atomic_fetch_sub(&p->times, 1) > 0;
}

/* 0: goes well. 1: half of it. -1: fails, errno is set. */
static int fate(enum kind kind, int fd, const char *path)
{
    int saved = errno;

    if (!hits(kind))
        return 0;
    describe(kind, fd, path);
    atomic_fetch_add(&page->n_failed, 1);
    errno = page->error ? page->error : saved;
    return page->error ? -1 : 1;
}

/* Of descriptors only what can fail: files and sockets. */
static int fate_fd(enum kind kind, int fd)
{
    struct stat st;
    int saved = errno;
    bool may;

    if (!page)
        return 0;
    may = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode));
    errno = saved;
    return may ? fate(kind, fd, NULL) : 0;
}

static size_t part(int how, size_t n)
{
    return how > 0 && n > 1 ? n / 2 : n;
}

/* ---- bytes ---- */

#define BYTES(ret, name, kind, params, half, args)                                                 \
    ret name params                                                                                \
    {                                                                                              \
        REAL(name);                                                                                \
        int how = fate_fd(kind, fd);                                                               \
                                                                                                   \
        if (how < 0)                                                                               \
            return -1;                                                                             \
        half = part(how, half);                                                                    \
        return real args;                                                                          \
    }

BYTES(ssize_t, read, READ, (int fd, void *p, size_t n), n, (fd, p, n))
BYTES(ssize_t, pread, PREAD, (int fd, void *p, size_t n, off_t at), n, (fd, p, n, at))
BYTES(ssize_t, pread64, PREAD, (int fd, void *p, size_t n, off64_t at), n, (fd, p, n, at))
BYTES(ssize_t, write, WRITE, (int fd, const void *p, size_t n), n, (fd, p, n))
BYTES(ssize_t, pwrite, PWRITE, (int fd, const void *p, size_t n, off_t at), n, (fd, p, n, at))
BYTES(ssize_t, pwrite64, PWRITE, (int fd, const void *p, size_t n, off64_t at), n, (fd, p, n, at))
BYTES(ssize_t, send, SEND, (int fd, const void *p, size_t n, int flags), n, (fd, p, n, flags))
BYTES(ssize_t, recv, RECV, (int fd, void *p, size_t n, int flags), n, (fd, p, n, flags))

/* Half of the first piece alone. */
ssize_t writev(int fd, const struct iovec *v, int n)
{
    REAL(writev);
    int how = fate_fd(WRITEV, fd);
    struct iovec half;

    if (how < 0)
        return -1;
    if (how == 0 || n < 1)
        return real(fd, v, n);
    half = (struct iovec){v->iov_base, part(1, v->iov_len)};
    return real(fd, &half, 1);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    REAL(sendmsg);

    return fate_fd(SEND, fd) < 0 ? -1 : real(fd, m, flags);
}

/* ---- calls that work or fail ---- */

#define CALL(name, kind, fd_, path_, params, args)                                                 \
    int name params                                                                                \
    {                                                                                              \
        REAL(name);                                                                                \
                                                                                                   \
        return fate(kind, fd_, path_) < 0 ? -1 : real args;                                        \
    }

CALL(fsync, FSYNC, fd, NULL, (int fd), (fd))
CALL(fdatasync, FSYNC, fd, NULL, (int fd), (fd))
CALL(ftruncate, TRUNCATE, fd, NULL, (int fd, off_t n), (fd, n))
CALL(ftruncate64, TRUNCATE, fd, NULL, (int fd, off64_t n), (fd, n))
CALL(rename, RENAME, -1, to, (const char *from, const char *to), (from, to))
CALL(unlink, UNLINK, -1, path, (const char *path), (path))
CALL(accept4, ACCEPT, fd, NULL, (int fd, struct sockaddr *a, socklen_t *n, int flags),
     (fd, a, n, flags))
CALL(connect, CONNECT, fd, NULL, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
CALL(socket, SOCKET, -1, NULL, (int domain, int type, int protocol), (domain, type, protocol))
CALL(epoll_ctl, EPOLL, target, NULL, (int fd, int op, int target, struct epoll_event *e),
     (fd, op, target, e))
CALL(pipe2, PIPE, -1, NULL, (int fds[2], int flags), (fds, flags))
CALL(mkostemp, OPEN, -1, path, (char *path, int flags), (path, flags))
CALL(mkostemp64, OPEN, -1, path, (char *path, int flags), (path, flags))

#define OPENS(name, params, args, path)                                                            \
    int name params                                                                                \
    {                                                                                              \
        va_list rest;                                                                              \
        mode_t mode = 0;                                                                           \
        REAL(name);                                                                                \
                                                                                                   \
        if (flags & (O_CREAT | __O_TMPFILE)) {                                                     \
            va_start(rest, flags);                                                                 \
            mode = va_arg(rest, mode_t);                                                           \
            va_end(rest);                                                                          \
        }                                                                                          \
        return fate(OPEN, -1, path) < 0 ? -1 : real args;                                          \
    }

OPENS(open, (const char *path, int flags, ...), (path, flags, mode), path)
OPENS(open64, (const char *path, int flags, ...), (path, flags, mode), path)
OPENS(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), path)
OPENS(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), path)

static FILE *open_file(FILE *(*real)(const char *, const char *), const char *path, const char *how)
{
    return fate(OPEN, -1, path) < 0 ? NULL : real(path, how);
}

FILE *fopen(const char *path, const char *how)
{
    REAL(fopen);
    return open_file(real, path, how);
}

FILE *fopen64(const char *path, const char *how)
{
    REAL(fopen64);
    return open_file(real, path, how);
}

/* Memory without a file is an allocation, not a mapping of one. */
void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t from)
{
    REAL(mmap);

    return fd >= 0 && fate(MMAP, fd, NULL) < 0 ? MAP_FAILED : real(at, n, prot, flags, fd, from);
}

void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t from)
{
    REAL(mmap64);

    return fd >= 0 && fate(MMAP, fd, NULL) < 0 ? MAP_FAILED : real(at, n, prot, flags, fd, from);
}

/* These return their error. */
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
    REAL(pthread_create);

    return fate(THREAD, -1, NULL) < 0 ? errno : real(t, a, fn, arg);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                const posix_spawnattr_t *attributes, char *const *words, char *const *env)
{
    REAL(posix_spawn);

    return fate(SPAWN, -1, path) < 0 ? errno : real(pid, path, files, attributes, words, env);
}

/* ---- memory: by the C library's own names, because dlsym may allocate ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static bool fails(const void *caller)
{
    uintptr_t at = (uintptr_t)caller;

    if (!page)
        return false;
    return fate(at >= own_from && at < own_to ? OWN_MALLOC : MALLOC, -1, NULL) < 0;
}

void *malloc(size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(align, n);
}
