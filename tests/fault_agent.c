/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent without memory: of each call every allocation fails once. Whatever the caller is told,
 * nothing is lost, nothing is released that is not recorded, and the next call is answered.
 */
#include "tests/approvals.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/ledger_anchor.h"
#include "agent/quota.h"
#include "proto/bounds.h"
#include "tests/fault.h"

#define DAY    INT64_C(86400)
#define FUTURE "2029-11-22T13:44:54Z"

static const char *const both[] = {"qa", "rsa-qa", NULL}, *const targets[] = {"targets", NULL},
                         *const root[] = {"root", NULL};

static struct forge_key other; /* of the roles that this agent has no keys for */

static int64_t
mark_of(struct daemon *d, const char *role)
{
    struct ledger_mark mark = {0};

    enum rc rc = ledger_mark(&mark, d->agent.ledger, DAEMON_REPOSITORY, role, NULL);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return mark.version;
}

/* By the agent's root key, which is certified for it. */
static void
put_root(struct bytes *message, int64_t version)
{
    struct forge_key *key = softkeyring_key("root");
    int64_t now = agent_now_us() / 1000000;

    if (!pubkey_is_x509(key->key))
        forge_key_certify(key, DAEMON_REPOSITORY, now - DAY, now + 1000 * DAY);
    const struct forge_role roles[] = {{"root", {key}, 1, NULL}, {"snapshot", {&other}, 1, NULL},
        {"targets", {&other}, 1, NULL}, {"timestamp", {&other}, 1, NULL}};
    forge_root(message, version, FUTURE, roles);
}

static json_t *
sign(struct daemon *d)
{
    closing(freep) char *message = daemon_targets(mark_of(d, "targets/qa") + 1, 30);

    return json_pack("{s:[o]}", "documents", daemon_document("targets/qa", message, both));
}

static json_t *
sign_root_and_targets(struct daemon *d)
{
    closing(freep) char *message = daemon_targets(mark_of(d, "targets") + 1, 30);
    closing(bytes_done) struct bytes root_message = BYTES_INIT(DOCUMENT_MAX_BYTES);

    put_root(&root_message, mark_of(d, "root") + 1);
    return json_pack("{s:[o,o],s:b}", "documents",
        daemon_document("root", bytes_text(&root_message), root),
        daemon_document("targets", message, targets), "partial", true);
}

/* What is published: the first version of everything, in a snapshot that is newer each time. */
struct shown {
    struct bytes root, timestamp, snapshot, targets;
    int64_t version;
};

static void
publish(struct shown *p)
{
    static int64_t version;
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct forge_role qa = {"targets/qa", {softkeyring_key("qa")}, 1, "[\"\"]"};
    const struct forge_key *const by_root[FORGE_KEYS_MAX] = {softkeyring_key("root")};
    const struct forge_key *const by_other[FORGE_KEYS_MAX] = {&other};

    *p = (struct shown){
        BYTES_INIT(65536), BYTES_INIT(65536), BYTES_INIT(65536), BYTES_INIT(65536), ++version};
    put_root(&message, 1);
    forge_file(&p->root, bytes_span(&message), by_root);
    forge_targets(&message, 1, FUTURE, &qa, 1, "{}");
    forge_file(&p->targets, bytes_span(&message), by_other);
    const struct forge_listed listed[] = {
        {"root", bytes_span(&p->root)}, {"targets", bytes_span(&p->targets)}};
    forge_snapshot(&message, p->version, FUTURE, listed, 2);
    forge_file(&p->snapshot, bytes_span(&message), by_other);
    forge_timestamp(&message, p->version, FUTURE, bytes_span(&p->snapshot));
    forge_file(&p->timestamp, bytes_span(&message), by_other);
}

static void
shown_done(struct shown *p)
{
    bytes_done(&p->root);
    bytes_done(&p->timestamp);
    bytes_done(&p->snapshot);
    bytes_done(&p->targets);
}

