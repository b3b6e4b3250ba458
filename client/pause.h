/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pause — waiting for others: about as long as asked, never twice the same, so that those who
 * collided once do not collide again.
 */
#include <stdint.h>

/* Milliseconds that only ever go up, since some fixed moment. */
int64_t pause_clock_ms(void);

/* The wait before the n-th new try, from 0: twice as long each time, up to max_ms. */
int64_t pause_backoff_ms(int n, int64_t max_ms);

/* least_ms for sure, and by chance up to most_ms. */
void pause_between(int64_t least_ms, int64_t most_ms);
/* Half of ms for sure, the other half by chance. */
void pause_about(int64_t ms);
