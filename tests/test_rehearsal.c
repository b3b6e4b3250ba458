/* SPDX-License-Identifier: Apache-2.0 */
#include "client/rehearsal.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/machine.h"
#include "tests/softagent.h"

#define VERDICT(members)                                                                           \
    "{\"verdicts\":[{" members                                                                     \
    ",\"remedy\":\"do so\",\"checks\":[{\"rule\":\"r\",\"holds\":false,\"want\":\"w\","            \
    "\"have\":\"h\"}]}]}"
#define ALLOWED       VERDICT("\"allowed\":true,\"grant\":\"ci\"")
#define REFUSED(what) VERDICT("\"allowed\":false,\"reason\":\"" what "\"")
#define ERROR(code)   "{\"errors\":[{\"code\":\"" code "\",\"message\":\"so it is\"}]}"
#define TAKEN         "400 Bad Request", ERROR("VERSION")

static const struct softagent_key keys[] = {{"qa", "[\"targets/qa\"]", &repository_keys[QA]}};

static const struct {
    const char *says;
    struct plan plan;           /* what is published */
    const char *answer;         /* of the agent */
    const char *status, *error; /* of the server to a publication; NULL: none is tried */
    enum batch_mode mode;
    size_t n_looks; /* for newer timestamps, before that */
    enum rc rc;
    const char *sentence;
} cases[] = {
    {"it will come to pass", {0}, ALLOWED, TAKEN, BATCH_ALL, 0, RC_OK, ""},
    {"past a version that was released", {0}, REFUSED("rollback"), TAKEN, BATCH_ALL, 0, RC_OK, ""},
    {"what is expired itself is renewed", {QA, .expires = PAST}, ALLOWED, TAKEN, BATCH_ALL, 0,
        RC_OK, ""},
    {"what is above it is expired", {TARGETS, .expires = PAST}, ALLOWED, NULL, NULL, BATCH_ALL, 0,
        RC_UNTRUSTED, "targets of '" GUN "' expired at 2026-11-22T13:44:54Z, so nobody would read"},
    {"the agent refuses", {0}, REFUSED("quota"), NULL, NULL, BATCH_ALL, 0, RC_DENIED,
        "targets/qa of '" GUN "': the agent would refuse (quota): want w, have h; do so"},
    {"others must agree", {0}, REFUSED("approvals"), TAKEN, BATCH_ALL, 0, RC_PENDING,
        "(approvals)"},
    {"others must agree to what the server does not take", {0}, REFUSED("approvals"),
        "403 Forbidden", ERROR("DENIED"), BATCH_ALL, 0, RC_NETWORK, "DENIED"},
    {"a token is away", {0}, REFUSED("token-unavailable"), NULL, NULL, BATCH_ALL, 0, RC_TOKEN,
        "(token-unavailable)"},
    {"a token is away that may be left out", {0}, REFUSED("token-unavailable"), TAKEN,
        BATCH_PARTIAL, 0, RC_OK, ""},
    {"a token is away without which there are too few", {QA, .threshold = 2},
        REFUSED("token-unavailable"), NULL, NULL, BATCH_PARTIAL, 0, RC_TOKEN, ""},
    {"the agent knows something newer, which does not come", {0}, REFUSED("stale"), NULL, NULL,
        BATCH_ALL, 3, RC_STALE, "(stale)"},
    {"the server takes nothing from us", {0}, ALLOWED, "403 Forbidden", ERROR("DENIED"), BATCH_ALL,
        0, RC_NETWORK, "DENIED"},
    {"the server fails", {0}, ALLOWED, "500 Internal Server Error", ERROR("UNKNOWN"), BATCH_ALL, 0,
        RC_NETWORK, "UNKNOWN"},
    {"the server takes it, as it had lost it", {0}, ALLOWED, "200 OK", "", BATCH_ALL, 0, RC_OK, ""},
};

/* What the server answers, in the order of the requests. */
static void
prepare(struct machine *m, const struct repository *r, size_t i)
{
    static const enum part order[] = {TIMESTAMP, ROOT, SNAPSHOT, TARGETS, QA};

    for (size_t k = 0; k < N_ELEMENTS(order); k++)
        machine_answer_file(m, &r->files[order[k]]);
    for (size_t k = 0; k < cases[i].n_looks; k++)
        machine_answer_file(m, &r->files[TIMESTAMP]);
    if (cases[i].status)
        machine_answer(m, cases[i].status, span_of(cases[i].error));
    machine_enter(m);
    trust_allow_expired(m->trust);
    assert_int_equal(trust_update(m->trust, NULL), RC_OK);
}

static void
rehearse_case(size_t i)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    closing(signer_freep) struct signer *signer = NULL;
    closing(softagent_done) struct agent_call agent;
    const struct edit edit = {
        .kind = EDIT_SET_TARGET, .name = SPAN("v9"), .hashes = {.has_sha256 = true}, .length = 7};
    const struct publish_role role = {"targets/qa", &edit, 1, false};
    struct why why = {""};

    machine_init(&m);
    repository_make(&r, &cases[i].plan);
    prepare(&m, &r, i);
    softagent_init(&agent, keys, N_ELEMENTS(keys));
    assert_int_equal(signer_new(&signer, &agent, NULL), RC_OK);
    agent.answer = cases[i].answer;
    const struct publication publication = {
        .trust = m.trust,
        .signer = signer,
        .repo = m.repo,
        .repository = GUN,
        .roles = &role,
        .n_roles = 1,
        .mode = cases[i].mode,
        .now = NOW,
    };

    assert_int_equal(rehearse(&publication, &why), cases[i].rc);
    if (!strstr(why.text, cases[i].sentence))
        fail_msg("'%s', want '%s'", why.text, cases[i].sentence);
    assert_int_equal(strstr(canned_requests(&m.server), "POST ") != NULL, cases[i].status != NULL);
}

static void
test_says_what_a_publication_would_end_with(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        rehearse_case(i);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_a_publication_would_end_with),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
