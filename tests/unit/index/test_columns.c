#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/columns.h"
#include "support/figure.h"

/* Random documents and random filters: what columns say against filter_matches. */

static unsigned long seed_state;

static unsigned pick(unsigned n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed_state >> 33) % n;
}

static const char *const values[] = {"1",
                                     "2",
                                     "2.5",
                                     "\"a\"",
                                     "\"b\"",
                                     "true",
                                     "false",
                                     "null",
                                     "\"\"",
                                     "\"1\"",
                                     "\"2020-01-01\"",
                                     "-1",
                                     "\"2020-01-01T00:00:00Z\"",
                                     "[]",
                                     "\"2021-05-05\"",
                                     "0"};
static const char *const fields[] = {"a",     "b",         "a.b",    "c.d.e",     "_kind",
                                     "_page", "_document", "_title", "_ingested", "none"};

static void random_value(struct buf *b, int depth)
{
    switch (pick(depth > 2 ? 6 : 9)) {
    case 6:
        buf_add_char(b, '[');
        for (unsigned i = 0, n = pick(4); i < n; i++) {
            if (i)
                buf_add_char(b, ',');
            random_value(b, depth + 1);
        }
        buf_add_char(b, ']');
        return;
    case 7:
    case 8:
        buf_add_str(b, "{\"b\":");
        random_value(b, depth + 1);
        if (pick(2)) {
            buf_add_str(b, ",\"d\":");
            random_value(b, depth + 1);
        }
        buf_add_str(b, ",\"e\":");
        random_value(b, depth + 1);
        buf_add_char(b, '}');
        return;
    default: buf_add_str(b, values[pick(sizeof values / sizeof *values)]);
    }
}

static void random_metadata(struct buf *b)
{
    static const char *const keys[] = {"a", "b", "c", "a.b", "_title", "_kind"};
    bool comma = false;

    buf_clear(b);
    buf_add_char(b, '{');
    for (int i = 0; i < 6; i++)
        if (pick(2)) {
            buf_addf(b, "%s\"%s\":", comma ? "," : "", keys[i]);
            random_value(b, 0);
            comma = true;
        }
    buf_add_char(b, '}');
}

static const char *value_for(const char *field)
{
    static const char *const kinds[] = {"\"text\"", "\"summary\""};
    static const char *const numbers[] = {"1", "2", "3"};
    static const char *const dates[] = {"\"1970-01-01\"", "\"1970-01-01T00:00:00.005Z\""};
    static const char *const names[] = {"\"d1\"", "\"d5\"", "\"t0\"", "\"t1\""};

    if (strcmp(field, "_kind") == 0)
        return kinds[pick(2)];
    if (strcmp(field, "_page") == 0)
        return numbers[pick(3)];
    if (strcmp(field, "_ingested") == 0)
        return dates[pick(2)];
    if (field[0] == '_')
        return names[pick(4)];
    for (;;) {
        const char *v = values[pick(sizeof values / sizeof *values)];

        if (v[0] != '[' && strcmp(v, "null") != 0)
            return v;
    }
}

