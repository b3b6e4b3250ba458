/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_stream.h"

#include <stdio.h>

#include "client/agent_error.h"
#include "client/agent_link.h"
#include "proto/bounds.h"

static enum rc
send_call(
    const struct agent_link *link, const char *method, const json_t *parameters, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(freep) char *name = NULL;

    if (asprintf(&name, MESSAGE_INTERFACE ".%s", method) < 0)
        return fail_memory(why);

    message_put_call(&frame, name, parameters, true);
    enum rc rc = bytes_check(&frame, why);
    return rc ? within(why, rc, "call of '%s'", method)
              : agent_link_send(link, bytes_span(&frame), why);
}

/* One part. */
static enum rc
receive(bool *ret_is_last, struct bytes *frame, const struct agent_link *link,
    const struct agent_stream_reader *reader, struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    bytes_clear(frame);
    enum rc rc = agent_link_receive(frame, link, why);
    if (!rc)
        rc = message_reply_parse(&reply, bytes_span(frame), why);
    if (rc == RC_MALFORMED || rc == RC_TOO_LARGE)
        return within(why, RC_TOKEN, "what answers at '%s' is no agent", agent_link_path(link));
    if (rc)
        return rc;

    if (reply.error)
        return agent_error(reply.error, reply.parameters, why);

    *ret_is_last = !reply.continues;
    return reader->take(reader->userdata, reply.parameters, why);
}

enum rc
agent_stream(const char *path, const char *method, const json_t *parameters, int64_t patience_ms,
    const struct agent_stream_reader *reader, struct why *why)
{
    closing(agent_link_freep) struct agent_link *link = NULL;
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    bool is_last = false;

    enum rc rc = agent_link_new(&link, path, why);
    if (!rc)
        rc = agent_link_set_patience(link, patience_ms, why);
    if (!rc)
        rc = agent_link_connect(link, why);
    if (!rc)
        rc = send_call(link, method, parameters, why);
    while (!rc && !is_last)
        rc = receive(&is_last, &frame, link, reader, why);

    return rc;
}
