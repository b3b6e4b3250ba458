/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "tests/clock.h"
#include "tests/daemon.h"

#define OTHERS "registry.example.com/others"

static struct why why;

/* One record: a request of uid about repository, at that time. */
static void
put(struct daemon *d, int64_t at_us, uid_t uid, const char *repository, const char *detail)
{
    struct peer peer = {.uid = uid};
    const struct audit_document document = {
        .format = "notary", .repository = repository, .role = "targets/qa", .version = 1};
    const struct audit_request request = {
        .at_us = at_us,
        .method = "Sign",
        .peer = &peer,
        .documents = &document,
        .n_documents = 1,
        .detail = detail,
        .reason = detail ? REASON_TOKEN : REASON_NONE,
        .outcome = detail ? AUDIT_FAILED : AUDIT_RELEASED,
    };
    int64_t seq = 0;

    daemon_skip_without_root();
    assert_int_equal(ledger_begin(d->agent.ledger, &why), RC_OK);
    assert_int_equal(audit_put(d->agent.audit, &request, &seq, &why), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, &why), RC_OK);
    trails_wake(d->agent.trails);
}

static void
put_some(struct daemon *d)
{
    put(d, 100, UID_ALICE, DAEMON_REPOSITORY, NULL);
    put(d, 200, UID_BOB, DAEMON_REPOSITORY, "no card");
    put(d, 400, UID_ALICE, OTHERS, "no card");
    put(d, 300, UID_ALICE, DAEMON_REPOSITORY, NULL);
}

static void
ask(struct daemon *d, int fd, json_t *parameters, bool more)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    message_put_call(&frame, MESSAGE_INTERFACE ".Audit", parameters, more);
    json_decref(parameters);
    assert_int_equal(write(fd, frame.p, frame.len), frame.len);
    daemon_pump(d);
}

static void
note_records(struct bytes *seqs, const json_t *reply)
{
    size_t i;
    json_t *record;

    json_array_foreach(json_object_get(reply, "records"), i, record)
        bytes_printf(seqs, "%d ", (int)json_integer_value(json_object_get(record, "seq")));
}

/* The sequences of all records that uid is told, in their order. parameters are consumed. */
static void
assert_told(struct daemon *d, uid_t uid, json_t *parameters, const char *want)
{
    closing(fd_close) int fd = daemon_dial(d, uid);
    closing(bytes_done) struct bytes seqs = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    bool is_last = false;

    ask(d, fd, parameters, true);
    while (!is_last) {
        json_auto_t *answer = daemon_answer(d, fd, "Audit");
        const json_t *reply = daemon_assert_reply(answer);
        note_records(&seqs, reply);
        is_last = json_object_get(reply, "head") != NULL;
    }
    assert_string_equal(bytes_text(&seqs), want);
}

static void
test_tells_users_of_their_own_records_and_admins_of_all(void **state)
{
    struct daemon *d = *state;

    put_some(d);
    assert_told(d, UID_ADMIN, json_object(), "1 2 4 3 ");
    assert_told(d, UID_ADMIN, json_pack("{s:b}", "all", true), "1 2 4 3 ");
    assert_told(d, UID_ADMIN, json_pack("{s:s}", "user", "10002"), "2 ");
    assert_told(d, UID_ALICE, json_object(), "1 4 3 ");
    assert_told(d, UID_ALICE, json_pack("{s:i}", "after", 0), "1 3 4 ");
    assert_told(d, UID_ALICE, json_pack("{s:s}", "user", "10001"), "1 4 3 ");
    assert_told(d, UID_BOB, json_pack("{s:s}", "repository", DAEMON_REPOSITORY), "2 ");
    assert_told(d, UID_BOB, json_pack("{s:s}", "repository", OTHERS), "");
}

static void
test_tells_what_was_asked_for(void **state)
{
    static const struct {
        const char *parameters, *seqs;
    } cases[] = {
        {"{\"after\": 1}", "2 3 4 "},
        {"{\"after\": 4}", ""},
        {"{\"newest\": true}", "3 4 2 1 "},
        {"{\"newest\": true, \"limit\": 2}", "3 4 "},
        {"{\"since\": 200, \"until\": 300}", "2 4 "},
        {"{\"limit\": 1}", "1 "},
        {"{\"repository\": \"" DAEMON_REPOSITORY "\"}", "1 2 4 "},
        {"{\"repository\": \"" DAEMON_REPOSITORY "\", \"user\": \"10001\"}", "1 4 "},
        {"{\"outcome\": \"failed\"}", "2 3 "},
        {"{\"reason\": \"token-unavailable\", \"newest\": true}", "3 2 "},
        {"{\"role\": \"targets/qa\", \"after\": 2, \"user\": null}", "3 4 "},
        {"{\"role\": \"targets\"}", ""},
    };
    struct daemon *d = *state;

    put_some(d);
    for (size_t i = 0; i < N_ELEMENTS(cases); i++)
        assert_told(d, UID_ADMIN, json_loads(cases[i].parameters, 0, NULL), cases[i].seqs);
}

