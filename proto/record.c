/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/record.h"

#include <endian.h>
#include <inttypes.h>

#include "proto/bounds.h"

enum rc
record_hash(struct digest *ret, const struct record_head *previous, int64_t at_us, struct span body,
    struct why *why)
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

enum rc
record_follow(struct record_head *head, const struct record *record, struct why *why)
{
    struct digest want;

    if (record->seq != head->seq + 1)
        return fail(why, RC_UNTRUSTED,
            "the ledger was changed: after record %" PRId64 " comes %" PRId64, head->seq,
            record->seq);

    enum rc rc = record_hash(&want, head, record->at_us, record->body, why);
    if (rc)
        return rc == RC_NO_MEMORY ? rc : within(why, RC_UNTRUSTED, "record %" PRId64, record->seq);

    if (!digest_eq(&record->hash, &want))
        return fail(why, RC_UNTRUSTED,
            "the ledger was changed: record %" PRId64 " does not match its hash", record->seq);

    *head = (struct record_head){record->seq, record->hash};
    return RC_OK;
}
