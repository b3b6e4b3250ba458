/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pubkey — a public key as Notary's metadata carries it: a key object with its two IDs.
 *
 * The key ID is the SHA-256 of the canonical key object; metadata lists and signs under it. The
 * canonical key ID is that of the same key as plain ecdsa, rsa or ed25519; the agent, key files and
 * people use it. They differ for x509 key objects, which carry the PEM text of a certificate.
 *
 * An object of an unknown key type, or with bytes that are no key, still has a key ID and can be
 * listed; it never verifies anything (pubkey_evp() is NULL) and its canonical ID is its key ID.
 *
 * No key for us, although Go might find one in it: DER in any but its one form, RSA below 2048 bits
 * or with an exponent that Go refuses, curves other than P-224, P-256, P-384 and P-521, and PEM
 * text that is not byte for byte what Go writes. So two readers never see two keys in one object;
 * who signs a list of keys must refuse objects without a key.
 */
#include <openssl/types.h>

#include "proto/bytes.h"

enum pubkey_type {
    PUBKEY_ECDSA,
    PUBKEY_ECDSA_X509,
    PUBKEY_RSA,
    PUBKEY_RSA_X509,
    PUBKEY_ED25519,
    PUBKEY_UNKNOWN,
    PUBKEY_TYPE_MAX_
};

struct pubkey; /* immutable, counted */

/*
 * From a key object's keytype and its decoded "public" bytes: SPKI in DER, PEM text, or the raw 32
 * bytes of ed25519. Never refuses content (see above). RC_NO_MEMORY, RC_TOO_LARGE.
 */
must_check enum rc pubkey_new(
    struct pubkey **ret, struct span keytype, struct span public_bytes, struct why *why);
/* From DER SubjectPublicKeyInfo; always a plain type. RC_UNSUPPORTED: curve or kind of key, RSA
 * below 2048 bits. RC_MALFORMED. */
must_check enum rc pubkey_from_spki(struct pubkey **ret, struct span der, struct why *why);
/*
 * From a file's text: one "PUBLIC KEY" (plain type; RFC 1421 header lines as docker writes them are
 * skipped) or certificates (x509 type, of the first one, re-encoded as Go writes PEM).
 * RC_MALFORMED: says what kind of PEM was found instead. RC_UNSUPPORTED: as above, ed25519 included
 * where it is a certificate.
 */
must_check enum rc pubkey_from_pem(struct pubkey **ret, struct span text, struct why *why);

struct pubkey *pubkey_ref(struct pubkey *key); /* NULL gives NULL */
void pubkey_unref(struct pubkey *key);
DEFINE_CLEANUP(struct pubkey, pubkey_unref);

enum pubkey_type pubkey_type(const struct pubkey *key);
struct span pubkey_keytype(const struct pubkey *key); /* as spelled in the object */
bool pubkey_is_x509(const struct pubkey *key);
const struct keyid *pubkey_id(const struct pubkey *key);
const struct keyid *pubkey_canonical_id(const struct pubkey *key);
struct span pubkey_public(const struct pubkey *key); /* the decoded "public" bytes */
struct span pubkey_spki(const struct pubkey *key);   /* DER; empty where it is no key */
EVP_PKEY *pubkey_evp(const struct pubkey *key);      /* borrowed; NULL where it is no key */
/* Ready to verify ECDSA signatures of SHA-256 digests, any number of them: to make it takes a fifth
 * of the time of one. Borrowed; NULL: no memory, or no key. */
EVP_PKEY_CTX *pubkey_verifier(const struct pubkey *key);
/* RC_UNSUPPORTED: it is no key; why. */
must_check enum rc pubkey_check(const struct pubkey *key, struct why *why);
/* Certificates of an x509 key object, its own first; borrowed, NULL behind the last. */
X509 *pubkey_certificate(const struct pubkey *key, size_t i);
size_t pubkey_bits(const struct pubkey *key); /* of the modulus, or the field; 0: it is no key */
/* "ec-p224", "ec-p256", "ec-p384", "ec-p521", "rsa-3072", "ed25519", "unknown" */
const char *pubkey_algorithm(const struct pubkey *key);

/* Append the canonical key object: {"keytype":K,"keyval":{"private":null,"public":B}} */
void pubkey_format(struct bytes *b, const struct pubkey *key);
