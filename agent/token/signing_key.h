/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * signing_key — a private key that the agent asked for, with the public key that it is pinned to:
 * what does not verify with that one never leaves.
 */
#include "agent/token/frame.h"
#include "agent/token/key.h"

struct signing_key {
    const struct object *object; /* borrowed; NULL: nothing is signed with it */
    struct pubkey *pubkey;       /* counted */
    unsigned mechanisms;         /* that suit it, as mechanisms_in() */
};

/* spki: DER of the public key; empty: the token shows none, and none is pinned. RC_UNSUPPORTED;
 * RC_MALFORMED. *ret is untouched then. object is borrowed; signing_key_done(). */
must_check enum rc signing_key_init(struct signing_key *ret, const struct object *object,
    struct span spki, unsigned mechanisms, struct why *why);

/* What a signature is made with. */
struct signing_site {
    const struct session *session;
    const struct pin *pin; /* for a key that wants it for each signature; else NULL */
    uint8_t *signature;    /* room for SIGNATURE_MAX_BYTES */
};

/*
 * Do one job. message: what the job's digest is of; empty: it did not come. detail is room
 * for what *ret points to. A code other than CKR_OK is one for which the token or the
 * session is to blame; *ret is nothing then.
 */
must_check CK_RV signing_key_sign(struct frame_result *ret, const struct signing_key *key,
    const struct signing_site *site, const struct frame_job *job, struct span message,
    struct why *detail);

void signing_key_done(struct signing_key *key); /* it is empty then */
