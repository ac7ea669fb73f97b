#include "load_requests.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static struct str request_of(const char *method, const char *path, const char *headers,
                             struct str body)
{
    struct buf b = {0};
    size_t n;

    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n%s", method, path,
             headers);
    if (body.n > 0)
        buf_addf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.n);
    buf_add_str(&b, "\r\n");
    buf_add_view(&b, body);
    n = b.n;
    return (struct str){buf_take(&b), n};
}

static void read_lines(struct load_requests *out, struct str text, const char *method,
                       const char *path, const char *headers)
{
    size_t cap = 0;

    for (const char *at = text.p, *end = text.p + text.n, *stop; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        if (stop == at)
            continue;
        out->of = mem_grow(out->of, &cap, out->n + 1, sizeof *out->of);
        out->of[out->n++] =
            request_of(method, path, headers, (struct str){at, (size_t)(stop - at)});
    }
}

int load_requests_read(struct load_requests *out, const char *file, const char *method,
                       const char *path, const char *headers)
{
    int rc = ERR_OK;
    struct buf text = {0};

    *out = (struct load_requests){0};
    if (strcmp(file, "-") == 0) {
        out->of = mem_alloc(sizeof *out->of);
        out->of[out->n++] = request_of(method, path, headers, (struct str){"", 0});
        return ERR_OK;
    }
    TRY(file_read(file, LOAD_BODIES_MAX, &text));
    read_lines(out, buf_view(&text), method, path, headers);
    if (out->n == 0)
        rc = FAIL(ERR_FORMAT, "'%s' has no bodies", file);
out:
    buf_done(&text);
    return rc;
}

void load_requests_free(struct load_requests *r)
{
    for (size_t i = 0; i < r->n; i++)
        mem_free((char *)r->of[i].p);
    mem_free(r->of);
    *r = (struct load_requests){0};
}
