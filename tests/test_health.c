/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define SLOT 7

/* What the module says. */
static struct {
    CK_FLAGS flags;
    CK_RV info, random, list;
    CK_ULONG n_slots;
    unsigned n_random;
} says;

static CK_RV
get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *ret)
{
    assert_int_equal(slot, SLOT);
    ret->flags = says.flags;
    return says.info;
}

static CK_RV
generate_random(CK_SESSION_HANDLE session, CK_BYTE *ret, CK_ULONG len)
{
    (void)session;
    memset(ret, 0, len);
    says.n_random++;
    return says.random;
}

static CK_RV
get_slot_list(CK_BBOOL wants_tokens, CK_SLOT_ID *ret, CK_ULONG *n)
{
    assert_true(wants_tokens);
    for (CK_ULONG i = 0; i < says.n_slots; i++)
        ret[i] = SLOT - 1 + i;
    *n = says.n_slots;
    return says.list;
}

static CK_FUNCTION_LIST functions = {
    .C_GetSlotInfo = get_slot_info,
    .C_GenerateRandom = generate_random,
    .C_GetSlotList = get_slot_list,
};
static const struct session session = {&functions, 1};

static CK_RV
learn(struct health *health)
{
    const char *call;

    return health_learn(health, &call, &session, SLOT);
}

static CK_RV
check(const struct health *health)
{
    const char *call;

    return health_check(health, &call, &session, SLOT);
}

static void
test_watches_what_says_that_it_is_hardware(void **state)
{
    struct health health = {0};

    (void)state;
    says.flags = CKF_TOKEN_PRESENT;
    assert_int_equal(learn(&health), CKR_OK);
    assert_false(health_is_watched(&health));
    says.flags = CKF_TOKEN_PRESENT | CKF_HW_SLOT;
    assert_int_equal(learn(&health), CKR_OK);
    assert_true(health_is_watched(&health));
    says.info = CKR_DEVICE_ERROR;
    assert_int_equal(learn(&health), CKR_DEVICE_ERROR);
}

static void
test_misses_a_slot_that_is_not_in_the_list(void **state)
{
    struct health health = {0};

    (void)state;
    says.n_slots = 2;
    assert_int_equal(learn(&health), CKR_OK);
    assert_int_equal(check(&health), CKR_OK);
    says.n_slots = 1;
    assert_int_equal(check(&health), CKR_TOKEN_NOT_PRESENT);
    says.list = CKR_DEVICE_ERROR;
    assert_int_equal(check(&health), CKR_DEVICE_ERROR);
}

static void
test_believes_only_random_bytes_that_were_there_before(void **state)
{
    struct health health = {0};

    (void)state;
    says.n_slots = 2;
    says.random = CKR_RANDOM_NO_RNG;
    assert_int_equal(learn(&health), CKR_OK);
    says.n_random = 0;
    assert_int_equal(check(&health), CKR_OK);
    assert_int_equal(says.n_random, 0);

    says.random = CKR_OK;
    assert_int_equal(learn(&health), CKR_OK);
    says.random = CKR_GENERAL_ERROR;
    assert_int_equal(check(&health), CKR_GENERAL_ERROR);
    assert_int_equal(learn(&health), CKR_GENERAL_ERROR); /* also after another login */
}

static int
say_nothing(void **state)
{
    (void)state;
    memset(&says, 0, sizeof says);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_watches_what_says_that_it_is_hardware, say_nothing),
        cmocka_unit_test_setup(test_misses_a_slot_that_is_not_in_the_list, say_nothing),
        cmocka_unit_test_setup(test_believes_only_random_bytes_that_were_there_before, say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
