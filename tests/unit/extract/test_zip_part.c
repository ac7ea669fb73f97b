#include "extract/zip_part.h"

#include "made.h"

static struct buf file;
static zip_t *zip;

static int open_with(const char *const *parts)
{
    buf_init(&file);
    make_zip(&file, parts);
    return zip_part_open(&zip, buf_view(&file));
}

Test(zip_part, reads_a_part_whole)
{
    struct buf b;
    const char *parts[] = {"a.xml", "hello", "b/c.xml", "", NULL};

    buf_init(&b);
    cr_assert_eq(open_with(parts), ERR_OK);
    cr_expect_eq(zip_part_read(zip, "a.xml", &b), ERR_OK);
    cr_expect_str_eq(b.p, "hello");
    cr_expect_eq(zip_part_read(zip, "none", &b), ERR_NOT_FOUND);
    zip_discard(zip);
    buf_done(&b);
    buf_done(&file);
}

Test(zip_part, refuses_a_bomb_by_what_its_directory_says)
{
    struct buf b, zeros;
    const char *parts[] = {"bomb", NULL, NULL};

    buf_init(&b);
    buf_init(&zeros);
    for (int i = 0; i < 4 << 20; i++)
        buf_add_char(&zeros, '0');
    parts[1] = zeros.p;
    cr_assert_eq(open_with(parts), ERR_OK);
    cr_expect_eq(zip_part_read(zip, "bomb", &b), ERR_LIMIT);
    cr_expect(said("bomb"));
    cr_expect_eq(b.n, 0);
    zip_discard(zip);
    buf_done(&zeros);
    buf_done(&b);
    buf_done(&file);
}

Test(zip_part, refuses_a_size_over_the_limit_before_taking_memory)
{
    struct buf b;
    const char *parts[] = {"a", "hello", NULL};
    char *central;

    buf_init(&b);
    buf_init(&file);
    make_zip(&file, parts);
    central = memmem(file.p, file.n, "PK\1\2", 4);
    memcpy(central + 24, "\xF0\xFF\xFF\x7F", 4); /* uncompressed size */
    if (zip_part_open(&zip, buf_view(&file)) == ERR_OK) {
        cr_expect_eq(zip_part_read(zip, "a", &b), ERR_LIMIT);
        zip_discard(zip);
    }
    cr_expect_eq(b.n, 0);
    buf_done(&b);
    buf_done(&file);
}

Test(zip_part, refuses_what_is_no_zip_or_cut)
{
    const char *parts[] = {"a", "hello", NULL};

    cr_expect_eq(zip_part_open(&zip, STR_LIT("PK\3\4 not really")), ERR_FORMAT);
    cr_expect(said("damaged zip"));
    buf_init(&file);
    make_zip(&file, parts);
    cr_expect_eq(zip_part_open(&zip, str_sub(buf_view(&file), 0, file.n - 10)), ERR_FORMAT);
    buf_done(&file);
}
