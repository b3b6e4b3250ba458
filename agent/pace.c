/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pace.h"

#include "proto/bounds.h"

size_t
pace_batch_max(uint64_t pace_us)
{
    if (pace_us == 0 || pace_us > PACE_SLOW_US)
        return 1;

    return (size_t)(PACE_SLOW_US / pace_us);
}

uint64_t
pace_retry_ms(uint64_t pace_us, size_t n_waiting, size_t n_workers)
{
    uint64_t each_us = pace_us > 0 ? pace_us : PACE_SLOW_US;
    uint64_t ms = n_waiting * each_us / (n_workers > 0 ? n_workers : 1) / 1000;

    return ms < BUSY_RETRY_MIN_MS   ? BUSY_RETRY_MIN_MS
           : ms > BUSY_RETRY_MAX_MS ? BUSY_RETRY_MAX_MS
                                    : ms;
}
