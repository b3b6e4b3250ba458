/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * journal — the heads of a ledger that its agent left in the journal, in the order in which they
 * were written. The only place that knows sd-journal.
 *
 * Everybody may write into the journal what looks like a head. Those count that root wrote, this
 * user, or the user of COUNTERSIGN_AGENT_USER, by default "countersign".
 */
#include "client/record_line.h"

struct journal;

struct journal_head {
    struct record_head head;
    int64_t at_us; /* when it was written, microseconds since 1970 */
    uid_t uid;     /* by whom */
    bool counts;
};

/* path: NULL: that of this machine; else a directory of journal files, or one file. RC_NOT_FOUND:
 * there is none, or none that this user may read. RC_SYSTEM. */
must_check enum rc journal_open(struct journal **ret, const char *path, struct why *why);
void journal_close(struct journal *journal);
DEFINE_CLEANUP(struct journal, journal_close);

/* From now on: heads of that ledger that were written before that time. RC_SYSTEM. */
must_check enum rc journal_seek(
    struct journal *journal, const char *ledger, int64_t before_us, struct why *why);
/* The next one. RC_NOT_FOUND: there is no more. RC_SYSTEM. */
must_check enum rc journal_next(struct journal_head *ret, struct journal *journal, struct why *why);

/* Some ledger beside that one whose heads it has, too: free(). RC_NOT_FOUND: none. */
must_check enum rc journal_other_ledger(
    char **ret, struct journal *journal, const char *ledger, struct why *why);
