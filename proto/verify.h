/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verify — signatures of Notary v1: one over a message, and enough of them for a role.
 *
 * ecdsa: SHA-256 whatever the curve, raw r||s of exactly the curve's length. rsapss: SHA-256, MGF1
 * with SHA-256, salt of exactly 32 bytes. rsapkcs1v15: SHA-256. eddsa: the message itself.
 */
#include "proto/pubkey.h"

enum verify_method {
    VERIFY_ECDSA,
    VERIFY_RSAPSS,
    VERIFY_RSAPKCS1V15,
    VERIFY_EDDSA,
    VERIFY_METHOD_MAX_ /* also: a method that we do not know, which verifies nothing */
};

const char *verify_method_name(enum verify_method method); /* as in metadata, lower case */
enum verify_method verify_method_find(struct span name);   /* case is folded, as Go does */
/* The method under which a signature by this key is published. */
enum verify_method verify_method_of(const struct pubkey *key);

/* RC_UNTRUSTED: the method does not suit the key, or the signature is not by it over message. */
must_check enum rc verify_message(const struct pubkey *key, enum verify_method method,
    struct span message, struct span signature, struct why *why);
/* The same for methods over SHA-256, where only the digest is at hand. */
must_check enum rc verify_digest(const struct pubkey *key, enum verify_method method,
    const struct digest *digest, struct span signature, struct why *why);

/* Append raw r||s as the DER that X.509 carries. RC_MALFORMED: its length. */
must_check enum rc verify_ecdsa_der(struct bytes *ret, struct span raw, struct why *why);

struct verify_signature {
    struct keyid keyid;
    enum verify_method method;
    struct span signature; /* decoded */
};

/*
 * At least threshold distinct keys (distinct by canonical ID, so one key under two IDs counts once)
 * of keys[] signed message. Signatures by others, or invalid ones, are ignored.
 * RC_UNTRUSTED: how many of how many, and why the first key that does not count does not; threshold
 * below 1 included.
 */
must_check enum rc verify_threshold(struct pubkey *const *keys, size_t n_keys, int64_t threshold,
    const struct verify_signature *signatures, size_t n_signatures, struct span message,
    struct why *why);
