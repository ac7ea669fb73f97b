#include "ingest/extract_pdf.h"

#include "base/err.h"
#include "ingest/pdf_layout.h"
#include "ingest/pdftotext.h"

/* Drawn pages hold many blanks; the text itself is limited by `out`. */
#define DRAWN_MAX ((uint64_t)256 << 20)

/* Between two strings in s, "" when they are not there. */
static struct str between(struct str s, const char *open, const char *close)
{
    const char *a = s.n ? strstr(s.p, open) : NULL;
    const char *b;

    if (!a)
        return STR_LIT("");
    a += strlen(open);
    b = strstr(a, close);
    return b ? (struct str){a, (size_t)(b - a)} : STR_LIT("");
}

/* Titles that a converter put there ("0000012927-23-000007", "Microsoft Word - x.doc", a path)
 * say less than the file's name. */
static bool is_speaking(struct str title)
{
    size_t blanks = 0;

    for (size_t i = 0; i < title.n; i++) {
        blanks += title.p[i] == ' ';
        if (title.p[i] == '\\' || title.p[i] == '/')
            return false;
    }
    return blanks >= 2 && !str_starts(title, STR_LIT("Microsoft ")) &&
           !memmem(title.p, title.n, ".doc", 4) && !memmem(title.p, title.n, ".indd", 5);
}

/* -htmlmeta escapes the title but not the pages. */
static void read_title(struct str drawn, struct textout *out)
{
    struct str head = str_sub(drawn, 0, drawn.n < 8192 ? drawn.n : 8192);
    struct str title = str_trim(between(head, "<title>", "</title>"));

    if (is_speaking(title) && !memmem(title.p, title.n, "&", 1))
        textout_title(out, title.p, title.n);
}

static struct str pages_of(struct str drawn)
{
    static const char open[] = "<pre>\n", close[] = "</pre>\n</body>\n</html>\n";
    const char *from = drawn.n ? strstr(drawn.p, open) : NULL;

    if (!from)
        return STR_LIT("");
    drawn = str_sub(drawn, (size_t)(from - drawn.p) + strlen(open), drawn.n);
    if (str_ends(drawn, STR_LIT("</pre>\n</body>\n</html>\n")))
        drawn.n -= strlen(close);
    return drawn;
}

static void write_pages(struct str pages, struct textout *out)
{
    struct pdf_layout *layout = pdf_layout_new(pages);
    int32_t number = 1;

    for (size_t at = 0; at < pages.n && !out->over; number++) {
        const char *ff = memchr(pages.p + at, '\f', pages.n - at);
        size_t end = ff ? (size_t)(ff - pages.p) : pages.n;

        textout_page(out, number);
        pdf_layout_page(layout, str_sub(pages, at, end), out);
        at = end + 1;
    }
    pdf_layout_free(layout);
}

int extract_pdf(struct str bytes, uint64_t memory_bytes, uint32_t timeout_ms, struct textout *out)
{
    struct pdftotext_limits limits = {memory_bytes, DRAWN_MAX, timeout_ms};
    struct buf drawn;
    int rc;

    buf_init(&drawn);
    rc = pdftotext_run(bytes, &limits, &drawn);
    if (rc == ERR_OK) {
        read_title(buf_view(&drawn), out);
        write_pages(pages_of(buf_view(&drawn)), out);
        rc = textout_finish(out, "no text (scanned images?)");
    }
    buf_done(&drawn);
    return rc;
}
