#include "ragd.h"

#include "support/world.h"

struct piece {
    char text[4096];
    size_t n;
};

static int collect(void *arg, const char *text, size_t n)
{
    struct piece *p = arg;

    memcpy(p->text + p->n, text, n);
    p->n += n;
    p->text[p->n] = '\0';
    return 0;
}

static int stop(void *arg, const char *text, size_t n)
{
    (void)arg;
    (void)text;
    (void)n;
    return 1;
}

static struct ragd *open_at(char *dir)
{
    struct ragd *r = NULL;

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(ragd_open(&r, dir, world_model()), 0, "%s", ragd_error());
    return r;
}

static void close_at(struct ragd *r, const char *dir)
{
    ragd_close(r);
    nftw(dir, world_rm, 16, FTW_DEPTH | FTW_PHYS);
}

Test(ragd, takes_a_text_and_answers_from_it)
{
    char dir[] = "/tmp/ragd-test-XXXXXX";
    struct piece piece = {0};
    struct ragd *r;
    char *reply = NULL;

    if (!world_model())
        cr_skip_test("needs the model");
    r = open_at(dir);
    cr_expect_eq(ragd_ingest_text(r, NULL, "tower", "Tower",
                                  "The tower of Pisa leans by about four degrees.", "{\"k\":1}"),
                 1, "%s", ragd_error());
    cr_expect_eq(
        ragd_query(r, "How far does the tower of Pisa lean?", NULL, collect, &piece, &reply), 1,
        "%s", ragd_error());
    cr_expect_not_null(strstr(piece.text, "four degrees"));
    cr_expect_not_null(strstr(reply, "\"timings\""));
    ragd_free(reply);
    cr_expect_eq(ragd_search(r, "tower", "{\"k\":3}", &reply), 1);
    ragd_free(reply);
    cr_expect_eq(ragd_query(r, "tower of Pisa lean", NULL, stop, NULL, NULL), RAGD_ECANCELLED);
    cr_expect_eq(ragd_delete(r, NULL, "tower"), 0);
    cr_expect_eq(ragd_delete(r, NULL, "tower"), RAGD_ENOTFOUND);
    close_at(r, dir);
}

Test(ragd, an_embedding_has_length_one)
{
    char dir[] = "/tmp/ragd-test-XXXXXX";
    float *v, sum = 0;
    struct ragd *r;

    if (!world_model())
        cr_skip_test("needs the model");
    r = open_at(dir);
    v = mem_alloc(ragd_dimension(r) * sizeof *v);
    cr_expect_eq(ragd_embed(r, "a text", v), 0);
    for (size_t i = 0; i < ragd_dimension(r); i++)
        sum += v[i] * v[i];
    cr_expect_float_eq(sum, 1, 1e-5);
    mem_free(v);
    close_at(r, dir);
}

Test(ragd, errors_come_as_a_code_and_a_sentence)
{
    char dir[] = "/tmp/ragd-test-XXXXXX";
    struct ragd *r = NULL;

    if (!world_model())
        cr_skip_test("needs the model");
    cr_expect_lt(ragd_open(&r, "/proc/no-such-folder", world_model()), 0);
    cr_expect_neq(*ragd_error(), '\0');
    r = open_at(dir);
    cr_expect_eq(ragd_query(r, "q", "{\"k\":0}", NULL, NULL, NULL), RAGD_EARGUMENT);
    cr_expect_eq(ragd_query(r, "q", "[1]", NULL, NULL, NULL), RAGD_EARGUMENT);
    cr_expect_eq(ragd_query(r, "q", "{", NULL, NULL, NULL), RAGD_EFORMAT);
    cr_expect_lt(ragd_ingest_path(r, "/no/such/path", NULL, NULL), 0);
    ragd_close(NULL);
    close_at(r, dir);
}
