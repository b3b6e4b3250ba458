/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/quota.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants four of the above first */
#include <cmocka.h>

#include "agent/ledger_quota.h"
#include "proto/bounds.h"

#define ALICE  1001
#define BOB    1002
#define NOON   1800000000 /* at the beginning of a minute */
#define HOUR   3600
#define WINDOW HOUR

static struct why why;
static char ci[] = "ci", ci_2[] = "ci-2", people[] = "people";

static struct desk {
    char dir[64];
    struct ledger *ledger;
    struct quota *quota;
    struct policy policy;
    struct policy_grant grants[2]; /* the second has no quota */
    struct decide_choice choice;
    struct decide_verdict verdicts[8];
    struct decision decision;
} desk;

static void
open_agent(void)
{
    assert_int_equal(ledger_open(&desk.ledger, desk.dir, &why), RC_OK);
    assert_int_equal(quota_new(&desk.quota, desk.ledger, &why), RC_OK);
}

static void
close_agent(void)
{
    quota_free(steal(desk.quota));
    ledger_close(steal(desk.ledger));
}

static int
set_up(void **state)
{
    (void)state;
    desk = (struct desk){.grants = {{.name = ci, .quota = {5, WINDOW}}, {.name = people}}};
    desk.policy = (struct policy){.grants = desk.grants, .n_grants = 2};
    snprintf(desk.dir, sizeof desk.dir, "/tmp/test_quota.XXXXXX");
    if (!mkdtemp(desk.dir))
        return -1;

    open_agent();
    return 0;
}

static int
tear_down(void **state)
{
    char command[96];

    (void)state;
    close_agent();
    snprintf(command, sizeof command, "rm -rf %s", desk.dir);
    return system(command);
}

/* That n documents are signed, each with one key under that grant. */
static const struct decision *
allow(size_t n, size_t grant)
{
    desk.choice = (struct decide_choice){.grant = &desk.grants[grant]};
    for (size_t i = 0; i < n; i++)
        desk.verdicts[i] = (struct decide_verdict){.choices = &desk.choice, .n_choices = 1};
    desk.decision = (struct decision){.verdicts = desk.verdicts, .n_verdicts = n};
    return &desk.decision;
}

static struct quota_hold *
hold(size_t n, uid_t uid)
{
    struct quota_hold *ret = NULL;

    assert_int_equal(quota_hold(&ret, desk.quota, &desk.policy, allow(n, 0), uid, &why), RC_OK);
    return ret;
}

static enum rc
take(struct quota_hold *held, size_t n, int64_t now)
{
    assert_int_equal(ledger_begin(desk.ledger, &why), RC_OK);
    enum rc rc = quota_take(held, allow(n, 0), now, &why);
    if (rc)
        ledger_rollback(desk.ledger);
    else
        assert_int_equal(ledger_commit(desk.ledger, &why), RC_OK);
    return rc;
}

static void
release_documents(size_t n, uid_t uid, int64_t now)
{
    struct quota_hold *held = hold(n, uid);

    assert_int_equal(take(held, n, now), RC_OK);
    quota_give_back(held);
}

static struct quota_use
use_of(uid_t uid, int64_t now)
{
    struct quota_use ret;

    assert_int_equal(quota_use(&ret, desk.quota, &desk.grants[0], uid, now, &why), RC_OK);
    return ret;
}

static int64_t
used(uid_t uid, int64_t now)
{
    return use_of(uid, now).n;
}

static void
test_what_was_released_counts_for_its_uid_alone(void **state)
{
    (void)state;
    release_documents(3, ALICE, NOON);

    assert_int_equal(used(ALICE, NOON), 3);
    assert_int_equal(used(BOB, NOON), 0);
}

static void
test_a_document_counts_until_its_whole_minute_has_left_the_window(void **state)
{
    (void)state;
    release_documents(1, ALICE, NOON + 59);

    assert_int_equal(used(ALICE, NOON + 59 + WINDOW), 1);
    assert_int_equal(used(ALICE, NOON + 60 + WINDOW), 0);
}

static void
test_no_window_has_more_than_the_quota_wherever_it_begins(void **state)
{
    int64_t released[256];
    size_t n = 0;

    (void)state;
    for (int64_t now = NOON; now < NOON + 4 * HOUR; now += 37)
        if (used(ALICE, now) < desk.grants[0].quota.n) {
            release_documents(1, ALICE, now);
            released[n++] = now;
        }

    assert_in_range(n, 15, 20); /* it does refill */
    for (size_t i = 5; i < n; i++)
        assert_true(released[i] - released[i - 5] >= WINDOW);
}

static void
test_says_when_there_is_room_again(void **state)
{
    (void)state;
    release_documents(2, ALICE, NOON);
    release_documents(2, ALICE, NOON + 600);
    assert_int_equal(use_of(ALICE, NOON + 601).free_at, 0);

    release_documents(1, ALICE, NOON + 1200);
    int64_t free_at = use_of(ALICE, NOON + 1201).free_at;
    assert_int_equal(free_at, NOON + 60 + WINDOW);
    assert_int_equal(used(ALICE, free_at - 1), 5);
    assert_int_equal(used(ALICE, free_at), 3);
}

static void
test_what_is_in_work_counts_and_comes_back_if_it_fails(void **state)
{
    (void)state;
    release_documents(2, ALICE, NOON);
    struct quota_hold *first = hold(2, ALICE), *second = hold(1, ALICE);

    assert_int_equal(used(ALICE, NOON), 5);
    assert_int_equal(use_of(ALICE, NOON).free_at, NOON + 60 + WINDOW); /* if both are released */
    assert_int_equal(used(BOB, NOON), 0);
    quota_give_back(first);
    assert_int_equal(used(ALICE, NOON), 3);
    quota_give_back(second);
    assert_int_equal(used(ALICE, NOON), 2);
}

