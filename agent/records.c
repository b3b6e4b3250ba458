/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/records.h"

#include <endian.h>
#include <inttypes.h>

#include "agent/schema.h"
#include "proto/bounds.h"

struct records {
    struct database *database;
    char *id;
    struct records_head head;
};

static enum rc
record_hash(struct digest *ret, const struct records_head *previous, int64_t at_us,
    struct span body, struct why *why)
{
    uint64_t numbers[] = {htobe64((uint64_t)previous->seq + 1), htobe64((uint64_t)at_us)};

    if (body.len > RECORD_MAX_BYTES)
        return fail(why, RC_TOO_LARGE, "a record of %zu bytes, the limit is %d", body.len,
            RECORD_MAX_BYTES);

    closing(bytes_done) struct bytes text =
        BYTES_INIT(sizeof previous->hash + sizeof numbers + RECORD_MAX_BYTES);
    bytes_put(&text, digest_span(&previous->hash));
    bytes_put(&text, (struct span){(const uint8_t *)numbers, sizeof numbers});
    bytes_put(&text, body);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return rc;

    digest_of(ret, bytes_span(&text));
    return RC_OK;
}

/* Whether the row is the record that follows *head, which it becomes. */
static enum rc
follow(struct records_head *head, struct query *row, struct why *why)
{
    struct records_head next = {.seq = query_int_at(row, 0)};
    struct digest want;

    enum rc rc = query_digest_at(&next.hash, row, 2, why);
    if (!rc)
        rc = record_hash(&want, head, query_int_at(row, 1), query_span_at(row, 3), why);
    if (rc)
        return rc == RC_NO_MEMORY ? rc : within(why, RC_STORAGE, "record %" PRId64, next.seq);

    if (next.seq != head->seq + 1)
        return fail(why, RC_STORAGE,
            "the ledger was changed: after record %" PRId64 " comes %" PRId64, head->seq, next.seq);

    if (!digest_eq(&next.hash, &want))
        return fail(why, RC_STORAGE,
            "the ledger was changed: record %" PRId64 " does not match its hash", next.seq);

    *head = next;
    return RC_OK;
}

/* Walk from *at, a record that is known, to the last one, which must be the head. */
static enum rc
follow_to_head(struct records *records, struct records_head at, struct why *why)
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
    struct records_head before = {.seq = 0};

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

struct records_head
records_head(const struct records *records)
{
    return records->head;
}

void
records_rewind(struct records *records, const struct records_head *head)
{
    records->head = *head;
}

const char *
records_id(const struct records *records)
{
    return records->id;
}

static enum rc
put_head(struct records *records, const struct records_head *head, struct why *why)
{
    closing(query_done) struct query q = query_of(records->database, STATEMENT_PUT_HEAD);
    query_int(&q, head->seq);
    query_blob(&q, digest_span(&head->hash));

    return query_write(&q, NULL, why);
}

enum rc
records_put(struct records *records, int64_t at_us, struct span body, struct why *why)
{
    struct records_head next = {.seq = records->head.seq + 1};

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
    return follow_to_head(records, (struct records_head){.seq = 0}, why);
}
