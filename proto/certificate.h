/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certificate — what Notary demands of the certificates of root keys, and how ours are made.
 *
 * A root document is bound to its repository by nothing but the common name of these certificates.
 * Chains to an authority are never built; a self-signature is never checked, as Notary does not.
 */
#include "proto/pubkey.h"

/*
 * The rules for a key of the root role of repository (facts of Notary's ValidateCertificate, made
 * stricter): an x509 key object; certificates only; the first is the one and only leaf (not a CA);
 * its subject has exactly one CN, equal to repository byte for byte, without '*' and NUL; not
 * signed with SHA-1 or MD5; RSA of at least 2048 bits; valid at now, a day of leeway at its start.
 * RC_UNTRUSTED: which rule, want and have.
 */
must_check enum rc certificate_check_root(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why);
/* As above, but the wildcard form "prefix*" that Notary accepts is taken too: the client verifies
 * repositories that others made. */
must_check enum rc certificate_check_root_tolerant(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why);

/* End of the leaf's validity. RC_MALFORMED: no certificate. */
must_check enum rc certificate_expires_at(int64_t *ret, const struct pubkey *key, struct why *why);

/* A certificate that waits for its signature. */
struct certificate;
/*
 * Self-signed root certificate as Notary makes them: v3, random serial, subject = issuer = one CN,
 * key usage digitalSignature and keyEncipherment (critical), codeSigning, CA:FALSE (critical).
 * ECDSA keys sign with SHA-256, RSA keys with PKCS#1 v1.5 and SHA-256.
 */
must_check enum rc certificate_new(struct certificate **ret, const struct pubkey *key,
    const char *common_name, int64_t now, int64_t days, struct why *why);
/* What is to be signed: SHA-256 of the TBSCertificate. */
void certificate_digest(struct digest *ret, const struct certificate *c);
/* signature: raw r||s for ECDSA, as tokens give it; the PKCS#1 block for RSA. Appends PEM text. */
must_check enum rc certificate_finish(
    struct bytes *ret_pem, struct certificate *c, struct span signature, struct why *why);
void certificate_free(struct certificate *c);
DEFINE_CLEANUP(struct certificate, certificate_free);
