/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_quota — how many documents were released for each uid under each grant that has a quota,
 * minute by minute. What they mean is quota.h's.
 *
 * A minute is the number of whole minutes since 1970. A grant is a name: it counts on where the
 * policy takes it away and brings it back.
 */
#include <sys/types.h>

#include "agent/ledger.h"
#include "proto/bounds.h"

struct ledger_quota {
    char grant[POLICY_NAME_MAX_BYTES + 1];
    uid_t uid;
};

/*
 * The documents in minute from and later. *ret_freeing: where there are limit or more of them, the
 * minute of the newest one but limit - 1: once that minute does not count any more, fewer than
 * limit are left. Where there are fewer it is untouched. RC_STORAGE.
 */
must_check enum rc ledger_quota_count(int64_t *ret_n, int64_t *ret_freeing, struct ledger *ledger,
    const struct ledger_quota *whose, int64_t from, int64_t limit, struct why *why);
/* n more of them; where a later minute is there, in that one. RC_STORAGE. */
must_check enum rc ledger_quota_add(struct ledger *ledger, const struct ledger_quota *whose,
    int64_t minute, int64_t n, struct why *why);
/* The newest minute of all. RC_NOT_FOUND: there is none. RC_STORAGE. */
must_check enum rc ledger_quota_newest(int64_t *ret, struct ledger *ledger, struct why *why);
/* What is later than that minute is of that minute from now on. RC_STORAGE. */
must_check enum rc ledger_quota_move_back(struct ledger *ledger, int64_t minute, struct why *why);
/* Forget the minutes before that one. RC_STORAGE. */
must_check enum rc ledger_quota_purge(struct ledger *ledger, int64_t before, struct why *why);
/* *whose becomes the next one, by name and uid, of whom anything is known; zeros come before the
 * first. RC_NOT_FOUND: there is no more. RC_STORAGE. */
must_check enum rc ledger_quota_next(
    struct ledger_quota *whose, struct ledger *ledger, struct why *why);
