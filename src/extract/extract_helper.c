#include "extract/extract.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "extract/extract_docx.h"
#include "extract/extract_html.h"
#include "extract/extract_pdf.h"
#include "extract/extract_wire.h"
#include "extract/textout.h"

/* The child's side: a process with nothing but a socket, few rights and little memory, in which
 * parsers of others may fail as they like. It sees one file at a time and never a path. */

#define BODY_MAX  ((uint64_t)1 << 30)
#define FILES_MAX 64 /* descriptors */

static void lower(int what, rlim_t value)
{
    struct rlimit r = {value, value};

    setrlimit(what, &r); /* a limit that cannot be lowered is already low */
}

static void give_up_rights(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    lower(RLIMIT_CORE, 0);
    lower(RLIMIT_NOFILE, FILES_MAX);
}

/* Before every file: the processor time is counted from now; memory only gets less. The address
 * sanitizer reserves terabytes of address space, so there the parent watches the resident set. */
static void set_limits(const struct wire_request *q)
{
    struct rusage used;
    struct rlimit cpu = {RLIM_INFINITY, RLIM_INFINITY};

    getrusage(RUSAGE_SELF, &used);
    /* whole seconds, and up to one of microseconds on either side */
    cpu.rlim_cur =
        (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1) + (q->timeout_ms + 999) / 1000;
    setrlimit(RLIMIT_CPU, &cpu);
    lower(RLIMIT_FSIZE, q->memory_bytes);
#ifndef __SANITIZE_ADDRESS__
    lower(RLIMIT_AS, q->memory_bytes);
#endif
}

static bool read_all(void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(STDIN_FILENO, (char *)p + at, n - at);

        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        at += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool write_all(const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t put = write(STDOUT_FILENO, (const char *)p + at, n - at);

        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? (size_t)put : 0;
    }
    return true;
}

static int run(const struct wire_request *q, struct str body, struct textout *out)
{
    switch (q->kind) {
    case KIND_HTML: return extract_html(body, out);
    case KIND_DOCX: return extract_docx(body, out);
    case KIND_PDF: return extract_pdf(body, q->memory_bytes / 2, q->timeout_ms, out);
    default: return FAIL(ERR_SYSTEM, "the helper does not read kind %u", q->kind);
    }
}

static bool reply_failure(int status)
{
    const char *why = err_text();
    struct wire_reply r = {
        .magic = WIRE_REPLY_MAGIC, .status = status, .n_text = strnlen(why, WIRE_REASON_MAX)};

    return write_all(&r, sizeof(r)) && write_all(why, r.n_text);
}

static bool reply_text(const struct textout *t)
{
    char *metadata = t->metadata ? json_dumps(t->metadata, JSON_COMPACT) : NULL;
    size_t n_metadata = metadata ? strlen(metadata) : 0;
    struct wire_reply r = {
        .magic = WIRE_REPLY_MAGIC,
        .status = ERR_OK,
        .n_title = (uint32_t)t->title.n,
        .n_metadata = n_metadata <= WIRE_METADATA_MAX ? (uint32_t)n_metadata : 0,
        .n_pages = (uint32_t)t->n_pages,
        .n_headings = (uint32_t)t->n_headings,
        .n_text = t->text.n,
    };
    bool ok = write_all(&r, sizeof(r)) && write_all(buf_view(&t->title).p, t->title.n) &&
              write_all(metadata, r.n_metadata) &&
              write_all(t->pages, t->n_pages * sizeof(*t->pages)) &&
              write_all(t->headings, t->n_headings * sizeof(*t->headings)) &&
              write_all(t->text.p, t->text.n);

    free(metadata);
    return ok;
}

static bool serve_one(const struct wire_request *q)
{
    struct textout out;
    char *body;
    bool ok;
    int rc;

    if (q->magic != WIRE_REQUEST_MAGIC || q->n_body > BODY_MAX || q->text_bytes > UINT32_MAX)
        return false;
    set_limits(q);
    body = mem_alloc(q->n_body + 1);
    body[q->n_body] = '\0';
    textout_init(&out, q->text_bytes);
    ok = read_all(body, q->n_body);
    if (ok) {
        rc = run(q, (struct str){body, q->n_body}, &out);
        ok = rc < 0 ? reply_failure(rc) : reply_text(&out);
    }
    textout_done(&out);
    mem_free(body);
    return ok;
}

int extract_helper_main(void)
{
    struct wire_request q;

    give_up_rights();
    while (read_all(&q, sizeof(q)))
        if (!serve_one(&q))
            return 1;
    return 0;
}
