/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * utc — points in time as Notary's metadata writes them (RFC 3339 as Go prints it) and as the code
 * computes with them: seconds since 1970, UTC.
 */
#include "proto/bytes.h"

/*
 * Only what Go writes: "2029-11-22T13:44:54.648Z", "…+02:00"; a fraction has 1 to 9 digits and no
 * zero at its end; UTC is "Z", never "+00:00". A fraction is dropped. RC_MALFORMED.
 */
must_check enum rc utc_parse(int64_t *ret, struct span text, struct why *why);

/* "2029-11-22T13:44:54Z"; times beyond the years 0 to 9999 make the buffer fail as too large. */
void utc_format(struct bytes *b, int64_t at);
