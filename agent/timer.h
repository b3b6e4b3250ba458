/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * timer — a call that the event loop makes later, once, unless it is set anew.
 *
 * All times are of the monotonic clock, in microseconds.
 */
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "proto/rc.h"

struct timer {
    sd_event_source *source;
    void (*expired)(void *userdata);
    void *userdata;
};

/* Not set yet. event and userdata are borrowed. RC_SYSTEM. */
must_check enum rc timer_init(struct timer *timer, sd_event *event, void (*expired)(void *userdata),
    void *userdata, struct why *why);
void timer_done(struct timer *timer); /* zeros are fine, and what is left */

/* at: 0 is never. */
void timer_set(struct timer *timer, uint64_t at);
bool timer_is_set(const struct timer *timer); /* and the call has not come yet */
/* The time that many milliseconds, or seconds, after the one of this turn of the loop. */
uint64_t timer_after_ms(const struct timer *timer, uint64_t milliseconds);
uint64_t timer_after_s(const struct timer *timer, uint64_t seconds);
