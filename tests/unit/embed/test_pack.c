#include "embed/pack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

/* Parts of odd sizes, so that there is padding between them. */
enum { COLD = 700, HOT = 5000, TOKENIZER = 333, DAMAGES = 300 };

static char dir[64], path[96];

static struct pack_facts some_facts(void)
{
    return (struct pack_facts){
        .precision = PRECISION_INT8,
        .config = {.hidden = 24,
                   .n_layers = 2,
                   .n_heads = 3,
                   .intermediate = 40,
                   .vocab_size = 60,
                   .n_positions = 64,
                   .n_types = 2,
                   .n_labels = 1,
                   .epsilon = 1e-12f},
        .quality = {64, 0.99f, 0.98f},
        .source = {.size = 1, .changed_ns = 2, .inode = 3, .weights = {{4}}, .small_files = {{5}}},
        .cold_bytes = COLD,
        .hot_bytes = HOT,
        .tokenizer_bytes = TOKENIZER,
    };
}

static struct pack new_pack(void)
{
    struct pack_facts facts = some_facts();
    struct pack p;

    pack_new(&p, &facts);
    memset((void *)(uintptr_t)p.cold, 'c', COLD);
    memset((void *)(uintptr_t)p.hot, 'h', HOT);
    memset((void *)(uintptr_t)p.tokenizer.p, 't', TOKENIZER);
    return p;
}

static void start(void)
{
    struct pack p = new_pack();

    snprintf(dir, sizeof dir, "/tmp/ragd-pack-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.pack", dir);
    cr_assert_eq(pack_write(&p, path), ERR_OK, "%s", err_text());
    pack_close(&p);
}

static void stop(void)
{
    unlink(path);
    rmdir(dir);
}

TestSuite(pack, .init = start, .fini = stop);

static bool all(const void *p, size_t n, char c)
{
    for (size_t i = 0; i < n; i++)
        if (((const char *)p)[i] != c)
            return false;
    return true;
}

Test(pack, gives_back_what_was_written)
{
    struct pack p;
    struct pack_facts want = some_facts();

    cr_assert_eq(pack_open(&p, path), ERR_OK, "%s", err_text());
    cr_expect_eq(memcmp(&p.facts.source, &want.source, sizeof want.source), 0);
    cr_expect_eq(p.facts.precision, PRECISION_INT8);
    cr_expect(p.facts.config.hidden == 24 && p.facts.config.n_types == 2);
    cr_expect_eq(p.facts.config.n_labels, 1);
    cr_expect(p.facts.config.epsilon == 1e-12f && p.facts.quality.smallest == 0.98f);
    cr_expect(all(p.cold, COLD, 'c') && all(p.hot, HOT, 'h'));
    cr_assert_eq(p.tokenizer.n, TOKENIZER);
    cr_expect(all(p.tokenizer.p, TOKENIZER, 't'));
    pack_close(&p);
}

Test(pack, every_part_begins_on_a_line)
{
    struct pack p, made = new_pack();

    cr_assert_eq(pack_open(&p, path), ERR_OK, "%s", err_text());
    cr_expect_eq(((uintptr_t)p.cold | (uintptr_t)p.hot | (uintptr_t)p.tokenizer.p) % 64, 0);
    cr_expect_eq(((uintptr_t)made.cold | (uintptr_t)made.hot) % 64, 0);
    cr_expect_eq((uintptr_t)made.tokenizer.p % 64, 0);
    pack_close(&made);
    pack_close(&p);
}

Test(pack, an_opened_one_can_be_written_with_other_facts)
{
    struct pack p;

    cr_assert_eq(pack_open(&p, path), ERR_OK, "%s", err_text());
    p.facts.source.inode = 77;
    cr_assert_eq(pack_write(&p, path), ERR_OK, "%s", err_text());
    pack_close(&p);
    cr_assert_eq(pack_open(&p, path), ERR_OK, "%s", err_text());
    cr_expect_eq(p.facts.source.inode, 77);
    cr_expect(all(p.cold, COLD, 'c') && all(p.hot, HOT, 'h'));
    pack_close(&p);
}

static void read_file(struct buf *out)
{
    buf_init(out);
    cr_assert_eq(file_read(path, 1 << 20, out), ERR_OK, "%s", err_text());
}

/* Without the syncs of file_write_atomic. */
static void write_file(const struct buf *bytes, size_t n)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes->p, 1, n, f), n);
    fclose(f);
}

