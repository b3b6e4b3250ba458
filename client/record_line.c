/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record_line.h"

#include <inttypes.h>

#include "proto/canon.h"

enum rc
record_line_put(struct bytes *b, const struct record *record, struct why *why)
{
    struct span body;
    struct canon c;

    canon_init(&c, record->body);
    enum rc rc = canon_peek(&c) == CANON_OBJECT ? canon_value(&c, &body, why)
                                                : fail(why, RC_MALFORMED, "no object");
    if (!rc)
        rc = canon_end(&c, why);
    if (rc)
        return within(why, RC_UNTRUSTED, "the ledger was changed: record %" PRId64, record->seq);

    bytes_printf(b, "{\"at_us\":%" PRId64 ",\"body\":", record->at_us);
    bytes_put(b, record->body);
    bytes_puts(b, ",\"hash\":\"");
    bytes_put_hex(b, digest_span(&record->hash));
    bytes_printf(b, "\",\"seq\":%" PRId64 "}\n", record->seq);
    return bytes_check(b, why);
}

void
record_line_put_end(struct bytes *b, const struct record_end *end)
{
    bytes_puts(b, "{\"head\":{\"hash\":\"");
    bytes_put_hex(b, digest_span(&end->head.hash));
    bytes_printf(b, "\",\"ledger\":\"%s\",\"seq\":%" PRId64 "}}\n", end->ledger, end->head.seq);
}

/* The member's value is a digest. */
static enum rc
expect_digest(struct canon *c, const char *name, struct digest *ret, struct why *why)
{
    struct span raw;

    enum rc rc = canon_expect(c, name, why);
    if (!rc)
        rc = canon_string(c, &raw, why);
    return rc ? rc : hex_parse(ret->b, sizeof ret->b, raw, why);
}

static enum rc
expect_integer(struct canon *c, const char *name, int64_t *ret, struct why *why)
{
    enum rc rc = canon_expect(c, name, why);

    return rc ? rc : canon_integer(c, ret, why);
}

static enum rc
read_ledger(struct canon *c, char ret[RECORD_LEDGER_LEN + 1], struct why *why)
{
    uint8_t id[RECORD_LEDGER_LEN / 2];
    struct span raw;

    enum rc rc = canon_string(c, &raw, why);
    if (!rc)
        rc = hex_parse(id, sizeof id, raw, why);
    if (rc)
        return within(why, RC_MALFORMED, "ledger");

    memcpy(ret, raw.p, RECORD_LEDGER_LEN);
    ret[RECORD_LEDGER_LEN] = 0;
    return RC_OK;
}

/* Behind '{"head":' */
static enum rc
read_end(struct canon *c, struct record_end *ret, struct why *why)
{
    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = expect_digest(c, "hash", &ret->head.hash, why);
    if (!rc)
        rc = canon_expect(c, "ledger", why);
    if (!rc)
        rc = read_ledger(c, ret->ledger, why);
    if (!rc)
        rc = expect_integer(c, "seq", &ret->head.seq, why);
    return rc ? rc : canon_close(c, why);
}

/* Behind '{' */
static enum rc
read_record(struct canon *c, struct record *ret, struct why *why)
{
    enum rc rc = expect_integer(c, "at_us", &ret->at_us, why);
    if (!rc)
        rc = canon_expect(c, "body", why);
    if (!rc && canon_peek(c) != CANON_OBJECT)
        rc = fail(why, RC_MALFORMED, "body is no object");
    if (!rc)
        rc = canon_value(c, &ret->body, why);
    if (!rc)
        rc = expect_digest(c, "hash", &ret->hash, why);
    return rc ? rc : expect_integer(c, "seq", &ret->seq, why);
}

enum rc
record_line_parse(struct record *ret, struct record_end *ret_end, bool *ret_is_end,
    struct span line, struct why *why)
{
    struct record record;
    struct record_end end;
    struct canon c;
    bool is_end;

    canon_init(&c, line);
    enum rc rc = canon_object(&c, why);
    if (!rc)
        rc = canon_optional(&c, "head", &is_end, why);
    if (!rc)
        rc = is_end ? read_end(&c, &end, why) : read_record(&c, &record, why);
    if (!rc)
        rc = canon_close(&c, why);
    if (!rc)
        rc = canon_end(&c, why);
    if (rc)
        return rc;

    *ret_is_end = is_end;
    if (is_end)
        *ret_end = end;
    else
        *ret = record;
    return RC_OK;
}

enum rc
record_line_ledger(char ret[RECORD_LEDGER_LEN + 1], struct span body, struct why *why)
{
    struct span name, skipped;
    struct canon c;
    bool more = false;

    canon_init(&c, body);
    enum rc rc = canon_object(&c, why);
    while (!rc && !(rc = canon_member(&c, &name, &more, why)) && more) {
        if (span_is(name, "ledger"))
            return read_ledger(&c, ret, why);
        rc = canon_value(&c, &skipped, why);
    }

    return rc ? rc : fail(why, RC_MALFORMED, "it names no ledger");
}
