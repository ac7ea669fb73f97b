#include "ingest/report.h"

#include "base/mem.h"

void ingest_report_init(struct ingest_report *r)
{
    *r = (struct ingest_report){0};
}

static void issues_free(struct ingest_issue *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(v[i].path);
        mem_free(v[i].reason);
    }
    mem_free(v);
}

void ingest_report_done(struct ingest_report *r)
{
    issues_free(r->skipped, r->n_skipped);
    issues_free(r->refused, r->n_refused);
    ingest_report_init(r);
}

static struct ingest_issue issue_of(const char *path, const char *reason)
{
    return (struct ingest_issue){mem_strdup(path), mem_strdup(reason)};
}

void report_skip(struct ingest_report *r, const char *path, const char *reason)
{
    r->skipped = mem_grow(r->skipped, &r->cap_skipped, r->n_skipped + 1, sizeof *r->skipped);
    r->skipped[r->n_skipped++] = issue_of(path, reason);
}

void report_refuse(struct ingest_report *r, const char *path, const char *reason)
{
    r->refused = mem_grow(r->refused, &r->cap_refused, r->n_refused + 1, sizeof *r->refused);
    r->refused[r->n_refused++] = issue_of(path, reason);
}
