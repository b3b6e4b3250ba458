/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/retire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/ledger_past.h"
#include "proto/bounds.h"
#include "proto/utc.h"
#include "tests/approvals.h"
#include "tests/daemon.h"

static struct forge_key listed; /* the key "root" as a root lists it */
static struct forge_key server; /* of snapshot and timestamp */

static int
set_up(void **state)
{
    int r = daemon_open(state);

    if (r == 0 && geteuid() == 0) {
        struct daemon *d = *state;
        json_auto_t *answer = daemon_call(d, UID_ADMIN, "IssueRootCertificate",
            json_pack("{s:s,s:s}", "repository", DAEMON_REPOSITORY, "key", softkeyring_id("root")));
        const char *pem =
            json_string_value(json_object_get(daemon_assert_reply(answer), "certificate"));
        assert_int_equal(pubkey_from_pem(&listed.key, span_of(pem), NULL), RC_OK);
        forge_key_init(&server, "P-256");
    }
    return r;
}

static int
tear_down(void **state)
{
    pubkey_unref(steal(listed.key));
    if (server.evp)
        forge_key_done(&server);
    server = (struct forge_key){0};
    return daemon_close(state);
}

/* Parameters of Sign for a root of that version, by the key "root"; days: to its expiry. */
static json_t *
order(int64_t version, int days)
{
    static const char *const keys[] = {"root", NULL};
    static int64_t today;
    closing(bytes_done) struct bytes expires = BYTES_INIT(64),
                                     message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_role roles[4] = {
        {.name = "root", .keys = {&listed}, .threshold = 1},
        {.name = "snapshot", .keys = {&server}, .threshold = 1},
        {.name = "targets", .keys = {softkeyring_key("targets")}, .threshold = 1},
        {.name = "timestamp", .keys = {&server}, .threshold = 1},
    };

    daemon_skip_without_root();
    if (today == 0) /* the same bytes again, however long that takes */
        today = agent_now_us() / 1000000;
    utc_format(&expires, today + days * INT64_C(86400));
    forge_root(&message, version, bytes_text(&expires), roles);
    return json_pack("{s:[o]}", "documents", daemon_document("root", bytes_text(&message), keys));
}

static json_t *
sign(struct daemon *d, int64_t version, int days)
{
    return daemon_call(d, UID_ADMIN, "Sign", order(version, days));
}

static void
release_root(struct daemon *d, int64_t version, int days)
{
    json_auto_t *answer = sign(d, version, days);

    daemon_assert_reply(answer);
}

static json_t *
retire(struct daemon *d, uid_t uid, bool accept_replay)
{
    return daemon_call(d, uid, "Retire",
        json_pack("{s:s,s:b}", "repository", DAEMON_REPOSITORY, "accept_replay", accept_replay));
}

static json_t *
supersede(int64_t version)
{
    return json_pack("{s:s,s:s,s:I}", "repository", DAEMON_REPOSITORY, "role", "root", "version",
        (json_int_t)version);
}

static void
test_only_admins_may(void **state)
{
    struct daemon *d = *state;
    json_auto_t *retired = retire(d, UID_ALICE, false);
    json_auto_t *superseded = daemon_call(d, UID_BOB, "Supersede", supersede(1));

    daemon_assert_error(retired, "Denied", "reason", "not-admin");
    daemon_assert_error(superseded, "Denied", "reason", "not-admin");
}

static void
test_refuses_what_makes_no_sense(void **state)
{
    struct daemon *d = *state;
    json_auto_t *unknown = retire(d, UID_ADMIN, false);
    daemon_assert_error(unknown, "Refused", NULL, NULL);

    json_t *parameters = supersede(1);
    json_object_set_new(parameters, "role", json_string("targets"));
    json_auto_t *role = daemon_call(d, UID_ADMIN, "Supersede", parameters);
    daemon_assert_error(role, "Unsupported", NULL, NULL);

    json_auto_t *name =
        daemon_call(d, UID_ADMIN, "Retire", json_pack("{s:s}", "repository", "alpine"));
    daemon_assert_error(name, "Malformed", NULL, NULL);

    release_root(d, 1, 30);
    json_auto_t *newer = daemon_call(d, UID_ADMIN, "Supersede", supersede(2));
    daemon_assert_error(newer, "Refused", NULL, NULL);
}

static void
test_a_root_key_without_a_past_signs_again(void **state)
{
    struct daemon *d = *state;

    release_root(d, 1, 30);
    json_auto_t *early = sign(d, 1, 31);
    daemon_assert_error(early, "Rollback", NULL, NULL);

    json_auto_t *answer = retire(d, UID_ADMIN, false);
    const json_t *reply = daemon_assert_reply(answer);
    assert_int_equal(json_array_size(json_object_get(reply, "refused")), 0);
    assert_int_equal(
        json_integer_value(json_object_get(reply, "record")), ledger_head_seq(d->agent.ledger));
    release_root(d, 1, 31);
}

