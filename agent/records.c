/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/records.h"

#include <inttypes.h>

#include "agent/schema.h"
#include "proto/bounds.h"

struct records {
    struct database *database;
    char *id;
    struct record_head head;
};

/* Whether the row is the record that follows *head, which it becomes. */
static enum rc
follow(struct record_head *head, struct query *row, struct why *why)
{
    struct record next = {
        .seq = query_int_at(row, 0), .at_us = query_int_at(row, 1), .body = query_span_at(row, 3)};

    enum rc rc = query_digest_at(&next.hash, row, 2, why);
    if (!rc)
        rc = record_follow(head, &next, why);
    return rc == RC_UNTRUSTED ? RC_STORAGE : rc;
}

/* Walk from *at, a record that is known, to the last one, which must be the head. */
static enum rc
follow_to_head(struct records *records, struct record_head at, struct why *why)
{
    closing(query_done) struct query q = query_of(records->database, STATEMENT_RECORDS_FROM);
    query_int(&q, at.seq + 1);

    enum rc rc = query_next(&q, why);
    while (!rc) {
        rc = follow(&at, &q, why);
        if (rc)
            return rc;

        rc = query_next(&q, why);
    }
    if (rc != RC_NOT_FOUND)
        return rc;

    if (at.seq != records->head.seq || !digest_eq(&at.hash, &records->head.hash))
        return fail(why, RC_STORAGE,
            "the ledger was changed: its last record is %" PRId64 ", want %" PRId64, at.seq,
            records->head.seq);

    return RC_OK;
}

static enum rc
load_head(struct records *records, struct why *why)
{
    closing(query_done) struct query q = query_of(records->database, STATEMENT_HEAD);

    enum rc rc = query_next(&q, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, RC_STORAGE, "the ledger is damaged: its head is missing");
    if (rc)
        return rc;

    records->id = span_dup(query_span_at(&q, 0));
    if (!records->id)
        return fail_memory(why);

    records->head.seq = query_int_at(&q, 1);
    if (records->head.seq < 0 || records->head.seq > INTEGER_MAX)
        return fail(why, RC_STORAGE, "the ledger is damaged: its newest record would be %" PRId64,
            records->head.seq);

    return query_digest_at(&records->head.hash, &q, 2, why);
}

/* The record before the newest is taken as it is; records_verify() walks all of them. */
static enum rc
check_newest(struct records *records, struct why *why)
{
    struct record_head before = {.seq = 0};

    if (records->head.seq >= 2) {
        closing(query_done) struct query q = query_of(records->database, STATEMENT_RECORDS_FROM);
        query_int(&q, records->head.seq - 1);

        enum rc rc = query_next(&q, why);
        if (!rc)
            rc = query_digest_at(&before.hash, &q, 2, why);
        if (rc && rc != RC_NOT_FOUND)
            return rc;

        before.seq = query_int_at(&q, 0);
        if (rc || before.seq != records->head.seq - 1)
            return fail(why, RC_STORAGE, "the ledger was changed: record %" PRId64 " is missing",
                records->head.seq - 1);
    }

    return follow_to_head(records, before, why);
}

enum rc
records_new(struct records **ret, struct database *database, struct why *why)
{
    closing(records_freep) struct records *records = calloc(1, sizeof *records);
    if (!records)
        return fail_memory(why);

    records->database = database;
    enum rc rc = load_head(records, why);
    if (!rc)
        rc = check_newest(records, why);
    if (rc)
        return rc;

    *ret = steal(records);
    return RC_OK;
}

void
records_free(struct records *records)
{
    if (!records)
        return;

    free(records->id);
    free(records);
}

struct record_head
records_head(const struct records *records)
{
    return records->head;
}

void
records_rewind(struct records *records, const struct record_head *head)
{
    records->head = *head;
}

const char *
records_id(const struct records *records)
{
    return records->id;
}

static enum rc
put_head(struct records *records, const struct record_head *head, struct why *why)
{
    closing(query_done) struct query q = query_of(records->database, STATEMENT_PUT_HEAD);
    query_int(&q, head->seq);
    query_blob(&q, digest_span(&head->hash));

    return query_write(&q, NULL, why);
}

enum rc
records_put(struct records *records, int64_t at_us, struct span body, struct why *why)
{
    struct record_head next = {.seq = records->head.seq + 1};

    enum rc rc = record_hash(&next.hash, &records->head, at_us, body, why);
    if (rc)
        return rc;

    closing(query_done) struct query q = query_of(records->database, STATEMENT_PUT_RECORD);
    query_int(&q, next.seq);
    query_int(&q, at_us);
    query_blob(&q, digest_span(&next.hash));
    query_text_span(&q, body);
    rc = query_write(&q, NULL, why);
    if (!rc)
        rc = put_head(records, &next, why);
    if (rc)
        return rc;

    records->head = next;
    return RC_OK;
}

enum rc
records_verify(struct records *records, struct why *why)
{
    return follow_to_head(records, (struct record_head){.seq = 0}, why);
}
