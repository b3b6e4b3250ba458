/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * spool — a file without a name, in $TMPDIR or /var/tmp, for what is too large for memory: it is
 * gone when the process is, however that ends.
 */
#include "client/content.h"

struct spool;

/* RC_SYSTEM: says which directory. */
must_check enum rc spool_new(struct spool **ret, struct why *why);
void spool_free(struct spool *spool);
DEFINE_CLEANUP(struct spool, spool_free);

/* RC_SYSTEM: a full disk, with the directory and TMPDIR as the remedy. */
must_check enum rc spool_put(struct spool *spool, struct span piece, struct why *why);
/* Room for len bytes behind all that is there, and where it begins: to be filled by spool_put_at(),
 * also by a process that was forked off since. What is not filled takes no room on the disk. */
int64_t spool_reserve(struct spool *spool, int64_t len);
must_check enum rc spool_put_at(
    struct spool *spool, int64_t offset, struct span piece, struct why *why);
int64_t spool_len(const struct spool *spool);
/* What was put from offset on; borrows the spool. */
struct content spool_content(const struct spool *spool, int64_t offset);
