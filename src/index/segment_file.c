#include "index/segment_file.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sections.h"
#include "index/bitmap.h"

struct about {
    uint64_t layout, n_chunks, n_documents, dim, has_graph, cut_bits;
};

/* ---- writing ---- */

int segment_save(const struct segment *s, const char *path)
{
    struct sections_writer *w = sections_create(path);
    struct about about = {.layout = SEGMENT_LAYOUT,
                          .n_chunks = s->n_chunks,
                          .n_documents = s->n_documents,
                          .dim = s->dim,
                          .has_graph = s->graph != NULL};

    memcpy(&about.cut_bits, &s->codes_cut, sizeof s->codes_cut);
    sections_add(w, "about", &about, 1, sizeof about);
    sections_add(w, "vectors", s->vectors, s->n_chunks * s->dim, sizeof *s->vectors);
    sections_add(w, "no_vector", s->no_vector, s->no_vector ? bitmap_words(s->n_chunks) : 0,
                 sizeof *s->no_vector);
    sections_add(w, "chunk_id", s->chunk_id, s->n_chunks, sizeof *s->chunk_id);
    sections_add(w, "document", s->document, s->n_chunks, sizeof *s->document);
    sections_add(w, "first_chunk", s->first_chunk, s->n_documents + 1, sizeof *s->first_chunk);
    sections_add(w, "document_id", s->document_id, s->n_documents, sizeof *s->document_id);
    sections_add(w, "version", s->version, s->n_documents, sizeof *s->version);
    if (s->graph)
        hnsw_save(s->graph, w, "graph.");
    else
        sections_add(w, "codes", s->codes, s->n_chunks, codes_stride(s->dim));
    dict_save(s->keys, w, "keys.");
    bm25_save(s->words, w, "words.");
    columns_save(s->columns, w, "columns.");
    return sections_commit(w);
}

/* ---- mapping ---- */

/* The array of that name with exactly n items; NULL when the file has none such. */
static void *array(const struct sections *file, const char *name, size_t n, size_t item_bytes)
{
    size_t found = 0;
    const void *p = sections_get(file, name, item_bytes, &found);

    return p && found == n ? (void *)(uintptr_t)p : NULL;
}

static int map_arrays(struct segment *s)
{
    size_t n_words = bitmap_words(s->n_chunks);

    s->vectors = array(s->file, "vectors", s->n_chunks * s->dim, sizeof *s->vectors);
    s->no_vector = array(s->file, "no_vector", n_words, sizeof *s->no_vector);
    s->chunk_id = array(s->file, "chunk_id", s->n_chunks, sizeof *s->chunk_id);
    s->document = array(s->file, "document", s->n_chunks, sizeof *s->document);
    s->first_chunk = array(s->file, "first_chunk", s->n_documents + 1, sizeof *s->first_chunk);
    s->document_id = array(s->file, "document_id", s->n_documents, sizeof *s->document_id);
    s->version = array(s->file, "version", s->n_documents, sizeof *s->version);
    if (!s->vectors || !s->chunk_id || !s->document || !s->first_chunk || !s->document_id ||
        !s->version)
        return FAIL(ERR_FORMAT, "an array is missing or of the wrong size");
    if (n_words == 0) /* then the empty bitmap has the right size too */
        s->no_vector = NULL;
    return ERR_OK;
}

/* The graph is copied to large pages, where its memory is read half as fast again, and its part of
 * the file is let go. */
static int map_graph(struct segment *s)
{
    struct hnsw *mapped;
    int rc = hnsw_map(&mapped, s->file, "graph.");

    if (rc < 0)
        return rc;
    s->graph = hnsw_copy(mapped);
    hnsw_free(mapped);
    sections_let_go(s->file, "graph.");
    return ERR_OK;
}

static int map_graph_or_codes(struct segment *s, bool has_graph)
{
    if (has_graph)
        return map_graph(s);
    s->codes = array(s->file, "codes", s->n_chunks, codes_stride(s->dim));
    return s->codes ? ERR_OK : FAIL(ERR_FORMAT, "its codes are missing or of the wrong size");
}

static int map_parts(struct segment *s, bool has_graph)
{
    int rc = ERR_OK;

    TRY(map_arrays(s));
    TRY(map_graph_or_codes(s, has_graph));
    TRY(dict_map(&s->keys, s->file, "keys."));
    TRY(bm25_map(&s->words, s->file, "words."));
    TRY(columns_map(&s->columns, s->file, "columns."));
    if ((s->graph && (hnsw_slots(s->graph) != s->n_chunks || hnsw_dim(s->graph) != s->dim)) ||
        dict_count(s->keys) != s->n_documents || s->words->n_chunks != s->n_chunks)
        rc = FAIL(ERR_FORMAT, "its parts are of different sizes");
out:
    return rc;
}

int segment_map(struct segment **out, const char *path, size_t dim)
{
    int rc = ERR_OK;
    struct segment *s = mem_calloc(1, sizeof *s);
    const struct about *about;

    atomic_init(&s->refs, 1);
    TRY(sections_open(&s->file, path));
    TRY(sections_verify(s->file));
    about = array(s->file, "about", 1, sizeof *about);
    if (!about || about->layout != SEGMENT_LAYOUT || about->dim != dim ||
        about->n_chunks >= UINT32_MAX || about->n_documents >= UINT32_MAX) {
        rc = FAIL(ERR_FORMAT, "'%s' is not a segment of an index of %zu dimensions", path, dim);
        goto out;
    }
    s->n_chunks = about->n_chunks;
    s->n_documents = about->n_documents;
    s->dim = dim;
    memcpy(&s->codes_cut, &about->cut_bits, sizeof s->codes_cut);
    s->filter_bits = filter_bits_new(s->n_chunks);
    rc = map_parts(s, about->has_graph);
    if (rc < 0) {
        err_context(rc, "'%s'", path);
        goto out;
    }
    *out = s;
    s = NULL; /* handed over */
out:
    segment_unref(s);
    return rc;
}
