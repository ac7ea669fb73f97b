#include "server/access.h"

#include "engine/keys.h"
#include "support/live.h"

/* A reply to a request with this key ("": none); mem_free it. */
static char *ask_as(const struct live *l, const char *key, const char *method, const char *path,
                    const char *body)
{
    struct buf b = {0};
    char *reply;

    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method, path);
    if (*key)
        buf_addf(&b, "Authorization: Bearer %s\r\n", key);
    if (body)
        buf_addf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_addf(&b, "\r\n%s", body ? body : "");
    reply = live_raw(l, b.p);
    buf_done(&b);
    return reply;
}

static int status_as(const struct live *l, const char *key, const char *method, const char *path,
                     const char *body)
{
    char *reply = ask_as(l, key, method, path, body);
    int status = 0;

    cr_assert_eq(sscanf(reply, "HTTP/1.1 %d", &status), 1, "%s", reply);
    mem_free(reply);
    return status;
}

static void make_key(const struct live *l, const struct key_spec *spec, char text[KEY_TEXT_BYTES])
{
    int64_t id;

    cr_assert_eq(keys_add(l->world.engine->keys, spec, text, &id), ERR_OK, "%s", err_text());
}

#define FROGS "{\"question\":\"What do frogs eat?\",\"mode\":\"keyword\"}"

Test(access, without_keys_everybody_is_the_operator)
{
    struct live l;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    cr_expect_eq(status_as(&l, "", "POST", "/query", FROGS), 200);
    cr_expect_eq(status_as(&l, "", "GET", "/stats", NULL), 200);
    live_close(&l);
}

Test(access, with_one_everybody_needs_one)
{
    struct live l;
    char key[KEY_TEXT_BYTES];
    char *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read"}, key);
    reply = ask_as(&l, "", "POST", "/query", FROGS);
    cr_expect(strstr(reply, "401 ") && strstr(reply, "WWW-Authenticate: Bearer\r\n"), "%s", reply);
    mem_free(reply);
    reply = ask_as(&l, "ragd_nonsense", "POST", "/query", FROGS);
    cr_expect(strstr(reply, "401 ") && strstr(reply, "error=\"invalid_token\""), "%s", reply);
    cr_expect_null(strstr(reply, "nonsense"), "a key is never told back");
    mem_free(reply);
    cr_expect_eq(status_as(&l, key, "POST", "/query", FROGS), 200);
    cr_expect_eq(status_as(&l, "", "GET", "/healthz", NULL), 200);
    cr_expect_eq(status_as(&l, "", "POST", "/v1/chat/completions", "{}"), 401);
    live_close(&l);
}

Test(access, a_key_is_forgotten_on_an_open_connection_too)
{
    struct live l;
    char key[KEY_TEXT_BYTES], reply[4096] = "", head[512];
    int fd;
    bool was;

    LIVE_OPEN(&l, NULL);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read"}, key);
    snprintf(head, sizeof head,
             "GET /version HTTP/1.1\r\nHost: localhost\r\nAuthorization: bearer %s"
             "\r\n\r\n",
             key);
    fd = live_connect(&l);
    cr_assert_gt(send(fd, head, strlen(head), 0), 0);
    cr_assert_gt(recv(fd, reply, sizeof reply - 1, 0), 0);
    cr_expect(strstr(reply, "200 OK"), "the scheme's case does not matter: %s", reply);
    cr_assert_eq(keys_revoke(l.world.engine->keys, 1, &was), ERR_OK);
    cr_assert_gt(send(fd, head, strlen(head), 0), 0);
    memset(reply, 0, sizeof reply);
    cr_assert_gt(recv(fd, reply, sizeof reply - 1, 0), 0);
    cr_expect(strstr(reply, "401 "), "%s", reply);
    close(fd);
    live_close(&l);
}

Test(access, a_role_may_what_it_may)
{
    struct live l;
    char reader[KEY_TEXT_BYTES], writer[KEY_TEXT_BYTES], admin[KEY_TEXT_BYTES];
    const char *doc = "{\"documents\":[{\"id\":\"a\",\"text\":\"Ants walk.\"}]}";

    LIVE_OPEN(&l, NULL);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read"}, reader);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "write"}, writer);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "admin"}, admin);
    cr_expect_eq(status_as(&l, reader, "POST", "/documents", doc), 403);
    cr_expect_eq(status_as(&l, writer, "POST", "/documents", doc), 200);
    cr_expect_eq(status_as(&l, reader, "GET", "/documents/a", NULL), 200);
    cr_expect_eq(status_as(&l, writer, "DELETE", "/cache", NULL), 403);
    cr_expect_eq(status_as(&l, writer, "PUT", "/collections/x", NULL), 403);
    cr_expect_eq(status_as(&l, admin, "PUT", "/collections/x", NULL), 201);
    cr_expect_eq(status_as(&l, admin, "GET", "/metrics", NULL), 200);
    live_close(&l);
}