static json_t *
file(const char *role, int64_t version, const struct bytes *raw)
{
    closing(bytes_done) struct bytes base64 = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    digest_of(&digest, bytes_span(raw));
    digest_hex(hex, &digest);
    bytes_put_base64(&base64, bytes_span(raw));
    return json_pack("{s:s,s:I,s:s,s:s}", "role", role, "version", (json_int_t)version, "digest",
        hex, "message", bytes_text(&base64));
}

static json_t *
sign_on_a_base(struct daemon *d)
{
    closing(shown_done) struct shown p;
    json_t *parameters = sign(d);

    publish(&p);
    json_object_set_new(parameters, "bases",
        json_pack("[{s:s,s:[o,o,o,o]}]", "repository", DAEMON_REPOSITORY, "files",
            file("1.root", 1, &p.root), file("timestamp", p.version, &p.timestamp),
            file("snapshot", p.version, &p.snapshot), file("targets", 1, &p.targets)));
    return parameters;
}

/* From now on a chain that begins with that root is believed. */
static void
pin_root(struct daemon *d)
{
    closing(shown_done) struct shown p;

    publish(&p);
    assert_int_equal(ledger_begin(d->agent.ledger, NULL), RC_OK);
    assert_int_equal(
        ledger_anchor_see(d->agent.ledger, DAEMON_REPOSITORY, 1, bytes_span(&p.root), NULL), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, NULL), RC_OK);
}

/* Which has a root once the test before signed one. */
static json_t *
repository(struct daemon *d)
{
    (void)d;
    return json_pack("{s:s}", "repository", DAEMON_REPOSITORY);
}

static json_t *
issue(struct daemon *d)
{
    static int n;
    char repository[64];

    (void)d;
    snprintf(repository, sizeof repository, "registry.example.com/shop/web%d", n++);
    return json_pack("{s:s,s:s}", "repository", repository, "key", softkeyring_id("root"));
}

static json_t *
nothing(struct daemon *d)
{
    (void)d;
    return NULL;
}

static json_t *
token(struct daemon *d)
{
    (void)d;
    return json_pack("{s:s}", "token", "hsm");
}

static json_t *
two_records(struct daemon *d)
{
    (void)d;
    return json_pack("{s:i,s:b,s:s}", "limit", 2, "newest", true, "user", "10001");
}

/* There is a root to be retired, and one to be superseded. */
static void
need_root(struct daemon *d)
{
    struct ledger_mark mark = {.version = mark_of(d, "root") + 1};

    fault_suspend();
    assert_int_equal(ledger_begin(d->agent.ledger, NULL), RC_OK);
    assert_int_equal(
        ledger_put_mark(d->agent.ledger, DAEMON_REPOSITORY, "root", &mark, NULL), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, NULL), RC_OK);
    fault_resume();
}

static json_t *
retire(struct daemon *d)
{
    need_root(d);
    return json_pack("{s:s}", "repository", DAEMON_REPOSITORY);
}

static json_t *
supersede(struct daemon *d)
{
    need_root(d);
    return json_pack("{s:s,s:s,s:I}", "repository", DAEMON_REPOSITORY, "role", "root", "version",
        (json_int_t)mark_of(d, "root"));
}

struct call {
    const char *method;
    uid_t uid;
    json_t *(*parameters)(struct daemon *d); /* of the next call */
    const char *role;                        /* whose mark goes up; NULL: none does */
    bool is_refused;
};

static const struct call calls[] = {
    {"Sign", UID_ALICE, sign, "targets/qa"},
    {"Sign", UID_BOB, sign, .is_refused = true},
    {"Sign", UID_ADMIN, sign_root_and_targets, "root"},
    {"Explain", UID_ALICE, sign},
    {"IssueRootCertificate", UID_ADMIN, issue},
    {"ListKeys", UID_ADMIN, nothing},
    {"TrustedRoot", UID_ALICE, repository},
    {"Status", UID_ALICE, nothing},
    {"Status", UID_ADMIN, nothing},
    {"Metrics", UID_ADMIN, nothing},
    {"Metrics", UID_ALICE, nothing, .is_refused = true},
    {"Status", UID_STRANGER, nothing, .is_refused = true},
    {"Audit", UID_ADMIN, two_records},
    {"Audit", UID_BOB, two_records, .is_refused = true},
    {"Reload", UID_ADMIN, nothing},
    {"Lock", UID_ADMIN, nothing},
    {"Unlock", UID_ADMIN, token},
    {"Unlock", UID_ALICE, token, .is_refused = true},
    {"org.varlink.service.GetInfo", UID_ALICE, nothing},
    {"Supersede", UID_ADMIN, supersede},
    {"Retire", UID_ADMIN, retire},
    {"Retire", UID_ALICE, retire, .is_refused = true},
};

