#include "server/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/metrics.h"

/* opendir would do, but for the thread sanitizer: it does not see what that opens, as base/file.c
 * says. */
static DIR *open_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d && fd >= 0)
        close(fd);
    return d;
}

/* Entries of a folder but "." and ".."; -1: it cannot be read. */
static int count_entries(const char *path)
{
    DIR *d = open_folder(path);
    int n = 0;

    if (!d)
        return -1;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void write_cpu(struct buf *out)
{
    struct rusage u;

    if (getrusage(RUSAGE_SELF, &u) == 0)
        metrics_total(out, "process_cpu_seconds_total", "User and system time.",
                      seconds_of(u.ru_utime) + seconds_of(u.ru_stime));
}

static void write_descriptors(struct buf *out)
{
    struct rlimit limit;
    int n = count_entries("/proc/self/fd");

    if (n > 0)
        metrics_gauge(out, "process_open_fds", "Open descriptors.", n - 1); /* less the folder's */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metrics_gauge(out, "process_max_fds", "How many there may be.", (double)limit.rlim_cur);
}

static void write_memory(struct buf *out)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages;

    metrics_gauge(out, "process_resident_memory_bytes", "Resident memory.",
                  (double)mem_resident_bytes());
    if (!f)
        return;
    if (fscanf(f, "%lu", &pages) == 1)
        metrics_gauge(out, "process_virtual_memory_bytes", "Memory that is mapped.",
                      (double)pages * (double)sysconf(_SC_PAGESIZE));
    fclose(f);
}

void process_metrics_write(int64_t started_ms, struct buf *out)
{
    int n_threads = count_entries("/proc/self/task");

    write_cpu(out);
    write_descriptors(out);
    write_memory(out);
    if (n_threads > 0)
        metrics_gauge(out, "process_threads", "Threads.", n_threads);
    metrics_gauge(out, "process_start_time_seconds", "When the process began.",
                  (double)started_ms / 1000);
}
