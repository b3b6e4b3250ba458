/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pinpad — how one worker comes to the PIN of its token: it wants one, reads one, tries it, and
 * perhaps fails.
 */
#include "agent/token/frame.h"

enum pinpad_step {
    PINPAD_IDLE,
    PINPAD_READS, /* a PIN that it was told to read */
    PINPAD_TRIES, /* to log in, as somebody waits for that */
    PINPAD_FAILED,
};

struct pinpad {
    enum pinpad_step step;
    bool wants_pin, is_last_try; /* as it found */
    bool is_held_back;           /* it found what must not be tried */
    bool is_refused;             /* the PIN was, and it has found nothing since */
    bool is_ending;              /* it is to end when it has finished what it has */
    enum rc rc;                  /* why it failed */
    struct why why;
};

/* Its process is a new one. What somebody waits for stays. */
void pinpad_start(struct pinpad *pad);
/* Its process ended: of its own, to begin anew, or not. */
void pinpad_lost(struct pinpad *pad, bool begins_anew, const char *detail);

void pinpad_found(struct pinpad *pad, const struct frame_found *found);
/* For people: what to do, as it wants a PIN. */
void pinpad_explain(struct why *ret, const struct pinpad *pad, const char *token);
/* It read a PIN, or not. detail: what is wrong with it, if it wants none any more. False: it was
 * not told to. */
bool pinpad_read(struct pinpad *pad, const struct frame_unlocked *unlocked, const char *detail);
/* It is not logged in: why. */
void pinpad_fail(struct pinpad *pad, enum rc rc, const char *detail);
