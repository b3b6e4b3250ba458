/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * keyfile — the text of a private key's file, as OpenSSL, notary and docker write them, up to where
 * a passphrase is needed: what kind of block it is, and what its header lines say.
 *
 * The key itself is privkey.h's. Only a client whose user names the file, and a token's worker,
 * ever have such a text; the agent has not.
 */
#include "proto/pem.h"

enum keyfile_form {
    KEYFILE_PKCS8,           /* "PRIVATE KEY" */
    KEYFILE_PKCS8_ENCRYPTED, /* "ENCRYPTED PRIVATE KEY" */
    KEYFILE_SEC1,            /* "EC PRIVATE KEY" */
    KEYFILE_PKCS1,           /* "RSA PRIVATE KEY" */
    KEYFILE_ED25519,         /* "ED25519 PRIVATE KEY", of notary before 0.6 */
    KEYFILE_FORM_MAX_
};

/* Borrows from the text. */
struct keyfile {
    enum keyfile_form form;
    struct pem_block block;
    bool is_encrypted;
    struct span role, gun; /* of header lines; empty: none, or not what such a name can be */
};

/*
 * The one private key in text; certificates, public keys and EC parameters beside it do not matter.
 * RC_TOO_LARGE: KEY_FILE_MAX_BYTES. RC_MALFORMED: none, or more than one; what is there instead.
 * RC_UNSUPPORTED: another kind of private key.
 */
must_check enum rc keyfile_parse(struct keyfile *ret, struct span text, struct why *why);
