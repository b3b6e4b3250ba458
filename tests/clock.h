/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * clock — the monotonic clock of a test, which it sets forward instead of waiting.
 *
 * clock_gettime() of the whole program is this one, sd-event's timers included.
 */
#include <stdint.h>

void clock_advance_ms(int64_t ms);
