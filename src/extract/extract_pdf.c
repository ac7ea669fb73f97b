#include "extract/extract_pdf.h"

#include <ctype.h>

#include "base/err.h"
#include "base/map.h"
#include "extract/heading_guess.h"
#include "extract/pdf_layout.h"
#include "extract/pdftotext.h"

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

/* Titles that a converter put there ("0000012927-23-000007", "Microsoft Word - x.doc", "CORP Q1
 * 2021", a path) say less than the file's name. */
static bool is_speaking(struct str title)
{
    size_t blanks = 0, small = 0;

    for (size_t i = 0; i < title.n; i++) {
        bool in_word = i && i + 1 < title.n && isalpha((unsigned char)title.p[i - 1]);

        blanks += title.p[i] == ' ';
        small += islower((unsigned char)title.p[i]) != 0;
        if (title.p[i] == '\\' || (title.p[i] == '/' && (in_word || i == 0)))
            return false;
    }
    return blanks >= 1 && small >= 4 && !str_starts(title, STR_LIT("Microsoft ")) &&
           !memmem(title.p, title.n, ".doc", 4) && !memmem(title.p, title.n, ".indd", 5);
}

static struct str first_line(struct str page)
{
    const char *lf;

    page = str_trim(page);
    lf = page.n ? memchr(page.p, '\n', page.n) : NULL;
    return lf ? str_trim(str_sub(page, 0, (size_t)(lf - page.p))) : page;
}

/* The first line of the first page, when it stands alone and reads like a title. Forms begin with
 * who wants them ("UNITED STATES"): then the file's name says more. */
static void read_first_line(struct str pages, struct textout *out)
{
    struct str line = first_line(pages);
    size_t end = line.n ? (size_t)(line.p + line.n - pages.p) : 0;
    struct str rest = str_sub(pages, end, pages.n);

    if (heading_is_caption(line) && (rest.n < 2 || rest.p[1] == '\n' || rest.p[1] == '\f'))
        textout_title(out, line.p, line.n);
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

/* ---- what stands on every page ---- */

#define REPEATED_PAGES_MIN 5

static bool next_page(struct str pages, size_t *at, struct str *page)
{
    const char *ff;

    if (*at >= pages.n)
        return false;
    ff = memchr(pages.p + *at, '\f', pages.n - *at);
    *page = str_sub(pages, *at, ff ? (size_t)(ff - pages.p) : pages.n);
    *at += page->n + 1;
    return true;
}

/* How often each first line occurs. */
static struct map *count_first_lines(struct str pages, size_t *n_pages)
{
    struct map *m = map_new();
    struct str page, line;
    bool added;

    *n_pages = 0;
    for (size_t at = 0; next_page(pages, &at, &page); (*n_pages)++) {
        line = first_line(page);
        if (line.n)
            ++*map_slot(m, line.p, line.n, 0, &added);
    }
    return m;
}

/* Without a number alone on its last line, "42" or "- 42 -": the page mark says it better. */
static struct str without_page_number(struct str page)
{
    struct str body = str_trim(page);
    const char *lf = body.n ? memrchr(body.p, '\n', body.n) : NULL;
    struct str last = lf ? str_trim(str_sub(body, (size_t)(lf + 1 - body.p), body.n)) : body;

    for (size_t i = 0; i < last.n; i++)
        if (!strchr("0123456789- ", last.p[i]))
            return page;
    return last.n <= 8 ? str_sub(page, 0, (size_t)(last.p - page.p)) : page;
}

/* A first line that a third of the pages share ("Table of Contents") is kept once. */
static struct str without_repeated(struct str page, const struct map *counts, size_t n_pages,
                                   struct map *seen)
{
    struct str line = first_line(page);
    uint64_t count;
    bool added;

    if (!line.n || !map_get(counts, line.p, line.n, &count) || count < REPEATED_PAGES_MIN ||
        count * 3 < n_pages)
        return page;
    map_slot(seen, line.p, line.n, 1, &added);
    return added ? page : str_sub(page, (size_t)(line.p + line.n - page.p), page.n);
}

static void write_pages(struct str pages, struct textout *out)
{
    struct pdf_layout *layout = pdf_layout_new(pages);
    size_t n_pages;
    struct map *counts = count_first_lines(pages, &n_pages), *seen = map_new();
    struct str page;
    int32_t number = 1;

    for (size_t at = 0; next_page(pages, &at, &page) && !out->over; number++) {
        page = without_page_number(without_repeated(page, counts, n_pages, seen));
        textout_page(out, number);
        pdf_layout_page(layout, page, out);
    }
    map_free(counts);
    map_free(seen);
    pdf_layout_free(layout);
}

int extract_drawn(struct str drawn, struct textout *out)
{
    read_title(drawn, out);
    read_first_line(pages_of(drawn), out);
    write_pages(pages_of(drawn), out);
    return textout_finish(out, "no text (scanned images?)");
}

int extract_pdf(struct str bytes, uint64_t memory_bytes, uint32_t timeout_ms, struct textout *out)
{
    struct pdftotext_limits limits = {memory_bytes, DRAWN_MAX, timeout_ms};
    struct buf drawn;
    int rc;

    buf_init(&drawn);
    rc = pdftotext_run(bytes, &limits, &drawn);
    if (rc == ERR_OK)
        rc = extract_drawn(buf_view(&drawn), out);
    buf_done(&drawn);
    return rc;
}
