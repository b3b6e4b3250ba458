/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * key — a private key of a token: what it can sign, and signing with it.
 */
#include "agent/token/mechanism.h"
#include "agent/token/object.h"
#include "agent/token/pin.h"

/* Methods as bits 1 << enum verify_method. */
struct key_methods {
    unsigned methods;      /* by which it can sign */
    unsigned with_message; /* those of them for which the token wants the message */
};

/* has_pin: there is one to log in with for each signature. offered: mechanisms_in() those of the
 * token and, where it has such a list, of the key. RC_UNSUPPORTED: none suits the key, and the
 * reason. */
must_check enum rc key_methods(struct key_methods *ret, const struct object *key, unsigned offered,
    bool has_pin, struct why *why);

struct key_order {
    const struct mechanism *mechanism; /* of the key's type */
    const struct digest *digest;       /* SHA-256 of the message */
    struct span message;               /* for MECHANISM_MESSAGE */
    size_t modulus_bits;               /* for MECHANISM_PSS_BLOCK */
    const struct pin *pin;             /* for a key that wants it each time; NULL: it does not */
};

/* One signature, at most SIGNATURE_MAX_BYTES. ret holds it as proto/verify.h wants it. */
must_check CK_RV key_sign(uint8_t *ret, size_t *ret_len, const struct session *session,
    const struct object *key, const struct key_order *order);
