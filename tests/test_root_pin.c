/* SPDX-License-Identifier: Apache-2.0 */
#include "client/root_pin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/machine.h"
#include "tests/softagent.h"

/* What an agent says that has one of the repository's keys pinned, and one of another. */
static struct root_pin
pin_of(size_t key, int64_t version)
{
    static struct keyid roots[2];

    roots[0] = *pubkey_canonical_id(repository_keys[ELSEWHERE].key);
    roots[1] = *pubkey_canonical_id(repository_keys[key].key);
    return (struct root_pin){roots, 2, version, 1};
}

static void
sign(struct repository *r, enum part part, const struct bytes *message)
{
    const struct forge_key *const signers[FORGE_KEYS_MAX] = {&repository_keys[part]};

    forge_file(&r->files[part], bytes_span(message), signers);
}

/* A repository whose root of version 6 lists the key SPARE, and follows from the usual one of
 * version 5, which lists ROOT. */
static void
make_changed(struct repository *r)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_role roles[] = {{"root", {&repository_keys[SPARE]}, 1, NULL},
        {"snapshot", {&repository_keys[SNAPSHOT]}, 1, NULL},
        {"targets", {&repository_keys[TARGETS]}, 1, NULL},
        {"timestamp", {&repository_keys[TIMESTAMP]}, 1, NULL}};
    const struct forge_key *const both[FORGE_KEYS_MAX] = {
        &repository_keys[ROOT], &repository_keys[SPARE]};

    repository_make(r, &(struct plan){0});
    forge_root(&message, 6, FUTURE, roles);
    forge_file(&r->files[ROOT], bytes_span(&message), both);

    const struct forge_listed listed[] = {{"root", bytes_span(&r->files[ROOT])},
        {"targets", bytes_span(&r->files[TARGETS])}, {"targets/qa", bytes_span(&r->files[QA])}};
    forge_snapshot(&message, 6, FUTURE, listed, N_ELEMENTS(listed));
    sign(r, SNAPSHOT, &message);
    forge_timestamp(&message, 6, FUTURE, bytes_span(&r->files[SNAPSHOT]));
    sign(r, TIMESTAMP, &message);
}

static void
answer_head(struct machine *m, const struct repository *r)
{
    machine_answer_file(m, &r->files[TIMESTAMP]);
    machine_answer_file(m, &r->files[ROOT]);
    machine_answer_file(m, &r->files[SNAPSHOT]);
}

static void
answer_targets(struct machine *m, const struct repository *r)
{
    machine_answer_file(m, &r->files[TARGETS]);
    machine_answer_file(m, &r->files[QA]);
}

static void
test_vouches_for_a_root_that_this_machine_has_never_seen(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    const struct root_pin pin = pin_of(ROOT, 5);

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    answer_head(&m, &r);
    answer_targets(&m, &r);
    machine_enter_with(&m, (struct trust_options){.is_first_use_refused = true});
    trust_set_pin(m.trust, &pin);
    machine_update(&m);
    assert_false(trust_is_first_use(m.trust));
}

