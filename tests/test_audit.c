/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/audit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "proto/bounds.h"
#include "proto/members.h"

#define MINUTE_US 60000000LL
#define NOW_US    (28333333LL * MINUTE_US) /* where a minute begins */

/* A ledger in a fresh directory for each test. */
struct fixture {
    char dir[64];
    struct ledger *ledger;
    struct audit *audit;
};

static struct why why;
static const struct digest policy = {{0xab}};
static gid_t gids[RECORD_NAMES_MAX + 2] = {100, 101};

static int
set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/test_audit.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(ledger_open(&f->ledger, f->dir, &why), RC_OK);
    assert_int_equal(audit_new(&f->audit, f->ledger, &why), RC_OK);
    assert_int_equal(ledger_begin(f->ledger, &why), RC_OK);
    *state = f;
    return 0;
}

static int
tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    audit_free(f->audit);
    ledger_close(f->ledger);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    free(f);
    return system(command);
}

static struct peer
peer_of(uid_t uid)
{
    static char label[] = "ci_t", door[] = "ci-qa", unit[] = "nightly.service";

    return (struct peer){.uid = uid,
        .gid = 7,
        .gids = gids,
        .n_gids = 2,
        .pid = 42,
        .label = label,
        .door = door,
        .unit = unit};
}

/* Its record must be the first of the ledger: the body is found in the file by its start. */
static json_t *
body_of_first(struct fixture *f, const char *start)
{
    char path[128];
    static char file[4 * 1024 * 1024];

    assert_int_equal(ledger_commit(f->ledger, &why), RC_OK);
    snprintf(path, sizeof path, "%s/ledger.db-wal", f->dir);
    closing(fd_close) int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, file, sizeof file);
    assert_true(len > 0);
    char *at = memmem(file, (size_t)len, start, strlen(start));
    assert_non_null(at);

    json_t *body = json_loadb(at, (size_t)(file + len - at), JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(body);
    return body;
}

/* One refusal of uid; the sequence of its record, 0 if it was counted. */
static int64_t
refuse(struct fixture *f, uid_t uid, int64_t at_us)
{
    struct peer peer = peer_of(uid);
    struct audit_request request = {
        .at_us = at_us,
        .method = "Sign",
        .policy = &policy,
        .peer = &peer,
        .reason = REASON_NOT_GRANTED,
        .outcome = AUDIT_REFUSED,
    };
    int64_t seq = -1;

    assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);
    return seq;
}

static void
use_up(struct fixture *f, uid_t uid, int64_t at_us)
{
    for (int i = 0; i < REFUSALS_MAX_PER_MIN; i++)
        assert_true(refuse(f, uid, at_us) > 0);
}

static void
assert_text(const json_t *object, const char *name, const char *want)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), want);
}

static void
test_writes_who_asked_what_and_how_it_ended(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    const char *const keys[] = {"01ab", "02cd"}, *const grants[] = {"qa-team"};
    const struct audit_document document = {
        .format = "notary",
        .repository = "registry.example.com/a\"b",
        .role = "targets/qa",
        .version = 9007199254740991,
        .digest = {{0x12}},
    };
    const struct audit_request request = {.at_us = NOW_US,
        .method = "Sign",
        .policy = &policy,
        .peer = &peer,
        .documents = &document,
        .n_documents = 1,
        .keys = keys,
        .n_keys = 2,
        .grants = grants,
        .n_grants = 1,
        .outcome = AUDIT_RELEASED};
    int64_t seq = 0;

    assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);
    assert_int_equal(seq, 1);

    json_t *body = body_of_first(f, "{\"detail");
    assert_text(body, "kind", "request");
    assert_text(body, "ledger", ledger_id(f->ledger));
    assert_text(body, "method", "Sign");
    assert_text(body, "outcome", "released");
    assert_text(body, "verdict", "allowed");
    assert_true(json_is_null(json_object_get(body, "reason")));
    assert_true(json_is_null(json_object_get(body, "detail")));
    assert_int_equal(strlen(json_string_value(json_object_get(body, "policy"))), DIGEST_HEX_LEN);

    const json_t *who = json_object_get(body, "peer");
    assert_int_equal(json_integer_value(json_object_get(who, "uid")), 1007);
    assert_int_equal(json_integer_value(json_object_get(who, "gid")), 7);
    assert_int_equal(json_integer_value(json_object_get(who, "pid")), 42);
    assert_int_equal(json_array_size(json_object_get(who, "groups")), 2);
    assert_text(who, "label", "ci_t");
    assert_text(who, "door", "ci-qa");
    assert_text(who, "unit", "nightly.service");

    const json_t *first = json_array_get(json_object_get(body, "documents"), 0);
    assert_text(first, "format", "notary");
    assert_text(first, "repository", "registry.example.com/a\"b");
    assert_text(first, "role", "targets/qa");
    assert_int_equal(json_integer_value(json_object_get(first, "version")), 9007199254740991);
    assert_int_equal(json_array_size(json_object_get(body, "keys")), 2);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(body, "grants"), 0)), "qa-team");
    json_decref(body);
}

