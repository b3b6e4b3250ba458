/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keypair — new keys on a token, made there or brought there: for signing alone, sensitive, and
 * never to be extracted. Each is two objects of one label and CKA_ID, in the token for good.
 *
 * All want a session that may write, in which the token is logged in.
 */
#include "agent/token/object.h"
#include "proto/privkey.h"

struct keypair {
    CK_OBJECT_HANDLE private_key, public_key; /* CK_INVALID_HANDLE: there is none */
};

/* The algorithms that are made and taken, for people: "ec-p256, …". */
void keypair_put_algorithms(struct bytes *b);
bool keypair_is_algorithm(struct span name); /* one that is made */

/* algorithm: keypair_is_algorithm(). A code of the module. */
must_check CK_RV keypair_generate(
    struct keypair *ret, const struct session *session, struct span algorithm, struct span label);
/* CKR_KEY_TYPE_INCONSISTENT: no key for a token. Where the private key was taken and the public key
 * was not, the token has neither. Numbers of the key are overwritten. */
must_check CK_RV keypair_import(struct keypair *ret, const struct session *session,
    const struct privkey *key, struct span label);
/* Take both off the token again, as far as it lets us. Whether it did. */
bool keypair_destroy(const struct keypair *pair, const struct session *session);

/* Codes that are about the key: the token is as it was. */
bool keypair_is_refusal(CK_RV rv);
/* What people can do about a code of either of the two. RC_REFUSED, RC_TOKEN. */
must_check enum rc keypair_fail(CK_RV rv, const char *call, struct span algorithm, struct why *why);
