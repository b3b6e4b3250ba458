/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * derkey — a public key in DER: SubjectPublicKeyInfo (RFC 5280 §4.1) in its one form.
 *
 * Points on Notary's curves and Ed25519 keys stand behind a header that never changes, and need
 * none of OpenSSL 3.0's decoders and encoders: those take a million instructions for a key, and
 * this a fifth of it.
 */
#include <openssl/types.h>

#include "proto/bytes.h"

/* EVP_PKEY_free(); NULL: no key in its one form, something behind it, no point of its curve. */
EVP_PKEY *derkey_read(struct span der);
/* Append a key that algorithm_of() takes. */
void derkey_put(struct bytes *b, const EVP_PKEY *evp);
