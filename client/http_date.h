/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * http_date — points in time as HTTP writes them, in seconds since 1970, UTC.
 */
#include "proto/bytes.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that RFC 9110 §5.6.7 lets servers send; the two
 * obsolete ones are not read. RC_MALFORMED. */
must_check enum rc http_date_parse(int64_t *ret, const char *text, struct why *why);
