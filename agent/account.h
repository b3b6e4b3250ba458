/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * account — what one uid uses of the agent: connections, and bytes of frames in memory.
 *
 * Bounds are per uid and in all, so that nobody can take what others need.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "proto/rc.h"

struct accounts; /* all uids */
struct account;  /* one uid; exists while it has a connection */

must_check enum rc accounts_new(struct accounts **ret, struct why *why);
void accounts_free(struct accounts *accounts); /* after the last account */
DEFINE_CLEANUP(struct accounts, accounts_free);
size_t accounts_n_connections(const struct accounts *accounts);
/* The one with most connections; NULL: none. */
const struct account *accounts_largest(const struct accounts *accounts);

/*
 * Count one more connection of uid, at most max. *ret is borrowed until account_leave().
 * RC_BUSY: over the bound; the sentence is its name in bounds.h. RC_NO_MEMORY.
 */
must_check enum rc account_enter(
    struct account **ret, struct accounts *accounts, uid_t uid, size_t max, struct why *why);
void account_leave(struct account *account);

/*
 * Bytes of a frame, before they are read. holder stands for the connection; frames above
 * FRAME_SMALL_MAX_BYTES are read one at a time per uid. False: not now.
 */
must_check bool account_take(
    struct account *account, const void *holder, size_t already, size_t more);
void account_give(struct account *account, const void *holder, size_t bytes);
