/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pace — what follows from how long a token takes for a signature.
 */
#include <stddef.h>
#include <stdint.h>

/* Beside a signature that takes as long, a message of its own costs nothing. */
#define PACE_SLOW_US 20000

/*
 * How many signatures one message may ask for. Whoever comes while they are made waits for all of
 * them, so together they take no longer than PACE_SLOW_US, and where nothing is known yet (0) one
 * is alone. There, too, who hangs up must not be in front of others in the same worker, where
 * nobody can take him away.
 */
size_t pace_batch_max(uint64_t pace_us);

/* When what waits is likely to be signed, in milliseconds within BUSY_RETRY_MIN_MS and
 * BUSY_RETRY_MAX_MS. n_workers: that take part; 0 counts as 1. */
uint64_t pace_retry_ms(uint64_t pace_us, size_t n_waiting, size_t n_workers);
