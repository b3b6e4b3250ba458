/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * slip — a file that somebody published between our base and our draft, and what it changed.
 */
#include "client/trust.h"
#include "proto/difference.h"

struct slip {
    struct tuf_file *file, *base_file;
    struct tuf_targets *document, *base;
    struct difference difference;
};
void slip_done(struct slip *slip);

/* base: the file of our base; empty: none. What tuf_file_parse() and tuf_targets_parse() say. */
must_check enum rc slip_read(struct slip *ret, struct span base, struct span file, struct why *why);
/* RC_UNTRUSTED: it is not that version, or not by those who may sign role now. RC_NOT_FOUND: nobody
 * delegates to it any more. */
must_check enum rc slip_verify(const struct slip *slip, const struct trust *trust, const char *role,
    int64_t version, struct why *why);
