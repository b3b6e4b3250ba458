/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * talk — a conversation of a test with one worker process, message by message.
 *
 * What does not come as awaited fails the test.
 */
#include "agent/worker.h"
#include "tests/softhsm.h"

struct talk {
    sd_event *event;
    struct worker *worker;
    struct policy_token token;
    bool has_message, has_ended;
    enum worker_end end;
    char detail[480];
    struct frame frame;
    struct bytes kept[2]; /* what the frame's spans point to */
};

/* Start program as the worker of the token. */
void talk_start(struct talk *t, struct softhsm *softhsm, const char *program);
/* Connect to the socket of the worker's unit. */
void talk_connect(struct talk *t, struct softhsm *softhsm, const char *socket);
void talk_finish(struct talk *t);
void talk_say(struct talk *t, const struct frame *frame);
void talk_await(struct talk *t, enum frame_type type);
void talk_await_state(struct talk *t, enum token_state state);
void talk_await_end(struct talk *t, enum worker_end end);
/* OPEN for that token, as it lies in its directory. */
struct frame talk_open(const struct softhsm *softhsm);