static void
test_refuses_who_may_not_know(void **state)
{
    struct daemon *d = *state;

    put_some(d);
    json_auto_t *stranger = daemon_call(d, UID_STRANGER, "Audit", json_object());
    daemon_assert_error(stranger, "Denied", "reason", "not-granted");
    json_auto_t *all = daemon_call(d, UID_ALICE, "Audit", json_pack("{s:b}", "all", true));
    daemon_assert_error(all, "Denied", "reason", "not-admin");
    json_auto_t *other = daemon_call(d, UID_ALICE, "Audit", json_pack("{s:s}", "user", "10002"));
    daemon_assert_error(other, "Denied", "reason", "not-admin");
    json_auto_t *nobody = daemon_call(d, UID_ADMIN, "Audit", json_pack("{s:s}", "user", "no one"));
    daemon_assert_error(nobody, "NotFound", NULL, NULL);
    assert_told(d, UID_ADMIN, json_pack("{s:s}", "reason", "not-admin"), "6 7 ");
}

static void
test_refuses_what_means_nothing(void **state)
{
    static const char *const cases[] = {
        "{\"after\": 1, \"since\": 1}",
        "{\"after\": 1, \"newest\": true}",
        "{\"follow\": true}",
        "{\"follow\": true, \"after\": 0}", /* without "more" */
        "{\"limit\": 0}",
        "{\"since\": -1}",
        "{\"head\": true}",
    };
    struct daemon *d = *state;

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        json_auto_t *answer = daemon_call(d, UID_ADMIN, "Audit", json_loads(cases[i], 0, NULL));
        daemon_assert_error(answer, "Malformed", "where", "parameters");
    }
}

static void
test_lets_the_hashes_be_computed(void **state)
{
    struct daemon *d = *state;
    uint8_t text[sizeof(struct digest) + 16 + 4096] = {0};
    char hash[DIGEST_HEX_LEN + 1] = "";
    size_t i;
    json_t *record;

    put_some(d);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Audit", json_pack("{s:i}", "after", 0));
    const json_t *reply = daemon_assert_reply(answer);
    json_array_foreach(json_object_get(reply, "records"), i, record) {
        const char *body = json_string_value(json_object_get(record, "body"));
        struct digest digest;

        text[39] = (uint8_t)(i + 1);
        text[46] = (uint8_t)(json_integer_value(json_object_get(record, "at_us")) / 256);
        text[47] = (uint8_t)json_integer_value(json_object_get(record, "at_us"));
        memcpy(text + 48, body, strlen(body));
        digest_of(&digest, (struct span){text, 48 + strlen(body)});
        digest_hex(hash, &digest);
        assert_string_equal(json_string_value(json_object_get(record, "hash")), hash);
        memcpy(text, digest.b, sizeof digest.b);
    }

    const json_t *head = json_object_get(reply, "head");
    assert_true(json_is_true(json_object_get(reply, "complete")));
    assert_int_equal(json_integer_value(json_object_get(head, "seq")), 4);
    assert_string_equal(json_string_value(json_object_get(head, "hash")), hash);
    assert_string_equal(
        json_string_value(json_object_get(head, "ledger")), ledger_id(d->agent.ledger));
}

#define N_LARGE 60 /* records, of which one reply holds only some */

static void
put_large(struct daemon *d)
{
    static char detail[4096];

    memset(detail, '"', sizeof detail - 1);
    for (int i = 1; i <= N_LARGE; i++)
        put(d, i, UID_ALICE, OTHERS, detail);
}

static void
test_tells_as_much_as_one_reply_holds_without_more(void **state)
{
    struct daemon *d = *state;
    closing(bytes_done) struct bytes all = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    put_large(d);
    for (int i = 1; i <= N_LARGE; i++)
        bytes_printf(&all, "%d ", i);

    json_auto_t *answer = daemon_call(d, UID_ALICE, "Audit", json_object());
    const json_t *reply = daemon_assert_reply(answer);
    assert_true(json_is_false(json_object_get(reply, "complete")));
    assert_in_range(json_array_size(json_object_get(reply, "records")), 2, 8);
    assert_told(d, UID_ALICE, json_object(), bytes_text(&all));
}

static void
send_call(int fd, const char *method, bool more)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    message_put_call(&frame, method, NULL, more);
    assert_int_equal(write(fd, frame.p, frame.len), frame.len);
}

/* How many records are here already, while the agent stands still. */
static size_t
count_records(int fd)
{
    static char text[2 * OUTPUT_MAX_BYTES];
    size_t n = 0;

    ssize_t len = recv(fd, text, sizeof text, MSG_DONTWAIT);
    for (const char *c = text; len > 0 && (c = memmem(c, (size_t)(text + len - c), "\"seq\":", 6));
         c++)
        n++;
    return n;
}

