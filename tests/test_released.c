/* SPDX-License-Identifier: Apache-2.0 */
#include "client/released.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define ZEROS   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define TWOS    "CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ONE     "{\"hashes\":{\"sha256\":\"" ZEROS "\"},\"length\":1}"
#define OTHER   "{\"hashes\":{\"sha256\":\"" TWOS "\"},\"length\":2}"
#define UNKNOWN "{\"hashes\":{\"md5\":\"AAAA\"},\"length\":3}"

#define DELEGATE(name, paths)                                                                      \
    "{\"keyids\":[],\"name\":\"targets/" name "\",\"paths\":" paths ",\"threshold\":1}"
#define DOCUMENT(delegations, targets)                                                             \
    "{\"_type\":\"Targets\",\"delegations\":{\"keys\":{},\"roles\":[" delegations "]},"            \
    "\"expires\":\"2029-11-22T13:44:54Z\",\"targets\":{" targets "},\"version\":1}"

/* A repository as trust.h shows it: breadth-first. */
static const struct {
    const char *role;
    const char *message; /* NULL: nothing published, or it does not verify */
} published[] = {
    {"targets", DOCUMENT(DELEGATE("qa", "[\"v\"]") "," DELEGATE("releases", "[\"\"]") "," DELEGATE(
                             "dev", "[\"\"]") "," DELEGATE("gone", "[\"\"]"),
                    "\"both\":" ONE ",\"only-admin\":" ONE ",\"split\":" OTHER)},
    {"targets/qa", DOCUMENT(DELEGATE("qa/night", "[\"v1\",\"w\"]"),
                       "\"both\":" ONE ",\"only-qa\":" ONE ",\"v10\":" ONE ",\"v9\":" OTHER)},
    {"targets/releases", DOCUMENT("", "\"both\":" ONE ",\"q\\\"t\":" ONE ",\"split\":" ONE
                                      ",\"v10\":" ONE ",\"v9\":" ONE ",\"x\":" UNKNOWN)},
    {"targets/dev", DOCUMENT("", "\"both\":" ONE ",\"q\\\"t\":" ONE ",\"split\":" OTHER
                                 ",\"v10\":" ONE ",\"v9\":" ONE ",\"x\":" UNKNOWN)},
    {"targets/gone", NULL},
    {"targets/qa/night", DOCUMENT("", "\"v10\":" ONE ",\"v2\":" ONE ",\"w\":" ONE)},
};

#define N_ROLES N_ELEMENTS(published)

static struct trust_role roles[N_ROLES];

static const struct tuf_role *
find_listed(struct span name)
{
    for (size_t i = 0; i < N_ROLES; i++) {
        const struct tuf_role *listed =
            roles[i].document ? tuf_targets_find_role(roles[i].document, name) : NULL;
        if (listed)
            return listed;
    }

    return NULL;
}

static int
setup(void **state)
{
    struct why why;

    (void)state;
    for (size_t i = 0; i < N_ROLES; i++) {
        struct tuf_targets *document = NULL;
        roles[i].name = strdup(published[i].role);
        if (published[i].message &&
            tuf_targets_parse(&document, span_of(published[i].message), &why))
            fail_msg("%s: %s", roles[i].name, why.text);
        roles[i].document = document;
        roles[i].listed = find_listed(span_of(roles[i].name));
    }

    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROLES; i++) {
        free(roles[i].name);
        tuf_targets_free((struct tuf_targets *)roles[i].document);
    }

    return 0;
}

/* "both targets/releases 1 qa,dev\n" and so on */
static void
describe(struct bytes *b, const struct released *released)
{
    for (size_t i = 0; i < released->n; i++) {
        const struct released_row *row = &released->rows[i];
        bytes_printf(b, "%s %s %d", row->name, row->role->name, (int)row->target->length);
        for (size_t k = 0; k < row->n_signers; k++)
            bytes_printf(b, "%s%s", k == 0 ? " " : ",", released_signer(row->signers[k]));
        bytes_puts(b, "\n");
    }
}

