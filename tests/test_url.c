/* SPDX-License-Identifier: Apache-2.0 */
#include "client/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
test_takes_addresses_apart(void **state)
{
    static const struct {
        const char *says, *text, *authority, *host;
        int port;
        bool is_plain;
    } cases[] = {
        {"host", "https://msr.example.com", "msr.example.com", "msr.example.com", 443, false},
        {"port", "https://localhost:5000/v2/", "localhost:5000", "localhost", 5000, false},
        {"plain", "http://127.0.0.1", "127.0.0.1", "127.0.0.1", 80, true},
        {"query", "https://a?b=http://c", "a", "a", 443, false},
        {"IPv6", "https://[::1]:8443/x", "[::1]:8443", "[::1]", 8443, false},
        {"the root of all names", "https://a.b./", "a.b.", "a.b.", 443, false},
        {"a label of digits", "https://1.b/", "1.b", "1.b", 443, false},
        {"capitals", "HTTPS://Host/", "Host", "Host", 443, false},
        {"largest port", "https://a:65535", "a:65535", "a", 65535, false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(url_done) struct url url = {0};
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(url_parse(&url, cases[i].text, &why), RC_OK);
        assert_string_equal(url.text, cases[i].text);
        assert_string_equal(url.authority, cases[i].authority);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.is_plain, cases[i].is_plain);
    }
}

static void
test_refuses_what_others_could_read_differently(void **state)
{
    static const struct {
        const char *says, *text;
    } cases[] = {
        {"another scheme", "ftp://host"},
        {"no scheme", "host/path"},
        {"nothing", ""},
        {"no host", "https:///path"},
        {"no host but a port", "https://:443"},
        {"a user", "https://user@host"},
        {"a user and a password", "https://user:pass@host/"},
        {"a backslash", "https://host\\@evil"},
        {"a fragment", "https://host/#x"},
        {"a space", "https://host/a b"},
        {"a line feed", "https://host/\r\nX: y"},
        {"UTF-8", "https://h\xc3\xb6st/"},
        {"an escaped host", "https://host%2eevil/"},
        {"port 0", "https://host:0"},
        {"a port out of range", "https://host:65536"},
        {"no port after the colon", "https://host:/"},
        {"a word for a port", "https://host:http/"},
        {"an IPv6 address without an end", "https://[::1"},
        {"an IPv6 address with a tail", "https://[::1]x/"},
        {"half an IPv4 address", "https://127.1/"},
        {"a number", "https://2130706433/"},
        {"an IPv4 address in base 16", "https://0x7f.0.0.0x1/"},
        {"an IPv4 address in base 8", "https://0177.0.0.1/"},
        {"a dot behind a number", "https://127.0.0.1./"},
        {"what is no IPv6 address", "https://[:41]:5000/"},
        {"a longer one than there is", "https://[0000:0000:0000:0000:0000:0000:0000:0000:0000]/"},
        {"an IPv6 address without brackets", "https://::1/"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct url url = {0};
        struct why why = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(url_parse(&url, cases[i].text, &why), RC_MALFORMED);
        assert_null(url.text);
    }
}

static void
test_knows_loopback_by_its_spelling_only(void **state)
{
    static const char *const yes[] = {
        "localhost", "LOCALHOST:5000", "127.0.0.1", "127.255.0.9:1", "[::1]", "[::1]:443"};
    static const char *const no[] = {"localhost.example.com", "127.0.0.1.example.com", "128.0.0.1",
        "0.0.0.0", "127.1", "[::2]", "[::ffff:127.0.0.1]", "", "::1", "localhost@evil", "10.0.0.1"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(yes); i++)
        assert_true(url_is_loopback(yes[i]));
    for (size_t i = 0; i < N_ELEMENTS(no); i++)
        assert_false(url_is_loopback(no[i]));
}

static void
test_follows_a_location(void **state)
{
    static const struct {
        const char *location, *want; /* NULL: refused */
    } cases[] = {
        {"/other?x=1", "https://host:1/other?x=1"},
        {"https://storage.example.com/blob", "https://storage.example.com/blob"},
        {"http://host/", "http://host/"},
        {"//evil/", NULL},
        {"relative", NULL},
        {"", NULL},
        {"javascript:1", NULL},
    };
    closing(url_done) struct url from = {0};
    struct why why = {0};

    (void)state;
    assert_int_equal(url_parse(&from, "https://host:1/path", &why), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(url_done) struct url to = {0};

        enum rc rc = url_resolve(&to, &from, cases[i].location, &why);
        assert_int_equal(rc, cases[i].want ? RC_OK : RC_MALFORMED);
        if (cases[i].want)
            assert_string_equal(to.text, cases[i].want);
    }
}

static void
test_tells_origins_apart(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        {"https://h/x", "https://H:443/y", true},
        {"https://h", "http://h", false},
        {"https://h", "http://h:443", false},
        {"https://h:1", "https://h:2", false},
        {"https://h", "https://h.evil", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(url_done) struct url a = {0}, b = {0};
        struct why why = {0};

        assert_int_equal(url_parse(&a, cases[i].a, &why), RC_OK);
        assert_int_equal(url_parse(&b, cases[i].b, &why), RC_OK);
        assert_int_equal(url_is_same_origin(&a, &b), cases[i].is_same);
    }
}

static void
test_escapes_all_but_what_is_kept(void **state)
{
    closing(bytes_done) struct bytes b = BYTES_INIT(100);

    (void)state;
    url_put_escaped(&b, "localhost:5000/a b/../\xc3\xb6?#%~", "/:");
    assert_string_equal(bytes_text(&b), "localhost:5000/a%20b/../%C3%B6%3F%23%25~");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_addresses_apart),
        cmocka_unit_test(test_refuses_what_others_could_read_differently),
        cmocka_unit_test(test_knows_loopback_by_its_spelling_only),
        cmocka_unit_test(test_follows_a_location),
        cmocka_unit_test(test_tells_origins_apart),
        cmocka_unit_test(test_escapes_all_but_what_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
