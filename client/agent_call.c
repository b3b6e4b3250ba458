/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_call.h"

#include <endian.h>
#include <stdio.h>

#include "client/agent_error.h"
#include "client/agent_link.h"
#include "client/pause.h"
#include "proto/bounds.h"

#define ANSWER_TIMEOUT_MS                                                                          \
    ((SIGN_TIMEOUT_S + 30) * INT64_C(1000)) /* the agent gives up before us, and says why */
#define VOTES_TIMEOUT_MS ((PARKED_LIFETIME_S + 60) * INT64_C(1000))
#define PROGRESS_MAX     1000 /* of one call; the agent has something to say once a second */
#define RETRY_MIN_MS     50
#define BACKOFF_MAX_MS   1000 /* of ours, where the agent asks for less each time */

struct agent_call {
    struct agent_link *link;
    struct bytes in;                 /* the frame that came last */
    const struct progress *progress; /* NULL: nobody wants to know what a call waits for */
};

enum rc
agent_call_new(struct agent_call **ret, const char *path, struct why *why)
{
    closing(agent_call_freep) struct agent_call *call = calloc(1, sizeof *call);
    if (!call)
        return fail_memory(why);

    call->in = BYTES_INIT(FRAME_MAX_BYTES);
    enum rc rc = agent_link_new(&call->link, path, why);
    if (rc)
        return rc;

    *ret = steal(call);
    return RC_OK;
}

void
agent_call_disconnect(struct agent_call *call)
{
    agent_link_disconnect(call->link);
    bytes_done(&call->in);
}

void
agent_call_free(struct agent_call *call)
{
    if (!call)
        return;

    agent_link_free(call->link);
    bytes_done(&call->in);
    free(call);
}

void
agent_call_tell(struct agent_call *call, const struct progress *progress)
{
    call->progress = progress;
}

const char *
agent_call_path(const struct agent_call *call)
{
    return agent_link_path(call->link);
}

enum rc
agent_call_connect(struct agent_call *call, int64_t timeout_ms, struct why *why)
{
    if (agent_link_is_idle(call->link))
        return RC_OK;

    agent_call_disconnect(call); /* the agent closes connections that are an hour old */
    enum rc rc = agent_link_set_patience(call->link, timeout_ms, why);
    return rc ? rc : agent_link_connect(call->link, why);
}

static enum rc
receive_reply(struct message_reply *ret, struct agent_call *call, struct why *why)
{
    bytes_clear(&call->in);
    enum rc rc = agent_link_receive(&call->in, call->link, why);
    if (!rc)
        rc = message_reply_parse(ret, bytes_span(&call->in), why);
    if (rc || ret->continues || !agent_link_has_more(call->link))
        return rc;

    message_reply_done(ret);
    return fail(why, RC_MALFORMED, "it says more than it was asked");
}

/* What it waits for now takes as long as people take. */
static bool
is_for_people(const char *text)
{
    static const char start[] = "waiting for approval ";

    return !strncmp(text, start, sizeof start - 1);
}

/* The last one, after those that say what the call waits for, if that was asked. */
static enum rc
receive_last_reply(struct message_reply *ret, struct agent_call *call, struct why *why)
{
    for (size_t i = 0; i < PROGRESS_MAX; i++) {
        struct message_reply reply = {0};

        enum rc rc = receive_reply(&reply, call, why);
        if (rc)
            return rc;

        if (!call->progress || !reply.continues) {
            *ret = reply;
            return RC_OK;
        }

        const char *text = json_string_value(json_object_get(reply.parameters, "progress"));
        if (text)
            progress_note(call->progress, "%s", text);
        if (text && is_for_people(text))
            rc = agent_link_set_patience(call->link, VOTES_TIMEOUT_MS, why);
        message_reply_done(&reply);
        if (rc)
            return rc;
    }

    return fail(why, RC_MALFORMED, "more than %d answers to one call", PROGRESS_MAX);
}

static enum rc
exchange_once(
    struct message_reply *ret, struct agent_call *call, struct span frame, struct why *why)
{
    enum rc rc = agent_link_send(call->link, frame, why);
    if (!rc)
        rc = receive_last_reply(ret, call, why);
    if (rc)
        agent_call_disconnect(call); /* whatever comes yet is no answer to the next call */
    return rc;
}

static enum rc
exchange(struct message_reply *ret, struct agent_call *call, struct span frame, struct why *why)
{
    bool was_connected = agent_link_is_idle(call->link);
    enum rc rc = RC_TOKEN;

    if (was_connected)
        rc = exchange_once(ret, call, frame, why);
    if (rc != RC_TOKEN)
        return rc;

    /* Not connected, or closed just now: an agent that closes has not taken the call, and the same
     * bytes may always be asked for again. */
    agent_call_disconnect(call);
    rc = agent_link_connect(call->link, why);
    return rc ? rc : exchange_once(ret, call, frame, why);
}

/* Whatever answers does not speak as an agent does. */
static enum rc
explain_answer(const struct agent_call *call, enum rc rc, struct why *why)
{
    if (rc != RC_MALFORMED && rc != RC_TOO_LARGE)
        return rc;

    return fail(why, RC_TOKEN,
        "what answers at '%s' is no agent: %s; name the agent's socket with --socket or "
        "COUNTERSIGN_SOCKET",
        agent_call_path(call), why ? why->text : "");
}

