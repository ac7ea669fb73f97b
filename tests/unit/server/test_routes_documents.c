#include "server/routes.h"

#include "support/live.h"

#define ADD                                                                                        \
    "{\"documents\":[{\"id\":\"a/b\",\"text\":\"Frogs eat flies.\",\"metadata\":{\"n\":1}}]}"

Test(routes_documents, added_read_listed_and_removed)
{
    struct live l;
    char *text;
    int status;
    json_t *j;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(live_status(&l, "POST", "/documents", ADD), 200);
    text = live_member(&l, "GET", "/documents/a/b?text=true", NULL, "text");
    cr_expect_str_eq(text, "Frogs eat flies.");
    mem_free(text);
    j = live_call(&l, "GET", "/documents", NULL, &status);
    cr_expect_eq(json_array_size(json_object_get(j, "documents")), 1);
    cr_expect(json_is_null(json_object_get(j, "next")));
    json_decref(j);
    cr_expect_eq(live_status(&l, "DELETE", "/documents/a%2Fb", NULL), 204);
    cr_expect_eq(live_status(&l, "GET", "/documents/a/b", NULL), 404);
    live_close(&l);
}

Test(routes_documents, what_is_wrong_is_named)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    cr_expect_eq(live_status(&l, "POST", "/documents", "{\"documents\":1}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/documents", "{\"documents\":[{}]}"), 400);
    cr_expect_eq(live_status(&l, "POST", "/documents?x=1", ADD), 400);
    cr_expect_eq(live_status(&l, "GET", "/documents?limit=1001", NULL), 400);
    cr_expect_eq(live_status(&l, "GET", "/documents?limit=one", NULL), 400);
    cr_expect_eq(live_status(&l, "DELETE", "/documents/none?collection=none", NULL), 404);
    live_close(&l);
}

/* ---- sent again under a key, and done later ---- */

/* One POST /documents with more header lines; the whole reply, mem_free it. */
static char *post(const struct live *l, const char *lines, const char *body)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b,
             "POST /documents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "%s%sContent-Length: %zu\r\n\r\n%s",
             strstr(lines, "Content-Type") ? "" : "Content-Type: application/json\r\n", lines,
             strlen(body), body);
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

static void expect_post(const struct live *l, const char *lines, const char *body, int status,
                        const char *contains)
{
    char *reply = post(l, lines, body);
    int got = 0;

    cr_expect_eq(sscanf(reply, "HTTP/1.1 %d", &got), 1);
    cr_expect_eq(got, status, "%s", reply);
    cr_expect_not_null(strstr(reply, contains), "%s lacks '%s'", reply, contains);
    mem_free(reply);
}

#define KEY "Idempotency-Key: \"8e03978e\"\r\n"

Test(routes_documents, the_same_key_gets_the_first_reply_and_nothing_is_done_again)
{
    struct live l;
    char *again;

    LIVE_OPEN(&l, NULL);
    expect_post(&l, KEY, ADD, 200, "\"status\":\"ingested\"");
    cr_expect_eq(live_status(&l, "DELETE", "/documents/a/b", NULL), 204);
    again = post(&l, KEY, ADD);
    cr_expect_not_null(strstr(again, "\"status\":\"ingested\""), "%s", again);
    cr_expect_not_null(strstr(again, "Idempotent-Replayed: true"), "%s", again);
    mem_free(again);
    cr_expect_eq(live_status(&l, "GET", "/documents/a/b", NULL), 404);
    expect_post(&l, KEY, "{\"documents\":[]}", 422, "\"code\":\"mismatch\"");
    expect_post(&l, "Idempotency-Key: \"open\r\n", ADD, 400, "Idempotency-Key must be");
    expect_post(&l, "Idempotency-Key: other\r\n", ADD, 200, "\"status\":\"ingested\"");
    live_close(&l);
}

#define FORM(boundary)                                                                             \
    "--" boundary "\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n"     \
    "Frogs eat flies.\r\n--" boundary "--\r\n"
#define FORM_TYPE(boundary) "Content-Type: multipart/form-data; boundary=" boundary "\r\n"

