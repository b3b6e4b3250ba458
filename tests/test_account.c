/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "proto/bounds.h"

#define SMALL_BYTES (FRAME_SMALL_MAX_BYTES + 1) /* with its NUL */

static int holders[8];

static struct account *
enter(struct accounts *accounts, uid_t uid)
{
    struct account *account = NULL;

    assert_int_equal(account_enter(&account, accounts, uid, CONN_MAX_PER_UID, NULL), RC_OK);
    return account;
}

static void
take(struct account *account, int i, size_t already, size_t more, const char *want)
{
    const char *bound = account_take(account, &holders[i], already, more);

    if (want)
        assert_string_equal(bound, want);
    else
        assert_null(bound);
}

static void
test_counts_connections_of_a_user_up_to_the_bound(void **state)
{
    static const struct {
        size_t max;
        const char *name;
    } bounds[] = {
        {CONN_MAX_PER_UID, "CONN_MAX_PER_UID"},
        {CONN_MAX_PER_STRANGER, "CONN_MAX_PER_STRANGER"},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(bounds); i++) {
        closing(accounts_freep) struct accounts *accounts = NULL;
        struct account *account = NULL, *other;
        struct why why;

        assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
        for (size_t n = 0; n < bounds[i].max; n++)
            assert_int_equal(account_enter(&account, accounts, 7, bounds[i].max, NULL), RC_OK);
        assert_int_equal(account_enter(&account, accounts, 7, bounds[i].max, &why), RC_BUSY);
        assert_string_equal(why.text, bounds[i].name);

        other = enter(accounts, 8);
        assert_ptr_not_equal(other, account);
        account_leave(other);
        for (size_t n = 0; n < bounds[i].max; n++)
            account_leave(account);
    }
}

static void
test_knows_who_holds_most_connections(void **state)
{
    closing(accounts_freep) struct accounts *accounts = NULL;

    (void)state;
    assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
    assert_null(accounts_largest(accounts));

    struct account *one = enter(accounts, 1), *two = enter(accounts, 2);
    assert_ptr_equal(enter(accounts, 2), two);
    assert_ptr_equal(accounts_largest(accounts), two);
    assert_ptr_equal(enter(accounts, 1), one);
    assert_ptr_equal(enter(accounts, 1), one);
    assert_ptr_equal(accounts_largest(accounts), one);

    for (int i = 0; i < 3; i++)
        account_leave(one);
    account_leave(two);
    assert_ptr_equal(accounts_largest(accounts), two);
    account_leave(two);
    assert_null(accounts_largest(accounts));
}

static void
test_lets_a_user_read_one_large_frame_at_a_time(void **state)
{
    closing(accounts_freep) struct accounts *accounts = NULL;

    (void)state;
    assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
    struct account *account = enter(accounts, 1), *other = enter(accounts, 2);

    take(account, 0, 0, SMALL_BYTES, NULL);
    take(account, 1, 0, SMALL_BYTES, NULL);
    take(account, 0, SMALL_BYTES, 1, NULL);
    take(account, 1, SMALL_BYTES, 1, "FRAMES_MAX_BYTES_PER_UID");
    take(account, 0, SMALL_BYTES + 1, 1, NULL);
    take(other, 2, SMALL_BYTES, 1, NULL);

    account_end_large(account, &holders[1]); /* is not its to end */
    take(account, 1, SMALL_BYTES, 1, "FRAMES_MAX_BYTES_PER_UID");
    account_end_large(account, &holders[0]);
    take(account, 1, SMALL_BYTES, 1, NULL);

    account_leave(account);
    account_leave(other);
}

/* Take and give in one, so that only what fills is left. */
static void
probe(struct account *account, size_t already, size_t more, const char *want)
{
    take(account, 7, already, more, want);
    if (!want)
        account_give(account, more);
    account_end_large(account, &holders[7]);
}

