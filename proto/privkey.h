/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * privkey — a private key out of a file: checked, with its public key, and taken apart into the
 * numbers that a token keeps.
 *
 * It lives in a client and in a token's worker for as long as the key is brought into the token,
 * and is overwritten afterwards. It signs nothing.
 */
#include "proto/keyfile.h"
#include "proto/pubkey.h"

struct privkey;

/*
 * passphrase: of an encrypted file; else ignored. RC_LOCKED: it is wrong, or empty. RC_MALFORMED:
 * no key, or a public half that is not that of the private one. RC_UNSUPPORTED: a kind of key,
 * curve or encryption that is not taken. RC_TOO_LARGE: an iteration count over
 * KEY_FILE_ITERATIONS_MAX. *ret: privkey_free().
 */
must_check enum rc privkey_open(
    struct privkey **ret, const struct keyfile *file, struct span passphrase, struct why *why);
void privkey_free(struct privkey *key); /* overwrites it */
DEFINE_CLEANUP(struct privkey, privkey_free);

struct pubkey *privkey_pubkey(const struct privkey *key); /* borrowed; a plain one */

/* The numbers of a key, as PKCS#11 names them. */
enum privkey_part {
    PRIVKEY_VALUE, /* EC: d. Ed25519: the 32 bytes of RFC 8032 §5.1.5 */
    PRIVKEY_MODULUS,
    PRIVKEY_PUBLIC_EXPONENT,
    PRIVKEY_PRIVATE_EXPONENT,
    PRIVKEY_PRIME_1,
    PRIVKEY_PRIME_2,
    PRIVKEY_EXPONENT_1,
    PRIVKEY_EXPONENT_2,
    PRIVKEY_COEFFICIENT,
    PRIVKEY_PART_MAX_
};

#define PRIVKEY_PART_BYTES 1024 /* RSA with 8192 bits */

/* Unsigned, big endian. ret has PRIVKEY_PART_BYTES, which the caller overwrites. RC_UNSUPPORTED:
 * such a key has no such part. */
must_check enum rc privkey_get(uint8_t *ret, size_t *ret_len, const struct privkey *key,
    enum privkey_part part, struct why *why);