static void
test_refuses_a_fork_before_anything_of_it_is_kept(void **state)
{
    static const struct {
        size_t key;
        int64_t version;
        const char *sentence;
    } cases[] = {
        {SPARE, 5, "is not the one that the agent pins"},
        {ROOT, 6, "version 5, and the agent knows version 6"},
        {SPARE, 6, "version 5, and the agent knows version 6"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(machine_done) struct machine m;
        closing(repository_done) struct repository r = {0};
        const struct root_pin pin = pin_of(cases[i].key, cases[i].version);

        machine_init(&m);
        repository_make(&r, &(struct plan){0});
        answer_head(&m, &r);
        machine_enter(&m);
        trust_set_pin(m.trust, &pin);
        machine_refuse(&m, RC_UNTRUSTED, cases[i].sentence);
        assert_false(trust_is_cached(m.trust));
        assert_null(trust_root(m.trust));
    }
}

/* It lists the key, but is not signed by it: whoever has another key could do that. */
static void
test_wants_the_signature_of_a_pinned_key(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    const struct root_pin pin = pin_of(SPARE, 5);

    (void)state;
    machine_init(&m);
    repository_make(
        &r, &(struct plan){ROOT, .listed = {&repository_keys[ROOT], &repository_keys[SPARE]}});
    answer_head(&m, &r);
    machine_enter(&m);
    trust_set_pin(m.trust, &pin);
    machine_refuse(&m, RC_UNTRUSTED, "is not the one that the agent pins");
}

/* Whoever has one key of a root that wants two has nothing. */
static void
test_wants_as_many_keys_as_the_pinned_root(void **state)
{
    struct keyid roots[] = {*pubkey_canonical_id(repository_keys[ROOT].key),
        *pubkey_canonical_id(repository_keys[SPARE].key)};
    const struct root_pin pin = {roots, 2, 5, 2};
    const struct forge_key *const both[FORGE_KEYS_MAX] = {
        &repository_keys[ROOT], &repository_keys[SPARE]};
    const struct forge_key *const one[FORGE_KEYS_MAX] = {&repository_keys[ROOT]};

    (void)state;
    for (int n = 1; n <= 2; n++) {
        closing(repository_done) struct repository r = {0};
        closing(tuf_file_freep) struct tuf_file *made = NULL;
        closing(tuf_file_freep) struct tuf_file *file = NULL;
        closing(tuf_root_freep) struct tuf_root *root = NULL;

        repository_make(
            &r, &(struct plan){ROOT, .listed = {&repository_keys[ROOT], &repository_keys[SPARE]}});
        assert_int_equal(
            tuf_file_parse(&made, bytes_span(&r.files[ROOT]), TUF_STRICT, NULL), RC_OK);
        forge_file(&r.files[ROOT], bytes_span(&made->message), n == 1 ? one : both);
        assert_int_equal(
            tuf_file_parse(&file, bytes_span(&r.files[ROOT]), TUF_STRICT, NULL), RC_OK);
        assert_int_equal(tuf_root_parse(&root, bytes_span(&file->message), NULL), RC_OK);
        assert_int_equal(root_pin_vouches(&pin, root, file), n == 2);
    }
}

static void
test_follows_from_the_pinned_root_to_one_by_another_key(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository before = {0}, after = {0};
    const struct root_pin pin = pin_of(ROOT, 5);

    (void)state;
    machine_init(&m);
    repository_make(&before, &(struct plan){0});
    make_changed(&after);
    answer_head(&m, &after);
    machine_answer_file(&m, &before.files[ROOT]); /* 5.root */
    answer_targets(&m, &after);
    machine_enter(&m);
    trust_set_pin(m.trust, &pin);
    machine_update(&m);
    assert_non_null(strstr(canned_requests(&m.server), "/5.root.json"));
    assert_int_equal(trust_root(m.trust)->version, 6);
    assert_false(trust_is_first_use(m.trust));
}

/* The server's root leads nowhere: the one before it is not there, or is another one. */
static void
test_refuses_a_root_that_does_not_follow_from_the_pinned_one(void **state)
{
    closing(repository_done) struct repository before = {0}, after = {0};
    const struct root_pin pin = pin_of(ROOT, 4);

    (void)state;
    repository_make(&before, &(struct plan){0});
    make_changed(&after);
    for (int is_there = 0; is_there <= 1; is_there++) {
        closing(machine_done) struct machine m;

        machine_init(&m);
        answer_head(&m, &after);
        if (is_there) {
            machine_answer_file(&m, &before.files[ROOT]); /* as 4.root, and says version 5 */
            machine_answer_file(&m, &before.files[ROOT]); /* 5.root does not follow from it */
        } else {
            machine_answer_nothing(&m);
        }
        machine_enter(&m);
        trust_set_pin(m.trust, &pin);
        machine_refuse(&m, RC_UNTRUSTED, "is not the one that the agent pins");
    }
}

static void
test_goes_before_what_this_machine_trusts(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    const struct root_pin pin = pin_of(SPARE, 5);

    (void)state;
    machine_init(&m);
    repository_make(&r, &(struct plan){0});
    answer_head(&m, &r);
    answer_targets(&m, &r);
    machine_enter(&m);
    machine_update(&m);
    machine_leave(&m);

    machine_answer_file(&m, &r.files[TIMESTAMP]);
    machine_enter(&m);
    trust_set_pin(m.trust, &pin);
    machine_refuse(&m, RC_UNTRUSTED, "if it was misled, remove '");
}

#define ID "0b6101527b2ac766702e4b40aa2391805b70e5031c04714c748f914e89014403"

static void
test_reads_what_the_agent_says(void **state)
{
    static const struct {
        enum rc rc;
        const char *answer;
        enum rc want;
        size_t n_roots;
    } cases[] = {
        {RC_OK, "{\"roots\":[\"" ID "\"],\"version\":7,\"threshold\":1}", RC_OK, 1},
        {RC_OK, "{\"roots\":[],\"version\":7,\"threshold\":1}", RC_UNTRUSTED, 0},
        {RC_OK, "{\"roots\":[1],\"version\":7,\"threshold\":1}", RC_MALFORMED, 0},
        {RC_OK, "{\"roots\":[\"" ID "0\"],\"version\":7,\"threshold\":1}", RC_MALFORMED, 0},
        {RC_OK, "{\"roots\":[\"" ID "\"],\"version\":0,\"threshold\":1}", RC_MALFORMED, 0},
        {RC_OK, "{\"roots\":[\"" ID "\"],\"threshold\":1}", RC_MALFORMED, 0},
        {RC_OK, "{\"roots\":[\"" ID "\"],\"version\":7}", RC_MALFORMED, 0},
        {RC_OK, "{\"roots\":[\"" ID "\"],\"version\":7,\"threshold\":0}", RC_MALFORMED, 0},
        {RC_NOT_FOUND, "{\"kind\":\"root\"}", RC_OK, 0},
        {RC_UNSUPPORTED, "{\"method\":\"TrustedRoot\"}", RC_OK, 0},
        {RC_DENIED, "{\"reason\":\"not-granted\"}", RC_OK, 0},
        {RC_DENIED, "{\"reason\":\"policy-invalid\"}", RC_DENIED, 0},
        {RC_BUSY, "{\"bound\":\"CONN_MAX\"}", RC_BUSY, 0},
        {RC_TIMEOUT, NULL, RC_TIMEOUT, 0},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(softagent_done) struct agent_call agent;
        closing(root_pin_done) struct root_pin pin = {0};

        print_message("%s\n", cases[i].answer ? cases[i].answer : "nothing");
        softagent_init(&agent, NULL, 0);
        agent.rc = cases[i].rc;
        agent.answer = cases[i].answer;
        assert_int_equal(root_pin_ask(&pin, &agent, GUN, NULL), cases[i].want);
        assert_int_equal(pin.n_roots, cases[i].n_roots);
        assert_string_equal(json_string_value(json_object_get(agent.asked, "repository")), GUN);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vouches_for_a_root_that_this_machine_has_never_seen),
        cmocka_unit_test(test_refuses_a_fork_before_anything_of_it_is_kept),
        cmocka_unit_test(test_wants_the_signature_of_a_pinned_key),
        cmocka_unit_test(test_wants_as_many_keys_as_the_pinned_root),
        cmocka_unit_test(test_follows_from_the_pinned_root_to_one_by_another_key),
        cmocka_unit_test(test_refuses_a_root_that_does_not_follow_from_the_pinned_one),
        cmocka_unit_test(test_goes_before_what_this_machine_trusts),
        cmocka_unit_test(test_reads_what_the_agent_says),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
