/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * clock — the clocks of a test, which it sets forward instead of waiting, and the processor time of
 * its thread, which goes on only as it says.
 *
 * clock_gettime() of the whole program is this one, sd-event's timers included.
 */
#include <stdint.h>

void clock_advance_ms(int64_t ms);
void clock_advance_wall_ms(int64_t ms); /* the wall clock; back, too */
/* From now on the monotonic clock goes only as far as it is set forward. */
void clock_stop(void);
void clock_spend_us(int64_t us);
