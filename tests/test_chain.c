/* SPDX-License-Identifier: Apache-2.0 */
#include "client/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/machine.h"
#include "tests/softagent.h"

static const char *const roles[] = {"targets/qa"};

/* See a repository, and go on with what is answered after it. */
static void
see(struct machine *m, const struct repository *r)
{
    machine_answer_file(m, &r->files[TIMESTAMP]);
    machine_answer_file(m, &r->files[ROOT]);
    machine_answer_file(m, &r->files[SNAPSHOT]);
    machine_answer_file(m, &r->files[TARGETS]);
    machine_answer_file(m, &r->files[QA]);
}

/* "5.root timestamp …", and which of them are there by their digest alone. */
static void
assert_files(const json_t *bases, const char *want)
{
    const json_t *files = json_object_get(json_array_get(bases, 0), "files");
    closing(bytes_done) struct bytes names = BYTES_INIT(1024);

    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);
        bytes_printf(&names, "%s%s%s", i > 0 ? " " : "",
            json_object_get(file, "message") ? "" : "#",
            json_string_value(json_object_get(file, "role")));
        assert_int_equal(json_string_length(json_object_get(file, "digest")), DIGEST_HEX_LEN);
    }
    assert_string_equal(bytes_text(&names), want);
}

static void
test_brings_roots_since_the_pinned_one(void **state)
{
    closing(machine_done) struct machine m;
    closing(repository_done) struct repository r = {0};
    struct keyid id = *pubkey_canonical_id(repository_keys[ROOT].key);
    const struct root_pin pin = {&id, 1, 5, 1};

    (void)state;
    repository_make(&r, &(struct plan){0});
    for (int is_pinned = 0; is_pinned <= 1; is_pinned++) {
        closing(json_decrefp) json_t *bases = NULL;

        machine_init(&m);
        see(&m, &r);
        for (int version = 1; !is_pinned && version < 5; version++)
            machine_answer_file(&m, &r.files[ROOT]);
        machine_enter(&m);
        trust_set_pin(m.trust, is_pinned ? &pin : NULL);
        assert_int_equal(trust_update(m.trust, NULL), RC_OK);
        assert_int_equal(chain_format(&bases, m.trust, roles, 1, NULL), RC_OK);
        assert_files(bases,
            is_pinned ? "5.root timestamp snapshot targets targets/qa"
                      : "1.root 2.root 3.root 4.root 5.root timestamp snapshot targets targets/qa");
        assert_true(chain_has(bases, "targets/qa"));
        assert_false(chain_has(bases, "targets/dev"));
        if (!is_pinned)
            machine_done(&m);
    }
}

/* The agent then knows that nothing of it counts. */
static void
test_brings_what_does_not_verify_if_it_is_what_is_listed(void **state)
{
    static const struct {
        struct plan plan;
        const char *files;
    } cases[] = {
        {{QA, MISSIGNED}, "5.root timestamp snapshot targets targets/qa"},
        {{QA, MISLISTED}, "5.root timestamp snapshot targets"},
        {{QA, INEXACT}, "5.root timestamp snapshot targets"},
        {{QA, UNLISTED}, "5.root timestamp snapshot targets"},
        {{TARGETS, INEXACT}, "5.root timestamp snapshot"},
    };
    struct keyid id = *pubkey_canonical_id(repository_keys[ROOT].key);
    const struct root_pin pin = {&id, 1, 5, 1};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(machine_done) struct machine m;
        closing(repository_done) struct repository r = {0};
        closing(json_decrefp) json_t *bases = NULL;

        repository_make(&r, &cases[i].plan);
        machine_init(&m);
        see(&m, &r);
        machine_enter(&m);
        trust_set_pin(m.trust, &pin);
        assert_int_equal(trust_update(m.trust, NULL), RC_OK);
        assert_int_equal(chain_format(&bases, m.trust, roles, 1, NULL), RC_OK);
        assert_files(bases, cases[i].files);
    }
}

static json_t *
file_of(const char *role, size_t len)
{
    closing(freep) char *message = malloc(len + 1);
    char digest[DIGEST_HEX_LEN + 1];

    memset(message, 'A', len);
    message[len] = 0;
    memset(digest, '0', sizeof digest - 1);
    digest[sizeof digest - 1] = 0;
    return json_pack(
        "{s:s,s:i,s:s,s:s}", "role", role, "version", 5, "digest", digest, "message", message);
}

static void
test_sends_large_files_only_to_who_has_not_seen_them(void **state)
{
    size_t bound = CHAIN_WHOLE_MAX_BYTES / 3 * 4;
    static const struct {
        enum rc rc;
        const char *answer, *asked;
        size_t n_calls;
    } cases[] = {
        {RC_OK, "{}", "timestamp #targets", 1},
        {RC_NOT_FOUND, "{\"kind\":\"file\",\"name\":\"00\"}", "timestamp targets", 2},
        {RC_NOT_FOUND, "{\"kind\":\"user\",\"name\":\"file\"}", "timestamp #targets", 1},
        {RC_UNSUPPORTED, "{\"what\":\"a file without its message\"}", "timestamp targets", 2},
        {RC_NOT_FOUND, "{\"kind\":7}", "timestamp #targets", 1},
        {RC_DENIED, "{\"kind\":\"file\"}", "timestamp #targets", 1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(json_decrefp) json_t *bases = json_pack("[{s:s,s:[o,o]}]", "repository", GUN,
            "files", file_of("timestamp", bound), file_of("targets", bound + 4));
        closing(json_decrefp) json_t *parameters = json_object();
        closing(json_decrefp) json_t *answer = NULL;
        closing(softagent_done) struct agent_call agent;

        print_message("%s\n", cases[i].answer);
        softagent_init(&agent, NULL, 0);
        agent.rc = cases[i].rc;
        agent.answer = cases[i].answer;
        assert_int_equal(chain_call(&answer, &agent, "Sign", parameters, bases, NULL), cases[i].rc);
        assert_non_null(answer);
        assert_int_equal(agent.n_calls, cases[i].n_calls);
        assert_files(json_object_get(agent.asked, "bases"), cases[i].asked);
        assert_files(bases, "timestamp targets");
        assert_int_equal(json_object_size(parameters), 0);
    }
}

static void
test_does_not_ask_twice_where_all_was_shown(void **state)
{
    closing(json_decrefp) json_t *bases =
        json_pack("[{s:s,s:[o]}]", "repository", GUN, "files", file_of("timestamp", 4));
    closing(json_decrefp) json_t *parameters = json_object();
    closing(json_decrefp) json_t *answer = NULL;
    closing(softagent_done) struct agent_call agent;

    (void)state;
    softagent_init(&agent, NULL, 0);
    agent.rc = RC_UNSUPPORTED;
    assert_int_equal(chain_call(&answer, &agent, "Sign", parameters, bases, NULL), RC_UNSUPPORTED);
    assert_int_equal(agent.n_calls, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brings_roots_since_the_pinned_one),
        cmocka_unit_test(test_brings_what_does_not_verify_if_it_is_what_is_listed),
        cmocka_unit_test(test_sends_large_files_only_to_who_has_not_seen_them),
        cmocka_unit_test(test_does_not_ask_twice_where_all_was_shown),
    };

    return cmocka_run_group_tests(tests, repository_make_keys, repository_drop_keys);
}
