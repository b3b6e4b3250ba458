/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/timer.h"

static int
on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct timer *timer = userdata;

    (void)source;
    (void)usec;
    timer->expired(timer->userdata);
    return 0;
}

enum rc
timer_init(struct timer *timer, sd_event *event, void (*expired)(void *userdata), void *userdata,
    struct why *why)
{
    *timer = (struct timer){NULL, expired, userdata};
    int r =
        sd_event_add_time(event, &timer->source, CLOCK_MONOTONIC, UINT64_MAX, 0, on_time, timer);
    if (r >= 0)
        r = sd_event_source_set_enabled(timer->source, SD_EVENT_OFF);
    if (r < 0)
        return fail(why, RC_SYSTEM, "cannot set a timer: %s", strerror(-r));

    return RC_OK;
}

void
timer_done(struct timer *timer)
{
    timer->source = sd_event_source_disable_unref(timer->source);
}

void
timer_set(struct timer *timer, uint64_t at)
{
    if (at > 0)
        (void)sd_event_source_set_time(timer->source, at);
    (void)sd_event_source_set_enabled(timer->source, at > 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

uint64_t
timer_after_ms(const struct timer *timer, uint64_t milliseconds)
{
    uint64_t now = 0;

    (void)sd_event_now(sd_event_source_get_event(timer->source), CLOCK_MONOTONIC, &now);
    return now + milliseconds * 1000;
}

bool
timer_is_set(const struct timer *timer)
{
    int enabled = SD_EVENT_OFF;

    (void)sd_event_source_get_enabled(timer->source, &enabled);
    return enabled != SD_EVENT_OFF;
}

uint64_t
timer_after_s(const struct timer *timer, uint64_t seconds)
{
    return timer_after_ms(timer, seconds * 1000);
}