static void
test_scrubs_what_is_no_text(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    const struct audit_document document = {
        .format = "notary", .repository = "a\n\xff\x1b[2Jb", .role = ""};
    const struct audit_request request = {.at_us = NOW_US,
        .method = "Sign",
        .peer = &peer,
        .documents = &document,
        .n_documents = 1,
        .reason = REASON_POLICY_INVALID,
        .detail = "want \"a\", have 'b'",
        .outcome = AUDIT_REFUSED};
    int64_t seq = 0;

    peer.label = peer.door = peer.unit = NULL;
    assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);

    json_t *body = body_of_first(f, "{\"detail");
    assert_text(json_array_get(json_object_get(body, "documents"), 0), "repository", "a???[2Jb");
    assert_text(body, "detail", "want \"a\", have 'b'");
    assert_text(body, "reason", "policy-invalid");
    assert_text(body, "verdict", "denied");
    assert_text(body, "outcome", "refused");
    assert_true(json_is_null(json_object_get(body, "policy")));
    const json_t *who = json_object_get(body, "peer");
    assert_text(who, "door", "agent"); /* the main one */
    assert_true(json_is_null(json_object_get(who, "label")));
    assert_true(json_is_null(json_object_get(who, "unit")));
    json_decref(body);
}

static void
test_cuts_long_lists_to_a_count_and_a_digest(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    const char *keys[RECORD_NAMES_MAX];
    struct digest digest;
    char hex[DIGEST_HEX_LEN + 1];
    int64_t seq = 0;

    for (size_t i = 0; i < N_ELEMENTS(keys); i++)
        keys[i] = "01ab";
    for (size_t i = 0; i < N_ELEMENTS(gids); i++)
        gids[i] = (gid_t)(100 + i);
    peer.n_gids = N_ELEMENTS(gids);
    const struct audit_request request = {.at_us = NOW_US,
        .method = "Sign",
        .policy = &policy,
        .peer = &peer,
        .keys = keys,
        .n_keys = N_ELEMENTS(keys),
        .outcome = AUDIT_FAILED};
    assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);

    json_t *body = body_of_first(f, "{\"detail");
    assert_int_equal(json_array_size(json_object_get(body, "keys")), RECORD_NAMES_MAX);
    assert_null(json_object_get(body, "keys_more"));

    const json_t *who = json_object_get(body, "peer");
    assert_int_equal(json_array_size(json_object_get(who, "groups")), RECORD_NAMES_MAX);
    const json_t *more = json_object_get(who, "groups_more");
    assert_int_equal(json_integer_value(json_object_get(more, "count")), 2);
    digest_of(&digest, SPAN("[164,165]"));
    digest_hex(hex, &digest);
    assert_text(more, "sha256", hex);
    json_decref(body);
}

/* A difference of n new tags. */
static json_t *
new_tags(int n)
{
    json_t *difference = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(difference,
            json_pack("{s:s,s:o,s:s}", "kind", "tag", "name", json_sprintf("v%d", i), "is", "d"));
    return difference;
}

