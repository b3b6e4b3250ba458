/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * certlist — the certificates of an x509 key object, out of the PEM text that stands for its public
 * key.
 */
#include <openssl/x509.h>

#include "proto/bytes.h"

/* X509_free(); NULL: no certificate in DER, or something behind it. */
X509 *certlist_read_one(struct span der);

/*
 * Only certificates as Go writes them; else *ret is NULL. sk_X509_pop_free(). RC_NO_MEMORY: nothing
 * is known of them.
 */
must_check enum rc certlist_read(STACK_OF(X509) * *ret, struct span text);