static void
test_a_root_key_with_a_past_does_not(void **state)
{
    struct daemon *d = *state;

    release_root(d, 1, 30);
    release_root(d, 2, 30);
    json_auto_t *answer = retire(d, UID_ADMIN, false);
    const json_t *refused = json_object_get(daemon_assert_reply(answer), "refused");
    assert_string_equal(json_string_value(json_array_get(refused, 0)), "root");

    json_auto_t *replayed = sign(d, 1, 31);
    daemon_assert_error(replayed, "Denied", "reason", "replay");
    json_auto_t *certificate = daemon_call(d, UID_ADMIN, "IssueRootCertificate",
        json_pack("{s:s,s:s}", "repository", DAEMON_REPOSITORY, "key", softkeyring_id("root")));
    daemon_assert_error(certificate, "Denied", "reason", "replay");
    json_auto_t *elsewhere = daemon_call(d, UID_ADMIN, "IssueRootCertificate",
        json_pack("{s:s,s:s}", "repository", "registry.example.com/other", "key",
            softkeyring_id("root")));
    daemon_assert_reply(elsewhere);
}

static void
test_an_admin_may_accept_that(void **state)
{
    struct daemon *d = *state;

    release_root(d, 1, 30);
    release_root(d, 2, 30);
    json_auto_t *answer = retire(d, UID_ADMIN, true);
    daemon_assert_reply(answer);
    release_root(d, 1, 31);
}

/* Nothing of the old repository is written after it. */
static void
test_waits_for_a_root_that_is_being_signed(void **state)
{
    struct daemon *d = *state;
    struct ledger_mark mark;

    release_root(d, 1, 30);
    softkeyring_hold(true);
    int signing = daemon_dial(d, UID_ADMIN), retiring = daemon_dial(d, UID_ADMIN);
    daemon_ask(d, signing, "Sign", order(2, 30));
    daemon_ask(d, retiring, "Retire", json_pack("{s:s}", "repository", DAEMON_REPOSITORY));
    assert_null(daemon_answer(d, retiring, "Retire"));

    softkeyring_finish(RC_OK);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, signing, "Sign");
    json_auto_t *retired = daemon_answer(d, retiring, "Retire");
    daemon_assert_reply(answer);
    assert_int_equal(json_array_size(json_object_get(daemon_assert_reply(retired), "refused")), 1);
    assert_int_equal(
        ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "root", NULL), RC_NOT_FOUND);
    close(signing);
    close(retiring);
}

static void
test_who_does_not_wait_retires_nothing(void **state)
{
    struct daemon *d = *state;
    struct ledger_mark mark;

    release_root(d, 1, 30);
    softkeyring_hold(true);
    int signing = daemon_dial(d, UID_ADMIN), retiring = daemon_dial(d, UID_ADMIN);
    daemon_ask(d, signing, "Sign", order(2, 30));
    daemon_ask(d, retiring, "Retire", json_pack("{s:s}", "repository", DAEMON_REPOSITORY));
    close(retiring);
    daemon_pump(d);
    softkeyring_finish(RC_OK);
    daemon_pump(d);
    json_auto_t *answer = daemon_answer(d, signing, "Sign");
    daemon_assert_reply(answer);
    close(signing);
    assert_int_equal(ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, "root", NULL), RC_OK);
    assert_int_equal(mark.version, 2);
}

static void
test_supersedes_once(void **state)
{
    struct daemon *d = *state;

    release_root(d, 1, 30);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Supersede", supersede(1));
    daemon_assert_reply(answer);
    release_root(d, 1, 31);

    json_auto_t *first = sign(d, 1, 30), *third = sign(d, 1, 32);
    daemon_assert_error(first, "Rollback", NULL, NULL);
    daemon_assert_error(third, "Rollback", NULL, NULL);
    release_root(d, 1, 31);
    release_root(d, 2, 31);
}

/* It is another document, and those agree who have to. */
static void
test_what_supersedes_needs_approval_as_any_other(void **state)
{
    static const char keys[] = "keys: [root, rsa-root]";
    const char *text = daemon_policy(), *at = strstr(text, keys);
    closing(freep) char *changed = NULL;
    struct daemon *d = *state;

    release_root(d, 1, 30);
    assert_non_null(at);
    at += strlen(keys);
    assert_true(asprintf(&changed, "%.*s, approvals: {count: 1, users: [10002]}%s",
                    (int)(at - text), text, at) > 0);
    daemon_set_policy(d, changed);
    json_auto_t *reloaded = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(reloaded);

    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Supersede", supersede(1));
    daemon_assert_reply(answer);
    json_auto_t *parked = sign(d, 1, 31);
    daemon_assert_error(parked, "NeedsApproval", NULL, NULL);
    const json_t *asked = json_object_get(parked, "parameters");
    char digits[9];
    snprintf(digits, sizeof digits, "%s", json_string_value(json_object_get(asked, "digest")));
    approvals_vote_well(d, UID_BOB, json_string_value(json_object_get(asked, "id")), digits);
    release_root(d, 1, 31);
}

int
main(void)
{
#define DAEMON(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        DAEMON(test_only_admins_may),
        DAEMON(test_refuses_what_makes_no_sense),
        DAEMON(test_a_root_key_without_a_past_signs_again),
        DAEMON(test_a_root_key_with_a_past_does_not),
        DAEMON(test_an_admin_may_accept_that),
        DAEMON(test_waits_for_a_root_that_is_being_signed),
        DAEMON(test_who_does_not_wait_retires_nothing),
        DAEMON(test_supersedes_once),
        DAEMON(test_what_supersedes_needs_approval_as_any_other),
    };
#undef DAEMON

    return cmocka_run_group_tests(tests, NULL, NULL);
}
