/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * algorithm — what a key is apart from how it is carried, and whether Notary and we take it.
 */
#include <openssl/types.h>

#include "proto/rc.h"

enum algorithm_family {
    ALGORITHM_NONE,
    ALGORITHM_ECDSA,
    ALGORITHM_RSA,
    ALGORITHM_ED25519,
};

struct algorithm {
    enum algorithm_family family; /* never NONE */
    char name[16]; /* "ec-p224", "ec-p256", "ec-p384", "ec-p521", "rsa-3072", "ed25519" */
};

/* RC_UNSUPPORTED: another kind of key or curve, RSA with fewer than RSA_MIN_BITS or more than
 * RSA_MAX_BITS or with an exponent that Go refuses, EC in a form that Go does not read. */
must_check enum rc algorithm_of(struct algorithm *ret, const EVP_PKEY *evp, struct why *why);
