/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cosignature_file — where a cosignature is kept: a file that people carry from host to host. All
 * that is in it is to be published, so anybody may read it.
 */
#include "client/cosignature.h"

/* RC_NOT_FOUND, RC_SYSTEM, RC_MALFORMED: what file_load() and cosignature_parse() say; the sentence
 * names the path. *ret: cosignature_free(). */
must_check enum rc cosignature_file_load(
    struct cosignature **ret, const char *path, struct why *why);

/* Whether a cosignature of repository may be written there: there is nothing, or one of the same
 * repository. RC_REFUSED: something else, which would be lost. RC_SYSTEM: nothing can be. */
must_check enum rc cosignature_file_check(
    const char *path, const char *repository, struct why *why);

/* Write it, by rename: whoever reads at the same time sees the old file or the new one. RC_SYSTEM:
 * the old one is still there. */
must_check enum rc cosignature_file_store(
    const char *path, const struct cosignature *cosignature, struct why *why);