static void
check_docker(const char *tag, const char *want)
{
    closing(bytes_done) struct bytes have = BYTES_INIT(65536);
    closing(released_done) struct released released = {0};

    assert_int_equal(released_for_docker(&released, roles, N_ROLES, tag, NULL), RC_OK);
    describe(&have, &released);
    assert_string_equal(bytes_text(&have), want);
}

static void
test_shows_docker_what_is_released(void **state)
{
    (void)state;
    /* Natural order; the path of qa does not count, nor its other digest of v9. */
    check_docker(NULL, "both targets/releases 1 qa,dev\n"
                       "only-admin targets 1\n"
                       "q\"t targets/releases 1 dev\n"
                       "split targets/releases 1\n"
                       "split targets 2 dev\n"
                       "v9 targets/releases 1 dev\n"
                       "v10 targets/releases 1 qa,dev,qa/night\n"
                       "x targets/releases 3 dev\n");
}

static void
test_shows_docker_one_tag(void **state)
{
    (void)state;
    check_docker("v10", "v10 targets/releases 1 qa,dev,qa/night\n");
    check_docker("both", "both targets/releases 1 dev\n");
    check_docker("split", "split targets/releases 1\nsplit targets 2 dev\n");
    check_docker("q\"t", "q\"t targets/releases 1 dev\n");
    check_docker("only-admin", "only-admin targets 1\n");
    check_docker("only-qa", "");
    check_docker("absent", "");
}

static void
check_notary(const char *const *starts, size_t n, const char *want)
{
    closing(bytes_done) struct bytes have = BYTES_INIT(65536);
    closing(released_done) struct released released = {0};

    assert_int_equal(released_for_notary(&released, roles, N_ROLES, starts, n, NULL), RC_OK);
    describe(&have, &released);
    assert_string_equal(bytes_text(&have), want);
}

static void
test_shows_notary_the_first_of_a_name(void **state)
{
    static const char whole[] = "both targets 1\n"
                                "only-admin targets 1\n"
                                "q\"t targets/releases 1\n"
                                "split targets 2\n"
                                "v10 targets/qa 1\n"
                                "v9 targets/qa 2\n"
                                "x targets/releases 3\n";

    (void)state;
    check_notary(NULL, 0, whole);
    check_notary((const char *const[]){"targets"}, 1, whole);
}

static void
test_shows_notary_the_roles_it_names(void **state)
{
    (void)state;
    check_notary((const char *const[]){"targets/qa"}, 1, "v10 targets/qa 1\nv9 targets/qa 2\n");
    check_notary((const char *const[]){"targets/qa/night"}, 1, "v10 targets/qa/night 1\n");
    check_notary((const char *const[]){"targets/dev", "targets/qa"}, 2,
        "both targets/dev 1\n"
        "q\"t targets/dev 1\n"
        "split targets/dev 2\n"
        "v10 targets/dev 1\n"
        "v9 targets/dev 1\n"
        "x targets/dev 3\n");
    /* A role that is named has its own turn, even where it lies below another one. */
    check_notary((const char *const[]){"targets/qa/night", "targets/qa"}, 2,
        "v10 targets/qa/night 1\nv9 targets/qa 2\n");
    check_notary((const char *const[]){"targets/gone", "targets/other", "qa"}, 3, "");
}

static void
test_takes_paths_from_the_top_down(void **state)
{
    static const struct {
        const char *says;
        size_t role;
        const char *name;
        bool admits;
    } cases[] = {
        {"targets admits everything", 0, "any", true},
        {"a prefix admits", 1, "v9", true},
        {"another name does not", 1, "w", false},
        {"the empty path admits everything", 3, "any", true},
        {"a path below a path of the parent admits", 5, "v10", true},
        {"a name that only the parent admits does not", 5, "v2", false},
        {"a path that the parent lacks does not", 5, "w", false},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        if (released_admits(roles, N_ROLES, &roles[cases[i].role], span_of(cases[i].name)) !=
            cases[i].admits)
            fail_msg("%s", cases[i].says);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shows_docker_what_is_released),
        cmocka_unit_test(test_shows_docker_one_tag),
        cmocka_unit_test(test_shows_notary_the_first_of_a_name),
        cmocka_unit_test(test_shows_notary_the_roles_it_names),
        cmocka_unit_test(test_takes_paths_from_the_top_down),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
