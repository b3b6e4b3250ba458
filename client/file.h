/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * file — reading a file that a person named, or that docker left in a known place.
 */
#include "proto/bytes.h"

/* To be read. RC_NOT_FOUND, RC_SYSTEM, as below. */
must_check enum rc file_open(int *ret_fd, const char *path, struct why *why);

/* Append all that fd has to ret; name is for sentences. What file_load() says, but RC_NOT_FOUND. */
must_check enum rc file_read(struct bytes *ret, int fd, const char *name, struct why *why);

/*
 * Append all of the file to ret. No copy of it is left in memory, as it may hold secrets.
 * RC_NOT_FOUND: there is none. RC_MALFORMED: it is a directory. RC_SYSTEM: it cannot be read.
 * RC_TOO_LARGE: more than ret->max. RC_NO_MEMORY. The sentence names the path.
 */
must_check enum rc file_load(struct bytes *ret, const char *path, struct why *why);

/* Whether nobody but root and this process's own user can have written what fd has: for files that
 * decide what is trusted. RC_SYSTEM: who else can; the sentence names the path. */
must_check enum rc file_check_writers(int fd, const char *path, struct why *why);
