/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * newkey — a new key on a token: made there, or brought by a client; read back and tried, before
 * anybody hears of it. What does not pass is taken off the token again.
 */
#include "agent/token/token.h"

struct newkey {
    struct bytes spki;
    struct bytes certificate; /* PEM; empty: none was wanted */
    struct key_provenance provenance;
};

/*
 * Both append the new public key, and what is generated its certificate. RC_REFUSED: a key of that
 * label is there already, the token makes or takes no such key, or the file holds none. *ret_rv: a
 * code of the module, from which the token's state follows; CKR_OK: the token is as it was.
 */
must_check enum rc newkey_generate(struct newkey *ret, CK_RV *ret_rv, const struct token_site *site,
    const struct frame_generate *wanted, struct why *why);
/* The file and its passphrase are read from client (borrowed), within IMPORT_TIMEOUT_S. */
must_check enum rc newkey_import(struct newkey *ret, CK_RV *ret_rv, const struct token_site *site,
    struct span label, int client, struct why *why);
