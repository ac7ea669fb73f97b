/* extracted_check.h - what extract.h and textout.h promise of every document. */
#pragma once
#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "extract/extract.h"
#include "extract/textout.h"
#include "fuzz/fuzz.h"

#define EXTRACT_TEXT_MAX (1u << 20)

static inline void check_text(struct str text)
{
    FUZZ_TRUE(text.n > 0 && utf8_valid(text.p, text.n));
    FUZZ_TRUE(!memchr(text.p, '\r', text.n) && !memchr(text.p, 0, text.n));
    FUZZ_TRUE(!memmem(text.p, text.n, " \n", 2) && !memmem(text.p, text.n, "\n\n\n", 3));
    FUZZ_TRUE(text.p[0] != '\n' && text.p[text.n - 1] != '\n' && text.p[text.n - 1] != ' ');
}

static inline void check_marks(const struct extracted *e)
{
    uint32_t at = 0;

    for (size_t i = 0; i < e->n_pages; i++) {
        FUZZ_TRUE(e->pages[i].start >= at && e->pages[i].start <= e->text.n);
        at = e->pages[i].start;
    }
    at = 0;
    for (size_t i = 0; i < e->n_headings; i++) {
        const struct heading_mark *h = &e->headings[i];

        FUZZ_TRUE(h->start >= at && h->start < h->end && h->end <= e->text.n && h->level >= 1);
        at = h->end;
    }
}

static inline void check_extracted(const struct extracted *e)
{
    check_text(e->text);
    FUZZ_TRUE(utf8_valid(e->title.p ? e->title.p : "", e->title.n));
    FUZZ_TRUE(!e->metadata || json_is_object(e->metadata));
    check_marks(e);
}

/* One document, by the extractor itself. */
static inline void check_extract(int (*extract_it)(struct str, struct textout *), struct str bytes,
                                 struct arena *mem)
{
    struct textout t;
    struct extracted e;

    textout_init(&t, EXTRACT_TEXT_MAX);
    if (extract_it(bytes, &t) == ERR_OK) {
        textout_take(&t, mem, &e);
        check_extracted(&e);
        json_decref(e.metadata);
    }
    textout_done(&t);
}

/* As a file of that kind, the decoding of its bytes included. */
static inline void check_file(enum file_kind kind, struct str bytes, struct arena *mem)
{
    static struct extractor *x;
    struct extracted_list list = {0};

    if (!x)
        FUZZ_TRUE(extractor_new(&x, NULL) == ERR_OK);
    if (extract(x, kind, "file", bytes, mem, &list) == ERR_OK)
        for (size_t i = 0; i < list.n; i++)
            check_extracted(&list.v[i]);
    extracted_list_done(&list);
}
