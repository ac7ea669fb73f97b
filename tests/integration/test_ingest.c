/* The path of documents as users meet it: bad files among good ones, and what the store holds
 * afterwards. */
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "support/figure.h"
#include "support/library.h"

/* build/debug/tests/integration/test_ingest -> build/debug/tests/extract_helper */
static void use_helper(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);

    cr_assert_gt(n, 0);
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    strcpy(strrchr(path, '/'), "/extract_helper");
    setenv("RAGD_HELPER", path, 1);
}

TestSuite(ingest, .init = use_helper, .timeout = 120);

#define OK(w, rel, r) library_ingest((w), (rel), (r))

static void make_socket(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(a.sun_path, path, strlen(path) + 1);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

/* Reliability R14: each bad one is named once with its reason, all others go in. */
Test(ingest, names_each_bad_document_once_and_takes_the_others)
{
    struct world w;
    struct ingest_report r;
    char *line = malloc(10u << 20);

    WORLD_OPEN(&w);
    library_put(&w, "docs/good.md", "# Good\n\nBanks hold capital.\n");
    library_put(&w, "docs/bom.txt",
                "\xEF\xBB\xBF"
                "Banks hold cash.");
    library_put_bytes(&w, "docs/utf16.txt",
                      "\xFF\xFE"
                      "B\0a\0n\0k\0s\0.\0",
                      14);
    library_put(&w, "docs/latin1.txt", "Banks in S\xE3o Paulo hold cash.");
    memset(line, 'a', 10u << 20);
    for (size_t i = 7; i < 10u << 20; i += 64 << 10)
        line[i] = ' ';
    library_put_bytes(&w, "docs/line.txt", line, 10u << 20);
    library_put(&w, "docs/empty.txt", "");
    library_put(&w, "docs/white.txt", " \n\n\t ");
    library_put(&w, "docs/broken.json", "{\"id\": ");
    library_put(&w, "docs/fake.pdf", "this is no PDF");
    library_put(&w, "docs/fake.docx", "this is no zip");
    library_put(&w, "docs/picture.png", "\x89PNG");
    library_put(&w, "docs/.hidden/secret.txt", "Nobody reads this.");
    cr_assert_eq(mkfifo(library_path(&w, "docs/pipe.txt"), 0600), 0);
    make_socket(library_path(&w, "docs/socket.txt"));
    cr_assert_eq(symlink("circle.txt", library_path(&w, "docs/circle.txt")), 0);
    cr_assert_eq(symlink("/etc/passwd", library_path(&w, "docs/out.txt")), 0);
    cr_assert_eq(symlink("..", library_path(&w, "docs/up")), 0);
    cr_assert_eq(symlink("gone.txt", library_path(&w, "docs/dangling.txt")), 0);
    cr_assert_eq(symlink("good.md", library_path(&w, "docs/link.md")), 0);
    OK(&w, "docs", &r);

    cr_expect(library_has(&w, "good.md"));
    cr_expect(library_has(&w, "bom.txt"));
    cr_expect(library_has(&w, "utf16.txt"));
    cr_expect(library_has(&w, "latin1.txt"));
    cr_expect(library_has(&w, "line.txt"));
    cr_expect(library_has(&w, "link.md"), "a link to a file inside is read");
    cr_expect(REFUSED(&r, "empty.txt", "empty"));
    cr_expect(REFUSED(&r, "white.txt", "text"));
    cr_expect(REFUSED(&r, "broken.json", ""));
    cr_expect(REFUSED(&r, "fake.pdf", "PDF"));
    cr_expect(REFUSED(&r, "fake.docx", "ip"));
    for (size_t i = 0; i < r.n_refused; i++)
        cr_expect_null(strstr(r.refused[i].reason, "RAGD_HELPER"), "%s", r.refused[i].reason);
    cr_expect(REFUSED(&r, "pipe.txt", "pipe"));
    cr_expect(REFUSED(&r, "socket.txt", "socket"));
    cr_expect(REFUSED(&r, "circle.txt", "circle"));
    cr_expect(REFUSED(&r, "out.txt", "out of the folder"));
    cr_expect(REFUSED(&r, "docs/up", "out of the folder"));
    cr_expect(REFUSED(&r, "dangling.txt", "nothing"));
    cr_expect(SKIPPED(&r, "picture.png", "kind"));
    cr_expect(SKIPPED(&r, "docs/.hidden", "hidden"));
    cr_expect_eq(r.documents, 6);
    cr_expect_eq(r.n_refused, 11);
    cr_expect_eq(r.n_skipped, 2);
    for (size_t i = 0; i < r.n_refused; i++)
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(r.refused[i].path, r.refused[k].path, "named once");
    figure(
        "R14 | a folder of good and bad files (BOM, UTF-16, Latin-1, a line of 10 MB, empty, "
        "cut, false, pipes, sockets, links that loop or lead out) | %zu ingested, %zu refused and "
        "%zu skipped, each named once",
        (size_t)r.documents, (size_t)r.n_refused, (size_t)r.n_skipped);
    ingest_report_done(&r);
    free(line);
    world_close(&w);
}

static void count_problem(void *arg, const char *problem)
{
    (void)problem;
    ++*(int *)arg;
}

Test(ingest, leaves_a_store_that_passes_its_own_check)
{
    struct world w;
    struct ingest_report r;
    struct digest fingerprint;
    int n_problems = 0;
    struct buf b;

    WORLD_OPEN(&w);
    buf_init(&b);
    for (int i = 0; i < 120; i++)
        buf_addf(&b, "Bank number %d holds %d dollars of capital. ", i, i * 7);
    library_put(&w, "docs/big.txt", b.p);
    library_put(&w, "docs/same.txt", b.p); /* equal texts share their vectors */
    OK(&w, "docs", &r);
    cr_expect_geq(r.chunks, 2 * 5);
    ingest_report_done(&r);
    fingerprint = embedder_fingerprint(w.engine->embedder);
    cr_expect_eq(store_check(w.engine->store, &fingerprint, count_problem, &n_problems), ERR_OK);
    cr_expect_eq(n_problems, 0);
    buf_done(&b);
    world_close(&w);
}
