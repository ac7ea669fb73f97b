#include "extract/extract.h"

#include <ctype.h>

#include "base/err.h"
#include "base/mem.h"
#include "extract/encoding.h"
#include "extract/extract_child.h"
#include "extract/extract_csv.h"
#include "extract/extract_json.h"
#include "extract/extract_md.h"
#include "extract/heading_guess.h"
#include "extract/textout.h"

/* What holds where the caller sets 0. */
#define TIMEOUT_MS   10000
#define MEMORY_BYTES ((int64_t)768 << 20)
#define TEXT_BYTES   ((int64_t)64 << 20)
#define FILE_BYTES   ((int64_t)64 << 20)

struct extractor {
    struct extract_limits limits;
    struct extract_child *child;
};

/* ---- kinds ---- */

static const struct {
    const char *ending;
    enum file_kind kind;
} endings[] = {
    {".txt", KIND_TXT},     {".text", KIND_TXT},     {".md", KIND_MD},      {".markdown", KIND_MD},
    {".html", KIND_HTML},   {".htm", KIND_HTML},     {".xhtml", KIND_HTML}, {".pdf", KIND_PDF},
    {".docx", KIND_DOCX},   {".csv", KIND_CSV},      {".tsv", KIND_CSV},    {".json", KIND_JSON},
    {".jsonl", KIND_JSONL}, {".ndjson", KIND_JSONL},
};

enum file_kind kind_of(const char *name)
{
    struct str s = str_of(name);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        struct str e = str_of(endings[i].ending);

        if (s.n >= e.n && str_eq_nocase(str_sub(s, s.n - e.n, s.n), e))
            return endings[i].kind;
    }
    return KIND_UNKNOWN;
}

const char *kind_name(enum file_kind k)
{
    static const char *const names[] = {"unknown", "txt", "md",   "html", "pdf",
                                        "docx",    "csv", "json", "jsonl"};

    return (size_t)k < sizeof(names) / sizeof(names[0]) ? names[k] : names[0];
}

/* ---- lists ---- */

void extracted_list_done(struct extracted_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        json_decref(l->v[i].metadata);
    for (size_t i = 0; i < l->n_problems; i++)
        mem_free(l->problems[i]);
    mem_free(l->v);
    mem_free(l->problems);
    *l = (struct extracted_list){0};
}

/* ---- extracting ---- */

static int64_t or_default(int64_t value, int64_t fallback, int64_t max)
{
    return value <= 0 ? fallback : value < max ? value : max;
}

int extractor_new(struct extractor **out, const struct extract_limits *limits)
{
    static const struct extract_limits none;
    const struct extract_limits *l = limits ? limits : &none;
    struct extractor *x = mem_calloc(1, sizeof(*x));

    x->limits = (struct extract_limits){
        .timeout_ms = or_default(l->timeout_ms, TIMEOUT_MS, 3600 * 1000),
        .memory_bytes = or_default(l->memory_bytes, MEMORY_BYTES, (int64_t)64 << 30),
        .text_bytes = or_default(l->text_bytes, TEXT_BYTES, UINT32_MAX),
        .file_bytes = or_default(l->file_bytes, FILE_BYTES, (int64_t)1 << 30),
    };
    x->child = extract_child_new(&x->limits);
    *out = x;
    return ERR_OK;
}

void extractor_free(struct extractor *x)
{
    if (!x)
        return;
    extract_child_free(x->child);
    mem_free(x);
}

static struct str line_at(struct str text, size_t at)
{
    const char *lf = at < text.n ? memchr(text.p + at, '\n', text.n - at) : NULL;
    size_t end = lf ? (size_t)(lf - text.p) : text.n;

    return at < text.n ? str_sub(text, at, end) : STR_LIT("");
}

#define CAPTION_BELOW 40 /* bytes of the line that a caption stands over, at least */

/* The level of a line that stands alone between blank lines; the first one is the title. */
static int level_of(struct str text, struct str line, size_t end, bool first)
{
    struct str below;
    int level = heading_guess(line);

    if (level || !heading_is_caption(line))
        return level;
    while (end < text.n && isspace((unsigned char)text.p[end]))
        end++;
    below = line_at(text, end);
    if (first && below.n)
        return 1;
    return below.n >= CAPTION_BELOW && isupper((unsigned char)below.p[0]) ? HEADING_CAPTION_LEVEL
                                                                          : 0;
}

/* Lines stay as they are; one that stands alone and looks like a heading is marked as one. */
static int extract_txt(struct str text, struct textout *out)
{
    bool after_blank = true, first = true;
    struct str line;

    for (size_t at = 0; at < text.n && !out->over; at += line.n + 1) {
        int level = 0;

        line = line_at(text, at);
        if (after_blank && str_trim(line_at(text, at + line.n + 1)).n == 0)
            level = level_of(text, line, at + line.n, first);
        if (level == 1 && first && heading_is_caption(line))
            textout_title(out, line.p, line.n);
        first = first && str_trim(line).n == 0;
        if (level)
            textout_heading_open(out, level);
        textout_pre(out, line.p, line.n + (at + line.n < text.n)); /* with its \n */
        if (level)
            textout_heading_close(out);
        after_blank = str_trim(line).n == 0;
    }
    return textout_finish(out, "no text");
}

/* Kinds that give one document. */
static int extract_one(struct extractor *x, enum file_kind kind, struct str bytes,
                       struct arena *mem, struct extracted_list *out)
{
    int rc = ERR_OK;
    struct textout t;
    struct extracted doc;

    textout_init(&t, (size_t)x->limits.text_bytes);
    switch (kind) {
    case KIND_TXT: TRY(extract_txt(bytes, &t)); break;
    case KIND_MD: TRY(extract_md(bytes, &t)); break;
    case KIND_CSV: TRY(extract_csv(bytes, &t)); break;
    case KIND_HTML:
    case KIND_PDF:
    case KIND_DOCX: TRY(extract_child_run(x->child, kind, bytes, &t)); break;
    default: rc = FAIL(ERR_UNSUPPORTED, "files of this kind are not read"); goto out;
    }
    textout_take(&t, mem, &doc);
    out->v = mem_grow(out->v, &out->cap, out->n + 1, sizeof(*out->v));
    out->v[out->n++] = doc;
out:
    textout_done(&t);
    return rc;
}

static bool is_text(enum file_kind kind)
{
    return kind != KIND_HTML && kind != KIND_PDF && kind != KIND_DOCX;
}

int extract(struct extractor *x, enum file_kind kind, const char *name, struct str bytes,
            struct arena *mem, struct extracted_list *out)
{
    int rc = ERR_OK;
    struct buf scratch;
    struct str text = bytes;
    size_t text_max = (size_t)x->limits.text_bytes;

    (void)name;
    buf_init(&scratch);
    if (bytes.n > (size_t)x->limits.file_bytes) {
        rc = FAIL(ERR_LIMIT, "a file of %zu bytes is over the limit of %lld", bytes.n,
                  (long long)x->limits.file_bytes);
        goto out;
    }
    if (bytes.n == 0) {
        rc = FAIL(ERR_FORMAT, "empty");
        goto out;
    }
    if (is_text(kind))
        TRY(encoding_decode(bytes, NULL, &scratch, &text));
    if (kind == KIND_JSON)
        rc = extract_json(text, text_max, mem, out);
    else if (kind == KIND_JSONL)
        rc = extract_jsonl(text, text_max, mem, out);
    else
        rc = extract_one(x, kind, text, mem, out);
out:
    buf_done(&scratch);
    return rc;
}
