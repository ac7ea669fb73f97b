#include "extract/extract_reply.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "extract/extract_wire.h"

static int strange(const char *what)
{
    return FAIL(ERR_FORMAT, "the extraction helper sent %s", what);
}

static bool is_a_readers(int status)
{
    switch (status) {
    case ERR_OK:
    case ERR_IO:
    case ERR_FORMAT:
    case ERR_LIMIT:
    case ERR_TIMEOUT:
    case ERR_UNAVAILABLE:
    case ERR_UNSUPPORTED: return true;
    default: return false;
    }
}

static int check_header(const struct wire_reply *r, int64_t text_bytes)
{
    if (r->magic != WIRE_REPLY_MAGIC || !is_a_readers(r->status))
        return strange("a reply of another shape");
    if (r->n_title > WIRE_TITLE_MAX || r->n_metadata > WIRE_METADATA_MAX ||
        r->n_pages > TEXTOUT_MARKS_MAX || r->n_headings > TEXTOUT_MARKS_MAX ||
        r->n_text > (r->status ? WIRE_REASON_MAX : (uint64_t)text_bytes))
        return strange("a reply over its limits");
    return ERR_OK;
}

static int receive(const struct extract_source *from, void *p, size_t n)
{
    return n ? from->receive(from->arg, p, n) : ERR_OK;
}

/* Clean text has none, and whoever takes it for a string would see it end there. */
static int check_text(const char *p, size_t n)
{
    if (!utf8_valid(p, n))
        return strange("text that is not UTF-8");
    return memchr(p, 0, n) ? strange("text with a NUL in it") : ERR_OK;
}

static int receive_buf(const struct extract_source *from, struct buf *b, size_t n)
{
    int rc;

    buf_reserve(b, n);
    rc = receive(from, b->p, n);
    if (rc < 0)
        return rc;
    b->n = n;
    b->p[n] = '\0';
    return check_text(b->p, n);
}

static int receive_metadata(const struct extract_source *from, size_t n, json_t **out)
{
    int rc = ERR_OK;
    struct buf b;

    if (n == 0)
        return ERR_OK;
    buf_init(&b);
    TRY(receive_buf(from, &b, n));
    TRY(json_parse(out, buf_view(&b), "metadata"));
    if (!json_is_object(*out))
        rc = strange("metadata that is no object");
out:
    buf_done(&b);
    return rc;
}

static int receive_marks(const struct extract_source *from, const struct wire_reply *r,
                         struct textout *t)
{
    int rc = ERR_OK;

    t->pages = mem_grow(NULL, &t->cap_pages, r->n_pages + 1, sizeof(*t->pages));
    TRY(receive(from, t->pages, r->n_pages * sizeof(*t->pages)));
    t->headings = mem_grow(NULL, &t->cap_headings, r->n_headings + 1, sizeof(*t->headings));
    TRY(receive(from, t->headings, r->n_headings * sizeof(*t->headings)));
    t->n_pages = r->n_pages;
    t->n_headings = r->n_headings;
out:
    return rc;
}

/* Not within a character. */
static bool is_place(const struct buf *text, uint32_t at)
{
    return at <= text->n && (at == text->n || ((unsigned char)text->p[at] & 0xc0) != 0x80);
}

static bool marks_fit(const struct textout *t)
{
    uint32_t last = 0;

    for (size_t i = 0; i < t->n_pages; last = t->pages[i++].start)
        if (t->pages[i].start < last || !is_place(&t->text, t->pages[i].start) ||
            t->pages[i].page < 1)
            return false;
    last = 0;
    for (size_t i = 0; i < t->n_headings; last = t->headings[i++].end) {
        const struct heading_mark *h = &t->headings[i];

        if (h->start < last || h->end <= h->start || !is_place(&t->text, h->start) ||
            !is_place(&t->text, h->end) || h->level < 1)
            return false;
    }
    return true;
}

static int receive_reason(const struct extract_source *from, const struct wire_reply *r,
                          bool *answered)
{
    char why[WIRE_REASON_MAX + 1];
    int rc = receive(from, why, r->n_text);

    if (rc < 0)
        return rc;
    *answered = true;
    why[r->n_text] = '\0';
    return FAIL(r->status, "%s", why);
}

static int receive_text(const struct extract_source *from, const struct wire_reply *r,
                        struct textout *t)
{
    int rc = ERR_OK;

    TRY(receive_buf(from, &t->title, r->n_title));
    TRY(receive_metadata(from, r->n_metadata, &t->metadata));
    TRY(receive_marks(from, r, t));
    TRY(receive_buf(from, &t->text, r->n_text));
    if (!marks_fit(t))
        rc = strange("marks outside its text");
out:
    return rc;
}

int extract_reply_read(const struct extract_source *from, int64_t text_bytes, struct textout *out,
                       bool *answered)
{
    int rc = ERR_OK;
    size_t max_bytes = out->max_bytes;
    struct wire_reply r;

    *answered = false;
    TRY(receive(from, &r, sizeof(r)));
    TRY(check_header(&r, text_bytes));
    if (r.status < 0)
        return receive_reason(from, &r, answered);
    rc = receive_text(from, &r, out);
    *answered = rc == ERR_OK;
    if (rc < 0) {
        textout_done(out);
        textout_init(out, max_bytes);
    }
out:
    return rc;
}
