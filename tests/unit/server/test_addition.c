#include "server/addition.h"

#include "support/world.h"

static int read_from(struct addition **a, const char *type, const char *body, struct digest *d)
{
    struct buf b = {0};
    struct addition_source from = {
        .content_type = str_of(type), .body = &b, .tenant = "default", .collection = "default"};
    int rc;

    buf_add_str(&b, body);
    rc = addition_read(a, &from, d);
    cr_expect_null(b.p, "the body is taken");
    return rc;
}

#define JSON(text)  "application/json", (text)
#define FORM(b, x)  "multipart/form-data; boundary=" b, "--" b "\r\n" x "\r\n--" b "--\r\n"
#define FILE_A      "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\nFrogs."
#define NO_FILE     "Content-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n"
#define FIELD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n[1]"

Test(addition, what_is_wrong_is_named)
{
    struct addition *a = NULL;

    cr_expect_eq(read_from(&a, JSON("[]"), NULL), ERR_ARGUMENT);
    cr_expect_eq(read_from(&a, JSON("{\"documents\":{}}"), NULL), ERR_ARGUMENT);
    cr_expect_eq(read_from(&a, JSON("{\"documents\":[{\"id\":\"a\"}]}"), NULL), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "documents[0]"), "%s", err_text());
    cr_expect_eq(read_from(&a, JSON("{\"documents\":["), NULL), ERR_FORMAT);
    cr_expect_eq(read_from(&a, FORM("x", FIELD("metadata")), NULL), ERR_ARGUMENT);
    cr_expect_eq(read_from(&a, FORM("x", FIELD("other")), NULL), ERR_ARGUMENT);
    cr_expect_eq(read_from(&a, "multipart/form-data", "", NULL), ERR_FORMAT);
    cr_expect_null(a);
}

Test(addition, counts_documents_or_files)
{
    struct addition *a = NULL;

    cr_assert_eq(read_from(&a, JSON("{\"documents\":[{\"text\":\"x\"},{\"text\":\"y\"}]}"), NULL),
                 0);
    cr_expect_eq(addition_count(a), 2);
    addition_free(a);
    cr_assert_eq(read_from(&a, FORM("x", FILE_A), NULL), 0, "%s", err_text());
    cr_expect_eq(addition_count(a), 1);
    addition_free(a);
    cr_assert_eq(read_from(&a, FORM("x", NO_FILE), NULL), 0, "%s", err_text());
    cr_expect_eq(addition_count(a), 0);
    addition_free(a);
}

static struct digest digest_from(const char *type, const char *body)
{
    struct addition *a = NULL;
    struct digest d;

    cr_assert_eq(read_from(&a, type, body, &d), ERR_OK, "%s", err_text());
    addition_free(a);
    return d;
}

Test(addition, its_digest_is_of_what_is_brought)
{
    struct digest a = digest_from(FORM("x", FILE_A)), b = digest_from(FORM("other", FILE_A));
    struct digest c = digest_from(FORM("x", FILE_A "!")), d = digest_from(FORM("x", NO_FILE));

    cr_expect(digest_eq(&a, &b));
    cr_expect_not(digest_eq(&a, &c));
    cr_expect_not(digest_eq(&a, &d));
    a = digest_from(JSON("{\"documents\":[]}"));
    b = digest_from(JSON("{\"documents\":[] }"));
    cr_expect_not(digest_eq(&a, &b));
}

/* ---- ingesting ---- */

struct told {
    size_t n, done, documents;
};

static void tell(void *arg, size_t done, const struct ingest_report *report)
{
    struct told *t = arg;

    cr_expect_geq(done, t->done);
    t->n++;
    t->done = done;
    t->documents = report->documents;
}

static void expect_told(struct world *w, struct addition *a, size_t n, const char *contains)
{
    struct told told = {0};
    struct addition_run how = {.tell = tell, .arg = &told};
    struct buf b = {0};

    cr_assert_eq(addition_ingest(a, w->engine, &how), ERR_OK, "%s", err_text());
    cr_expect_gt(told.n, 0);
    cr_expect_eq(told.done, n);
    cr_expect_eq(told.documents, 1);
    addition_write(a, &b);
    cr_expect_not_null(strstr(b.p, contains), "%s", b.p);
    buf_done(&b);
    addition_free(a);
}

Test(addition, tells_how_far_it_is_and_what_became_of_each)
{
    struct addition *a = NULL;
    struct world w;

    WORLD_OPEN(&w);
    cr_assert_eq(read_from(&a,
                           JSON("{\"documents\":[{\"id\":\"1\",\"text\":\"x\"},{\"id\":\"1\","
                                "\"text\":\"y\"}]}"),
                           NULL),
                 0);
    expect_told(&w, a, 2, "\"status\":\"refused\"");
    cr_assert_eq(read_from(&a, FORM("x", FILE_A), NULL), 0);
    expect_told(&w, a, 1, "\"id\":\"a.txt\",\"status\":\"ingested\",\"reason\":null,\"chunks\":1");
    world_close(&w);
}

Test(addition, stops_when_it_is_told_to)
{
    struct addition *a = NULL;
    atomic_bool cancel = true;
    struct addition_run how = {.cancel = &cancel};
    struct buf b = {0};
    struct world w;

    WORLD_OPEN(&w);
    cr_assert_eq(read_from(&a, FORM("x", FILE_A), NULL), 0);
    cr_expect_eq(addition_ingest(a, w.engine, &how), ERR_CANCELLED);
    addition_free(a);
    cr_assert_eq(read_from(&a, JSON("{\"documents\":[{\"id\":\"1\",\"text\":\"x\"}]}"), NULL), 0);
    cr_expect_eq(addition_ingest(a, w.engine, &how), ERR_CANCELLED);
    addition_write(a, &b);
    cr_expect_not_null(strstr(b.p, "\"status\":\"left\""), "%s", b.p);
    buf_done(&b);
    addition_free(a);
    world_close(&w);
}
