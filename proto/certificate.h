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
 * stricter): an x509 key object; certificates only, as Go writes PEM; the first is the one and only
 * leaf (not a CA); its subject has exactly one CN, equal to repository byte for byte, without '*'
 * and NUL. All certificates: signed with SHA-256, SHA-384 or SHA-512; keys that algorithm_of()
 * takes; valid at now (seconds UTC), a day of leeway at the start.
 * RC_UNTRUSTED: which rule, want and have.
 */
must_check enum rc certificate_check_root(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why);
/* As above, but the wildcard form "prefix*" that Notary accepts is taken too: the client verifies
 * repositories that others made. */
must_check enum rc certificate_check_root_tolerant(
    const struct pubkey *key, const char *repository, int64_t now, struct why *why);

/* End of the leaf's validity, seconds UTC. RC_MALFORMED: no certificate. RC_UNTRUSTED: no time. */
must_check enum rc certificate_expires_at(int64_t *ret, const struct pubkey *key, struct why *why);

/* A certificate that waits for its signature. */
struct certificate;
/*
 * Self-signed root certificate as Notary makes them: v3, random serial, subject = issuer = one CN,
 * key usage digitalSignature and keyEncipherment (critical), codeSigning, CA:FALSE (critical).
 * ECDSA keys sign with SHA-256, RSA keys with PKCS#1 v1.5 and SHA-256.
 * key: a plain one, kept by reference. now: seconds UTC. days: up to CERTIFICATE_DAYS_MAX.
 * RC_UNSUPPORTED: key of another type. RC_MALFORMED: a name that is no repository's, or days.
 * RC_SYSTEM: OpenSSL failed. *ret: certificate_free().
 */
must_check enum rc certificate_new(struct certificate **ret, struct pubkey *key,
    const char *common_name, int64_t now, int64_t days, struct why *why);
/* What is to be signed: the TBSCertificate, which lives as long as c; and its SHA-256. */
struct span certificate_message(const struct certificate *c);
void certificate_digest(struct digest *ret, const struct certificate *c);
/* signature: raw r||s for ECDSA, as tokens give it; the PKCS#1 block for RSA. Appends PEM text.
 * RC_UNTRUSTED: it is not by the certificate's key over its digest. RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc certificate_finish(
    struct bytes *ret_pem, struct certificate *c, struct span signature, struct why *why);
void certificate_free(struct certificate *c);
DEFINE_CLEANUP(struct certificate, certificate_free);
