#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sections.h"
#include "index/hnsw_parts.h"
#include "unit/index/vectors.h"

#define DIM 32

static void in_folder(char *path)
{
    char folder[] = "/tmp/hnsw-XXXXXX";

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, 64, "%s/graph", folder);
}

static void remove_with_folder(char *path)
{
    unlink(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
}

static void save(const struct hnsw *h, const char *path)
{
    struct sections_writer *w = sections_create(path);

    hnsw_save(h, w, "v.");
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
}

Test(hnsw_file, comes_back_as_it_was)
{
    static const size_t sizes[] = {0, 1, 2, 2000};
    float *v = vectors_of(0, 2000, DIM);
    char path[64];

    in_folder(path);
    for (size_t i = 0; i < 4; i++) {
        struct hnsw_input in = {v, NULL, sizes[i], DIM};
        struct hnsw *h = build_of(&in, 1), *mapped = NULL;
        struct sections *s = NULL;

        save(h, path);
        cr_assert_eq(sections_open(&s, path), ERR_OK);
        cr_assert_eq(hnsw_map(&mapped, s, "v."), ERR_OK, "%s", err_text());
        cr_expect_eq(hnsw_check(mapped), ERR_OK, "%s", err_text());
        cr_expect_eq(hnsw_vectors(mapped), sizes[i]);
        cr_expect_eq(hnsw_ef_for(mapped, 0.97f), hnsw_ef_for(h, 0.97f));
        for (size_t j = 0; j < 20; j++) {
            struct hnsw_query q = {v + j * DIM, v, 10, 30, NULL, 0, NULL, false};
            struct vector_hit a[10] = {0}, b[10] = {0};

            cr_expect_eq(hnsw_search(h, &q, a, NULL), hnsw_search(mapped, &q, b, NULL));
            cr_expect_eq(memcmp(a, b, sizeof a), 0);
        }
        hnsw_free(mapped);
        hnsw_free(h);
        sections_close(s);
    }
    remove_with_folder(path);
    mem_free(v);
}

Test(hnsw_file, grows_from_the_mapping)
{
    float *v = vectors_of(0, 1500, DIM);
    struct hnsw_input first = {v, NULL, 1000, DIM}, in = {v, NULL, 1500, DIM};
    struct hnsw *h = build_of(&first, 1), *mapped = NULL, *grown = NULL;
    struct hnsw_params p = hnsw_defaults();
    struct sections *s = NULL;
    uint32_t moved[1000];
    char path[64];

    in_folder(path);
    save(h, path);
    hnsw_free(h);
    for (uint32_t i = 0; i < 1000; i++)
        moved[i] = i;
    p.degree = 16;
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_assert_eq(hnsw_map(&mapped, s, "v."), ERR_OK);
    cr_assert_eq(hnsw_build(&grown, &in, &(struct hnsw_growth){mapped, moved}, &p), ERR_OK);
    hnsw_free(mapped);
    sections_close(s);
    cr_expect_eq(hnsw_check(grown), ERR_OK, "%s", err_text());
    cr_expect_geq(recall_of(grown, &in, NULL, 0, 64, 30), 0.98);
    hnsw_free(grown);
    remove_with_folder(path);
    mem_free(v);
}

Test(hnsw_file, that_is_not_whole_is_refused)
{
    float *v = vectors_of(0, 200, DIM);
    struct hnsw_input in = {v, NULL, 200, DIM};
    struct hnsw *h = build_of(&in, 1), *mapped = NULL;
    struct sections *s = NULL;
    char path[64];

    in_folder(path);
    save(h, path);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(hnsw_map(&mapped, s, "other."), ERR_FORMAT);
    sections_close(s);
    h->n_slots--; /* then node_of is a slot too long for its head */
    save(h, path);
    h->n_slots++;
    h->dim = HNSW_MAX_DIM + 1;
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(hnsw_map(&mapped, s, "v."), ERR_FORMAT, "more nodes than slots");
    sections_close(s);
    save(h, path);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(hnsw_map(&mapped, s, "v."), ERR_FORMAT, "too many dimensions");
    sections_close(s);
    h->dim = 65;
    save(h, path);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq(hnsw_map(&mapped, s, "v."), ERR_FORMAT, "codes of another length");
    sections_close(s);
    cr_expect_null(mapped);
    hnsw_free(h);
    remove_with_folder(path);
    mem_free(v);
}
