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