static void expect_found(const struct buf *bytes, size_t n, const char *what, size_t at)
{
    struct pack p = {0};
    int rc;

    write_file(bytes, n);
    rc = pack_open(&p, path);
    cr_expect(rc == ERR_FORMAT || rc == ERR_UNSUPPORTED, "%s at %zu: %d", what, at, rc);
    cr_expect(p.map.p == NULL && p.pages.base == NULL, "untouched");
}

Test(pack, any_flipped_bit_is_found)
{
    struct buf bytes;

    srand48(20);
    read_file(&bytes);
    for (int i = 0; i < DAMAGES; i++) {
        /* the header, then anywhere: padding and parts */
        size_t at = i < 100 ? (size_t)lrand48() % 256 : (size_t)lrand48() % bytes.n;
        char bit = (char)(1 << lrand48() % 8);

        bytes.p[at] ^= bit;
        expect_found(&bytes, bytes.n, "bit flipped", at);
        bytes.p[at] ^= bit;
    }
    buf_done(&bytes);
}

Test(pack, a_cut_end_is_found)
{
    struct buf bytes;

    srand48(21);
    read_file(&bytes);
    expect_found(&bytes, 0, "cut", 0);
    expect_found(&bytes, 255, "cut", 255);
    expect_found(&bytes, 256, "cut", 256);
    expect_found(&bytes, bytes.n - 1, "cut", bytes.n - 1);
    for (int i = 0; i < DAMAGES; i++) {
        size_t n = (size_t)lrand48() % bytes.n;

        expect_found(&bytes, n, "cut", n);
    }
    buf_add_char(&bytes, 0);
    expect_found(&bytes, bytes.n, "longer", bytes.n);
    buf_done(&bytes);
}

/* Believed, they would lay out more layers than there is room for. */
Test(pack, a_configuration_over_the_limits_is_refused)
{
    struct pack_facts facts = some_facts();

    for (int i = 0; i < 6; i++) {
        struct bert_config *c = &facts.config;
        size_t *sizes[] = {&c->hidden,     &c->n_layers,    &c->n_heads,
                           &c->vocab_size, &c->n_positions, &c->intermediate};
        size_t right = *sizes[i];
        struct pack p;

        for (int j = 0; j < 2; j++) {
            *sizes[i] = j ? UINT32_MAX : 0;
            p = new_pack();
            p.facts.config = *c;
            cr_assert_eq(pack_write(&p, path), ERR_OK, "%s", err_text());
            pack_close(&p);
            cr_expect_eq(pack_open(&p, path), ERR_FORMAT, "size %d", i);
            cr_expect_not_null(strstr(err_text(), "configuration"), "%s", err_text());
        }
        *sizes[i] = right;
    }
}

/* Sizes whose sum wraps around to the file's size. */
Test(pack, impossible_sizes_are_refused)
{
    struct buf bytes;
    uint64_t huge = UINT64_MAX - 63, rest;

    read_file(&bytes);
    memcpy(bytes.p + 136, &huge, sizeof huge);
    memcpy(&rest, bytes.p + 144, sizeof rest);
    rest += 64 + 704;
    memcpy(bytes.p + 144, &rest, sizeof rest);
    expect_found(&bytes, bytes.n, "sizes", 136);
    cr_expect_not_null(strstr(err_text(), "impossible sizes"), "%s", err_text());
    buf_done(&bytes);
}

Test(pack, errors_name_the_file_and_what_is_wrong)
{
    struct pack p;

    cr_expect_eq(pack_open(&p, "/nowhere/x.pack"), ERR_NOT_FOUND);
    cr_expect_not_null(strstr(err_text(), "/nowhere/x.pack"), "%s", err_text());
    cr_expect_lt(pack_open(&p, dir), 0);
    cr_assert_eq(file_write_atomic(path,
                                   "something else, and long enough to be a header: "
                                   "................................................"
                                   "................................................"
                                   "................................................"
                                   "................................................"
                                   "................................................",
                                   280),
                 ERR_OK);
    cr_expect_eq(pack_open(&p, path), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "does not begin with 'ragdpack'"), "%s", err_text());
}

Test(pack, a_folder_that_is_not_there_cannot_be_written_to)
{
    struct pack p = new_pack();

    cr_expect_lt(pack_write(&p, "/nowhere/x.pack"), 0);
    cr_expect_not_null(strstr(err_text(), "/nowhere/x.pack"), "%s", err_text());
    pack_close(&p);
}
