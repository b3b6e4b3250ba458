/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * account — what one uid, at one door, uses of the agent: connections, and bytes of frames in
 * memory.
 *
 * Bounds are per lane (see peer.h) and in all, so that nobody can take what others need.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/rc.h"

struct accounts; /* all lanes */
struct account;  /* one lane; exists while it has a connection */

must_check enum rc accounts_new(struct accounts **ret, struct why *why);
void accounts_free(struct accounts *accounts); /* after the last account */
DEFINE_CLEANUP(struct accounts, accounts_free);
/* The one with most connections; NULL: none. */
const struct account *accounts_largest(const struct accounts *accounts);

/* When one of that lane, who is over a bound of it, should come back: in milliseconds, the more
 * connections share the bound the later, within BUSY_RETRY_MS and BUSY_RETRY_MAX_MS. */
uint64_t accounts_retry_ms(const struct accounts *accounts, uint64_t lane);
uint64_t account_retry_ms(const struct account *account); /* the same */

/*
 * Count one more connection of lane, at most max. *ret is borrowed until account_leave().
 * RC_BUSY: over the bound; the sentence is its name in bounds.h. RC_NO_MEMORY.
 */
must_check enum rc account_enter(
    struct account **ret, struct accounts *accounts, uint64_t lane, size_t max, struct why *why);
void account_leave(struct account *account);

/*
 * Ask for more bytes of a frame, of which holder (the connection) has some already, before they are
 * read. A frame that passes FRAME_SMALL_MAX_BYTES and its NUL is large: a lane reads one at a time,
 * and FRAMES_RESERVE_BYTES stay for small ones.
 * NULL: taken. Else not now, and the name of the bound in bounds.h that is reached.
 */
must_check const char *account_take(
    struct account *account, const void *holder, size_t already, size_t more);
/* Bytes that are no longer in memory. */
void account_give(struct account *account, size_t bytes);
/* holder reads no large frame, or no more: another one of its lane may. */
void account_end_large(struct account *account, const void *holder);
