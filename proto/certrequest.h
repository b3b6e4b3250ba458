/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certrequest — a request for a certificate (PKCS #10, RFC 2986), for an authority of the user's,
 * signed by a key that only signs messages for us.
 */
#include "proto/pubkey.h"

struct certrequest; /* waits for its signature */

/*
 * subject: one CN. ECDSA keys sign with SHA-256, RSA keys with PKCS#1 v1.5 and SHA-256. key: a
 * plain one, kept by reference. RC_UNSUPPORTED: key of another type. RC_MALFORMED: the name.
 * RC_SYSTEM: OpenSSL failed. *ret: certrequest_free().
 */
must_check enum rc certrequest_new(
    struct certrequest **ret, struct pubkey *key, const char *common_name, struct why *why);
/* What is to be signed. */
struct span certrequest_message(const struct certrequest *r);
/* signature: as for certificate_finish(). Appends PEM text. RC_UNTRUSTED: it is not by that key.
 * RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc certrequest_finish(
    struct bytes *ret_pem, struct certrequest *r, struct span signature, struct why *why);
void certrequest_free(struct certrequest *r);
DEFINE_CLEANUP(struct certrequest, certrequest_free);
