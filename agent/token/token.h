/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * token — one token behind one PKCS#11 module: found, logged into, its keys listed, signatures made
 * and verified; and found again after it was lost. Keys can be made on it or brought to it. Nothing
 * else is ever asked of it: no wrapping, deriving or decrypting.
 *
 *     token_look()   until it succeeds
 *     token_login()
 *     token_find()   the keys of the policy
 *     token_sign()   until it fails, or token_login() or token_find() does: then look again
 *
 * All of these: on failure token_state() is what the token is in now and token_ckr() the code of
 * the module behind it. How much is torn down before the next token_look() says ladder.h; where
 * only a process of its own would do, token_is_spent().
 */
#include "agent/token/object.h"
#include "agent/token/pin.h"

struct token;

/* The token, logged in. */
struct token_site {
    const struct session *session;
    CK_SLOT_ID slot;
    unsigned mechanisms; /* that it offers, as mechanisms_in() */
    const struct objects *certificates;
};

/* Load the module, without starting it. RC_TOKEN; RC_MALFORMED: the token's URI. */
must_check enum rc token_new(struct token **ret, const struct frame_open *open, struct why *why);
void token_free(struct token *token); /* ends the module, within two seconds */
DEFINE_CLEANUP(struct token, token_free);

enum token_state token_state(const struct token *token);
uint64_t token_ckr(const struct token *token);      /* 0: none */
bool token_is_spent(const struct token *token);     /* end the process */
unsigned token_pause_ms(const struct token *token); /* before the next look */

/* The token is there and may be logged into; *ret points into token until the next call. */
must_check enum rc token_look(struct frame_found *ret, struct token *token, struct why *why);

/* Where its PIN is from: after a token_look() that wants one, pin_receive(). */
struct pin_source *token_pin(struct token *token);

/* Log in with the PIN that was found, and list the keys. force: also where it is the last try. */
must_check enum rc token_login(struct token *token, bool force, struct why *why);

/* Find a key and keep it under find->place, which is always that of this URI. *ret points into
 * token until the next call. That there is no such key is an answer, not a failure. */
must_check enum rc token_find(
    struct frame_key *ret, struct token *token, const struct frame_find *find, struct why *why);

/* Whether it is there at all. Nobody has to touch it for that, and no PIN is tried. */
must_check enum rc token_check(struct token *token, struct why *why);
bool token_is_watched(const struct token *token); /* do so now and then */

/* Likewise. message: that of the last job; empty: none came. A signature that does not verify with
 * the key of token_find() is not returned. */
must_check enum rc token_sign(struct frame_signed *ret, struct token *token,
    const struct frame_sign *sign, struct span message, struct why *why);

/* For errands.h: what it works with, and the key that FIND found in a place; NULL: none. Borrowed
 * until the next call. */
struct token_site token_site(const struct token *token);
const struct object *token_key(const struct token *token, uint32_t place);
/* A call of the module failed for the token's sake, and this is what the token is in now. */
must_check enum rc token_lost(struct token *token, CK_RV rv, const char *call, struct why *why);