static void
test_what_is_recorded_counts_once_until_it_is_answered(void **state)
{
    (void)state;
    struct quota_hold *held = hold(2, ALICE);
    assert_int_equal(take(held, 2, NOON), RC_OK);

    assert_int_equal(used(ALICE, NOON), 2);
    quota_give_back(held);
    assert_int_equal(used(ALICE, NOON), 2);
}

static void
test_never_takes_more_than_there_is_whatever_was_counted(void **state)
{
    (void)state;
    struct quota_hold *first = hold(3, ALICE), *second = hold(3, ALICE);

    assert_int_equal(take(first, 3, NOON), RC_OK);
    assert_int_equal(take(second, 3, NOON), RC_DENIED);
    quota_give_back(first);
    quota_give_back(second);
    assert_int_equal(used(ALICE, NOON), 3);
}

static void
test_takes_only_what_has_a_signature_after_all(void **state)
{
    (void)state;
    struct quota_hold *held = hold(1, ALICE);
    allow(1, 0);
    desk.choice.left_out = REASON_TOKEN;

    assert_int_equal(ledger_begin(desk.ledger, &why), RC_OK);
    assert_int_equal(quota_take(held, &desk.decision, NOON, &why), RC_OK);
    assert_int_equal(ledger_commit(desk.ledger, &why), RC_OK);
    quota_give_back(held);
    assert_int_equal(used(ALICE, NOON), 0);
}

static void
test_a_grant_without_a_quota_holds_nothing(void **state)
{
    struct quota_hold *held = NULL;

    (void)state;
    assert_int_equal(quota_hold(&held, desk.quota, &desk.policy, allow(1, 1), ALICE, &why), RC_OK);
    assert_null(held);
}

static void
test_survives_a_restart(void **state)
{
    (void)state;
    release_documents(4, ALICE, NOON);
    close_agent();
    open_agent();

    assert_int_equal(used(ALICE, NOON), 4);
}

static void
test_a_clock_that_was_set_back_neither_refills_nor_blocks(void **state)
{
    int64_t back = NOON - 10 * 24 * HOUR;

    (void)state;
    release_documents(2, ALICE, back);
    release_documents(3, ALICE, NOON); /* the clock was wrong */
    close_agent();
    open_agent();

    assert_int_equal(used(ALICE, back), 5);
    assert_int_equal(used(ALICE, back + WINDOW), 5);
    assert_int_equal(used(ALICE, back + 60 + WINDOW), 0);
    release_documents(1, ALICE, back + 60 + WINDOW);
    assert_int_equal(used(ALICE, back + 60 + WINDOW), 1);
}

static void
test_setting_the_clock_back_again_and_again_gives_nothing(void **state)
{
    (void)state;
    release_documents(5, ALICE, NOON);
    for (int64_t now = NOON; now > NOON - 10 * WINDOW; now -= WINDOW)
        assert_int_equal(used(ALICE, now), 5);
}

static void
test_a_wider_window_counts_what_the_narrow_one_had_forgotten(void **state)
{
    (void)state;
    release_documents(2, ALICE, NOON);
    release_documents(1, ALICE, NOON + 2 * WINDOW);
    assert_int_equal(used(ALICE, NOON + 2 * WINDOW), 1);

    desk.grants[0].quota = (struct policy_quota){2, 24 * HOUR};
    assert_int_equal(used(ALICE, NOON + 2 * WINDOW), 3);
    assert_int_equal(use_of(ALICE, NOON + 2 * WINDOW).free_at, NOON + 60 + 24 * HOUR);
}

static void
test_another_grant_of_that_name_goes_on_and_a_renamed_one_begins(void **state)
{
    (void)state;
    release_documents(2, ALICE, NOON);

    desk.grants[0].name = ci_2;
    assert_int_equal(used(ALICE, NOON), 0);
    desk.grants[0].name = ci;
    assert_int_equal(used(ALICE, NOON), 2);
}

static void
test_forgets_what_no_window_reaches(void **state)
{
    struct ledger_quota whose = {0};
    int64_t later = NOON + QUOTA_WINDOW_MAX_S + 120;

    (void)state;
    release_documents(1, ALICE, NOON);
    release_documents(1, BOB, later);
    assert_int_equal(ledger_quota_next(&whose, desk.ledger, &why), RC_OK);
    assert_int_equal(whose.uid, BOB);
    assert_string_equal(whose.grant, "ci");
    assert_int_equal(ledger_quota_next(&whose, desk.ledger, &why), RC_NOT_FOUND);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_what_was_released_counts_for_its_uid_alone),
        TEST(test_a_document_counts_until_its_whole_minute_has_left_the_window),
        TEST(test_no_window_has_more_than_the_quota_wherever_it_begins),
        TEST(test_says_when_there_is_room_again),
        TEST(test_what_is_in_work_counts_and_comes_back_if_it_fails),
        TEST(test_what_is_recorded_counts_once_until_it_is_answered),
        TEST(test_never_takes_more_than_there_is_whatever_was_counted),
        TEST(test_takes_only_what_has_a_signature_after_all),
        TEST(test_a_grant_without_a_quota_holds_nothing),
        TEST(test_survives_a_restart),
        TEST(test_a_clock_that_was_set_back_neither_refills_nor_blocks),
        TEST(test_setting_the_clock_back_again_and_again_gives_nothing),
        TEST(test_a_wider_window_counts_what_the_narrow_one_had_forgotten),
        TEST(test_another_grant_of_that_name_goes_on_and_a_renamed_one_begins),
        TEST(test_forgets_what_no_window_reaches),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