Test(access, a_key_is_for_its_tenant_and_its_collections)
{
    struct live l;
    char other[KEY_TEXT_BYTES], some[KEY_TEXT_BYTES];
    const char *named = "{\"question\":\"What do frogs eat?\",\"mode\":\"keyword\","
                        "\"collection\":\"default\"}";
    char *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", NULL);
    make_key(&l, &(struct key_spec){.tenant = "other", .role = "admin"}, other);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "admin", .collections = "mine"},
             some);
    cr_expect_eq(status_as(&l, other, "POST", "/query", FROGS), 404, "it has no such collection");
    cr_expect_eq(status_as(&l, other, "GET", "/documents/frogs", NULL), 404);
    cr_expect_eq(status_as(&l, some, "POST", "/query", named), 403);
    cr_expect_eq(status_as(&l, some, "POST", "/search", named), 403);
    cr_expect_eq(status_as(&l, some, "GET", "/documents?collection=default", NULL), 403);
    cr_expect_eq(status_as(&l, some, "DELETE", "/collections/default", NULL), 403);
    cr_expect_eq(status_as(&l, some, "DELETE", "/documents/frogs?collection=default", NULL), 403);
    cr_expect_eq(status_as(&l, some, "PUT", "/collections/mine", NULL), 201);
    reply = ask_as(&l, some, "GET", "/collections", NULL);
    cr_expect(strstr(reply, "\"mine\"") && !strstr(reply, "\"default\""), "%s", reply);
    mem_free(reply);
    live_close(&l);
}

Test(access, a_keys_filter_is_around_whatever_is_asked)
{
    struct live l;
    char key[KEY_TEXT_BYTES];
    static const char *const widening[] = {
        "",
        ",\"filter\":{\"dept\":\"law\"}",
        ",\"filter\":{\"or\":[{\"dept\":\"law\"},{\"dept\":\"hr\"}]}",
        ",\"filter\":{\"not\":{\"dept\":\"hr\"}}",
        ",\"window\":3,\"k\":100",
    };
    char body[512], *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", "{\"dept\":\"hr\"}");
    world_put(&l.world, "secret", "Frogs eat secrets.", "{\"dept\":\"law\"}");
    world_put(&l.world, "bare", "Frogs eat bare secrets.", NULL);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read", .filter = "dept=hr"}, key);
    for (size_t i = 0; i < sizeof widening / sizeof *widening; i++)
        for (int route = 0; route < 2; route++) {
            snprintf(body, sizeof body, "{\"question\":\"What do frogs eat?\"%s}", widening[i]);
            reply = ask_as(&l, key, "POST", route ? "/search" : "/query", body);
            cr_expect(strstr(reply, "200 OK"), "%s", reply);
            cr_expect_null(strstr(reply, "secret"), "%s: %s", body, reply);
            cr_expect(i == 1 || i == 3 || strstr(reply, "eat flies"), "%s: %s", body, reply);
            mem_free(reply);
        }
    cr_expect_eq(status_as(&l, key, "GET", "/documents/frogs", NULL), 200);
    cr_expect_eq(status_as(&l, key, "GET", "/documents/secret", NULL), 404);
    reply = ask_as(&l, key, "GET", "/documents?limit=1", NULL);
    cr_expect(strstr(reply, "\"frogs\"") && strstr(reply, "\"next\":null"), "%s", reply);
    mem_free(reply);
    live_close(&l);
}

Test(access, an_answer_in_memory_is_not_anothers)
{
    struct live l;
    char hr[KEY_TEXT_BYTES], law[KEY_TEXT_BYTES], *reply;

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", "{\"dept\":\"hr\"}");
    world_put(&l.world, "secret", "Frogs eat secrets.", "{\"dept\":\"law\"}");
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read", .filter = "dept=hr"}, hr);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read", .filter = "dept=law"},
             law);
    for (int i = 0; i < 2; i++) { /* the second time from memory, by the bytes alone */
        reply = ask_as(&l, hr, "POST", "/query", FROGS);
        cr_expect(strstr(reply, "eat flies") && !strstr(reply, "secrets"), "%s", reply);
        cr_expect_eq(strstr(reply, "ragd-answer; hit") != NULL, i == 1, "%s", reply);
        mem_free(reply);
        reply = ask_as(&l, law, "POST", "/query", FROGS);
        cr_expect(strstr(reply, "eat secrets") && !strstr(reply, "flies"), "%s", reply);
        cr_expect_eq(strstr(reply, "ragd-answer; hit") != NULL, i == 1, "%s", reply);
        mem_free(reply);
    }
    live_close(&l);
}

static void expect_counts(const struct live *l, const char *key, int documents)
{
    char *reply = ask_as(l, key, "GET", "/collections", NULL), want[64];

    snprintf(want, sizeof want, "\"documents\":%d,\"chunks\":%d,", documents, documents);
    cr_expect_not_null(strstr(reply, want), "%s is not in %s", want, reply);
    mem_free(reply);
}

Test(access, a_filter_hides_how_many_documents_there_are)
{
    struct live l;
    char all[KEY_TEXT_BYTES], hr[KEY_TEXT_BYTES], none[KEY_TEXT_BYTES];

    LIVE_OPEN(&l, NULL);
    world_put(&l.world, "frogs", "Frogs eat flies.", "{\"department\":\"hr\"}");
    world_put(&l.world, "ants", "Ants walk.", "{\"department\":\"law\"}");
    world_put(&l.world, "bees", "Bees fly.", NULL);
    make_key(&l, &(struct key_spec){.tenant = "default", .role = "read"}, all);
    make_key(&l,
             &(struct key_spec){.tenant = "default", .role = "read", .filter = "department='hr'"},
             hr);
    make_key(&l,
             &(struct key_spec){.tenant = "default", .role = "read", .filter = "department='it'"},
             none);
    expect_counts(&l, all, 3);
    expect_counts(&l, hr, 1);
    expect_counts(&l, none, 0);
    live_close(&l);
}