Test(routes_documents, a_form_sent_again_has_another_boundary_and_is_the_same)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    expect_post(&l, KEY FORM_TYPE("first"), FORM("first"), 200, "\"status\":\"ingested\"");
    expect_post(&l, KEY FORM_TYPE("second"), FORM("second"), 200, "Idempotent-Replayed");
    expect_post(&l, KEY FORM_TYPE("x") "X: y\r\n",
                "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.txt\"\r\n\r\n"
                "Frogs eat flies.\r\n--x--\r\n",
                422, "mismatch");
    live_close(&l);
}

Test(routes_documents, each_file_of_a_form_is_told_and_the_bad_ones_hold_up_nobody)
{
    struct live l;
    char *reply;

    LIVE_OPEN(&l, NULL);
    l.world.engine->config.extract.file_bytes = 64;
    reply = post(&l, FORM_TYPE("x"),
                 "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"big.txt\"\r\n\r\n"
                 "Frogs eat flies. Frogs eat flies. Frogs eat flies. Frogs eat flies. Frogs.\r\n"
                 "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.exe\"\r\n\r\n"
                 "MZ\r\n"
                 "--x\r\nContent-Disposition: form-data; name=\"collection\"\r\n\r\nmore\r\n"
                 "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n"
                 "Frogs eat flies.\r\n--x--\r\n");
    cr_expect_not_null(strstr(reply, "\"id\":\"big.txt\",\"status\":\"refused\""), "%s", reply);
    cr_expect_not_null(strstr(reply, "over the limit of 64"), "%s", reply);
    cr_expect_not_null(strstr(reply, "\"id\":\"a.exe\",\"status\":\"refused\""), "%s", reply);
    cr_expect_not_null(strstr(reply, "\"id\":\"a.txt\",\"status\":\"ingested\""), "%s", reply);
    mem_free(reply);
    cr_expect_eq(live_status(&l, "GET", "/documents/a.txt?collection=more", NULL), 200);
    live_close(&l);
}

Test(routes_documents, on_wish_they_are_a_job)
{
    struct live l;
    char *reply, *at, path[64] = "";
    const char *state = "";
    json_t *j;
    int status;

    LIVE_OPEN(&l, NULL);
    expect_post(&l, "Prefer: respond-async\r\n", "{\"documents\":1}", 400, "'documents'");
    reply = post(&l, KEY "Prefer: respond-async\r\n", ADD);
    cr_expect_not_null(strstr(reply, "HTTP/1.1 202 "), "%s", reply);
    cr_expect_not_null(strstr(reply, "Preference-Applied: respond-async"), "%s", reply);
    at = strstr(reply, "Location: ");
    cr_assert_not_null(at, "%s", reply);
    cr_assert_eq(sscanf(at, "Location: %63s", path), 1);
    mem_free(reply);
    do {
        j = live_call(&l, "GET", path, NULL, &status);
        state = json_string_value(json_object_get(j, "state"));
        cr_assert_not_null(state);
        status = strcmp(state, "done") == 0;
        cr_expect(!status || json_integer_value(json_object_get(j, "ingested")) == 1);
        json_decref(j);
    } while (!status);
    cr_expect_eq(live_status(&l, "GET", "/documents/a/b", NULL), 200);
    expect_post(&l, KEY "Prefer: respond-async\r\n", ADD, 202, path); /* the same job */
    live_close(&l);
}

Test(routes_documents, without_memory_nothing_is_taken_to_be_done_later)
{
    struct live l;

    if (!world_model())
        cr_skip_test("needs the model (make model, or RAGD_MODEL_PATH)");
    world_open(&l.world);
    l.world.config.limits.memory = 1 << 20; /* less than it has already */
    world_reopen(&l.world);
    live_start(&l, NULL);
    expect_post(&l, "", ADD, 507, "limits.memory");
    expect_post(&l, KEY "Prefer: respond-async\r\n", ADD, 507, "limits.memory");
    expect_post(&l, KEY "Prefer: respond-async\r\n", ADD, 507, "limits.memory");
    cr_expect_eq(live_status(&l, "GET", "/jobs", NULL), 200);
    live_close(&l);
}