static void random_filter(struct buf *b, int depth)
{
    static const char *const ops[] = {"eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "exists"};
    const char *field = fields[pick(10)], *op = ops[pick(9)], *v;

    if (depth < 4 && pick(3) == 0) {
        unsigned n = 1 + pick(3);

        buf_addf(b, "{\"%s\":[", pick(2) ? "and" : "or");
        for (unsigned i = 0; i < n; i++) {
            if (i)
                buf_add_char(b, ',');
            random_filter(b, depth + 1);
        }
        buf_add_str(b, "]}");
        return;
    }
    if (depth < 4 && pick(4) == 0) {
        buf_add_str(b, "{\"not\":");
        random_filter(b, depth + 1);
        buf_add_char(b, '}');
        return;
    }
    buf_addf(b, "{\"%s\":{\"%s\":", field, op);
    v = value_for(field);
    if (strcmp(op, "exists") == 0)
        buf_add_str(b, pick(2) ? "true" : "false");
    else if (strstr(op, "in"))
        buf_addf(b, "[%s,%s]", v, value_for(field));
    else if (op[0] != 'e' && op[0] != 'n' && (v[0] == 't' || v[0] == 'f'))
        buf_add_str(b, "1"); /* true and false have no order */
    else
        buf_add_str(b, v);
    buf_add_str(b, "}}");
}

#define N_DOCUMENTS 30

struct world {
    json_t *metadata[N_DOCUMENTS];
    char key[N_DOCUMENTS][8], title[N_DOCUMENTS][8];
    bool dead[N_DOCUMENTS];
    struct sections *file;
    unsigned n_chunks[N_DOCUMENTS];
    struct columns *columns;
};

static struct columns *build(struct world *w, struct buf *texts, size_t from, size_t to)
{
    struct columns_builder *b = columns_builder_new();

    for (size_t i = from; i < to; i++) {
        struct document_row row = {.key = str_of(w->key[i]),
                                   .title = str_of(w->title[i]),
                                   .metadata = buf_view(&texts[i]),
                                   .ingested_ms = (int64_t)(i % 10)};

        columns_add_document(b, &row);
        for (unsigned c = 0; c < w->n_chunks[i]; c++)
            columns_add_chunk(b,
                              &(struct chunk_row){.page = (int32_t)c,
                                                  .kind = c % 3 == 2 ? CHUNK_SUMMARY : CHUNK_TEXT});
    }
    return columns_finish(b);
}

/* The same columns, in place in a file whose name is gone. */
static struct columns *through_file(struct columns *made, struct sections **s)
{
    char path[] = "/tmp/test_columns_XXXXXX";
    int fd = mkstemp(path);
    struct sections_writer *w = sections_create(path);
    struct columns *mapped = NULL;

    cr_assert_geq(fd, 0);
    close(fd);
    columns_save(made, w, "columns.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_open(s, path), ERR_OK, "%s", err_text());
    cr_assert_eq(columns_map(&mapped, *s, "columns."), ERR_OK, "%s", err_text());
    columns_free(made);
    unlink(path);
    return mapped;
}

/* Two sets of columns, some documents dead, merged; one of them and the result come from files. */
static void make_world(struct world *w)
{
    struct buf texts[N_DOCUMENTS];
    uint64_t dead_documents[2] = {0}, dead_chunks[2][2] = {{0}};
    struct columns *halves[2];
    struct sections *half_file = NULL;
    size_t at[2] = {0};

    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        size_t half = i >= N_DOCUMENTS / 2;

        buf_init(&texts[i]);
        random_metadata(&texts[i]);
        cr_assert_eq(json_parse(&w->metadata[i], buf_view(&texts[i]), "random"), ERR_OK, "%s: %s",
                     texts[i].p, err_text());
        snprintf(w->key[i], sizeof w->key[i], "d%zu", i);
        snprintf(w->title[i], sizeof w->title[i], "t%zu", i % 4);
        w->dead[i] = pick(4) == 0;
        w->n_chunks[i] = pick(5);
        if (w->dead[i]) {
            dead_documents[half] |= (uint64_t)1 << (i % (N_DOCUMENTS / 2));
            bitmap_set_range(dead_chunks[half], at[half], at[half] + w->n_chunks[i]);
        }
        at[half] += w->n_chunks[i];
    }
    halves[0] = build(w, texts, 0, N_DOCUMENTS / 2);
    halves[1] = build(w, texts, N_DOCUMENTS / 2, N_DOCUMENTS);
    halves[0] = through_file(halves[0], &half_file);
    w->columns =
        columns_merge((struct columns_part[]){{halves[0], dead_chunks[0], &dead_documents[0]},
                                              {halves[1], dead_chunks[1], &dead_documents[1]}},
                      2);
    columns_free(halves[0]);
    columns_free(halves[1]);
    sections_close(half_file);
    w->columns = through_file(w->columns, &w->file);
    for (size_t i = 0; i < N_DOCUMENTS; i++)
        buf_done(&texts[i]);
}

static void compare_world(const struct world *w, const char *text, unsigned long seed)
{
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;
    json_t *v = NULL;
    uint64_t *bits;
    size_t at = 0;

    cr_assert_eq(json_parse(&v, str_of(text), "filter"), ERR_OK, "%s: %s", text, err_text());
    cr_assert_eq(filter_from_json(&f, v, mem), ERR_OK, "%s: %s", text, err_text());
    bits = columns_filter(w->columns, f, mem);
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        for (unsigned c = 0; !w->dead[i] && c < w->n_chunks[i]; c++, at++) {
            struct filter_builtin b = {c % 3 == 2 ? "summary" : "text", str_of(w->key[i]),
                                       str_of(w->title[i]), (int)c, (int64_t)(i % 10)};
            bool want = filter_matches(f, w->metadata[i], &b);

            cr_assert_eq(bitmap_get(bits, at), want, "seed %lu: %s over %s says %d", seed, text,
                         json_dumps(w->metadata[i], 0), !want);
        }
    }
    cr_assert_eq(bitmap_count(bits, (at + 63) / 64 * 64), bitmap_count(bits, at),
                 "bits past the end");
    json_decref(v);
    arena_free(mem);
}

Test(columns, agree_with_the_plain_truth)
{
    const char *given = getenv("RAGD_SEED");
    unsigned long seed = given ? strtoul(given, NULL, 10) : 20260301;
    size_t n_operations = 0;
    struct buf text;

    seed_state = seed;
    buf_init(&text);
    while (n_operations < 100000) { /* one comparison of a filter with a document */
        struct world w;

        make_world(&w);
        for (int i = 0; i < 100; i++) {
            buf_clear(&text);
            random_filter(&text, 0);
            compare_world(&w, text.p, seed);
            n_operations += N_DOCUMENTS;
        }
        columns_free(w.columns);
        sections_close(w.file);
        for (size_t i = 0; i < N_DOCUMENTS; i++)
            json_decref(w.metadata[i]);
    }
    buf_done(&text);
    figure("R13 | filters against their plain meaning, %zu comparisons, seed %lu | "
           "0 differences",
           n_operations, seed);
}

Test(columns, of_no_documents_pass_nothing)
{
    struct columns *none = columns_finish(columns_builder_new());
    struct columns *merged = columns_merge(&(struct columns_part){none, NULL, NULL}, 1);
    struct arena *mem = arena_new(0);
    struct filter *f = NULL;

    cr_assert_eq(filter_from_text(&f, STR_LIT("not a=1 and b=2"), mem), ERR_OK);
    columns_filter(none, f, mem);
    columns_filter(merged, f, mem);
    cr_expect_gt(columns_bytes(merged), 0);
    columns_free(none);
    columns_free(merged);
    arena_free(mem);
}
