#include "base/hash.h"

#include <criterion/criterion.h>
#include <string.h>

static struct digest of_two(const char *a, const char *b)
{
    struct digester *d = digester_new();

    digester_add_str(d, a);
    digester_add_str(d, b);
    return digester_finish(d);
}

Test(hash, a_digest_is_sha256)
{
    struct digest d = digest_of("abc", 3);
    char hex[DIGEST_HEX];

    digest_hex(&d, hex);
    cr_expect_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    d = digest_of("", 0);
    digest_hex(&d, hex);
    cr_expect_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(hash, fields_do_not_run_together)
{
    struct digest a = of_two("ab", "c"), b = of_two("a", "bc"), again = of_two("ab", "c");

    cr_expect(!digest_eq(&a, &b));
    cr_expect(digest_eq(&a, &again));
}

Test(hash, a_missing_string_is_not_an_empty_one)
{
    struct digest none = of_two("a", NULL), empty = of_two("a", "");

    cr_expect(!digest_eq(&none, &empty));
}

Test(hash, the_stable_one_never_changes)
{
    cr_expect_eq(hash64_stable("", 0), 0x2d06800538d394c2u);
    cr_expect_neq(hash64_stable("a", 1), hash64_stable("b", 1));
}

Test(hash, the_seeded_one_is_the_same_within_a_process)
{
    cr_expect_eq(hash64("abc", 3), hash64("abc", 3));
    cr_expect_neq(hash64("abc", 3), hash64("abd", 3));
    cr_expect_eq(hash64("abc", 3), hash64_with(hash_seed(), "abc", 3));
}

Test(hash, one_of_a_given_seed_never_changes)
{
    cr_expect_eq(hash64_with(0, "", 0), hash64_stable("", 0));
    cr_expect_neq(hash64_with(1, "abc", 3), hash64_with(2, "abc", 3));
}
