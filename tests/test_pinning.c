/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pinning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/file.h"
#include "proto/bounds.h"

#define A      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C      "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D      "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
#define MODE   "\"mode\":\"enforced\""
#define PINNED "\"trust-pinning\":{\"root-keys\":{\"*\":[\"" A "\"]}}"

#define TRUST(members)   "{\"content-trust\":{" members "}}"
#define PINS(members)    TRUST(MODE ",\"trust-pinning\":{" members "}")
#define KEYS(members)    PINS("\"root-keys\":{" members "}")
#define CERTS(members)   PINS("\"cert-ids\":{" members "}")
#define REQUIRE(members) "{\"content-trust\":{" MODE "," PINNED "},\"require\":{" members "}}"

static void
test_says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "byte 0"},
        {"[]", "want an object"},
        {"{}", "content-trust: want an object, have nothing"},
        {TRUST(PINNED), "content-trust.mode: want 'disabled', 'permissive' or 'enforced'"},
        {TRUST("\"mode\":\"enforce\"," PINNED), "content-trust.mode: 'enforce': want"},
        {TRUST("\"mode\":\"Enforced\"," PINNED), "content-trust.mode: 'Enforced': want"},
        {TRUST("\"mode\":true," PINNED), "content-trust.mode: want text"},
        {TRUST(MODE), "trust pinning cannot be empty"},
        {PINS(""), "trust pinning cannot be empty"},
        {TRUST("\"mode\":\"permissive\""), "trust pinning cannot be empty"},
        {TRUST("\"mode\":\"disabled\",\"trust-pinning\":{}"), "trust pinning cannot be empty"},
        {PINS("\"official-library-images\":false"), "trust pinning cannot be empty"},
        {PINS("\"root-keys\":{},\"cert-ids\":{}"), "trust pinning cannot be empty"},
        {PINS("\"root-key\":{}"), "root-key"},
        {TRUST(MODE "," PINNED ",\"root-keys\":{}"), "root-keys"},
        {TRUST(MODE "," PINNED ",\"" MODE "\":1"), "byte"},
        {TRUST(MODE "," MODE "," PINNED), "mode"},
        {TRUST(MODE "," PINNED ",\"allow-expired-cached-trust-data\":1"), "want true or false"},
        {KEYS("\"*\":[]"), "root-keys: '*': want a list of one ID or more"},
        {KEYS("\"*\":\"" A "\""), "root-keys: '*': want a list of one ID or more"},
        {KEYS("\"*\":null"), "root-keys: '*': want a list of one ID or more"},
        {KEYS("\"r.io/*\":[\"" A "\",7]"), "root-keys: 'r.io/*': ID 2: want 64 lower-case"},
        {KEYS("\"r.io/*\":[\"AAaa" A "\"]"), "root-keys: 'r.io/*': ID 1: want 64 lower-case"},
        {KEYS("\"r.io/*/x\":[\"" A "\"]"),
            "root-keys: 'r.io/*/x': a '*' can only stand at the end"},
        {KEYS("\"r.io/**\":[\"" A "\"]"), "root-keys: 'r.io/**': a '*' can only stand at the end"},
        {KEYS("\"\":[\"" A "\"]"), "root-keys: '' is no name of a repository"},
        {KEYS("\"team/*\":[\"" A "\"]"), "'team/*' matches nothing; want 'docker.io/team/*'"},
        {KEYS("\"index.docker.io/*\":[\"" A "\"]"), "matches nothing; want 'docker.io/*'"},
        {KEYS("\"r.io//*\":[\"" A "\"]"), "'r.io//*' matches nothing: "},
        {KEYS("\"alpine\":[\"" A "\"]"),
            "'alpine' matches nothing; want 'docker.io/library/alpine'"},
        {KEYS("\"r.io/x:v1\":[\"" A "\"]"), "'r.io/x:v1' is no name of a repository"},
        {CERTS("\"r.io/*\":[\"" A "\"]"), "cert-ids: 'r.io/*': only whole names are taken here"},
        {CERTS("\"r.io/x\":[]"), "cert-ids: 'r.io/x': want a list of one ID or more"},
        {"{\"debug\":true,\"content-trust\":{" MODE "," PINNED "}}", "debug"},
        {REQUIRE("\"*\":{\"require\":[]}"), "require: '*': require: want one or more"},
        {REQUIRE("\"*\":{\"require\":\"qa\"}"), "'*': require.require: want an array"},
        {REQUIRE("\"*\":{\"require\":[7]}"), "require: '*': require[0]: want text"},
        {REQUIRE("\"*\":{\"require-any\":[]}"), "require: '*': require-any: want one list or more"},
        {REQUIRE("\"*\":{\"require-any\":[\"qa\"]}"), "require: '*': require-any[0]: want a list"},
        {REQUIRE("\"*\":{\"require-any\":[[]]}"), "a list of require-any: want one or more"},
        {REQUIRE("\"*\":{\"requires\":[\"qa\"]}"), "requires"},
        {REQUIRE("\"team/*\":{}"), "require: 'team/*' matches nothing; want 'docker.io/team/*'"},
        {REQUIRE("\"r.io/Team/*\":{}"), "require: 'r.io/Team/*' matches no image: "},
        {REQUIRE("\"r.io/web:*\":{}"), "require: 'r.io/web:*' matches no image: "},
        {REQUIRE("\"r.io/web:1\":{}"), "require: 'r.io/web:1' is no name of a repository"},
        {REQUIRE("\"a/*/b\":{}"), "require: 'a/*/b': a '*' can only stand at the end"},
        {"{\"content-trust\":{" MODE "," PINNED "},\"verifier\":{\"timeout-s\":0}}", "timeout-s"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct pinning *pinning = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].text);
        assert_int_equal(
            pinning_parse(&pinning, span_of(cases[i].text), PINNING_OWN, &why), RC_MALFORMED);
        assert_null(pinning);
        if (!strstr(why.text, cases[i].sentence))
            fail_msg("%s", why.text);
    }
}