static void
test_bounds_the_bytes_of_a_user(void **state)
{
    static const size_t large_max = FRAMES_MAX_BYTES_PER_UID - FRAMES_RESERVE_BYTES;
    closing(accounts_freep) struct accounts *accounts = NULL;

    (void)state;
    assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
    struct account *account = enter(accounts, 1);

    probe(account, SMALL_BYTES, large_max, NULL);
    probe(account, SMALL_BYTES, large_max + 1, "FRAMES_MAX_BYTES_PER_UID");
    take(account, 0, SMALL_BYTES, large_max, NULL);
    account_end_large(account, &holders[0]);
    probe(account, SMALL_BYTES, 1, "FRAMES_MAX_BYTES_PER_UID");
    probe(account, 0, SMALL_BYTES, NULL);

    for (size_t taken = large_max; taken < FRAMES_MAX_BYTES_PER_UID; taken += 1024)
        take(account, 1, 0, 1024, NULL);
    probe(account, 0, 1, "FRAMES_MAX_BYTES_PER_UID");
    account_give(account, 1);
    probe(account, 0, 1, NULL);

    account_leave(account);
}

static void
test_bounds_the_bytes_of_all_users(void **state)
{
    static const size_t large_max = FRAMES_MAX_BYTES - FRAMES_RESERVE_BYTES;
    closing(accounts_freep) struct accounts *accounts = NULL;
    struct account *each[4];

    (void)state;
    assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
    for (uid_t uid = 0; uid < 4; uid++)
        each[uid] = enter(accounts, uid);

    for (int i = 0; i < 3; i++)
        take(each[i], i, SMALL_BYTES, large_max / 4, NULL);
    probe(each[3], SMALL_BYTES, large_max / 4, NULL);
    probe(each[3], SMALL_BYTES, large_max / 4 + 1, "FRAMES_MAX_BYTES");
    take(each[3], 3, SMALL_BYTES, large_max / 4, NULL);
    probe(each[0], 0, SMALL_BYTES, NULL);

    for (size_t taken = large_max; taken < FRAMES_MAX_BYTES; taken += 1024)
        take(each[3], 4, 0, 1024, NULL);
    probe(each[0], 0, 1, "FRAMES_MAX_BYTES");
    account_give(each[3], 1);
    probe(each[0], 0, 1, NULL);

    for (uid_t uid = 0; uid < 4; uid++)
        account_leave(each[uid]);
}

static void
test_tells_the_later_to_come_back_the_more_there_are(void **state)
{
    closing(accounts_freep) struct accounts *accounts = NULL;
    struct account *account = NULL;

    (void)state;
    assert_int_equal(accounts_new(&accounts, NULL), RC_OK);
    assert_int_equal(accounts_retry_ms(accounts, 7), BUSY_RETRY_MS);
    for (size_t n = 1; n <= CONN_MAX_PER_UID; n++) {
        assert_int_equal(account_enter(&account, accounts, 7, CONN_MAX_PER_UID, NULL), RC_OK);
        uint64_t ms = account_retry_ms(account);
        assert_int_equal(accounts_retry_ms(accounts, 7), ms);
        assert_in_range(ms, BUSY_RETRY_MS, BUSY_RETRY_MAX_MS);
    }
    assert_int_equal(account_retry_ms(account), BUSY_RETRY_MAX_MS);
    assert_int_equal(accounts_retry_ms(accounts, UINT64_C(1) << 32 | 7), BUSY_RETRY_MS);
    for (size_t n = 1; n <= CONN_MAX_PER_UID; n++)
        account_leave(account);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_connections_of_a_user_up_to_the_bound),
        cmocka_unit_test(test_knows_who_holds_most_connections),
        cmocka_unit_test(test_lets_a_user_read_one_large_frame_at_a_time),
        cmocka_unit_test(test_bounds_the_bytes_of_a_user),
        cmocka_unit_test(test_bounds_the_bytes_of_all_users),
        cmocka_unit_test(test_tells_the_later_to_come_back_the_more_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
