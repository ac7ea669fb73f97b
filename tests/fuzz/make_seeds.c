/* make_seeds.c - the first inputs of targets whose files no hand writes: whole, small and of this
 * version's layout. Another layout: run it again and fuzz from there.
 *
 *   make_seeds    writes tests/fuzz/corpus/TARGET/seed-...
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sections.h"
#include "cache/shared_value.h"
#include "embed/adapter.h"
#include "embed/bert.h"
#include "embed/static_encoder.h"
#include "extract/extract.h"
#include "extract/extract_wire.h"
#include "fuzz/fuzz.h"
#include "index/manifest.h"
#include "index/segment_file.h"
#include "text/wordpiece.h"
#include "unit/embed/tiny_model.h"

#define DIM 4 /* of fuzz_segment.c */

static const char *seed_path(const char *target, const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target);
    FUZZ_TRUE(file_make_dirs(path) == ERR_OK);
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s/seed-%s", target, name);
    return path;
}

static void put(const char *target, const char *name, struct str bytes)
{
    FUZZ_TRUE(file_write_atomic(seed_path(target, name), bytes.p, bytes.n) == ERR_OK);
}

/* ---- the model ---- */

/* As small as one can be: a head of 8 numbers, one layer. */
static void small_model(struct tiny_model *m)
{
    *m = (struct tiny_model){
        .hidden = 8, .heads = 1, .layers = 1, .wide = 8, .vocab = 57, .positions = 4};
    snprintf(m->dir, sizeof m->dir, "/tmp/ragd-model-XXXXXX");
    FUZZ_TRUE(mkdtemp(m->dir) != NULL);
    tiny_add(m, "embeddings.word_embeddings.weight", m->vocab, m->hidden);
    tiny_add(m, "embeddings.position_embeddings.weight", m->positions, m->hidden);
    tiny_add(m, "embeddings.token_type_embeddings.weight", 2, m->hidden);
    tiny_add(m, "embeddings.LayerNorm.weight", m->hidden, 0);
    tiny_add(m, "embeddings.LayerNorm.bias", m->hidden, 0);
    tiny_add_layer(m, 0);
    tiny_write_weights(m, "F32");
    tiny_write_config(m);
    tiny_write_vocab(m);
}

static void put_pack(const struct tiny_model *m, enum precision p, const char *name)
{
    struct bert *b = NULL;

    FUZZ_TRUE(bert_open(&b, m->dir, p) == ERR_OK);
    FUZZ_TRUE(pack_write(bert_pack(b), seed_path("pack", name)) == ERR_OK);
    bert_close(b);
}

static void put_tokenizer(const struct tiny_model *m)
{
    struct wordpiece *w = NULL;
    struct buf out;

    buf_init(&out);
    FUZZ_TRUE(wordpiece_open(&w, m->dir) == ERR_OK);
    wordpiece_freeze(w, &out);
    put("frozen_vocab", "tiny", buf_view(&out));
    wordpiece_close(w);
    buf_done(&out);
}

static void put_model(void)
{
    struct tiny_model m;

    small_model(&m);
    put_pack(&m, PRECISION_F32, "f32");
    put_pack(&m, PRECISION_BF16, "bf16");
    put_pack(&m, PRECISION_INT8, "int8");
    put_tokenizer(&m);
    tiny_close(&m);
}

/* ---- the index ---- */

static struct segment *small_segment(int n_documents)
{
    struct analyzers *words = NULL;
    struct segment_builder *b;
    struct segment *s;

    FUZZ_TRUE(analyzers_new(&words, &(struct word_settings){"english", true}) == ERR_OK);
    b = segment_builder_new(DIM, 0, words, NULL);
    for (int i = 0; i < n_documents; i++) {
        char key[16], text[32];
        float vector[DIM] = {0};

        snprintf(key, sizeof key, "d%d", i);
        snprintf(text, sizeof text, "common word%d", i);
        vector[i % DIM] = 1;
        segment_add_document(b, &(struct document_row){.id = i + 1,
                                                       .key = str_of(key),
                                                       .metadata = STR_LIT("{\"a\":1}")});
        segment_add_chunk(b, &(struct chunk_row){.id = (uint64_t)i, .text = str_of(text)},
                          i % 3 ? vector : NULL);
    }
    s = segment_finish(b);
    analyzers_free(words);
    return s;
}

