/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * key — a private key of a token: what it can sign, and signing with it.
 */
#include "agent/token/object.h"
#include "proto/verify.h"

/* Methods as bits 1 << enum verify_method. */
unsigned key_methods_of_token(const CK_MECHANISM_TYPE *mechanisms, size_t n);
/* Which of those that the token offers suit the key. RC_UNSUPPORTED: none, and the reason. */
must_check enum rc key_methods(
    unsigned *ret, const struct object *key, unsigned offered, struct why *why);

/* One signature, at most SIGNATURE_MAX_BYTES. ret holds it as proto/verify.h wants it. */
must_check CK_RV key_sign(uint8_t *ret, size_t *ret_len, const struct session *session,
    const struct object *key, enum verify_method method, const struct digest *digest);

/* Codes that are about the request: the session and the key are as they were. */
bool key_is_refusal(CK_RV rv);