/* What is answered before the connection ends; "": nothing. */
static const char *
hear(int fd, size_t n)
{
    static char answer[65536];

    ssize_t len = recv(fd, answer, sizeof answer - 1, MSG_DONTWAIT);
    if (len < 0 && errno == EAGAIN)
        fail_msg("allocation %zu: the caller waits for ever", n);
    answer[len > 0 ? len : 0] = 0;
    return answer;
}

/* The call, of which the nth allocation fails; false: it has not so many. */
static bool
call_without(struct daemon *d, const struct call *call, const json_t *parameters, size_t n)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    closing(fd_close) int fd = daemon_dial(d, call->uid);
    int64_t records = ledger_head_seq(d->agent.ledger);
    int64_t mark = call->role ? mark_of(d, call->role) : 0;
    char method[64];

    snprintf(method, sizeof method, "%s%s", strchr(call->method, '.') ? "" : MESSAGE_INTERFACE ".",
        call->method);
    message_put_call(&frame, method, parameters, false);
    assert_int_equal(send(fd, frame.p, frame.len, MSG_NOSIGNAL), frame.len);
    fault_arm(n);
    daemon_pump(d);
    fault_suspend();

    const char *answer = hear(fd, n);
    bool is_higher = call->role && mark_of(d, call->role) > mark;
    assert_true(!is_higher || ledger_head_seq(d->agent.ledger) > records);
    assert_true(!call->role || !strstr(answer, "\"signatures\":[{") || is_higher);
    if (!fault_has_struck() && !strstr(answer, "\"error\":") == call->is_refused)
        fail_msg("%s with all its memory: %.400s", call->method, answer);
    fault_resume();
    bool has_struck = fault_has_struck();
    fault_arm(0);
    return has_struck;
}

/* For each allocation of the call; what was to be signed is signed after it failed. */
static void
sweep(struct daemon *d, const struct call *call)
{
    bool has_struck = true;

    for (size_t n = 1; has_struck; n++) {
        json_auto_t *parameters = call->parameters(d);
        int64_t mark = call->role ? mark_of(d, call->role) : 0;

        has_struck = call_without(d, call, parameters, n);
        if (!call->role)
            continue;

        json_auto_t *again = daemon_call(d, call->uid, call->method, json_incref(parameters));
        daemon_assert_reply(again);
        assert_int_equal(mark_of(d, call->role), mark + 1);
    }
}

static void
test_answers_or_hangs_up_whatever_allocation_fails(void **state)
{
    for (size_t i = 0; i < N_ELEMENTS(calls); i++)
        sweep(*state, &calls[i]);
}

/* What was released counts, and nothing else. */
static void
test_counts_what_it_releases(void **state)
{
    static const char grant[] = "  qa-team: {users: [10001], keys: [qa, rsa-qa]";
    const struct call call = {"Sign", UID_ALICE, sign, "targets/qa"};
    const char *text = daemon_policy(), *at = strstr(text, grant);
    closing(freep) char *changed = NULL;
    struct daemon *d = *state;
    struct quota_use use;

    assert_non_null(at);
    at += strlen(grant);
    assert_true(asprintf(&changed, "%.*s, quota: 100000/1h%s", (int)(at - text), text, at) > 0);
    daemon_set_policy(d, changed);
    json_auto_t *reloaded = daemon_call(d, UID_ADMIN, "Reload", NULL);
    daemon_assert_reply(reloaded);
    sweep(d, &call);

    int64_t now = agent_now_us() / 1000000, n = 0;
    for (size_t i = 0; i < d->agent.policy->n_grants; i++)
        if (d->agent.policy->grants[i].quota.n > 0) {
            assert_int_equal(
                quota_use(&use, d->agent.quota, &d->agent.policy->grants[i], UID_ALICE, now, NULL),
                RC_OK);
            n += use.n;
        }
    /* Each version once, and again where it was signed but the reply was lost. */
    assert_in_range(n, mark_of(d, "targets/qa"), 2 * mark_of(d, "targets/qa"));
}

