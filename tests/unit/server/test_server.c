#include "server/server.h"

#include "support/live.h"

Test(server, refuses_addresses_that_are_none_and_those_of_others)
{
    struct world w;
    struct server *s = NULL;
    struct server_options o = {.ready_fd = -1};
    const char *bad[] = {"", "8080", ":8080", "127.0.0.1:", "no.such.host.invalid:1", "0.0.0.0:0"};

    WORLD_OPEN(&w);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.listen = bad[i];
        cr_expect_eq(server_new(&s, w.engine, &o), ERR_ARGUMENT, "'%s'", bad[i]);
        cr_expect_null(s);
    }
    cr_expect(strstr(err_text(), "127.0.0.1"), "says what would be right: %s", err_text());
    world_close(&w);
}

Test(server, tells_its_port_and_that_it_is_ready)
{
    struct live l;
    struct server_options o = {.listen = "127.0.0.1:0"};
    char text[16] = "";
    int fds[2];

    WORLD_OPEN(&l.world);
    cr_assert_eq(pipe(fds), 0);
    o.ready_fd = fds[1];
    cr_assert_eq(server_new(&l.server, l.world.engine, &o), ERR_OK, "%s", err_text());
    cr_assert_eq(pthread_create(&l.thread, NULL, live_main, l.server), 0);
    cr_expect_gt(read(fds[0], text, sizeof text - 1), 0);
    cr_expect_eq(atoi(text), server_port(l.server));
    live_close(&l);
}

Test(server, an_address_in_use_is_named)
{
    struct live l;
    struct server *other = NULL;
    struct server_options o = {.ready_fd = -1};
    char listen[32];

    LIVE_OPEN(&l, NULL);
    snprintf(listen, sizeof listen, "127.0.0.1:%d", server_port(l.server));
    o.listen = listen;
    cr_expect_eq(server_new(&other, l.world.engine, &o), ERR_BUSY);
    cr_expect(strstr(err_text(), listen), "%s", err_text());
    live_close(&l);
}
