/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quickpause — stands in for client/pause where nothing but the waiting itself would change: time
 * goes on as ever, and nobody waits.
 */
#include "client/pause.h"

#include <time.h>

int64_t
pause_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
pause_backoff_ms(int n, int64_t max_ms)
{
    (void)n;
    (void)max_ms;
    return 0;
}

void
pause_between(int64_t least_ms, int64_t most_ms)
{
    (void)least_ms;
    (void)most_ms;
}

void
pause_about(int64_t ms)
{
    (void)ms;
}
