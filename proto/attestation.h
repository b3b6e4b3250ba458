/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * attestation — a certificate by which a YubiKey says that it made a key, and what it says besides
 * (https://developers.yubico.com/PIV/Introduction/PIV_attestation.html).
 */
#include "proto/pubkey.h"

struct attestation {
    char subject[256], issuer[256]; /* one line each */
    char firmware[16];              /* "5.2.7"; "": not told */
    int64_t serial;                 /* of the device; 0: not told */
    const char *pin, *touch;        /* policy: "once", "never", …; NULL: not told */
    bool is_rooted;                 /* its chain ends at an authority that was given */
};

/*
 * Out of a token's certificates (DER), the one that attests key, with its chain verified: to one of
 * the authorities, PEM text; empty: up to the token's own certificate only.
 * RC_NOT_FOUND: none attests it. RC_UNTRUSTED: the chain does not verify. RC_MALFORMED: no
 * authorities.
 */
must_check enum rc attestation_read(struct attestation *ret, const struct span *certificates,
    size_t n, const struct pubkey *key, struct span authorities, struct why *why);