static void
test_reads_what_is_published_or_says_no(void **state)
{
    const struct call call = {"Sign", UID_ALICE, sign_on_a_base, "targets/qa"};
    struct daemon *d = *state;

    pin_root(d);
    sweep(d, &call);
    assert_int_equal(mark_of(d, "targets"), 1); /* the base was believed */
}

/* With nothing parked before. */
static json_t *
sign_with_approval(struct daemon *d)
{
    closing(freep) char(*ids)[PARKED_ID_LEN + 1] = NULL;
    size_t n = 0;

    assert_int_equal(ledger_list_parked(&ids, &n, d->agent.ledger, 0, NULL), RC_OK);
    assert_int_equal(ledger_begin(d->agent.ledger, NULL), RC_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ledger_forget_parked(d->agent.ledger, ids[i], NULL), RC_OK);
    assert_int_equal(ledger_commit(d->agent.ledger, NULL), RC_OK);
    return approvals_order(1);
}

/* One is parked. */
static json_t *
vote(struct daemon *d)
{
    char id[PARKED_ID_LEN + 1], digits[9];

    approvals_park(d, UID_ALICE, 1, id, digits);
    return json_pack("{s:s,s:s}", "id", id, "digest8", digits);
}

static json_t *
parked_id(struct daemon *d)
{
    json_t *parameters = vote(d);

    json_object_del(parameters, "digest8");
    return parameters;
}

static void
test_parks_and_votes_or_says_no(void **state)
{
    static const struct call calls_of_approvals[] = {
        {"Sign", UID_ALICE, sign_with_approval, .is_refused = true},
        {"Pending", UID_BOB, nothing},
        {"Pending", UID_BOB, parked_id},
        {"Approve", UID_ALICE, vote, .is_refused = true},
        {"Deny", UID_ALICE, parked_id},
        {"Approve", UID_BOB, vote},
    };

    approvals_set(*state, ", approvals: {count: 2, users: [10002, 10005]}");
    for (size_t i = 0; i < N_ELEMENTS(calls_of_approvals); i++)
        sweep(*state, &calls_of_approvals[i]);
}

static void
test_loses_no_connection_whatever_allocation_fails(void **state)
{
    static const char call[] = "{\"method\":\"org.varlink.service.GetInfo\"}";
    struct daemon *d = *state;
    bool has_struck = true;

    for (size_t n = 1; has_struck; n++) {
        fault_arm(n);
        closing(fd_close) int fd = daemon_dial(d, UID_ALICE);
        send(fd, call, sizeof call, MSG_NOSIGNAL);
        daemon_pump(d);
        has_struck = fault_has_struck();
        fault_suspend();
        assert_true(*hear(fd, n) || has_struck);
        fault_resume();
        fd_close(&fd);
        daemon_pump(d);

        fault_arm(0);
        json_auto_t *next = daemon_call(d, UID_ALICE, "ListKeys", NULL);
        daemon_assert_reply(next);
    }
}

static int
make_key(void **state)
{
    (void)state;
    forge_key_init(&other, "P-256");
    return 0;
}

static int
drop_key(void **state)
{
    (void)state;
    forge_key_done(&other);
    return 0;
}

int
main(void)
{
#define DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_open, daemon_close)
    const struct CMUnitTest tests[] = {
        DAEMON(test_answers_or_hangs_up_whatever_allocation_fails),
        DAEMON(test_counts_what_it_releases),
        DAEMON(test_reads_what_is_published_or_says_no),
        DAEMON(test_parks_and_votes_or_says_no),
        DAEMON(test_loses_no_connection_whatever_allocation_fails),
    };

    fault_cover_sqlite();
    return cmocka_run_group_tests(tests, make_key, drop_key);
}
