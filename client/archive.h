/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * archive — a tar file, compressed or not, whose files can be read in any order: where they lie, or
 * where that is not possible, in a spool. Nothing is ever unpacked into a directory: names in it
 * are names and no paths.
 *
 * Whoever made it may be hostile: entries that are no files, directories or links, names that lead
 * out of it or come twice, holes, and more than the bounds allow are refused.
 */
#include "client/content.h"

struct archive_files;

/* RC_NOT_FOUND: no such file. RC_MALFORMED: damaged, truncated, or one of the above: names the
 * entry. RC_UNSUPPORTED: no tar file, or a compression other than gzip, bzip2, xz and zstd.
 * RC_TOO_LARGE. RC_SYSTEM: what spool_put() says. */
must_check enum rc archive_files_new(struct archive_files **ret, const char *path, struct why *why);
void archive_files_free(struct archive_files *files);
DEFINE_CLEANUP(struct archive_files, archive_files_free);

/* A file of it, by its name without "./"; *ret borrows from files. Links are followed.
 * RC_NOT_FOUND: also a link to what there is not, and links in a circle. */
must_check enum rc archive_files_find(
    struct content *ret, const struct archive_files *files, const char *name, struct why *why);
/* The spool, for what is made of files. */
struct spool *archive_files_spool(const struct archive_files *files);
