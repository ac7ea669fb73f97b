#include "server/peers.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

static bool enter(struct peers *p, const char *address, struct peer *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return peers_enter(p, (struct sockaddr *)&v4, out);
    cr_assert_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return peers_enter(p, (struct sockaddr *)&v6, out);
}

Test(peers, each_address_has_so_many)
{
    struct peers *p = peers_new(2);
    struct peer a[3], b;

    cr_expect(enter(p, "192.0.2.1", &a[0]));
    cr_expect(enter(p, "192.0.2.1", &a[1]));
    cr_expect(!enter(p, "192.0.2.1", &a[2]));
    cr_expect(enter(p, "192.0.2.2", &b));
    peers_leave(p, &a[2]);
    cr_expect(!enter(p, "192.0.2.1", &a[2]), "one that is refused counts until it has left");
    peers_leave(p, &a[2]);
    peers_leave(p, &a[1]);
    cr_expect(enter(p, "192.0.2.1", &a[1]));
    peers_free(p);
}

Test(peers, addresses_of_one_network_are_one)
{
    struct peers *p = peers_new(1);
    struct peer peer;

    cr_expect(enter(p, "2001:db8:1:2::1", &peer));
    cr_expect(!enter(p, "2001:db8:1:2:ffff::9", &peer));
    cr_expect(enter(p, "2001:db8:1:3::1", &peer));
    cr_expect(enter(p, "192.0.2.1", &peer));
    cr_expect(!enter(p, "::ffff:192.0.2.1", &peer), "the same in the other's clothes");
    peers_free(p);
}

Test(peers, what_has_no_address_is_not_counted)
{
    struct peers *p = peers_new(1);
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct peer peer;

    for (int i = 0; i < 3; i++)
        cr_expect(peers_enter(p, &local, &peer));
    peers_leave(p, &peer);
    peers_free(NULL);
    peers_free(p);
}
