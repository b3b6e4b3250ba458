/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/ckr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static void
test_knows_what_modules_said_to_us(void **state)
{
    static const struct {
        const char *says;
        CK_RV rv;
        enum rung rung;
        enum token_state state;
    } cases[] = {
        {"OpenSC: the card was pulled", CKR_DEVICE_REMOVED, RUNG_SESSION, TOKEN_ABSENT},
        {"OpenSC: and the call after", CKR_SESSION_HANDLE_INVALID, RUNG_SESSION, TOKEN_FAILING},
        {"OpenSC: the PIN was lost", CKR_USER_NOT_LOGGED_IN, RUNG_LOGIN, TOKEN_FAILING},
        {"OpenSC: pcscd is gone", CKR_GENERAL_ERROR, RUNG_MODULE, TOKEN_FAILING},
        {"ykcs11: the card was pulled", CKR_DEVICE_ERROR, RUNG_MODULE, TOKEN_FAILING},
        {"SoftHSM: the directory is gone", CKR_OBJECT_HANDLE_INVALID, RUNG_MODULE, TOKEN_FAILING},
        {"tpm2-pkcs11: a session too many", CKR_SESSION_COUNT, RUNG_MODULE, TOKEN_FAILING},
        {"no memory", CKR_HOST_MEMORY, RUNG_PROCESS, TOKEN_FAILING},
        {"a digest that is too long", CKR_DATA_LEN_RANGE, RUNG_NONE, TOKEN_READY},
        {"no such mechanism", CKR_MECHANISM_INVALID, RUNG_NONE, TOKEN_READY},
        {"nothing that anybody knows", CKR_VENDOR_DEFINED | 7, RUNG_MODULE, TOKEN_FAILING},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        const struct ckr *ckr = ckr_find(cases[i].rv);
        assert_int_equal(ckr->rung, cases[i].rung);
        assert_int_equal(ckr->state, cases[i].state);
    }
}

static void
test_knows_what_a_login_says_otherwise(void **state)
{
    static const struct {
        const char *says;
        CK_RV rv;
        enum token_state state;
    } cases[] = {
        {"a wrong PIN", CKR_PIN_INCORRECT, TOKEN_PIN_WRONG},
        {"OpenSC: a short PIN", CKR_PIN_LEN_RANGE, TOKEN_PIN_WRONG},
        {"ykcs11: a short PIN", CKR_ARGUMENTS_BAD, TOKEN_PIN_WRONG},
        {"too many wrong ones", CKR_PIN_LOCKED, TOKEN_PIN_LOCKED},
        {"no PIN was set", CKR_USER_PIN_NOT_INITIALIZED, TOKEN_LOCKED},
        {"tpm2-pkcs11: the TPM is gone", CKR_GENERAL_ERROR, TOKEN_FAILING},
        {"the card was pulled", CKR_TOKEN_NOT_PRESENT, TOKEN_ABSENT},
        {"as if it were a request", CKR_MECHANISM_INVALID, TOKEN_FAILING},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        print_message("%s\n", cases[i].says);
        const struct ckr *ckr = ckr_find_login(cases[i].rv);
        assert_int_equal(ckr->state, cases[i].state);
        assert_int_not_equal(ckr->rung, RUNG_NONE);
    }
    assert_int_not_equal(ckr_find(CKR_ARGUMENTS_BAD)->state, TOKEN_PIN_WRONG);
    assert_int_not_equal(ckr_find(CKR_PIN_INCORRECT)->state, TOKEN_PIN_WRONG);
}

/* Whatever a module says, there is a sentence, and something to do. */
static void
test_has_advice_for_every_code(void **state)
{
    (void)state;
    for (CK_RV rv = 1; rv < 0x300; rv++) {
        struct why why;

        assert_int_equal(ckr_fail(ckr_find(rv), rv, "C_Sign", &why), RC_TOKEN);
        assert_int_equal(strncmp(why.text, "C_Sign: 0x", 10), 0);
        assert_true(strlen(strchr(why.text, ';')) > 10);
        assert_true(strlen(ckr_find_login(rv)->advice) > 10);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_what_modules_said_to_us),
        cmocka_unit_test(test_knows_what_a_login_says_otherwise),
        cmocka_unit_test(test_has_advice_for_every_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
