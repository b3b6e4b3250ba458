/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * health — whether a token that nobody asks for anything would still answer.
 *
 * What modules say of slots, tokens and sessions is often what they remember. These are answers of
 * the token itself: of OpenSC and tpm2-pkcs11 C_GenerateRandom, of ykcs11 (which makes random bytes
 * by itself) the list of slots, of SoftHSM C_GetTokenInfo. None of them wants a touch or a PIN.
 */
#include "agent/token/object.h"

struct health {
    bool is_hardware; /* the slot says so */
    bool has_random;  /* C_GenerateRandom worked once: where it fails now, the token does */
};

/* After a login; where a token cannot make random bytes, that is no failure. A code of the module,
 * and *ret_call is what failed. */
must_check CK_RV health_learn(
    struct health *health, const char **ret_call, const struct session *session, CK_SLOT_ID slot);
/* Whether it is worth the time to look at it now and then. */
bool health_is_watched(const struct health *health);
/* Likewise. CKR_TOKEN_NOT_PRESENT: the slot is not there any more, or has none. */
must_check CK_RV health_check(const struct health *health, const char **ret_call,
    const struct session *session, CK_SLOT_ID slot);
