/* ask.c - reads a folder and answers a question about it.
 *
 *   cc ask.c $(pkg-config --cflags --libs ragd) -o ask
 *   ./ask docs/ "What is CET1?"
 */
#include <ragd.h>
#include <stdio.h>

static int print_piece(void *arg, const char *text, size_t n)
{
    (void)arg;
    return fwrite(text, 1, n, stdout) == n ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ragd *r;
    struct ragd_ingest_report report = {0};
    int rc;

    if (argc != 3) {
        fprintf(stderr, "usage: ask PATH QUESTION\n");
        return 2;
    }
    if (ragd_open(&r, "./ask-data", NULL) < 0) {
        fprintf(stderr, "ask: %s\n", ragd_error());
        return 1;
    }
    rc = ragd_ingest_path(r, argv[1], NULL, &report);
    if (rc < 0) {
        fprintf(stderr, "ask: %s\n", ragd_error());
        ragd_close(r);
        return 1;
    }
    fprintf(stderr, "%zu documents read, %zu as before\n", report.documents, report.unchanged);
    rc = ragd_query(r, argv[2], NULL, print_piece, NULL, NULL);
    printf("\n");
    if (rc < 0)
        fprintf(stderr, "ask: %s\n", ragd_error());
    ragd_close(r);
    return rc < 0;
}