static void
test_leaves_the_rest_of_a_daemon_json_to_the_engine(void **state)
{
    static const struct {
        const char *text;
        bool has_pinning;
        enum pinning_mode mode;
    } cases[] = {
        {"{}", false, PINNING_DISABLED},
        {"{\"debug\":true,\"require\":7,\"content-trust\":null}", false, PINNING_DISABLED},
        {"{\"content-trust\":{}}", true, PINNING_DISABLED},
        {TRUST(PINNED), true, PINNING_DISABLED},
        {"{\"log-driver\":\"journald\",\"content-trust\":{" MODE "," PINNED "}}", true,
            PINNING_ENFORCED},
        {TRUST("\"mode\":\"permissive\"," PINNED), true, PINNING_PERMISSIVE},
        {TRUST("\"mode\":\"disabled\""), true, PINNING_DISABLED},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(pinning_freep) struct pinning *pinning = NULL;
        struct why why = {0};

        print_message("%s\n", cases[i].text);
        assert_int_equal(
            pinning_parse(&pinning, span_of(cases[i].text), PINNING_DAEMON, &why), RC_OK);
        assert_int_equal(pinning != NULL, cases[i].has_pinning);
        if (pinning)
            assert_int_equal(pinning_mode(pinning), cases[i].mode);
    }
}

#define TABLE                                                                                      \
    PINS("\"root-keys\":{\"*\":[\"" A "\"],\"r.io/team/*\":[\"" B "\",\"" C "\"],"                 \
         "\"r.io/team/web\":[\"" C "\"],\"r.io/team/web*\":[\"" B "\"],\"R.io/Team/*\":[\"" D      \
         "\"]},\"cert-ids\":{\"r.io/team/api\":[\"" D "\"],\"r.io/Team/api\":[\"" C "\"]}")

static void
test_takes_the_longest_name_and_certificates_before_keys(void **state)
{
    static const struct {
        const char *says, *repository, *first;
        size_t n_roots, n_certificates;
    } cases[] = {
        {"the shortest name", "q.io/x", A, 1, 0},
        {"a longer one replaces it", "r.io/team/db", B, 2, 0},
        {"a whole name goes before one that is as long", "r.io/team/web", C, 1, 0},
        {"the longer beginning", "r.io/team/webshop", B, 1, 0},
        {"certificates go before keys", "r.io/team/api", D, 0, 1},
        {"and are of whole names", "r.io/team/api/v2", B, 2, 0},
        {"capitals are others", "R.io/Team/db", D, 1, 0},
        {"and not the same in small letters", "r.io/Team/db", A, 1, 0},
        {"also of certificates", "r.io/Team/api", C, 0, 1},
        {"a name without what the star follows", "r.io/team", A, 1, 0},
    };
    closing(pinning_freep) struct pinning *pinning = NULL;

    (void)state;
    assert_int_equal(pinning_parse(&pinning, span_of(TABLE), PINNING_OWN, NULL), RC_OK);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(root_pin_done) struct root_pin pin = {0};

        print_message("%s\n", cases[i].says);
        assert_int_equal(pinning_root(&pin, pinning, cases[i].repository, NULL), RC_OK);
        assert_int_equal(pin.n_roots, cases[i].n_roots);
        assert_int_equal(pin.n_certificates, cases[i].n_certificates);
        assert_string_equal(
            pin.n_roots > 0 ? pin.roots[0].hex : pin.certificates[0].hex, cases[i].first);
        assert_int_equal(pin.threshold, 1);
        assert_int_equal(pin.version, 1);
        assert_non_null(pin.file);
    }
}

