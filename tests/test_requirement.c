/* SPDX-License-Identifier: Apache-2.0 */
#include "client/requirement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bounds.h"

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
                    "\"admin\":" OTHER ",\"both\":" OTHER)},
    {"targets/qa", DOCUMENT("", "\"both\":" ONE ",\"v1\":" ONE ",\"v2\":" OTHER)},
    {"targets/releases",
        DOCUMENT("", "\"both\":" ONE ",\"v1\":" ONE ",\"v2\":" ONE ",\"x\":" UNKNOWN)},
    {"targets/dev", DOCUMENT("", "\"both\":" ONE ",\"dev\":" ONE ",\"v1\":" ONE)},
    {"targets/gone", NULL},
};

#define N_ROLES N_ELEMENTS(published)

static struct trust_role roles[N_ROLES];

static int
setup(void **state)
{
    struct why why;

    (void)state;
    for (size_t i = 0; i < N_ROLES; i++) {
        struct tuf_targets *document = NULL;
        roles[i] = (struct trust_role){.name = strdup(published[i].role)};
        if (published[i].message &&
            tuf_targets_parse(&document, span_of(published[i].message), &why))
            fail_msg("%s: %s", roles[i].name, why.text);
        roles[i].document = document;
        roles[i].listed =
            i > 0 ? tuf_targets_find_role(roles[0].document, span_of(roles[i].name)) : NULL;
    }
    roles[4].problem = RC_UNTRUSTED;
    roles[4].cause = TRUST_CAUSE_EXPIRED;
    snprintf(roles[4].why.text, sizeof roles[4].why.text, "expired at noon");
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

/* The first byte of the digest, which is all zeros otherwise; -1: none. */
static void
judge(struct finding *ret, const struct requirement *requirement, const char *tag, int first)
{
    struct digest digest = {{(uint8_t)first}};
    const struct requirement_image image = {roles, N_ROLES, tag, first < 0 ? NULL : &digest};
    struct why why = {0};

    if (requirement_judge(ret, requirement, &image, &why))
        fail_msg("%s", why.text);
}

static void
test_reads_as_docker_does(void **state)
{
    static const struct {
        const char *says, *tag;
        int first; /* of the digest that is asked for */
        enum doubt doubt;
        const char *text; /* of the doubt; else the role */
    } cases[] = {
        {"a tag of releases", "v1", -1, DOUBT_NONE, "targets/releases"},
        {"releases go before targets", "both", -1, DOUBT_NONE, "targets/releases"},
        {"a tag of targets", "admin", -1, DOUBT_NONE, "targets"},
        {"with its digest", "v1", 0, DOUBT_NONE, "targets/releases"},
        {"with that of targets, behind releases", "both", 8, DOUBT_OTHER_DIGEST, "not sha256:08"},
        {"a digest alone", NULL, 0, DOUBT_NONE, "targets/releases"},
        {"a digest of targets alone", NULL, 8, DOUBT_NONE, "targets"},
        {"a digest that nobody released", NULL, 9, DOUBT_NOT_SIGNED, "no tag is released with"},
        {"a tag of developers", "dev", -1, DOUBT_OTHER_SIGNERS, "targets/dev, but neither"},
        {"a tag of nobody", "w", -1, DOUBT_NOT_SIGNED, "nobody signed a tag 'w'"},
        {"a target without sha256", "x", -1, DOUBT_NOT_VERIFIED, "has no sha256"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(finding_done) struct finding finding = {0};

        print_message("%s\n", cases[i].says);
        judge(&finding, &(struct requirement){0}, cases[i].tag, cases[i].first);
        assert_int_equal(finding.doubt, cases[i].doubt);
        if (cases[i].doubt == DOUBT_NONE)
            assert_string_equal(finding.role->name, cases[i].text);
        else if (!strstr(finding.why.text, cases[i].text))
            fail_msg("%s", finding.why.text);
    }
}

static void
test_wants_roles_that_hold_the_same_digest(void **state)
{
    static const struct {
        const char *says, *tag;
        const char *all, *any[3]; /* one role; one list */
        enum doubt doubt;
        const char *text;
    } cases[] = {
        {"a short name", "v1", "qa", {NULL}, DOUBT_NONE, ""},
        {"a long name", "v1", "targets/dev", {NULL}, DOUBT_NONE, ""},
        {"who has another digest", "v2", "qa", {NULL}, DOUBT_OTHER_DIGEST,
            "targets/qa has sha256:08"},
        {"who has not signed", "v2", "dev", {NULL}, DOUBT_OTHER_SIGNERS,
            "dev has not signed it; it"},
        {"who may not sign that tag", "both", "qa", {NULL}, DOUBT_OTHER_SIGNERS,
            "has not signed it"},
        {"who does not exist", "v1", "sre", {NULL}, DOUBT_OTHER_SIGNERS, "targets/sre is no role"},
        {"who is expired", "v1", "gone", {NULL}, DOUBT_EXPIRED, "targets/gone: expired at noon"},
        {"one of two", "v1", NULL, {"sre", "dev"}, DOUBT_NONE, ""},
        {"none of two", "v2", NULL, {"dev", "sre"}, DOUBT_OTHER_SIGNERS, "none of 2 roles"},
        {"one of two and all", "v2", "qa", {"releases"}, DOUBT_OTHER_DIGEST, "targets/qa has"},
        {"targets itself", "v1", "targets", {NULL}, DOUBT_OTHER_SIGNERS, "targets has not signed"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(requirement_done) struct requirement requirement = {0};
        closing(finding_done) struct finding finding = {0};

        print_message("%s\n", cases[i].says);
        if (cases[i].all)
            assert_int_equal(requirement_add_role(&requirement, cases[i].all, NULL), RC_OK);
        if (cases[i].any[0])
            assert_int_equal(requirement_begin_any(&requirement, NULL), RC_OK);
        for (size_t k = 0; cases[i].any[k]; k++)
            assert_int_equal(requirement_add_any(&requirement, cases[i].any[k], NULL), RC_OK);
        judge(&finding, &requirement, cases[i].tag, -1);
        assert_int_equal(finding.doubt, cases[i].doubt);
        if (!strstr(finding.why.text, cases[i].text))
            fail_msg("%s", finding.why.text);
    }
}

static void
test_targets_do_not_stand_in_for_releases_that_do_not_verify(void **state)
{
    const struct tuf_targets *document = roles[2].document;
    closing(finding_done) struct finding by_tag = {0};
    closing(finding_done) struct finding by_digest = {0};

    (void)state;
    roles[2].document = NULL;
    roles[2].problem = RC_UNTRUSTED;
    roles[2].cause = TRUST_CAUSE_ROLLBACK;
    judge(&by_tag, &(struct requirement){0}, "both", -1);
    judge(&by_digest, &(struct requirement){0}, NULL, 8);
    assert_int_equal(by_tag.doubt, DOUBT_ROLLED_BACK);
    assert_int_equal(by_digest.doubt, DOUBT_ROLLED_BACK);
    roles[2].document = document;
    roles[2].problem = RC_OK;
}

static void
test_lists_all_who_hold_it(void **state)
{
    closing(finding_done) struct finding finding = {0};

    (void)state;
    judge(&finding, &(struct requirement){0}, "both", -1);
    assert_int_equal(finding.n_holders, 2);
    assert_string_equal(finding.holders[0]->name, "targets/releases");
    assert_string_equal(finding.holders[1]->name, "targets/dev");
    assert_string_equal(finding.tag, "both");
    assert_int_equal(finding.target->length, 1);
}

static void
test_refuses_what_is_no_role_or_too_much(void **state)
{
    static const char *const names[] = {"", "Qa", "qa/", "/qa", "targets/", "q a", "a,b", "."};
    closing(requirement_done) struct requirement requirement = {0};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(names); i++)
        assert_int_equal(requirement_add_role(&requirement, names[i], NULL), RC_MALFORMED);
    for (size_t i = 0; i < PINNING_ROLES_MAX; i++) {
        assert_int_equal(requirement_add_role(&requirement, "a/b", NULL), RC_OK);
        assert_int_equal(requirement_begin_any(&requirement, NULL), RC_OK);
    }
    assert_int_equal(requirement_add_role(&requirement, "qa", NULL), RC_TOO_LARGE);
    assert_int_equal(requirement_begin_any(&requirement, NULL), RC_TOO_LARGE);
    assert_int_equal(requirement_add_file(&requirement, "/absent.pem", NULL), RC_NOT_FOUND);
    assert_int_equal(requirement_add_file(&requirement, "/etc/passwd", NULL), RC_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_as_docker_does),
        cmocka_unit_test(test_wants_roles_that_hold_the_same_digest),
        cmocka_unit_test(test_targets_do_not_stand_in_for_releases_that_do_not_verify),
        cmocka_unit_test(test_lists_all_who_hold_it),
        cmocka_unit_test(test_refuses_what_is_no_role_or_too_much),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
