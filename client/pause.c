/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pause.h"

#include <sys/random.h>
#include <time.h>

#define PAUSE_FIRST_MS 20 /* a publication on the local network takes about as long */

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
    int64_t ms = PAUSE_FIRST_MS;

    while (n-- > 0 && ms < max_ms)
        ms *= 2;

    return ms < max_ms ? ms : max_ms;
}

void
pause_between(int64_t least_ms, int64_t most_ms)
{
    uint16_t chance = 0;

    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        chance = (uint16_t)pause_clock_ms();

    int64_t us = least_ms * 1000 + (most_ms - least_ms) * 1000 * chance / UINT16_MAX;
    const struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&pause, NULL);
}

void
pause_about(int64_t ms)
{
    pause_between(ms / 2, ms);
}