static void
test_a_name_that_matches_nothing_is_no_pin(void **state)
{
    closing(pinning_freep) struct pinning *pinning = NULL;
    closing(root_pin_done) struct root_pin pin = {0};

    (void)state;
    assert_int_equal(
        pinning_parse(&pinning, SPAN(KEYS("\"r.io/Web\":[\"" A "\"]")), PINNING_OWN, NULL), RC_OK);
    assert_int_equal(pinning_root(&pin, pinning, "r.io/web", NULL), RC_OK);
    assert_false(root_pin_is_set(&pin));
    assert_int_equal(pinning_root(&pin, pinning, "r.io/Web", NULL), RC_OK);
    assert_true(root_pin_is_set(&pin));
}

static void
test_has_no_key_of_official_images(void **state)
{
    static const struct {
        const char *pins, *repository;
        enum rc want;
    } cases[] = {
        {"", "docker.io/library/alpine", RC_UNTRUSTED},
        {"", "docker.io/team/web", RC_OK},
        {"", "r.io/library/alpine", RC_OK},
        {",\"root-keys\":{\"*\":[\"" A "\"]}", "docker.io/library/alpine", RC_UNTRUSTED},
        {",\"root-keys\":{\"docker.io/*\":[\"" A "\"]}", "docker.io/library/alpine", RC_UNTRUSTED},
        {",\"root-keys\":{\"docker.io/library/*\":[\"" A "\"]}", "docker.io/library/alpine", RC_OK},
        {",\"root-keys\":{\"docker.io/library/alpine\":[\"" A "\"]}", "docker.io/library/alpine",
            RC_OK},
        {",\"cert-ids\":{\"docker.io/library/alpine\":[\"" A "\"]}", "docker.io/library/alpine",
            RC_OK},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(pinning_freep) struct pinning *pinning = NULL;
        closing(root_pin_done) struct root_pin pin = {0};
        char text[1024];
        struct why why = {0};

        snprintf(text, sizeof text, PINS("\"official-library-images\":true%s"), cases[i].pins);
        print_message("%s of %s\n", cases[i].repository, text);
        assert_int_equal(pinning_parse(&pinning, span_of(text), PINNING_OWN, &why), RC_OK);
        assert_int_equal(pinning_root(&pin, pinning, cases[i].repository, &why), cases[i].want);
        if (cases[i].want)
            assert_non_null(
                strstr(why.text, "put its ID under 'root-keys' as 'docker.io/library/*'"));
    }
}

static void
test_tells_what_gates_want(void **state)
{
    closing(pinning_freep) struct pinning *pinning = NULL;

    (void)state;
    assert_int_equal(pinning_parse(&pinning,
                         SPAN(REQUIRE("\"r.io/*\":{\"require\":[\"qa\",\"targets/dev\"],"
                                      "\"require-any\":[[\"a\",\"b\"],[\"c\"]]},"
                                      "\"r.io/web\":{\"require-cert\":[\"/etc/x.pem\"]}")),
                         PINNING_OWN, NULL),
        RC_OK);

    struct pinning_demand demand = pinning_demand(pinning, "r.io/db");
    assert_int_equal(json_array_size(demand.roles), 2);
    assert_int_equal(json_array_size(demand.any), 2);
    assert_null(demand.certificates);
    demand = pinning_demand(pinning, "r.io/web");
    assert_null(demand.roles);
    assert_int_equal(json_array_size(demand.certificates), 1);
    demand = pinning_demand(pinning, "q.io/web");
    assert_true(!demand.roles && !demand.any && !demand.certificates);
}

/* A table with that many names, and a key with that many IDs. */
static enum rc
parse_large(size_t n_names, size_t n_ids)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(8 * 1024 * 1024);
    closing(pinning_freep) struct pinning *pinning = NULL;

    bytes_puts(
        &text, "{\"content-trust\":{" MODE ",\"trust-pinning\":{\"root-keys\":{\"*\":[\"" A "\"");
    for (size_t i = 1; i < n_ids; i++)
        bytes_puts(&text, ",\"" A "\"");
    bytes_puts(&text, "]");
    for (size_t i = 1; i < n_names; i++)
        bytes_printf(&text, ",\"%zu*\":[\"" A "\"]", i);
    bytes_puts(&text, "}}}}");
    assert_int_equal(bytes_check(&text, NULL), RC_OK);
    return pinning_parse(&pinning, bytes_span(&text), PINNING_OWN, NULL);
}

