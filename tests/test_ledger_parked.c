/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger_parked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define REPOSITORY "registry.example.com/shop/web"
#define NOW        1700000000
#define ALICE      1001
#define BOB        1002

static char dir[64]; /* a fresh directory for each test */
static struct ledger *ledger;
static struct why why;

static void
reopen(void)
{
    ledger_close(ledger);
    ledger = NULL;
    assert_int_equal(ledger_open(&ledger, dir, &why), RC_OK);
}

static int
open_ledger(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "%s", "/tmp/test_ledger_parked.XXXXXX");
    if (!mkdtemp(dir))
        return -1;

    reopen();
    return 0;
}

static int
close_ledger(void **state)
{
    char command[128];

    (void)state;
    ledger_close(steal(ledger));
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static struct digest
digest_of_text(const char *text)
{
    struct digest digest;

    digest_of(&digest, span_of(text));
    return digest;
}

/* One document of version, whose bytes are text; it is the claim as well. */
static enum rc
park(char id[PARKED_ID_LEN + 1], uid_t uid, const char *text, int64_t version, int64_t now)
{
    json_auto_t *summary = json_pack("{s:s}", "what", text);
    json_auto_t *body = json_pack("{s:s}", "message", text);
    struct parked_role role = {REPOSITORY, "targets", version, digest_of_text(text)};
    struct parked_request request = {
        uid, digest_of_text(text), digest_of_text(text), summary, body, &role, 1};

    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    enum rc rc = ledger_park(id, ledger, &request, now, &why);
    if (rc)
        ledger_rollback(ledger);
    else
        assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    return rc;
}

static void
park_well(char id[PARKED_ID_LEN + 1], uid_t uid, const char *text)
{
    assert_int_equal(park(id, uid, text, 2, NOW), RC_OK);
}

/* Whether uid is told of a request for text. */
static bool
is_found(uid_t uid, const char *text, int64_t now)
{
    closing(parked_done) struct parked parked = {0};
    struct digest claim = digest_of_text(text);

    enum rc rc = ledger_find_parked(&parked, ledger, uid, &claim, now, &why);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return !rc;
}

static void
vote(const char *id, uid_t uid)
{
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_put_vote(ledger, id, uid, NOW, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
}

static void
assert_n_votes(const char *id, size_t want)
{
    closing(freep) uid_t *uids = NULL;
    size_t n = 0;

    assert_int_equal(ledger_votes(&uids, &n, ledger, id, &why), RC_OK);
    assert_int_equal(n, want);
}

static void
assert_n_open(size_t want, int64_t now)
{
    closing(freep) char(*ids)[PARKED_ID_LEN + 1] = NULL;
    size_t n = 0;

    assert_int_equal(ledger_list_parked(&ids, &n, ledger, now, &why), RC_OK);
    assert_int_equal(n, want);
}

static void
put_mark(int64_t version, const char *text)
{
    struct ledger_mark mark = {.version = version, .digest = digest_of_text(text)};

    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_put_mark(ledger, REPOSITORY, "targets", &mark, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
}

static void
test_a_parked_request_survives_a_restart_with_its_votes(void **state)
{
    char id[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    vote(id, BOB);
    reopen();

    closing(parked_done) struct parked parked = {0};
    json_auto_t *body = NULL;
    assert_int_equal(ledger_parked(&parked, ledger, id, NOW, &why), RC_OK);
    assert_string_equal(parked.id, id);
    assert_int_equal(parked.uid, ALICE);
    assert_int_equal(parked.state, PARKED_OPEN);
    assert_int_equal(parked.created_at, NOW);
    assert_int_equal(parked.expires_at, NOW + PARKED_LIFETIME_S);
    assert_string_equal(json_string_value(json_object_get(parked.summary, "what")), "one");
    struct digest digest = digest_of_text("one");
    assert_true(digest_eq(&parked.digest, &digest));
    assert_int_equal(ledger_parked_body(&body, ledger, id, &why), RC_OK);
    assert_string_equal(json_string_value(json_object_get(body, "message")), "one");
    assert_n_votes(id, 1);
}

static void
test_an_id_can_be_read_out_and_typed(void **state)
{
    char id[PARKED_ID_LEN + 1], other[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    park_well(other, ALICE, "two");
    assert_int_equal(strlen(id), PARKED_ID_LEN);
    assert_int_equal(strspn(id, "0123456789abcdefghjkmnpqrstvwxyz"), PARKED_ID_LEN);
    assert_string_not_equal(id, other);
}

static void
test_is_found_by_who_asked_for_the_same(void **state)
{
    char id[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    assert_true(is_found(ALICE, "one", NOW));
    assert_false(is_found(BOB, "one", NOW));
    assert_false(is_found(ALICE, "onf", NOW)); /* one byte */
}

static void
test_counts_each_voter_once(void **state)
{
    char id[PARKED_ID_LEN + 1], other[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    park_well(other, ALICE, "two");
    vote(id, BOB);
    vote(id, BOB);
    assert_n_votes(id, 1);
    assert_n_votes(other, 0);
}

static void
test_expires(void **state)
{
    char id[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    vote(id, BOB);
    assert_true(is_found(ALICE, "one", NOW + PARKED_LIFETIME_S - 1));
    assert_n_open(1, NOW + PARKED_LIFETIME_S - 1);
    assert_false(is_found(ALICE, "one", NOW + PARKED_LIFETIME_S));
    assert_n_open(0, NOW + PARKED_LIFETIME_S);

    /* Asked for again it is another request, without votes. */
    char again[PARKED_ID_LEN + 1];
    assert_int_equal(park(again, ALICE, "one", 2, NOW + PARKED_LIFETIME_S), RC_OK);
    assert_string_not_equal(again, id);
    assert_n_votes(again, 0);
    assert_n_votes(id, 0);
}

static void
test_is_void_when_other_bytes_have_its_version(void **state)
{
    static const struct {
        const char *says;
        int64_t version;
        const char *text;
        bool is_void;
    } cases[] = {
        {"an older version changes nothing", 1, "old", false},
        {"its own bytes are no others", 2, "one", false},
        {"other bytes under its version", 2, "other", true},
        {"a later version", 3, "later", true},
    };

    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        char id[PARKED_ID_LEN + 1];

        print_message("%s\n", cases[i].says);
        assert_int_equal(close_ledger(state) | open_ledger(state), 0);
        park_well(id, ALICE, "one");
        put_mark(cases[i].version, cases[i].text);
        assert_int_equal(is_found(ALICE, "one", NOW), !cases[i].is_void);
        assert_n_open(cases[i].is_void ? 0 : 1, NOW);
    }
}

static void
test_a_released_one_keeps_its_votes_and_gives_up_its_body(void **state)
{
    closing(parked_done) struct parked parked = {0};
    char id[PARKED_ID_LEN + 1];
    json_t *body = NULL;

    (void)state;
    park_well(id, ALICE, "one");
    vote(id, BOB);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_put_released(ledger, id, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    put_mark(2, "one");

    assert_int_equal(ledger_parked(&parked, ledger, id, NOW, &why), RC_OK);
    assert_int_equal(parked.state, PARKED_RELEASED);
    assert_int_equal(ledger_parked_body(&body, ledger, id, &why), RC_NOT_FOUND);
    assert_n_votes(id, 1);
    assert_n_open(0, NOW);
}

static void
test_remembers_who_denied_and_why(void **state)
{
    closing(parked_done) struct parked parked = {0};
    char id[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_put_denied(ledger, id, BOB, "not on a Friday", &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    reopen();

    assert_int_equal(ledger_parked(&parked, ledger, id, NOW, &why), RC_OK);
    assert_int_equal(parked.state, PARKED_DENIED);
    assert_int_equal(parked.denied_by, BOB);
    assert_string_equal(parked.reason, "not on a Friday");
    assert_n_open(0, NOW);
}

static void
test_one_that_is_withdrawn_was_never_there(void **state)
{
    char id[PARKED_ID_LEN + 1];

    (void)state;
    park_well(id, ALICE, "one");
    vote(id, BOB);
    assert_int_equal(ledger_begin(ledger, &why), RC_OK);
    assert_int_equal(ledger_forget_parked(ledger, id, &why), RC_OK);
    assert_int_equal(ledger_commit(ledger, &why), RC_OK);
    assert_false(is_found(ALICE, "one", NOW));
    assert_n_votes(id, 0);
}

static void
test_one_uid_cannot_fill_it(void **state)
{
    char id[PARKED_ID_LEN + 1], text[32];

    (void)state;
    for (int i = 0; i < PARKED_MAX_PER_UID; i++) {
        snprintf(text, sizeof text, "document %d", i);
        park_well(id, ALICE, text);
    }
    assert_int_equal(park(id, ALICE, "one more", 2, NOW), RC_REFUSED);
    park_well(id, BOB, "one more");
    assert_int_equal(park(id, ALICE, "one more", 2, NOW + PARKED_LIFETIME_S), RC_OK);
}

static void
test_all_uids_together_have_a_bound(void **state)
{
    char id[PARKED_ID_LEN + 1], text[32];

    (void)state;
    for (int i = 0; i < PARKED_MAX; i++) {
        snprintf(text, sizeof text, "document %d", i);
        park_well(id, (uid_t)(ALICE + i), text);
    }
    assert_int_equal(park(id, ALICE, "one more", 2, NOW), RC_BUSY);
    assert_string_equal(why.text, "PARKED_MAX");
}

static void
test_what_cannot_be_shown_is_not_parked(void **state)
{
    closing(freep) char *text = malloc(PARKED_REQUEST_MAX_BYTES);
    char id[PARKED_ID_LEN + 1];

    (void)state;
    assert_non_null(text);
    memset(text, 'x', PARKED_REQUEST_MAX_BYTES - 1);
    text[PARKED_REQUEST_MAX_BYTES - 1] = 0;
    assert_int_equal(park(id, ALICE, text, 2, NOW), RC_TOO_LARGE);
    assert_string_equal(why.text, "PARKED_REQUEST_MAX_BYTES");
}

int
main(void)
{
#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, open_ledger, close_ledger)
    const struct CMUnitTest tests[] = {
        LEDGER_TEST(test_a_parked_request_survives_a_restart_with_its_votes),
        LEDGER_TEST(test_an_id_can_be_read_out_and_typed),
        LEDGER_TEST(test_is_found_by_who_asked_for_the_same),
        LEDGER_TEST(test_counts_each_voter_once),
        LEDGER_TEST(test_expires),
        LEDGER_TEST(test_is_void_when_other_bytes_have_its_version),
        LEDGER_TEST(test_a_released_one_keeps_its_votes_and_gives_up_its_body),
        LEDGER_TEST(test_remembers_who_denied_and_why),
        LEDGER_TEST(test_one_that_is_withdrawn_was_never_there),
        LEDGER_TEST(test_one_uid_cannot_fill_it),
        LEDGER_TEST(test_all_uids_together_have_a_bound),
        LEDGER_TEST(test_what_cannot_be_shown_is_not_parked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
