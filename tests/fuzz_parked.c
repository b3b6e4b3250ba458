/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent replies to Pending of one request: what is shown has the digest that people type,
 * and nothing of it steers a terminal.
 */
#include "client/parked.h"

#include "client/agent_error.h"
#include "tests/fuzz.h"

/* In place of the socket. */
struct agent_call {
    struct span reply;
};

enum rc
agent_call(json_t **ret, struct agent_call *call, const char *method, const json_t *parameters,
    struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    (void)method;
    (void)parameters;
    enum rc rc = message_reply_parse(&reply, call->reply, why);
    if (rc)
        return rc;

    *ret = json_incref((json_t *)reply.parameters);
    return reply.error ? agent_error(reply.error, reply.parameters, why) : RC_OK;
}

static void
check_digest(const struct parked *parked)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const json_t *document = json_array_get(parked->documents, 0);
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    if (json_array_size(parked->documents) != 1)
        return;

    assert(!base64_parse(
        &message, span_of(json_string_value(json_object_get(document, "message"))), NULL));
    digest_of(&digest, bytes_span(&message));
    digest_hex(hex, &digest);
    assert(!strcmp(hex, parked->digest));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(parked_done) struct parked parked = {0};
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct agent_call call = {{data, len}};

    if (parked_new(&parked, &call, "4tq07kfz", NULL))
        return 0;

    check_digest(&parked);
    if (parked_format(&text, &parked, NULL))
        return 0;

    for (const uint8_t *at = text.p, *end = text.p + text.len; at < end;) {
        const uint8_t *line_end = memchr(at, '\n', (size_t)(end - at));
        assert(line_end && span_is_text((struct span){at, (size_t)(line_end - at)}));
        at = line_end + 1;
    }
    return 0;
}