static void
test_has_bounds(void **state)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PINNING_MAX_BYTES + 1);
    closing(pinning_freep) struct pinning *pinning = NULL;

    (void)state;
    assert_int_equal(parse_large(PINNING_NAMES_MAX, 1), RC_OK);
    assert_int_equal(parse_large(PINNING_NAMES_MAX + 1, 1), RC_TOO_LARGE);
    assert_int_equal(parse_large(1, KEYS_MAX), RC_OK);
    assert_int_equal(parse_large(1, KEYS_MAX + 1), RC_TOO_LARGE);

    bytes_puts(&text, KEYS("\"*\":[\"" A "\"]"));
    while (text.len < PINNING_MAX_BYTES)
        bytes_putc(&text, ' ');
    assert_int_equal(pinning_parse(&pinning, bytes_span(&text), PINNING_OWN, NULL), RC_OK);
    pinning_free(steal(pinning));
    bytes_putc(&text, ' ');
    assert_int_equal(pinning_parse(&pinning, bytes_span(&text), PINNING_OWN, NULL), RC_TOO_LARGE);
}

static void
test_reads_the_file_that_is_named_in_the_form_of_its_name(void **state)
{
    char dir[] = "/tmp/test_pinning.XXXXXX", path[64];
    closing(pinning_freep) struct pinning *pinning = NULL;
    struct why why = {0};

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    snprintf(path, sizeof path, "%s/daemon.json", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"debug\":true,\"content-trust\":{" MODE "," PINNED "}}", file);
    assert_int_equal(fclose(file), 0);

    assert_int_equal(pinning_find(&pinning, path, &why), RC_OK);
    assert_string_equal(pinning_path(pinning), path);
    pinning_free(steal(pinning));
    assert_int_equal(pinning_find(&pinning, "daemon.json", &why), RC_OK);
    pinning_free(steal(pinning));

    setenv("COUNTERSIGN_PINNING", path, 1);
    assert_int_equal(pinning_find(&pinning, NULL, &why), RC_OK);
    assert_string_equal(pinning_path(pinning), path);
    pinning_free(steal(pinning));
    assert_int_equal(pinning_find(&pinning, "", &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "--pinning '': want a file"));
    setenv("COUNTERSIGN_PINNING", "verify.json", 1);
    assert_int_equal(pinning_find(&pinning, NULL, &why), RC_SYSTEM);

    assert_int_equal(rename("daemon.json", "verify.json"), 0);
    assert_int_equal(pinning_find(&pinning, NULL, &why), RC_MALFORMED);
    assert_non_null(strstr(why.text, "'verify.json': "));
    assert_int_equal(unlink("verify.json"), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void
test_who_else_may_write_a_file_is_told(void **state)
{
    static const struct {
        mode_t mode;
        enum rc rc;
    } cases[] = {{0644, RC_OK}, {0400, RC_OK}, {0664, RC_SYSTEM}, {0646, RC_SYSTEM}};
    closing(fd_close) int fd = memfd_create("pinning", MFD_CLOEXEC);
    struct why why;

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        assert_int_equal(fchmod(fd, cases[i].mode), 0);
        assert_int_equal(file_check_writers(fd, "verify.json", &why), cases[i].rc);
    }
    assert_non_null(strstr(why.text, "'verify.json' has mode 0646"));
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 12345, 0), 0);
        assert_int_equal(fchmod(fd, 0644), 0);
        assert_int_equal(file_check_writers(fd, "verify.json", &why), RC_SYSTEM);
        assert_non_null(strstr(why.text, "'verify.json' belongs to uid 12345"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_is_wrong_and_where),
        cmocka_unit_test(test_leaves_the_rest_of_a_daemon_json_to_the_engine),
        cmocka_unit_test(test_takes_the_longest_name_and_certificates_before_keys),
        cmocka_unit_test(test_a_name_that_matches_nothing_is_no_pin),
        cmocka_unit_test(test_has_no_key_of_official_images),
        cmocka_unit_test(test_tells_what_gates_want),
        cmocka_unit_test(test_has_bounds),
        cmocka_unit_test(test_reads_the_file_that_is_named_in_the_form_of_its_name),
        cmocka_unit_test(test_who_else_may_write_a_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
