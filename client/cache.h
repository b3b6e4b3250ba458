/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cache — the copies of published files that docker and notary keep, and their directories:
 * DIR/tuf/REPOSITORY/metadata/ROLE.json, directories 0700, files 0600.
 *
 * Knows names and bytes, and judges nothing. Any number of processes may use it at the same time.
 */
#include "proto/bytes.h"

struct cache;

/*
 * dir: NULL: $DOCKER_CONFIG/trust or ~/.docker/trust. Touches no disk yet. RC_MALFORMED: an
 * empty one, as of a variable that is not set; a repository that is no clean path ("a/../b").
 * RC_NOT_FOUND: there is no home directory.
 */
must_check enum rc cache_new(
    struct cache **ret, const char *dir, const char *repository, struct why *why);
void cache_free(struct cache *cache);
DEFINE_CLEANUP(struct cache, cache_free);

/* The repository's directory, "DIR/tuf/REPOSITORY". */
const char *cache_dir(const struct cache *cache);

/* Append the file of role. RC_NOT_FOUND: none. RC_MALFORMED: a directory, or a link to nothing.
 * RC_SYSTEM, RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc cache_load(
    struct bytes *ret, const struct cache *cache, const char *role, struct why *why);

/* When that file was written here, seconds UTC; 0: there is none. */
int64_t cache_stored_at(const struct cache *cache, const char *role);

/* Make the directories and wait for the lock; *ret: fd_close(). RC_SYSTEM. */
must_check enum rc cache_lock(int *ret, const struct cache *cache, struct why *why);
/* Replace the file of role, by rename; the lock is held. RC_SYSTEM: the old one is still there. */
must_check enum rc cache_store(
    const struct cache *cache, const char *role, struct span file, struct why *why);

/*
 * Take everything away that is there of the repository, notary's list of changes included; not
 * other repositories below its name. The lock is held, and of no use afterwards. *ret_n: so many
 * files. RC_SYSTEM: some of it may be left. RC_NO_MEMORY.
 */
must_check enum rc cache_remove(size_t *ret_n, const struct cache *cache, struct why *why);
