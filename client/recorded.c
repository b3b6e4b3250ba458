/* SPDX-License-Identifier: Apache-2.0 */
#include "client/recorded.h"

#include <errno.h>
#include <inttypes.h>

#include "client/agent_error.h"
#include "client/agent_stream.h"
#include "proto/bounds.h"

/* An agent tells something within a turn; of one that follows, within FOLLOW_MAX_S. */
#define PATIENCE_MS ((FOLLOW_MAX_S + 60) * INT64_C(1000))

struct stream {
    const struct recorded_reader *reader;
    struct record_end *end;
};

static enum rc
read_hash(struct digest *ret, const char *hex, struct why *why)
{
    return hex_parse(ret->b, sizeof ret->b, span_of(hex), why);
}

static enum rc
take_record(const struct recorded_reader *reader, const json_t *object, struct why *why)
{
    struct record record;
    struct members m;
    const char *hash = NULL, *body = NULL;

    members_open(&m, object, "record");
    members_int(&m, "seq", 1, INTEGER_MAX, &record.seq);
    members_int(&m, "at_us", INT64_MIN, INT64_MAX, &record.at_us);
    members_text(&m, "hash", &hash);
    members_text(&m, "body", &body);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = read_hash(&record.hash, hash, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    record.body = span_of(body);
    return reader->take(reader->userdata, &record, why);
}

static enum rc
take_head(struct record_end *ret, const json_t *object, struct why *why)
{
    struct record_end end = {0};
    struct members m;
    const char *ledger = NULL, *hash = NULL;
    uint8_t id[RECORD_LEDGER_LEN / 2];

    members_open(&m, object, "head");
    members_text(&m, "ledger", &ledger);
    members_int(&m, "seq", 0, INTEGER_MAX, &end.head.seq);
    members_text(&m, "hash", &hash);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = hex_parse(id, sizeof id, span_of(ledger), why);
    if (!rc)
        rc = read_hash(&end.head.hash, hash, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    memcpy(end.ledger, ledger, sizeof end.ledger);
    *ret = end;
    return RC_OK;
}

static enum rc
take_reply(void *userdata, const json_t *reply, struct why *why)
{
    struct stream *stream = userdata;
    const json_t *records = NULL, *head = NULL, *record;
    struct members m;
    size_t i;

    members_open(&m, reply, "reply");
    members_array(&m, "records", SIZE_MAX, &records);
    members_object_maybe(&m, "head", &head);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    for (i = 0; !rc && (record = json_array_get(records, i)); i++)
        rc = take_record(stream->reader, record, why);
    if (!rc && head)
        rc = take_head(stream->end, head, why);
    return rc;
}

enum rc
recorded_of_agent(struct record_end *ret, const char *path, const json_t *parameters,
    const struct recorded_reader *reader, struct why *why)
{
    struct record_end end = {.head.seq = -1};
    struct stream stream = {reader, &end};
    const struct agent_stream_reader parts = {take_reply, &stream};

    enum rc rc = agent_stream(path, "Audit", parameters, PATIENCE_MS, &parts, why);
    if (rc)
        return rc;

    if (end.head.seq < 0)
        return agent_error_of_reply(fail(why, RC_MALFORMED, "its last reply has no head"), why);

    *ret = end;
    return RC_OK;
}

/* The next line, without its end. RC_NOT_FOUND: there is none. */
static enum rc
read_line(struct bytes *ret, FILE *file, struct why *why)
{
    int c;

    bytes_clear(ret);
    while ((c = getc_unlocked(file)) != EOF && c != '\n')
        bytes_putc(ret, (uint8_t)c);
    if (ferror(file))
        return fail(why, RC_SYSTEM, "%s", strerror(errno));

    enum rc rc = bytes_check(ret, why);
    if (!rc && c == EOF)
        rc = ret->len > 0 ? fail(why, RC_MALFORMED, "it has no end") : RC_NOT_FOUND;
    return rc;
}

/* All lines up to the head, behind which there must be nothing. */
static enum rc
read_lines(struct record_end *ret, FILE *file, int64_t *ret_line,
    const struct recorded_reader *reader, struct why *why)
{
    closing(bytes_done) struct bytes line = BYTES_INIT(RECORD_LINE_MAX_BYTES);
    struct record record;
    bool is_end = false;

    for (*ret_line = 1;; ++*ret_line) {
        bool was_end = is_end;

        enum rc rc = read_line(&line, file, why);
        if (rc == RC_NOT_FOUND)
            return was_end ? RC_OK : fail(why, RC_MALFORMED, "the head is missing: it was cut off");
        if (!rc && was_end)
            rc = fail(why, RC_MALFORMED, "it is behind the head");
        if (!rc)
            rc = record_line_parse(&record, ret, &is_end, bytes_span(&line), why);
        if (!rc && !is_end)
            rc = reader->take(reader->userdata, &record, why);
        if (rc)
            return rc;
    }
}

enum rc
recorded_of_file(struct record_end *ret, FILE *file, const char *name,
    const struct recorded_reader *reader, struct why *why)
{
    struct record_end end;
    int64_t line = 0;

    enum rc rc = read_lines(&end, file, &line, reader, why);
    if (rc == RC_MALFORMED || rc == RC_TOO_LARGE || rc == RC_SYSTEM)
        return within(why, rc == RC_SYSTEM ? rc : RC_UNTRUSTED, "'%s', line %" PRId64, name, line);
    if (rc)
        return rc;

    *ret = end;
    return RC_OK;
}
