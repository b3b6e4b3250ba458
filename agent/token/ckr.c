/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/ckr.h"

#define SEE_TO_IT  "see to the token, and to the page of its kind: countersign-pkcs11(7)"
#define PUT_BACK   "the token was removed: put it back"
#define ITSELF     "it is tried anew"
#define UNSUITED   "take a key or a token that can do it"
#define RIGHT_PIN  "the token refused the PIN"
#define SHORT_FREE "the token or this machine is short of memory: free some"

/* Where nothing else is said, a code means this. OpenSC 0.23 never returns from the call after one
 * that failed so, unless that is C_Finalize; tpm2-pkcs11 1.9 says it for ever. */
static const struct ckr general = {CKR_GENERAL_ERROR, RUNG_MODULE, TOKEN_FAILING, SEE_TO_IT};

static const struct ckr any[] = {
    /* About the request. */
    {CKR_DATA_INVALID, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_DATA_LEN_RANGE, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_FUNCTION_CANCELED, RUNG_NONE, TOKEN_READY, "somebody refused it at the token: ask again"},
    {CKR_FUNCTION_REJECTED, RUNG_NONE, TOKEN_READY, "somebody refused it at the token: ask again"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_KEY_SIZE_RANGE, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_KEY_TYPE_INCONSISTENT, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_MECHANISM_INVALID, RUNG_NONE, TOKEN_READY, UNSUITED},
    {CKR_MECHANISM_PARAM_INVALID, RUNG_NONE, TOKEN_READY, UNSUITED},

    /* ykcs11 2.2 says it of a card that is back after it was pulled. */
    {CKR_USER_NOT_LOGGED_IN, RUNG_LOGIN, TOKEN_FAILING, ITSELF},

    {CKR_OPERATION_ACTIVE, RUNG_SESSION, TOKEN_FAILING, ITSELF},
    {CKR_OPERATION_NOT_INITIALIZED, RUNG_SESSION, TOKEN_FAILING, ITSELF},
    {CKR_SESSION_CLOSED, RUNG_SESSION, TOKEN_FAILING, ITSELF},
    {CKR_SESSION_HANDLE_INVALID, RUNG_SESSION, TOKEN_FAILING, ITSELF},
    {CKR_SLOT_ID_INVALID, RUNG_SESSION, TOKEN_ABSENT, PUT_BACK},
    {CKR_DEVICE_REMOVED, RUNG_SESSION, TOKEN_ABSENT, PUT_BACK},
    {CKR_TOKEN_NOT_PRESENT, RUNG_SESSION, TOKEN_ABSENT, PUT_BACK},

    {CKR_CRYPTOKI_NOT_INITIALIZED, RUNG_MODULE, TOKEN_FAILING, ITSELF},
    {CKR_DEVICE_ERROR, RUNG_MODULE, TOKEN_FAILING, SEE_TO_IT},
    {CKR_DEVICE_MEMORY, RUNG_MODULE, TOKEN_FAILING, SHORT_FREE},
    {CKR_FUNCTION_FAILED, RUNG_MODULE, TOKEN_FAILING, SEE_TO_IT},
    /* SoftHSM 2.6 says it for ever of a token that was away for a moment, and shows no keys. */
    {CKR_KEY_HANDLE_INVALID, RUNG_MODULE, TOKEN_FAILING, ITSELF},
    {CKR_OBJECT_HANDLE_INVALID, RUNG_MODULE, TOKEN_FAILING, ITSELF},
    {CKR_PIN_LOCKED, RUNG_MODULE, TOKEN_PIN_LOCKED, "unblock it with the token's own tools"},
    {CKR_SESSION_COUNT, RUNG_MODULE, TOKEN_FAILING,
        "the token has no session left: end other programs that use it, or take fewer workers"},
    {CKR_TOKEN_NOT_RECOGNIZED, RUNG_MODULE, TOKEN_FAILING, SEE_TO_IT},

    {CKR_HOST_MEMORY, RUNG_PROCESS, TOKEN_FAILING, SHORT_FREE},
};

static const struct ckr login[] = {
    /* OpenSC says PIN_LEN_RANGE and ykcs11 ARGUMENTS_BAD of a PIN that is too short or too long. */
    {CKR_ARGUMENTS_BAD, RUNG_SESSION, TOKEN_PIN_WRONG, RIGHT_PIN},
    {CKR_PIN_EXPIRED, RUNG_SESSION, TOKEN_PIN_WRONG, "set a new PIN with the token's own tools"},
    {CKR_PIN_INCORRECT, RUNG_SESSION, TOKEN_PIN_WRONG, RIGHT_PIN},
    {CKR_PIN_INVALID, RUNG_SESSION, TOKEN_PIN_WRONG, RIGHT_PIN},
    {CKR_PIN_LEN_RANGE, RUNG_SESSION, TOKEN_PIN_WRONG, RIGHT_PIN},
    {CKR_USER_PIN_NOT_INITIALIZED, RUNG_SESSION, TOKEN_LOCKED,
        "the token has no PIN yet: set one with its own tools"},
    /* Only a fresh start ends a login of the security officer. */
    {CKR_USER_ANOTHER_ALREADY_LOGGED_IN, RUNG_MODULE, TOKEN_FAILING, ITSELF},
    {CKR_USER_TOO_MANY_TYPES, RUNG_MODULE, TOKEN_FAILING, ITSELF},
};

static const struct ckr *
find(const struct ckr *table, size_t n, CK_RV rv)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].rv == rv)
            return &table[i];

    return NULL;
}

const struct ckr *
ckr_find(CK_RV rv)
{
    const struct ckr *found = find(any, N_ELEMENTS(any), rv);

    return found ? found : &general;
}

const struct ckr *
ckr_find_login(CK_RV rv)
{
    const struct ckr *found = find(login, N_ELEMENTS(login), rv);

    if (!found)
        found = find(any, N_ELEMENTS(any), rv);
    /* There is no request that a refusal could be about. */
    return found && found->rung != RUNG_NONE ? found : &general;
}

bool
ckr_is_refused_pin(CK_RV rv)
{
    /* Of C_SignInit and C_Sign it is about something else. */
    return rv == CKR_PIN_LOCKED ||
           (ckr_find_login(rv)->state == TOKEN_PIN_WRONG && rv != CKR_ARGUMENTS_BAD);
}

enum rc
ckr_fail(const struct ckr *ckr, CK_RV rv, const char *call, struct why *why)
{
    return fail(why, RC_TOKEN, "%s: 0x%lx (%s); %s", call, rv, p11_kit_strerror(rv), ckr->advice);
}
