/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define PATIENCE_US 20000000 /* for what takes milliseconds on a machine that is not busy */

static struct span
keep(struct bytes *b, struct span s)
{
    bytes_clear(b);
    bytes_put(b, s);
    return bytes_span(b);
}

static void
on_message(void *userdata, const struct frame *frame)
{
    struct talk *t = userdata;

    t->frame = *frame;
    t->has_message = true;
    if (frame->type == FRAME_STATE)
        t->frame.state.detail = keep(&t->kept[0], frame->state.detail);
    if (frame->type == FRAME_FOUND) {
        t->frame.found.identity = keep(&t->kept[0], frame->found.identity);
        t->frame.found.source = keep(&t->kept[1], frame->found.source);
    }
    if (frame->type == FRAME_KEY) {
        t->frame.key.spki = keep(&t->kept[0], frame->key.spki);
        t->frame.key.detail = keep(&t->kept[1], frame->key.detail);
    }
    if (frame->type == FRAME_MADE) {
        t->frame.made.spki = keep(&t->kept[0], frame->made.spki);
        t->frame.made.detail = keep(&t->kept[1], frame->made.detail);
    }
    if (frame->type == FRAME_UNLOCKED)
        t->frame.unlocked.detail = keep(&t->kept[0], frame->unlocked.detail);
    if (frame->type == FRAME_SIGNED)
        t->frame.sigs.results[0].signature = keep(&t->kept[0], frame->sigs.results[0].signature);
}

static void
on_end(void *userdata, enum worker_end end, const char *detail)
{
    struct talk *t = userdata;

    t->has_ended = true;
    t->end = end;
    snprintf(t->detail, sizeof t->detail, "%s", detail);
}

static const struct worker_calls calls = {on_message, on_end};

static void
start(struct talk *t, const char *program)
{
    struct why why;

    t->kept[0] = t->kept[1] = BYTES_INIT(WORKER_MESSAGE_BYTES);
    assert_true(sd_event_new(&t->event) >= 0);
    assert_int_equal(worker_new(&t->worker, t->event, program, &t->token, &calls, t, &why), RC_OK);
}

void
talk_start(struct talk *t, struct softhsm *softhsm, const char *program)
{
    *t = (struct talk){.token = softhsm_policy(softhsm)};
    start(t, program);
}

void
talk_connect(struct talk *t, struct softhsm *softhsm, const char *socket)
{
    *t = (struct talk){.token = softhsm_policy(softhsm)};
    t->token.worker = (char *)socket;
    start(t, NULL);
}

void
talk_finish(struct talk *t)
{
    worker_free(t->worker);
    sd_event_unref(t->event);
    bytes_done(&t->kept[0]);
    bytes_done(&t->kept[1]);
}

void
talk_say(struct talk *t, const struct frame *frame)
{
    assert_int_equal(worker_send(t->worker, frame, -1, 0, NULL), RC_OK);
}

void
talk_await(struct talk *t, enum frame_type type)
{
    t->has_message = false;
    while (!t->has_message && !t->has_ended)
        assert_true(sd_event_run(t->event, PATIENCE_US) > 0);
    assert_true(t->has_message);
    if (t->frame.type != type && t->frame.type == FRAME_STATE)
        print_message("%.*s\n", (int)t->frame.state.detail.len, t->frame.state.detail.p);
    assert_int_equal(t->frame.type, type);
}

void
talk_await_state(struct talk *t, enum token_state state)
{
    talk_await(t, FRAME_STATE);
    if (t->frame.state.state != state)
        print_message("%.*s\n", (int)t->frame.state.detail.len, t->frame.state.detail.p);
    assert_int_equal(t->frame.state.state, state);
}

void
talk_await_end(struct talk *t, enum worker_end end)
{
    while (!t->has_ended)
        assert_true(sd_event_run(t->event, PATIENCE_US) > 0);
    if (t->end != end)
        print_message("%s\n", t->detail);
    assert_int_equal(t->end, end);
}

struct frame
talk_open(const struct softhsm *softhsm)
{
    struct frame frame = {.type = FRAME_OPEN};

    frame.open.pin = TOKEN_PIN_FILE;
    frame.open.timeout_s = TOKEN_CALL_TIMEOUT_S;
    frame.open.module = SPAN(SOFTHSM_MODULE);
    frame.open.uri = SPAN("pkcs11:token=agent");
    frame.open.pin_source = span_of(softhsm->pin);
    return frame;
}
