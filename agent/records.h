/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * records — the chain of records in the ledger's database: each holds the hash of the one before,
 * and the head says which is the newest, so that none can be changed, left out or cut off unseen.
 */
#include "agent/database.h"
#include "proto/record.h"

struct records;

/* Load the head and check the newest record. The database is borrowed for life. RC_STORAGE. */
must_check enum rc records_new(struct records **ret, struct database *database, struct why *why);
void records_free(struct records *records);
DEFINE_CLEANUP(struct records, records_free);

/* The newest record. */
struct record_head records_head(const struct records *records);
/* Back to a head that was current before: what followed it was rolled back. */
void records_rewind(struct records *records, const struct record_head *head);

const char *records_id(const struct records *records); /* of the ledger */

/* As ledger_put_record() and ledger_verify(). */
must_check enum rc records_put(
    struct records *records, int64_t at_us, struct span body, struct why *why);
must_check enum rc records_verify(struct records *records, struct why *why);