static void
test_answers_others_between_its_steps(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int reader = daemon_dial(d, UID_ALICE);
    closing(fd_close) int other = daemon_dial(d, UID_BOB);
    char c;

    put_large(d);
    send_call(reader, MESSAGE_INTERFACE ".Audit", true);
    send_call(other, MESSAGE_INTERFACE ".ListKeys", false);
    while (recv(other, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
        assert_true(sd_event_run(d->agent.event, 0) > 0);
    assert_in_range(count_records(reader), 0, N_LARGE / 4);
}

/* The only one of its reply. */
static void
assert_hears(struct daemon *d, int fd, const char *want)
{
    closing(bytes_done) struct bytes seqs = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    json_auto_t *answer = daemon_answer(d, fd, "Audit");

    assert_non_null(answer);
    note_records(&seqs, daemon_assert_reply(answer));
    assert_string_equal(bytes_text(&seqs), want);
}

static json_t *
follow_from(int after)
{
    return json_pack("{s:i,s:b}", "after", after, "follow", true);
}

static void
test_tells_those_who_follow_of_new_ones(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int admin = daemon_dial(d, UID_ADMIN);
    closing(fd_close) int alice = daemon_dial(d, UID_ALICE);

    put_some(d);
    ask(d, admin, follow_from(3), true);
    ask(d, alice, follow_from(4), true);
    assert_hears(d, admin, "4 ");
    put(d, 50, UID_BOB, OTHERS, NULL);
    put(d, 500, UID_ALICE, OTHERS, NULL);
    assert_hears(d, admin, "5 6 ");
    assert_hears(d, alice, "6 ");
    assert_null(daemon_answer(d, admin, "Audit"));
    assert_null(daemon_answer(d, alice, "Audit"));

    clock_advance_ms(FOLLOW_MAX_S * INT64_C(1000) + 1);
    json_auto_t *answer = daemon_answer(d, admin, "Audit");
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(daemon_assert_reply(answer), "head"), "seq")),
        6);
    put(d, 600, UID_ALICE, OTHERS, NULL);
    assert_null(daemon_answer(d, admin, "Audit"));
}

static void
test_forgets_who_hangs_up(void **state)
{
    struct daemon *d = *state;
    int fd = daemon_dial(d, UID_ADMIN);

    ask(d, fd, follow_from(0), true);
    fd_close(&fd);
    daemon_pump(d);
    put(d, 1, UID_ALICE, OTHERS, NULL);
    daemon_pump(d);
}

static void
test_ends_where_the_policy_does_not_say_so_any_more(void **state)
{
    struct daemon *d = *state;
    closing(fd_close) int fd = daemon_dial(d, UID_ADMIN);
    closing(freep) char *text = strdup(daemon_policy());
    json_auto_t *changes = NULL;

    ask(d, fd, follow_from(0), true);
    char *admins = strstr(text, "admins: {users: [10003]}");
    assert_non_null(admins);
    memcpy(admins, "admins: {users: [10009]}", strlen("admins: {users: [10009]}"));
    daemon_set_policy(d, text);
    assert_int_equal(agent_reload(&d->agent, &changes, &why), RC_OK);
    put(d, 1, UID_ALICE, OTHERS, NULL);
    json_auto_t *answer = daemon_answer(d, fd, "Audit");
    daemon_assert_error(answer, "Denied", "reason", "not-admin");
}

static void
test_names_a_record_that_is_no_text(void **state)
{
    struct daemon *d = *state;
    int64_t seq = 0;

    put_some(d);
    assert_int_equal(ledger_begin(d->agent.ledger, &why), RC_OK);
    assert_int_equal(ledger_put_record(d->agent.ledger, 1, SPAN("{\xff}"), &seq, &why), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, &why), RC_OK);
    json_auto_t *answer = daemon_call(d, UID_ADMIN, "Audit", json_object());
    daemon_assert_error(
        answer, "StorageFailed", "remedy", "the ledger was changed: record 5 is no text");
}

#define DAEMON_TEST(f) cmocka_unit_test_setup_teardown(f, daemon_open, daemon_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        DAEMON_TEST(test_tells_users_of_their_own_records_and_admins_of_all),
        DAEMON_TEST(test_tells_what_was_asked_for),
        DAEMON_TEST(test_refuses_who_may_not_know),
        DAEMON_TEST(test_refuses_what_means_nothing),
        DAEMON_TEST(test_lets_the_hashes_be_computed),
        DAEMON_TEST(test_tells_as_much_as_one_reply_holds_without_more),
        DAEMON_TEST(test_answers_others_between_its_steps),
        DAEMON_TEST(test_tells_those_who_follow_of_new_ones),
        DAEMON_TEST(test_forgets_who_hangs_up),
        DAEMON_TEST(test_ends_where_the_policy_does_not_say_so_any_more),
        DAEMON_TEST(test_names_a_record_that_is_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
