/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client is told of records: a line of an export, and replies to Audit, one frame each. What
 * it takes for a line is what it would write, and what it shows steers no terminal.
 */
#include "client/agent_stream.h"
#include "client/record_text.h"
#include "client/recorded.h"
#include "tests/fuzz.h"

/* In place of the socket. */
static struct span replies;

enum rc
agent_stream(const char *path, const char *method, const json_t *parameters, int64_t patience_ms,
    const struct agent_stream_reader *reader, struct why *why)
{
    bool is_last = false;
    enum rc rc = RC_OK;

    (void)path;
    (void)method;
    (void)parameters;
    (void)patience_ms;
    while (!rc && !is_last) {
        closing(message_reply_done) struct message_reply reply = {0};

        rc = message_reply_parse(&reply, fuzz_part(&replies), why);
        if (rc)
            return rc;

        is_last = !reply.continues;
        rc = reader->take(reader->userdata, reply.parameters, why);
    }
    return rc;
}

static void
check_text(const struct record *record)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(4 * RECORD_MAX_BYTES);

    if (record_text_put(&text, record, true, NULL))
        return;

    assert(text.len > 0 && text.p[text.len - 1] == '\n');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\n')
            text.p[i] = ' ';
    }
    assert(span_is_text(bytes_span(&text)));
}

/* As jansson reads it, and as it would be written. */
static void
check_line(struct span line)
{
    closing(bytes_done) struct bytes again = BYTES_INIT(RECORD_LINE_MAX_BYTES);
    struct record record;
    struct record_end end;
    bool is_end;

    if (record_line_parse(&record, &end, &is_end, line, NULL))
        return;

    json_auto_t *value = fuzz_json(line);
    assert(value);
    if (is_end) {
        const json_t *head = json_object_get(value, "head");
        assert(json_integer_value(json_object_get(head, "seq")) == end.head.seq);
        record_line_put_end(&again, &end);
    } else {
        assert(json_integer_value(json_object_get(value, "seq")) == record.seq);
        assert(json_integer_value(json_object_get(value, "at_us")) == record.at_us);
        assert(json_is_object(json_object_get(value, "body")));
        assert(!record_line_put(&again, &record, NULL));
        check_text(&record);
    }
    assert(again.len == line.len + 1 && again.p[line.len] == '\n');
    bytes_cut(&again, line.len);
    assert(span_eq(bytes_span(&again), line));
}

static enum rc
take(void *userdata, const struct record *record, struct why *why)
{
    closing(bytes_done) struct bytes line = BYTES_INIT(RECORD_LINE_MAX_BYTES);
    struct record_head *head = userdata;

    assert(record->seq > 0);
    check_text(record);
    if (!record_line_put(&line, record, NULL)) {
        bytes_cut(&line, line.len - 1);
        check_line(bytes_span(&line));
    }
    (void)!record_follow(head, record, why);
    return RC_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct record_head head = {0};
    const struct recorded_reader reader = {take, &head};
    struct record_end end;

    replies = (struct span){data, len};
    check_line(fuzz_part(&replies));
    if (!recorded_of_agent(&end, NULL, NULL, &reader, NULL))
        assert(end.head.seq >= 0 && strlen(end.ledger) == RECORD_LEDGER_LEN);
    return 0;
}
