/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/daemon.h"

static const char *const qa[] = {"qa", NULL}, *const both[] = {"qa", "rsa-qa", NULL},
                         *const targets[] = {"targets", NULL};

/* Parameters of Sign for one document of version, by those keys. */
static json_t *
order(const char *role, int64_t version, const char *const *keys)
{
    closing(freep) char *message = daemon_targets(version, 30);

    return json_pack("{s:[o]}", "documents", daemon_document(role, message, keys));
}

static json_t *
sign(struct daemon *d, uid_t uid, json_t *parameters)
{
    return daemon_call(d, uid, "Sign", parameters);
}

static const json_t *
signed_document(const json_t *answer, size_t i)
{
    return json_array_get(json_object_get(daemon_assert_reply(answer), "documents"), i);
}

static int64_t
mark_of(struct daemon *d, const char *role)
{
    struct ledger_mark mark = {0};

    enum rc rc = ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, role, NULL);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return mark.version;
}

/* That the signature is by the key of that name over message. */
static void
assert_signature(const json_t *signature, const char *name, const char *message)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(SIGNATURE_MAX_BYTES);
    const char *method = json_string_value(json_object_get(signature, "method"));
    const struct pubkey *key = softkeyring_key(name)->key;

    assert_string_equal(json_string_value(json_object_get(signature, "name")), name);
    assert_string_equal(json_string_value(json_object_get(signature, "key")), softkeyring_id(name));
    assert_int_equal(
        base64_parse(&raw, span_of(json_string_value(json_object_get(signature, "sig"))), NULL),
        RC_OK);
    assert_int_equal(verify_message(key, verify_method_find(span_of(method)), span_of(message),
                         bytes_span(&raw), NULL),
        RC_OK);
}

static void
test_signs_with_every_key_that_is_granted(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *message = daemon_targets(1, 30);
    static const char *const wanted[] = {"qa", "targets", "rsa-qa", NULL};
    json_auto_t *answer = sign(d, UID_ALICE,
        json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, wanted)));
    const json_t *document = signed_document(answer, 0);
    const json_t *signatures = json_object_get(document, "signatures");

    assert_int_equal(json_array_size(signatures), 2);
    assert_signature(json_array_get(signatures, 0), "qa", message);
    assert_signature(json_array_get(signatures, 1), "rsa-qa", message);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(document, "left_out"), softkeyring_id("targets"))),
        "not-granted");
    assert_int_equal(json_integer_value(json_object_get(daemon_assert_reply(answer), "record")), 1);
    assert_int_equal(mark_of(d, "targets/qa"), 1);
}

static void
test_remembers_what_it_released(void **state)
{
    static const struct {
        int64_t version;
        const char *error;
        int64_t mark;
    } cases[] = {
        {7, NULL, 7},
        {7, NULL, 7}, /* the same bytes */
        {8, NULL, 8},
        {7, "Rollback", 8},
        {8 + VERSION_STEP_MAX + 1, "Denied", 8},
    };
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *answer = sign(d, UID_ALICE, order("targets/qa", cases[i].version, qa));
        if (cases[i].error)
            daemon_assert_error(answer, cases[i].error, NULL, NULL);
        else
            daemon_assert_reply(answer);
        assert_int_equal(mark_of(d, "targets/qa"), cases[i].mark);
    }
    assert_int_equal(ledger_head_seq(d->agent.ledger), N_ELEMENTS(cases));
}

static void
test_signs_all_documents_or_none(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *good = daemon_targets(1, 30), *bad = daemon_targets(1, 30000);

    json_auto_t *refused = sign(d, UID_ADMIN,
        json_pack("{s:[o,o]}", "documents", daemon_document("targets", good, targets),
            daemon_document("targets/qa", good, qa)));
    daemon_assert_error(refused, "Denied", "reason", "not-granted");
    json_auto_t *late = sign(
        d, UID_ADMIN, json_pack("{s:[o]}", "documents", daemon_document("targets", bad, targets)));
    daemon_assert_error(late, "Denied", "reason", "validity-too-long");
    assert_int_equal(mark_of(d, "targets"), 0);
    assert_int_equal(ledger_head_seq(d->agent.ledger), 2);
}