static void
test_writes_the_difference_of_each_document(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    json_auto_t *one = new_tags(1), *many = new_tags(RECORD_NAMES_MAX);
    const struct audit_document documents[] = {
        {"notary", "r", "targets/a", 2, {{0}}, one},
        {"notary", "r", "targets/b", 2, {{0}}, many},
        {"notary", "r", "targets/c", 2, {{0}}, NULL},
    };
    const struct audit_request request = {.at_us = NOW_US,
        .method = "Sign",
        .peer = &peer,
        .documents = documents,
        .n_documents = N_ELEMENTS(documents),
        .outcome = AUDIT_RELEASED};
    int64_t seq = 0;

    assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);
    json_auto_t *body = body_of_first(f, "{\"detail");
    const json_t *list = json_object_get(body, "documents");
    const json_t *first = json_object_get(json_array_get(list, 0), "difference");
    assert_int_equal(json_array_size(first), 1);
    assert_text(json_array_get(first, 0), "kind", "tag");
    assert_text(json_array_get(first, 0), "name", "v0");
    assert_text(json_array_get(first, 0), "is", "d");
    assert_true(json_is_null(json_object_get(json_array_get(first, 0), "was")));

    /* All of them share the room of one list. */
    const json_t *second = json_array_get(list, 1);
    assert_int_equal(
        json_array_size(json_object_get(second, "difference")), (RECORD_NAMES_MAX + 2) / 3);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(second, "difference_more"), "count")),
        RECORD_NAMES_MAX - (RECORD_NAMES_MAX + 2) / 3);
    assert_true(json_is_null(json_object_get(json_array_get(list, 2), "difference")));
}

static void
test_counts_refusals_beyond_the_bound_of_a_minute(void **state)
{
    struct fixture *f = *state;

    use_up(f, 1007, NOW_US);
    assert_false(audit_has_counts(f->audit));
    assert_int_equal(refuse(f, 1007, NOW_US + 1), 0);
    assert_true(audit_has_counts(f->audit));
    assert_int_equal(refuse(f, 1007, NOW_US + MINUTE_US - 1), 0);
    assert_int_equal(refuse(f, 1008, NOW_US + 1), REFUSALS_MAX_PER_MIN + 1);

    assert_false(audit_is_due(f->audit, NOW_US + MINUTE_US - 1));
    assert_int_equal(audit_flush(f->audit, NOW_US + MINUTE_US - 1, &why), RC_OK);
    assert_int_equal(ledger_head_seq(f->ledger), REFUSALS_MAX_PER_MIN + 1);

    assert_true(audit_is_due(f->audit, NOW_US + MINUTE_US));
    assert_int_equal(audit_flush(f->audit, NOW_US + MINUTE_US, &why), RC_OK);
    assert_int_equal(ledger_head_seq(f->ledger), REFUSALS_MAX_PER_MIN + 2);
    assert_false(audit_is_due(f->audit, NOW_US + MINUTE_US));
    assert_false(audit_has_counts(f->audit));
    assert_true(refuse(f, 1007, NOW_US + MINUTE_US) > 0);
}

static void
test_counts_refusals_of_strangers_beyond_a_bound_of_them_all(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    const struct audit_document document = {"notary", "r", "targets", 1, {{0}}};
    struct audit_request of_known = {.at_us = NOW_US,
        .method = "Sign",
        .peer = &peer,
        .documents = &document,
        .n_documents = 1,
        .reason = REASON_NOT_GRANTED,
        .outcome = AUDIT_REFUSED};
    int64_t seq = 0;

    for (uid_t uid = 100000; uid < 100000 + STRANGERS_MAX_PER_MIN; uid++)
        assert_true(refuse(f, uid, NOW_US) > 0);
    assert_int_equal(refuse(f, 200000, NOW_US), 0);
    assert_int_equal(audit_put(f->audit, &of_known, &seq, &why), RC_OK);
    assert_int_equal(seq, STRANGERS_MAX_PER_MIN + 1);
    assert_true(refuse(f, 200000, NOW_US + MINUTE_US) > 0);
}

