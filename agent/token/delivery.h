/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * delivery — what a client hands to a worker past the agent: parts, each its length in four bytes
 * (big endian) and its bytes, over a stream socket.
 */
#include <unistd.h>

#include "proto/bytes.h"

/* When all of it has to be there, by CLOCK_MONOTONIC. */
struct delivery {
    int fd; /* borrowed; whether it blocks does not matter */
    int64_t until_ms;
};

struct delivery delivery_from(int fd, int64_t timeout_ms);
/* Append the next part; ret has its maximum, and the room at once. RC_TOO_LARGE, RC_TIMEOUT,
 * RC_MALFORMED: the client hung up. */
must_check enum rc delivery_next(struct bytes *ret, struct delivery *delivery, struct why *why);
