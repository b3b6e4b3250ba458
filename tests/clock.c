/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/clock.h"

#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int64_t ahead_ns, wall_ns, spent_us;
static bool is_stopped;
static struct timespec stopped_at; /* the monotonic one */

void
clock_stop(void)
{
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &stopped_at);
    is_stopped = true;
}

void
clock_advance_ms(int64_t ms)
{
    ahead_ns += ms * 1000000;
}

void
clock_advance_wall_ms(int64_t ms)
{
    wall_ns += ms * 1000000;
}

void
clock_spend_us(int64_t us)
{
    spent_us += us;
}

/* In place of libc's, for libraries as well. */
__attribute__((visibility("default"))) int
clock_gettime(clockid_t id, struct timespec *ret)
{
    if (id == CLOCK_THREAD_CPUTIME_ID) {
        *ret = (struct timespec){spent_us / 1000000, spent_us % 1000000 * 1000};
        return 0;
    }

    if (syscall(SYS_clock_gettime, id, ret) < 0)
        return -1;

    if (is_stopped && id == CLOCK_MONOTONIC)
        *ret = stopped_at;
    if (id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME || id == CLOCK_REALTIME) {
        int64_t ns = ret->tv_nsec + (id == CLOCK_REALTIME ? wall_ns : ahead_ns);
        ret->tv_sec += ns / 1000000000;
        ret->tv_nsec = ns % 1000000000;
    }
    return 0;
}