static void
test_always_writes_what_was_allowed(void **state)
{
    struct fixture *f = *state;
    struct peer peer = peer_of(1007);
    static const enum audit_outcome outcomes[] = {AUDIT_RELEASED, AUDIT_FAILED, AUDIT_CANCELLED};

    use_up(f, 1007, NOW_US);
    for (size_t i = 0; i < N_ELEMENTS(outcomes); i++) {
        struct audit_request request = {.at_us = NOW_US,
            .method = "Sign",
            .policy = &policy,
            .peer = &peer,
            .outcome = outcomes[i]};
        int64_t seq = 0;

        assert_int_equal(audit_put(f->audit, &request, &seq, &why), RC_OK);
        assert_true(seq > 0);
    }
}

static void
test_counts_unreadable_frames_only(void **state)
{
    struct fixture *f = *state;

    audit_count_unreadable(f->audit, 1007, NOW_US);
    audit_count_unreadable(f->audit, 1007, NOW_US);
    assert_int_equal(ledger_head_seq(f->ledger), 0);
    assert_int_equal(audit_finish(f->audit, NOW_US, &why), RC_OK);
    assert_int_equal(ledger_head_seq(f->ledger), 1);
    assert_int_equal(audit_finish(f->audit, NOW_US, &why), RC_OK);
    assert_int_equal(ledger_head_seq(f->ledger), 1);
}

static void
test_keeps_counters_for_so_many_uids_and_joins_the_oldest(void **state)
{
    struct fixture *f = *state;

    for (uid_t uid = 1; uid <= REFUSED_UIDS_MAX; uid++)
        audit_count_unreadable(f->audit, uid, NOW_US + (uid == 1 ? 0 : MINUTE_US));
    audit_count_unreadable(f->audit, REFUSED_UIDS_MAX + 1, NOW_US + MINUTE_US);
    audit_count_unreadable(f->audit, REFUSED_UIDS_MAX + 2, NOW_US + MINUTE_US);

    /* The first uid and one more made place: both are in one record. */
    assert_int_equal(audit_finish(f->audit, NOW_US + MINUTE_US, &why), RC_OK);
    assert_int_equal(ledger_head_seq(f->ledger), REFUSED_UIDS_MAX + 1);
}

static void
test_writes_what_others_signed_with_our_keys(void **state)
{
    struct fixture *f = *state;
    const char *const keys[] = {"01ab"};
    const struct audit_foreign foreign = {.repository = "registry.example.com/a",
        .role = "targets",
        .version = 7,
        .digest = {{0x12}},
        .mark = 5,
        .keys = keys,
        .n_keys = 1,
        .uid = 1007};

    assert_int_equal(audit_put_foreign(f->audit, &foreign, NOW_US, &why), RC_OK);
    json_t *body = body_of_first(f, "{\"digest");
    assert_text(body, "kind", "foreign-signature");
    assert_text(body, "ledger", ledger_id(f->ledger));
    assert_text(body, "repository", "registry.example.com/a");
    assert_text(body, "role", "targets");
    assert_int_equal(json_integer_value(json_object_get(body, "version")), 7);
    assert_int_equal(json_integer_value(json_object_get(body, "mark")), 5);
    assert_int_equal(json_integer_value(json_object_get(body, "uid")), 1007);
    assert_int_equal(strlen(json_string_value(json_object_get(body, "digest"))), DIGEST_HEX_LEN);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(body, "keys"), 0)), "01ab");
    json_decref(body);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_writes_who_asked_what_and_how_it_ended),
        TEST(test_scrubs_what_is_no_text),
        TEST(test_cuts_long_lists_to_a_count_and_a_digest),
        TEST(test_writes_the_difference_of_each_document),
        TEST(test_counts_refusals_beyond_the_bound_of_a_minute),
        TEST(test_counts_refusals_of_strangers_beyond_a_bound_of_them_all),
        TEST(test_always_writes_what_was_allowed),
        TEST(test_counts_unreadable_frames_only),
        TEST(test_keeps_counters_for_so_many_uids_and_joins_the_oldest),
        TEST(test_writes_what_others_signed_with_our_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
