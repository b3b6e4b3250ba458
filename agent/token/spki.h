/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * spki — a SubjectPublicKeyInfo (RFC 5280 §4.1) out of the pieces that a token keeps.
 *
 * Only assembles; whether the result is a sound key is judged by pubkey_from_spki(). All append DER
 * to b.
 */
#include "proto/bytes.h"

/* CKA_EC_PARAMS and CKA_EC_POINT; the point raw or within an OCTET STRING. */
void spki_put_ec(struct bytes *b, struct span params, struct span point);
/* The same of an Ed25519 key. Appends nothing where they are of another one. */
void spki_put_ed25519(struct bytes *b, struct span params, struct span point);
/* CKA_MODULUS and CKA_PUBLIC_EXPONENT. */
void spki_put_rsa(struct bytes *b, struct span modulus, struct span exponent);
/* CKA_VALUE of a certificate. RC_MALFORMED, RC_UNSUPPORTED: nothing was appended. */
must_check enum rc spki_put_certificate(struct bytes *b, struct span der, struct why *why);
