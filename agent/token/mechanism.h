/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * mechanism — the PKCS#11 mechanisms that make signatures of Notary's methods, and what each of
 * them wants to be given. Where a token has several for one method, the first in the table is used.
 */
#include <p11-kit/p11-kit.h>

#include "proto/verify.h"

enum mechanism_input {
    MECHANISM_DIGEST,      /* SHA-256 */
    MECHANISM_DIGEST_INFO, /* the same within DigestInfo (RFC 8017 §9.2) */
    MECHANISM_PSS_BLOCK,   /* the padded block; the token does nothing but RSA */
    MECHANISM_MESSAGE,     /* all of it; the token hashes */
};

struct mechanism {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key;
    enum verify_method method;
    enum mechanism_input input;
    bool wants_pss_params;
    const char *name; /* as in PKCS#11, for people */
};

/* Which of the table are in a list, as bits. */
unsigned mechanisms_in(const CK_MECHANISM_TYPE *types, size_t n);
/* The one to sign with, out of those; NULL: there is none. */
const struct mechanism *mechanism_find(
    unsigned offered, CK_KEY_TYPE key, enum verify_method method);
/* Append the names of all that would do for a key of that type. */
void mechanisms_put_names(struct bytes *b, CK_KEY_TYPE key);
