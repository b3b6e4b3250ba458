/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * softkeyring — a keyring without tokens: agent/keyring.h on keys in the test's own memory, which
 * sign when the test wants it. A program that links it has no other keyring.
 */
#include "agent/keyring.h"
#include "tests/forge.h"

/* The key under that name of every policy; made at first sight, RSA-2048 where the name begins with
 * "rsa", else P-256. */
struct forge_key *softkeyring_key(const char *name);
const char *softkeyring_id(const char *name); /* canonical */

/* From now on keys of that name are in that state; KEYRING_READY at first. */
void softkeyring_set_state(const char *name, enum keyring_state state, const char *detail);
/* Whether jobs wait for softkeyring_finish(). */
void softkeyring_hold(bool is_holding);
size_t softkeyring_n_waiting(void);
size_t softkeyring_n_asked(void); /* for a signature by a token: digests that went there */
/* The oldest job has its turn and ends so, from the event loop; RC_OK: signed. */
void softkeyring_finish(enum rc rc);
void softkeyring_finish_of(const char *name, enum rc rc); /* the oldest of that key */
/* Unlockings wait for this. */
void softkeyring_end_unlock(enum rc rc);
int softkeyring_pin_fd(void); /* from which the PIN is to be read; -1: from none */
size_t softkeyring_n_locks(void);
void softkeyring_refuse_unlock(enum rc rc); /* from now on; RC_OK: not */
/* Forget keys and states. */
void softkeyring_reset(void);
