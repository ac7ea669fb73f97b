/* made.h - files that the extractor tests make themselves, and short ways to look at results. */
#pragma once
#include <criterion/criterion.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "extract/extract.h"
#include "extract/textout.h"

#define MADE __attribute__((unused)) static

/* build/debug/tests/unit/ingest/test_x -> build/debug/tests/extract_helper */
MADE void use_helper(void)
{
    char self[4096] = "", path[4200];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    cr_assert(n > 0);
    snprintf(path, sizeof(path), "%s/../../extract_helper", dirname(self));
    setenv("RAGD_HELPER", path, 1);
}

/* ../shared/data, or "" when it is not there. */
MADE void shared_data(char out[4096])
{
    const char *env = getenv("RAGD_SHARED");

    snprintf(out, 4096, "%s/data", env && *env ? env : "../shared");
    if (access(out, R_OK) != 0)
        snprintf(out, 4096, "/nowhere");
    if (access(out, R_OK) != 0)
        out[0] = '\0';
}

/* A PDF of one page for each text, by hand; broken cross references are mended by readers. */
MADE void make_pdf(struct buf *b, const char *const *texts, size_t n)
{
    buf_add_str(b, "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages"
                   "/Kids[");
    for (size_t i = 0; i < n; i++)
        buf_addf(b, "%zu 0 R ", 10 + 2 * i);
    buf_addf(b, "]/Count %zu>>endobj\n3 0 obj<</Type/Font/Subtype/Type1/BaseFont/Courier>>endobj\n",
             n);
    for (size_t i = 0; i < n; i++) {
        struct buf s;

        buf_init(&s);
        buf_addf(&s, "BT /F1 10 Tf 12 TL 40 700 Td ");
        for (const char *p = texts[i]; *p;) {
            size_t len = strcspn(p, "\n");

            buf_addf(&s, "(%.*s) Tj T* ", (int)len, p);
            p += len + (p[len] == '\n');
        }
        buf_add_str(&s, "ET");
        buf_addf(b,
                 "%zu 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %zu 0 R"
                 "/Resources<</Font<</F1 3 0 R>>>>>>endobj\n",
                 10 + 2 * i, 11 + 2 * i);
        buf_addf(b, "%zu 0 obj<</Length %zu>>stream\n%s\nendstream endobj\n", 11 + 2 * i, s.n, s.p);
        buf_done(&s);
    }
    buf_add_str(b, "trailer<</Root 1 0 R>>\n%%EOF\n");
}

/* A zip with the given parts: name, text, name, text, ..., NULL. */
MADE void make_zip(struct buf *b, const char *const *parts)
{
    zip_error_t e;
    zip_source_t *memory, *part;
    zip_t *zip;
    zip_stat_t st;

    zip_error_init(&e);
    memory = zip_source_buffer_create(NULL, 0, 0, &e);
    cr_assert_not_null(memory);
    zip_source_keep(memory);
    zip = zip_open_from_source(memory, ZIP_TRUNCATE, &e);
    cr_assert_not_null(zip);
    for (; *parts; parts += 2) {
        part = zip_source_buffer(zip, parts[1], strlen(parts[1]), 0);
        cr_assert(zip_file_add(zip, parts[0], part, 0) >= 0);
    }
    cr_assert_eq(zip_close(zip), 0);
    zip_source_stat(memory, &st);
    zip_source_open(memory);
    buf_reserve(b, st.size);
    b->n = (size_t)zip_source_read(memory, b->p, st.size);
    zip_source_close(memory);
    zip_source_free(memory);
    zip_error_fini(&e);
}

#define DOCX_HEAD                                                                                  \
    "<w:document "                                                                                 \
    "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>"
#define DOCX_TAIL "</w:body></w:document>"

MADE void make_docx(struct buf *b, const char *body)
{
    struct buf xml;
    const char *parts[] = {"word/document.xml", NULL, NULL};

    buf_init(&xml);
    buf_addf(&xml, DOCX_HEAD "%s" DOCX_TAIL, body);
    parts[1] = xml.p;
    make_zip(b, parts);
    buf_done(&xml);
}

MADE bool said(const char *part)
{
    if (!strstr(err_text(), part))
        cr_log_error("it said: %s", err_text());
    return strstr(err_text(), part) != NULL;
}

MADE bool has(const struct textout *t, const char *part)
{
    if (!t->text.p || !strstr(t->text.p, part))
        cr_log_error("the text is:\n%s", t->text.p ? t->text.p : "(none)");
    return t->text.p && strstr(t->text.p, part);
}

MADE bool heading_is(const struct textout *t, size_t i, int level, const char *text)
{
    const struct heading_mark *h = &t->headings[i];

    return i < t->n_headings && h->level == level && h->end - h->start == strlen(text) &&
           memcmp(t->text.p + h->start, text, strlen(text)) == 0;
}
