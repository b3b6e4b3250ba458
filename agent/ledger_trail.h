/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_trail — the records of the ledger as they are read: in their order, or those of a time, of
 * a user or of a repository, by an index that is written with them.
 *
 * The hashes of the records do not cover the index: who doubts the file reads all of it in order.
 */
#include <sys/types.h>

#include "agent/ledger.h"
#include "proto/record.h"

/* By what the newest record, which was put into the open transaction, is found: once for its user,
 * and once for each of its repositories. RC_STORAGE. */
must_check enum rc ledger_put_trail_user(
    struct ledger *ledger, int64_t at_us, uid_t uid, struct why *why);
must_check enum rc ledger_put_trail_repository(
    struct ledger *ledger, int64_t at_us, const char *repository, struct why *why);

enum ledger_trail_order {
    LEDGER_TRAIL_ALL, /* by sequence; the others by time, and then by sequence */
    LEDGER_TRAIL_TIME,
    LEDGER_TRAIL_USER,
    LEDGER_TRAIL_REPOSITORY,
    LEDGER_TRAIL_ORDER_MAX_
};

/* Where a reader is in them. Zero it, fill in the first members, and begin. */
struct ledger_trail {
    enum ledger_trail_order order;
    bool is_backwards;          /* not of LEDGER_TRAIL_ALL */
    int64_t since_us, until_us; /* both included; not of LEDGER_TRAIL_ALL */
    int64_t after;              /* the sequence before; of LEDGER_TRAIL_ALL alone */
    uid_t uid;
    const char *repository; /* borrowed */
    int64_t at_us, seq;     /* of the last one that was read */
};
void ledger_trail_begin(struct ledger_trail *trail);

/*
 * Read on: take() is called for each record, which is borrowed, until it returns false or there is
 * no more. RC_NOT_FOUND: there is no more, for now. RC_STORAGE.
 */
must_check enum rc ledger_trail_read(struct ledger_trail *trail, struct ledger *ledger,
    bool (*take)(void *userdata, const struct record *record), void *userdata, struct why *why);