static void
test_names_the_document_that_is_at_fault(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *good = daemon_targets(1, 30);

    json_auto_t *scanned = sign(d, UID_ALICE,
        json_pack("{s:[o,o]}", "documents", daemon_document("targets/qa", good, qa),
            daemon_document("targets/qa2", "{}", qa)));
    daemon_assert_error(scanned, "Malformed", "where", "documents[1].message");

    json_auto_t *twice = sign(d, UID_ALICE,
        json_pack("{s:[o,o]}", "documents", daemon_document("targets/qa", good, qa),
            daemon_document("targets/qa", good, qa)));
    daemon_assert_error(twice, "Malformed", "where", "documents[1].message");

    json_auto_t *none = sign(d, UID_ALICE, json_pack("{s:[]}", "documents"));
    daemon_assert_error(none, "Malformed", "where", "parameters");
}

static void
test_a_dry_run_leaves_nothing_behind(void **state)
{
    struct daemon *d = *state;
    json_t *parameters = order("targets/qa", 1, qa);

    json_object_set_new(parameters, "dry_run", json_true());
    json_auto_t *answer = sign(d, UID_ALICE, parameters);
    assert_int_equal(json_array_size(json_object_get(signed_document(answer, 0), "signatures")), 0);
    assert_int_equal(mark_of(d, "targets/qa"), 0);
    assert_int_equal(ledger_head_seq(d->agent.ledger), 0);
}

static void
test_fails_with_a_token_that_is_away(void **state)
{
    struct daemon *d = *state;

    daemon_skip_without_root();
    for (int partial = 0; partial < 2; partial++) {
        json_t *parameters = order("targets/qa", 1, both);
        json_object_set_new(parameters, "partial", json_boolean(partial));
        softkeyring_set_state("rsa-qa", KEYRING_LOCKED, "wants its PIN");
        struct agent *a = &d->agent;
        assert_int_equal(keyring_reload(a->keyring, a->policy, NULL), RC_OK);

        json_auto_t *answer = sign(d, UID_ALICE, parameters);
        if (partial) {
            assert_int_equal(
                json_array_size(json_object_get(signed_document(answer, 0), "signatures")), 1);
        } else {
            daemon_assert_error(answer, "TokenUnavailable", "state", "locked");
            daemon_assert_error(answer, "TokenUnavailable", "token", "hsm");
            daemon_assert_error(answer, "TokenUnavailable", "remedy", "wants its PIN");
        }
    }
}

/* What a refusal says must not be the keyring's, which changes with the policy. */
static void
test_answers_after_a_reload_what_was_decided_before(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);

    softkeyring_set_state("qa", KEYRING_ABSENT, "plug it in");
    assert_int_equal(keyring_reload(d->agent.keyring, d->agent.policy, NULL), RC_OK);
    softkeyring_hold(true);
    json_t *parameters = order("targets/qa", 1, qa);
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    message_put_call(&frame, MESSAGE_INTERFACE ".Sign", parameters, false);
    json_decref(parameters);
    assert_int_equal(write(fd, frame.p, frame.len), frame.len);

    /* The turns of the loop that see, read and refuse it, but not the one that records. */
    for (size_t i = 0; i < 2; i++)
        assert_true(sd_event_run(d->agent.event, 0) > 0);
    softkeyring_set_state("qa", KEYRING_READY, "");
    assert_int_equal(keyring_reload(d->agent.keyring, d->agent.policy, NULL), RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "TokenUnavailable", "remedy", "plug it in");
}

static void
test_who_fails_at_the_token_leaves_no_mark(void **state)
{
    static const struct {
        enum rc rc;
        const char *error;
    } cases[] = {
        {RC_TOKEN, "TokenUnavailable"},
        {RC_LOCKED, "TokenUnavailable"},
        {RC_TIMEOUT, "Timeout"},
        {RC_SYSTEM, "Internal"},
    };
    struct daemon *d = *state;

    softkeyring_hold(true);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
        daemon_ask(d, fd, "Sign", order("targets/qa", 1, both));
        assert_int_equal(softkeyring_n_waiting(), 2);
        softkeyring_finish(RC_OK);
        assert_null(daemon_answer(d, fd, "Sign"));
        softkeyring_finish(cases[i].rc);

        json_auto_t *answer = daemon_answer(d, fd, "Sign");
        daemon_assert_error(answer, cases[i].error, NULL, NULL);
        if (i < 3)
            daemon_assert_error(answer, cases[i].error, "token", "hsm");
    }
    assert_int_equal(mark_of(d, "targets/qa"), 0);
    assert_int_equal(ledger_head_seq(d->agent.ledger), N_ELEMENTS(cases));
}

