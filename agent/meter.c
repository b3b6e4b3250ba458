/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/meter.h"

#include <stdio.h>
#include <time.h>

const uint64_t meter_bounds_us[METER_BUCKETS] = {1000, 2500, 5000, 10000, 25000, 50000, 100000,
    250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000};

void
meter_observe(struct meter_histogram *histogram, uint64_t us)
{
    size_t i = 0;

    while (i < METER_BUCKETS && us > meter_bounds_us[i])
        i++;
    histogram->n[i]++;
    histogram->sum_us += us;
}

uint64_t
meter_count(const struct meter_histogram *histogram)
{
    uint64_t n = 0;

    for (size_t i = 0; i <= METER_BUCKETS; i++)
        n += histogram->n[i];
    return n;
}

void
meter_note(struct meter *meter, const char *error)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(meter->error, sizeof meter->error, "%s", error);
    meter->error_at_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