static void put_graph(const char *target, const char *prefix, size_t n)
{
    struct sections_writer *w = sections_create(seed_path(target, "graph"));
    struct hnsw_params p = hnsw_defaults();
    float *vectors = mem_alloc_aligned(n * DIM * sizeof *vectors);
    struct hnsw *h = NULL;

    for (size_t i = 0; i < n; i++) {
        vectors[i * DIM + i % DIM] = cosf((float)i);
        vectors[i * DIM + (i + 1) % DIM] = sinf((float)i);
    }
    p.n_threads = 1;
    p.degree = 4;
    FUZZ_TRUE(hnsw_build(&h, &(struct hnsw_input){vectors, NULL, n, DIM}, NULL, &p) == ERR_OK);
    hnsw_save(h, w, prefix);
    FUZZ_TRUE(sections_commit(w) == ERR_OK);
    hnsw_free(h);
    mem_free(vectors);
}

static void put_manifest(void)
{
    static const uint64_t dead[] = {5};
    struct manifest_view views[] = {{false, "7-0a44.segment", dead, 64},
                                    {true, "7-91b2.segment", NULL, 0}};
    struct manifest m = {.epoch = 9, .views = views, .n_views = 2};

    FUZZ_TRUE(manifest_write(seed_path("manifest", "two"), &m) == ERR_OK);
}

static void put_index(void)
{
    static const int sizes[] = {0, 2, 7};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct segment *s = small_segment(sizes[i]);
        char name[16];

        snprintf(name, sizeof name, "%d", sizes[i]);
        FUZZ_TRUE(segment_save(s, seed_path("segment", name)) == ERR_OK);
        segment_unref(s);
    }
    put_graph("hnsw", "", 40);
    put_manifest();
}

/* ---- what is fitted and shared ---- */

static void put_fitted(void)
{
    static const int32_t ids[] = {1, 5};
    static const float rows[2 * DIM] = {1, 0, 0, 0, 0, 0.5f, 0.5f, 0}, weights[4] = {1, 0, 0, 1};
    struct static_origin s = {.collection = 1, .epoch = 2, .n_chunks = 3, .fitted_ms = 4};
    struct adapter_origin a = {.collection = 1, .n_questions = 20};
    struct static_encoder *encoder = static_encoder_new(&s, ids, rows, 2, DIM, 8);
    struct adapter *adapter = adapter_new(&a, weights, 2);
    struct buf out;

    buf_init(&out);
    static_encoder_write(encoder, &out);
    put("static_encoder", "two", buf_view(&out));
    buf_clear(&out);
    adapter_write(adapter, &out);
    put("adapter", "two", buf_view(&out));
    buf_done(&out);
    static_encoder_unref(encoder);
    adapter_unref(adapter);
}

static void put_shared(void)
{
    static const struct digest prompt = {{1, 2, 3}};
    static const struct shared_scope scope = {"default", "default"};
    const struct str documents[] = {STR_LIT("a.md"), STR_LIT("b/c.md")};
    struct shared_answer a = {.body = STR_LIT("{\"answered\":true,\"answer\":\"4.5 percent\"}"),
                              .stored_ms = 900,
                              .ttl_ms = 3600000,
                              .documents = documents,
                              .n_documents = 2};
    struct buf out;

    buf_init(&out);
    FUZZ_TRUE(shared_value_pack(&prompt, &scope, &a, &out) == ERR_OK);
    put("shared_value", "two", buf_view(&out));
    buf_done(&out);
}

/* ---- what the extraction helper sends ---- */

static void put_reply(const char *name, struct wire_reply r, struct str rest)
{
    struct buf b = {0};

    r.magic = WIRE_REPLY_MAGIC;
    buf_add(&b, &r, sizeof r);
    buf_add_view(&b, rest);
    put("extract_reply", name, buf_view(&b));
    buf_done(&b);
}

static void put_replies(void)
{
    struct page_mark pages[] = {{0, 1}, {7, 2}};
    struct heading_mark headings[] = {{0, 4, 1}, {7, 11, 2}};
    struct buf rest = {0};

    buf_add_str(&rest, "Title{\"a\":\"b\"}");
    buf_add(&rest, pages, sizeof pages);
    buf_add(&rest, headings, sizeof headings);
    buf_add_str(&rest, "H\xc3\xa9 one\nText\n\nmore");
    put_reply("whole",
              (struct wire_reply){
                  .n_title = 5, .n_metadata = 9, .n_pages = 2, .n_headings = 2, .n_text = 18},
              buf_view(&rest));
    buf_done(&rest);
    put_reply("text", (struct wire_reply){.n_text = 4}, STR_LIT("Text"));
    put_reply("refused", (struct wire_reply){.status = ERR_FORMAT, .n_text = 8},
              STR_LIT("damaged."));
}

int main(void)
{
    put_replies();
    put_model();
    put_index();
    put_fitted();
    put_shared();
    return 0;
}
