/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * when — points in time as people write them on a command line.
 *
 *     2 h ago            s, min, h, d, w
 *     now
 *     2026-11-29         its first moment, UTC
 *     2026-11-29T17:00:00Z
 *     2026-11-29T18:00:00+01:00
 */
#include "proto/utc.h"

int64_t when_now_us(void);

/* Microseconds since 1970. RC_MALFORMED: says what there is. */
must_check enum rc when_parse(int64_t *ret_us, const char *text, int64_t now_us, struct why *why);
