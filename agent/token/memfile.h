/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * memfile — a message handed to a worker whole, as a sealed file in memory, where a token wants all
 * of it and not its digest.
 */
#include "proto/bytes.h"

/* A new file with those bytes, which nobody can change any more. *ret_fd is the caller's.
 * RC_SYSTEM. */
must_check enum rc memfile_new(int *ret_fd, struct span bytes, struct why *why);

struct memfile {
    struct span bytes;
};

/* RC_MALFORMED: it is not sealed, empty, or above DOCUMENT_MAX_BYTES. RC_SYSTEM. memfile_done();
 * fd stays the caller's. */
must_check enum rc memfile_open(struct memfile *ret, int fd, struct why *why);
void memfile_done(struct memfile *file);