/* One attempt. *ret_parameters is set wherever the agent answered. */
static enum rc
attempt(json_t **ret_parameters, struct agent_call *call, struct span frame, struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    enum rc rc = exchange(&reply, call, frame, why);
    if (!rc && reply.continues) {
        agent_call_disconnect(call);
        rc = fail(why, RC_MALFORMED, "it answers in parts, unasked");
    }
    if (rc)
        return explain_answer(call, rc, why);

    if (reply.error)
        rc = agent_error(reply.error, reply.parameters, why);
    if (rc == RC_BUSY)
        agent_call_disconnect(call); /* the agent does so as well */

    *ret_parameters = json_incref((json_t *)reply.parameters);
    return rc;
}

/*
 * Wait for a busy agent as long as it asks for, and then some, so that not all come back together
 * who were refused together. False: there is no time for that.
 */
static bool
wait_for_busy(const json_t *answer, int n, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - pause_clock_ms();
    int64_t ms = json_integer_value(json_object_get(answer, "retry_after_ms"));
    int64_t own_ms = pause_backoff_ms(n, BACKOFF_MAX_MS);

    ms = ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms;
    ms = ms < own_ms ? own_ms : ms;
    if (ms > left_ms)
        return false;

    pause_between(ms, left_ms / 2 < ms ? left_ms : 2 * ms);
    return true;
}

static enum rc
call_until(json_t **ret_parameters, struct agent_call *call, struct span frame, int64_t deadline_ms,
    struct why *why)
{
    for (int n = 0;; n++) {
        closing(json_decrefp) json_t *answer = NULL;

        enum rc rc = attempt(&answer, call, frame, why);
        if (rc == RC_BUSY && wait_for_busy(answer, n, deadline_ms))
            continue;

        if (answer)
            *ret_parameters = steal(answer);
        return rc;
    }
}

/* The frame of a call, by its short name. */
static enum rc
put_call(struct bytes *ret, const char *method, const json_t *parameters, bool wants_more,
    struct why *why)
{
    closing(freep) char *name = NULL;

    if (asprintf(&name, MESSAGE_INTERFACE ".%s", method) < 0)
        return fail_memory(why);

    message_put_call(ret, name, parameters, wants_more);
    enum rc rc = bytes_check(ret, why);
    return rc ? within(why, rc, "call of '%s'", method) : RC_OK;
}

enum rc
agent_call(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_MAX_BYTES);
    int64_t deadline_ms = pause_clock_ms() + BUSY_WAIT_S * INT64_C(1000);

    /* Of all calls this one can take long. */
    enum rc rc =
        put_call(&frame, method, parameters, call->progress && !strcmp(method, "Sign"), why);
    if (!rc)
        rc = agent_link_set_patience(call->link, ANSWER_TIMEOUT_MS, why);
    return rc ? rc : call_until(ret_parameters, call, bytes_span(&frame), deadline_ms, why);
}

enum rc
agent_call_briefly(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, int64_t timeout_ms, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    int64_t deadline_ms = pause_clock_ms() + timeout_ms;

    enum rc rc = put_call(&frame, method, parameters, false, why);
    if (!rc)
        rc = agent_link_set_patience(call->link, timeout_ms, why);
    return rc ? rc : call_until(ret_parameters, call, bytes_span(&frame), deadline_ms, why);
}

/* Each is its length, the highest byte first, and its bytes. */
static enum rc
send_secrets(const struct agent_call *call, const struct span *secrets, size_t n, struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t len = htobe32((uint32_t)secrets[i].len);

        enum rc rc =
            agent_link_send(call->link, (struct span){(const uint8_t *)&len, sizeof len}, why);
        if (!rc)
            rc = agent_link_send(call->link, secrets[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* An answer to an upgraded call; it is RC_OK where it is no error. */
static enum rc
take_answer(json_t **ret_parameters, struct agent_call *call, struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};

    enum rc rc = receive_reply(&reply, call, why);
    if (rc)
        return explain_answer(call, rc, why);

    if (reply.error)
        rc = agent_error(reply.error, reply.parameters, why);
    json_decref(*ret_parameters);
    *ret_parameters = json_incref((json_t *)reply.parameters);
    return rc;
}

enum rc
agent_call_with_secrets(json_t **ret_parameters, const struct agent_call *call, const char *method,
    const json_t *parameters, const struct span *secrets, size_t n, struct why *why)
{
    closing(bytes_done) struct bytes frame = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(agent_call_freep) struct agent_call *own = NULL;
    closing(freep) char *name = NULL;
    closing(json_decrefp) json_t *answer = NULL;

    enum rc rc = agent_call_new(&own, agent_call_path(call), why);
    if (rc)
        return rc;

    if (asprintf(&name, MESSAGE_INTERFACE ".%s", method) < 0)
        return fail_memory(why);

    message_put_upgrade(&frame, name, parameters);
    rc = bytes_check(&frame, why);
    if (!rc)
        rc = agent_link_set_patience(own->link, ANSWER_TIMEOUT_MS, why);
    if (!rc)
        rc = agent_link_connect(own->link, why);
    if (!rc)
        rc = agent_link_check_listener(own->link, why);
    if (!rc)
        rc = agent_link_send(own->link, bytes_span(&frame), why);
    if (!rc)
        rc = take_answer(&answer, own, why);
    if (!rc)
        rc = send_secrets(own, secrets, n, why);
    if (!rc)
        rc = take_answer(&answer, own, why);
    if (answer)
        *ret_parameters = steal(answer);
    return rc;
}