static void
test_goes_on_without_a_key_that_fails_where_that_is_allowed(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
    json_t *parameters = order("targets/qa", 1, both);

    json_object_set_new(parameters, "partial", json_true());
    softkeyring_hold(true);
    daemon_ask(d, fd, "Sign", parameters);
    softkeyring_finish(RC_TOKEN);
    softkeyring_finish(RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    const json_t *document = signed_document(answer, 0);
    assert_int_equal(json_array_size(json_object_get(document, "signatures")), 1);
    assert_string_equal(json_string_value(json_object_get(
                            json_object_get(document, "left_out"), softkeyring_id("qa"))),
        "token-unavailable");
    assert_int_equal(mark_of(d, "targets/qa"), 1);
}

static void
test_signs_one_version_of_a_role_at_a_time(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int first = daemon_dial(d, UID_ALICE), second = daemon_dial(d, UID_ALICE);
    closing(freep) char *other = daemon_targets(1, 29);

    softkeyring_hold(true);
    daemon_ask(d, first, "Sign", order("targets/qa", 1, qa));
    daemon_ask(d, second, "Sign",
        json_pack("{s:[o]}", "documents", daemon_document("targets/qa", other, qa)));
    assert_int_equal(softkeyring_n_waiting(), 1);
    softkeyring_finish(RC_OK);

    json_auto_t *yes = daemon_answer(d, first, "Sign");
    daemon_assert_reply(yes);
    json_auto_t *no = daemon_answer(d, second, "Sign");
    daemon_assert_error(no, "Rollback", NULL, NULL);
}

static void
test_who_may_not_sign_waits_for_nobody_and_is_in_nobodys_way(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int first = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    daemon_ask(d, first, "Sign", order("targets/qa", 1, qa));
    json_auto_t *refused = sign(d, UID_BOB, order("targets/qa", 1, qa));
    daemon_assert_error(refused, "Denied", "reason", "not-granted");

    softkeyring_finish(RC_OK);
    json_auto_t *answer = daemon_answer(d, first, "Sign");
    daemon_assert_reply(answer);
}

static void
test_cancels_for_who_hangs_up(void **state)
{
    struct daemon *d = *state;
    int waiting = daemon_dial(d, UID_ALICE), signing = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    daemon_ask(d, signing, "Sign", order("targets/qa", 1, qa));
    daemon_ask(d, waiting, "Sign", order("targets/qa", 2, qa));
    fd_close(&waiting);
    daemon_pump(d);
    assert_int_equal(softkeyring_n_waiting(), 1);
    assert_int_equal(ledger_head_seq(d->agent.ledger), 1);

    fd_close(&signing);
    daemon_pump(d);
    assert_int_equal(softkeyring_n_waiting(), 0);
    assert_int_equal(ledger_head_seq(d->agent.ledger), 2);
    assert_int_equal(mark_of(d, "targets/qa"), 0);

    softkeyring_hold(false);
    json_auto_t *answer = sign(d, UID_ALICE, order("targets/qa", 1, qa));
    daemon_assert_reply(answer);
}

static void
test_gives_up_after_its_time(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int signing = daemon_dial(d, UID_ALICE), waiting = daemon_dial(d, UID_ALICE);

    softkeyring_hold(true);
    daemon_ask(d, signing, "Sign", order("targets/qa", 1, qa));
    daemon_ask(d, waiting, "Sign", order("targets/qa", 2, qa));
    clock_advance_ms(SIGN_TIMEOUT_S * 1000 - 1000);
    assert_null(daemon_answer(d, signing, "Sign"));
    clock_advance_ms(2000);

    json_auto_t *one = daemon_answer(d, signing, "Sign");
    daemon_assert_error(one, "Timeout", "token", "hsm");
    json_auto_t *two = daemon_answer(d, waiting, "Sign");
    daemon_assert_error(two, "Timeout", NULL, NULL);
    assert_int_equal(softkeyring_n_waiting(), 0);
}

/* However they were asked. */
static void
test_names_the_token_that_did_not_answer_in_time(void **state)
{
    struct daemon *d = *state;
    closing(freep) char *policy = NULL;
    const char *keys = strstr(daemon_policy(), "keys:\n"),
               *card = strstr(keys, "rsa-qa: {token: hsm");
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);

    assert_true(asprintf(&policy,
                    "tokens: {hsm: {module: /m.so, uri: \"pkcs11:token=a\"}, card: {module: /m.so, "
                    "uri: \"pkcs11:token=b\"}}\n%.*srsa-qa: {token: card%s",
                    (int)(card - keys), keys, card + strlen("rsa-qa: {token: hsm")) > 0);
    daemon_set_policy(d, policy);
    json_auto_t *reloaded = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(reloaded);

    softkeyring_hold(true);
    daemon_ask(d, fd, "Sign", order("targets/qa", 1, both));
    assert_int_equal(softkeyring_n_waiting(), 2);
    softkeyring_finish_of("rsa-qa", RC_OK);
    clock_advance_ms(SIGN_TIMEOUT_S * 1000 + 1000);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "Timeout", "token", "hsm");
}

