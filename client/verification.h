/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * verification — records of a ledger held against their hashes, and against heads that others kept:
 * the journal, or whoever gives one. In constant memory, in one pass.
 *
 * Hashes alone show what somebody changed who could not, or did not, compute all later ones anew.
 * Who could is found by a head that was kept elsewhere, before.
 */
#include "client/journal.h"

struct verification {
    struct record_head at;           /* the last record that follows the one before it */
    const struct record_head *given; /* borrowed; NULL: none */
    bool is_given_met;
    struct journal *journal; /* borrowed; NULL: nothing to compare with */
    struct journal_head next;
    bool has_next;
    int64_t journal_seq;        /* of the head before, which no later one may be below */
    struct journal_head newest; /* of those that agree */
    int64_t n_agree, n_ignored; /* the latter: of users that do not count */
    int64_t n_newer;            /* behind the end */
    struct why finding;         /* the first head that does not agree; empty: all do */
};

/* given: see above. */
void verification_init(struct verification *v, const struct record_head *given);
/* Compare with the heads of that ledger in the journal, too, from the first record on. What
 * journal_seek() and journal_next() say. */
must_check enum rc verification_compare(struct verification *v, struct journal *journal,
    const char *ledger, int64_t before_us, struct why *why);

/* The next record. RC_UNTRUSTED: it does not follow. */
must_check enum rc verification_take(
    struct verification *v, const struct record *record, struct why *why);
/*
 * That was the last one. head: as whoever has the ledger says. is_whole: the ledger was not longer
 * when the last of the journal's heads was written. RC_UNTRUSTED: what was found.
 */
must_check enum rc verification_end(
    struct verification *v, const struct record_head *head, bool is_whole, struct why *why);
