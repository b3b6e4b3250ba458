/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * meter — what a token has done since its workers first began: how long signatures waited for it
 * and took, what failed, how often its workers were started again, and what was wrong last.
 *
 * It goes on where a worker ends, and ends where a reload of the policy changes the token.
 */
#include <stddef.h>
#include <stdint.h>

/* Upper bounds of the buckets of a histogram, in microseconds, from 1 ms to the 30 s that somebody
 * has to touch a token. */
#define METER_BUCKETS 14
extern const uint64_t meter_bounds_us[METER_BUCKETS];

struct meter_histogram {
    uint64_t n[METER_BUCKETS + 1]; /* of each bucket alone; the last is beyond all bounds */
    uint64_t sum_us;
};

void meter_observe(struct meter_histogram *histogram, uint64_t us);
uint64_t meter_count(const struct meter_histogram *histogram);

struct meter {
    struct meter_histogram queue; /* from when a signature was wanted until a worker was asked */
    struct meter_histogram sign;  /* from then until it was made; of a batch, the time of all */
    uint64_t n_failed;            /* signatures that the token did not make */
    uint64_t n_respawns;          /* workers that were started for others that had ended */
    char error[200];              /* the last that went wrong, for people; "": nothing yet */
    int64_t error_at_us;          /* and when, by the clock on the wall */
};

/* It went wrong now. */
void meter_note(struct meter *meter, const char *error);
