#include "base/sections.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"

static char dir[64], path[128];

static void up(void)
{
    strcpy(dir, "/tmp/ragd-sections-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/index", dir);
}

static void down(void)
{
    unlink(path);
    cr_expect_eq(rmdir(dir), 0, "nothing else was left");
}

TestSuite(sections, .init = up, .fini = down);

static const uint32_t numbers[] = {1, 2, 3, 4, 5};

static void write_some(void)
{
    struct sections_writer *w = sections_create(path);

    sections_add(w, "numbers", numbers, 5, sizeof *numbers);
    sections_add(w, "nothing", NULL, 0, 8);
    sections_begin(w, "text");
    sections_put(w, "in ", 3);
    sections_put(w, "parts", 5);
    sections_end(w);
    cr_assert_eq(sections_commit(w), ERR_OK, "%s", err_text());
}

Test(sections, what_was_written_is_found_by_name)
{
    struct sections *s;
    const char *text;
    size_t n = 99;

    write_some();
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    cr_assert_eq(sections_verify(s), ERR_OK, "%s", err_text());
    cr_expect_arr_eq(sections_get(s, "numbers", 4, &n), numbers, sizeof numbers);
    cr_expect_eq(n, 5);
    text = sections_get(s, "text", 1, &n);
    cr_assert_eq(n, 8);
    cr_expect_eq(memcmp(text, "in parts", 8), 0);
    cr_expect_not_null(sections_get(s, "nothing", 8, &n));
    cr_expect_eq(n, 0);
    cr_expect_null(sections_get(s, "number", 4, &n));
    cr_expect_null(sections_get(s, "numbers", 8, &n), "20 bytes are no whole number of eights");
    sections_close(s);
}

Test(sections, every_section_is_aligned)
{
    struct sections *s;
    size_t n;

    write_some();
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_expect_eq((uintptr_t)sections_get(s, "numbers", 4, &n) % SECTION_ALIGN, 0);
    cr_expect_eq((uintptr_t)sections_get(s, "text", 1, &n) % SECTION_ALIGN, 0);
    sections_close(s);
}

Test(sections, a_file_without_sections_is_one)
{
    struct sections *s;
    size_t n;

    cr_assert_eq(sections_commit(sections_create(path)), ERR_OK);
    cr_assert_eq(sections_open(&s, path), ERR_OK, "%s", err_text());
    cr_expect_eq(sections_verify(s), ERR_OK);
    cr_expect_null(sections_get(s, "", 1, &n));
    sections_close(s);
}

Test(sections, what_is_abandoned_leaves_nothing)
{
    struct sections_writer *w = sections_create(path);

    sections_add(w, "numbers", numbers, 5, sizeof *numbers);
    sections_abandon(w);
    cr_expect_eq(access(path, F_OK), -1);
}

Test(sections, a_folder_that_is_not_there_is_told_at_the_end)
{
    struct sections_writer *w = sections_create("/tmp/no/such/folder/index");

    sections_add(w, "numbers", numbers, 5, sizeof *numbers);
    cr_expect_eq(sections_commit(w), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "/tmp/no/such/folder/index"), "%s", err_text());
}

/* Opens what is in `b`, and verifies it where that opens. */
static int read_back(const struct buf *b)
{
    struct sections *s = NULL;
    int rc;

    cr_assert_eq(file_write_atomic(path, b->p, b->n), ERR_OK);
    rc = sections_open(&s, path);
    if (rc == ERR_OK)
        rc = sections_verify(s);
    sections_close(s);
    return rc;
}

/* The zeros between sections belong to nothing. */
static bool is_padding(const struct buf *b, size_t at)
{
    return (at >= 64 + 20 && at < 128) || (at >= 128 + 8 && at < 192 && b->p[at] == 0);
}

Test(sections, every_flipped_bit_is_found)
{
    struct buf b;

    write_some();
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    for (size_t at = 0; at < b.n; at++) {
        if (is_padding(&b, at))
            continue;
        b.p[at] ^= (char)(1 << at % 8);
        cr_expect_eq(read_back(&b), ERR_FORMAT, "byte %zu", at);
        cr_expect(strstr(err_text(), path), "%s", err_text());
        b.p[at] ^= (char)(1 << at % 8);
    }
    cr_expect_eq(read_back(&b), ERR_OK);
    buf_done(&b);
}

Test(sections, every_cut_is_found)
{
    struct buf b;

    write_some();
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    while (b.n > 1) {
        buf_cut(&b, b.n - 1);
        cr_expect_eq(read_back(&b), ERR_FORMAT, "%zu bytes", b.n);
    }
    buf_done(&b);
}

Test(sections, the_damaged_section_is_named)
{
    struct buf b;

    write_some();
    buf_init(&b);
    cr_assert_eq(file_read(path, 1 << 20, &b), ERR_OK);
    b.p[64] ^= 1;
    cr_expect_eq(read_back(&b), ERR_FORMAT);
    cr_expect(strstr(err_text(), "section 'numbers'"), "%s", err_text());
    buf_done(&b);
}

Test(sections, another_file_is_refused)
{
    struct sections *s;
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 64; i++)
        buf_add_char(&b, 'x');
    cr_expect_eq(read_back(&b), ERR_FORMAT);
    cr_expect(strstr(err_text(), "is not a file of sections"), "%s", err_text());
    cr_expect_eq(sections_open(&s, "/tmp/no-such-file"), ERR_NOT_FOUND);
    buf_done(&b);
}

Test(sections, what_was_let_go_can_still_be_read_and_its_neighbours_too)
{
    enum { N = 5000 }; /* five pages */
    uint32_t *many = malloc(N * sizeof *many);
    struct sections_writer *w = sections_create(path);
    struct sections *s;
    size_t n;

    for (uint32_t i = 0; i < N; i++)
        many[i] = i;
    sections_add(w, "copied.a", many, N, sizeof *many);
    sections_add(w, "copied.b", many, N, sizeof *many);
    sections_add(w, "kept", many, N, sizeof *many);
    cr_assert_eq(sections_commit(w), ERR_OK);
    cr_assert_eq(sections_open(&s, path), ERR_OK);
    cr_assert_eq(sections_verify(s), ERR_OK);
    sections_let_go(s, "copied.");
    sections_let_go(s, "nosuch.");
    cr_expect_arr_eq(sections_get(s, "kept", 4, &n), many, N * sizeof *many);
    cr_expect_arr_eq(sections_get(s, "copied.b", 4, &n), many, N * sizeof *many);
    cr_expect_eq(sections_verify(s), ERR_OK, "%s", err_text());
    sections_close(s);
    free(many);
}
