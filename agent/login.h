/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * login — whether a PIN may be tried on a token, so that no token is ever locked by this agent.
 *
 * Decided for each token, before C_Login, from what a worker found: the token must be the pinned
 * one (that of the first sight, unless the policy names its serial), the PIN one that it has not
 * refused, and the try not the last one. What was refused is in the ledger, by the source's name,
 * file and time of change, and is tried again only when the source changes or an admin unlocks the
 * token. A PIN that was never accepted is tried by one worker at a time, and the ledger knows of
 * the try before it begins: where worker or agent die before its outcome is known, it may have been
 * refused, and counts as if it was.
 *
 * An admin's lock is in the ledger as well: it holds until an admin unlocks the token.
 */
#include "agent/ledger.h"
#include "agent/policy.h"
#include "agent/token/frame.h"

struct login;

/* ledger is borrowed for life, token only for the call. RC_STORAGE. */
must_check enum rc login_new(
    struct login **ret, struct ledger *ledger, const struct policy_token *token, struct why *why);
void login_free(struct login *login);
DEFINE_CLEANUP(struct login, login_free);

/* Model and serial that the token must have; "": any. */
const char *login_identity(const struct login *login);

/* Whether to log in with what was found. After RC_OK login_end() must follow; *ret_force: also
 * where it is the last try. RC_BUSY: another worker logs in; ask again after it. RC_LOCKED: an
 * admin locked the token, it refused the PIN, or it is the last try. RC_TOKEN: another token.
 * RC_STORAGE: the ledger fails. */
must_check enum rc login_begin(
    bool *ret_force, struct login *login, const struct frame_found *found, struct why *why);

enum login_outcome {
    LOGIN_UNKNOWN,   /* the worker ended meanwhile */
    LOGIN_NOT_TRIED, /* it did not come to that, or the token said something else */
    LOGIN_ACCEPTED,
    LOGIN_REFUSED, /* login_refused() follows */
};
/* That cannot be recorded costs an unlock after the next restart. */
void login_end(struct login *login, enum login_outcome outcome);

/* Record that the token refused the PIN. RC_LOCKED: so it is; what to do. RC_STORAGE: it is only
 * remembered until the agent ends. */
must_check enum rc login_refused(
    struct login *login, struct span identity, struct span source, struct why *why);

/* Whether that is the PIN that it refused last. */
bool login_is_refused(const struct login *login, struct span source);

/* No more logins, until login_unlock(). RC_STORAGE: it holds until the agent ends. */
must_check enum rc login_lock(struct login *login, struct why *why);
bool login_is_locked(const struct login *login);
/* Lift that, and let the next login try a PIN that was refused before; with force also where it is
 * the last try. RC_STORAGE: nothing has changed. */
must_check enum rc login_unlock(struct login *login, bool force, struct why *why);
/* The next login is one like any other. */
void login_forbid(struct login *login);
