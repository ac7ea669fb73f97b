/* replay.c - every target's kept inputs, and mutations of them, without a fuzzer: one test a
 * target.
 *
 *   replay [--runs N] [NAME...]    N mutations a target (default RUNS), of all of its files in turn
 *
 * Each target runs in a child of its own, so that one that crashes is one failure; the input that
 * did it is written beside this program as NAME.crash. Speaks TAP. Reads tests/fuzz/corpus.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "fuzz/corpus.h"
#include "fuzz/fuzz.h"
#include "fuzz/mutate.h"

#define RUNS    1500
#define SECONDS 300 /* of a target, before it counts as hanging */

/* What the child is at, for the parent to see when it is gone. */
struct progress {
    size_t n_files, n_runs, n;
    char input[CORPUS_FILE_MAX];
};

static struct progress *now;
static char crash_dir[512];

/* ---- one target, in the child ---- */

/* Memory of its own, so that reading behind it is seen. */
static void run_one(size_t target, struct str in)
{
    void *copy = mem_dup(in.n ? in.p : "", in.n ? in.n : 1);

    now->n = in.n;
    memcpy(now->input, copy, in.n);
    fuzz_run(target, copy, in.n);
    now->n_runs++;
    mem_free(copy);
}

static void replay(size_t target, size_t n_mutations)
{
    static struct corpus c;
    uint64_t seed = hash64_stable(fuzz_target_name(target), strlen(fuzz_target_name(target)));
    struct buf b;

    corpus_read(&c, fuzz_target_name(target));
    for (; now->n_files < c.n; now->n_files++)
        run_one(target, buf_view(&c.v[now->n_files]));
    buf_init(&b);
    for (size_t i = 0; i < n_mutations && c.n; i++) {
        mutate(&b, buf_view(&c.v[i % c.n]), buf_view(&c.v[mutate_next(&seed) % c.n]), seed);
        if (b.n <= CORPUS_FILE_MAX)
            run_one(target, buf_view(&b));
    }
    buf_done(&b);
    corpus_done(&c);
}

/* ---- all of them ---- */

static void keep_crash(const char *name)
{
    char path[640];

    snprintf(path, sizeof path, "%s/%s.crash", crash_dir, name);
    if (file_write_atomic(path, now->input, now->n) == ERR_OK)
        printf("the input is in %s\n", path);
}

static bool replay_apart(size_t target, size_t n_mutations)
{
    const char *name = fuzz_target_name(target);
    int status = 0;
    bool ok;
    pid_t pid;

    memset(now, 0, offsetof(struct progress, input));
    fflush(stdout);
    pid = fork();
    FUZZ_TRUE(pid >= 0);
    if (pid == 0) {
        alarm(SECONDS);
        replay(target, n_mutations);
        exit(0); /* the leak check included */
    }
    FUZZ_TRUE(waitpid(pid, &status, 0) == pid);
    ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && now->n_files > 0;
    printf("%sok %zu - %s: %zu files, %zu runs\n", ok ? "" : "not ", target + 1, name, now->n_files,
           now->n_runs);
    if (!ok && now->n_files == 0 && now->n_runs == 0)
        printf("no input was read: %s/%s\n", CORPUS, name);
    else if (!ok)
        keep_crash(name);
    return ok;
}

static bool is_wanted(const char *name, char **names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    size_t n_mutations = RUNS, n_failed = 0, n_files = 0, n_runs = 0;
    char *slash;
    int at = 1;

    for (; at < argc && argv[at][0] == '-'; at++)
        if (strcmp(argv[at], "--runs") == 0 && at + 1 < argc)
            n_mutations = strtoull(argv[++at], NULL, 10);
    snprintf(crash_dir, sizeof crash_dir, "%s", argv[0]);
    slash = strrchr(crash_dir, '/');
    snprintf(slash ? slash : crash_dir, 2, "%s", slash ? "" : ".");
    now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FUZZ_TRUE(now != MAP_FAILED);
    json_object_seed(1); /* the same input takes the same way in every run */
    printf("1..%zu\n", fuzz_n_targets());
    for (size_t i = 0; i < fuzz_n_targets(); i++) {
        if (!is_wanted(fuzz_target_name(i), argv + at, argc - at)) {
            printf("ok %zu - %s # SKIP not asked for\n", i + 1, fuzz_target_name(i));
            continue;
        }
        n_failed += !replay_apart(i, n_mutations);
        n_files += now->n_files;
        n_runs += now->n_runs;
    }
    printf("# %zu targets, %zu files, %zu runs, %zu failed\n", fuzz_n_targets(), n_files, n_runs,
           n_failed);
    return n_failed > 0;
}
