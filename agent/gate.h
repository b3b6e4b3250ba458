/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gate — an admin locks the workers of one token out, or lets them in again, and one worker that
 * has the PIN gives it to the others. No PIN passes through here: workers read it themselves.
 */
#include "agent/member.h"

struct gate {
    struct crew *crew;
    struct member *members; /* the first one comes in alone; borrowed */
    size_t n_members;
    struct timer timer;
    keyring_unlocked *callback; /* of the unlocking that is under way; NULL: none is */
    void *userdata;
    uint64_t n_pins; /* that were asked for */
};

/* gate_done(). crew and members are borrowed. RC_SYSTEM. */
must_check enum rc gate_init(struct gate *gate, struct crew *crew, struct member *members,
    size_t n_members, struct why *why);
void gate_done(struct gate *gate); /* whoever waits is not told */

/* As keyring_check_unlock(), where the token is in that state, for that reason. */
must_check enum rc gate_check(enum keyring_need *ret, const struct gate *gate,
    enum keyring_state state, const char *detail, bool force, struct why *why);
/* As keyring_unlock() and keyring_lock(). */
must_check enum rc gate_unlock(
    struct gate *gate, const struct keyring_unlock *order, struct why *why);
must_check enum rc gate_lock(struct gate *gate, struct why *why);

/* Whenever a worker said something: let those end that are locked out, and give the others the PIN.
 */
void gate_advance(struct gate *gate);
/* After that, and last, for whoever is told may do anything: has the unlocking come to its end? */
void gate_tell(struct gate *gate);
/* Tell whoever waits that nothing comes of it, for that reason. */
void gate_give_up(struct gate *gate, const char *reason);