/* Which the token made, but which cannot be said. */
static void
test_releases_nothing_that_is_below_a_mark_that_was_raised_meanwhile(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
    struct ledger_mark newer = {.version = 5};

    softkeyring_hold(true);
    daemon_ask(d, fd, "Sign", order("targets/qa", 1, qa));
    assert_int_equal(ledger_begin(d->agent.ledger, NULL), RC_OK);
    assert_int_equal(
        ledger_put_mark(d->agent.ledger, DAEMON_REPOSITORY, "targets/qa", &newer, NULL), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, NULL), RC_OK);
    softkeyring_finish(RC_OK);

    json_auto_t *answer = daemon_answer(d, fd, "Sign");
    daemon_assert_error(answer, "Rollback", NULL, NULL);
    assert_int_equal(mark_of(d, "targets/qa"), 5);
    assert_int_equal(ledger_head_seq(d->agent.ledger), 1);
}

static void
test_ends_in_order_with_requests_in_every_state(void **state)
{
    struct daemon *d = *state;
    int fds[4];

    softkeyring_hold(true);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        fds[i] = daemon_dial(d, UID_ALICE);
    daemon_ask(d, fds[0], "Sign", order("targets/qa", 1, both)); /* at the token */
    daemon_ask(d, fds[1], "Sign", order("targets/qa", 2, both)); /* waits for its turn */

    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    json_auto_t *refused = order("targets/qa", 1, targets);
    message_put_call(&frame, MESSAGE_INTERFACE ".Sign", refused, false);
    assert_int_equal(write(fds[2], frame.p, frame.len), frame.len); /* is being recorded */
    assert_int_equal(write(fds[3], frame.p, 10), 10);               /* is being read */
    assert_true(sd_event_run(d->agent.event, 0) > 0);

    listener_free(steal(d->agent.listener));
    assert_int_equal(softkeyring_n_waiting(), 0);
    release_free(steal(d->agent.release));
    assert_in_range(ledger_head_seq(d->agent.ledger), 2, 3);
    for (size_t i = 0; i < N_ELEMENTS(fds); i++)
        fd_close(&fds[i]);
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_signs_with_every_key_that_is_granted),
        DAEMON(test_remembers_what_it_released),
        DAEMON(test_signs_all_documents_or_none),
        DAEMON(test_names_the_document_that_is_at_fault),
        DAEMON(test_a_dry_run_leaves_nothing_behind),
        DAEMON(test_fails_with_a_token_that_is_away),
        DAEMON(test_answers_after_a_reload_what_was_decided_before),
        DAEMON(test_who_fails_at_the_token_leaves_no_mark),
        DAEMON(test_goes_on_without_a_key_that_fails_where_that_is_allowed),
        DAEMON(test_signs_one_version_of_a_role_at_a_time),
        DAEMON(test_who_may_not_sign_waits_for_nobody_and_is_in_nobodys_way),
        DAEMON(test_cancels_for_who_hangs_up),
        DAEMON(test_gives_up_after_its_time),
        DAEMON(test_names_the_token_that_did_not_answer_in_time),
        DAEMON(test_releases_nothing_that_is_below_a_mark_that_was_raised_meanwhile),
        DAEMON(test_ends_in_order_with_requests_in_every_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
