/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * target_file — a file that is a target, or is to be one: its size and its hashes. Its bytes come
 * piece by piece and are not kept.
 */
#include "proto/tuf_targets.h"

struct target_file {
    int64_t size;             /* bytes */
    struct tuf_hashes hashes; /* SHA-256 and SHA-512, as notary add has them */
};

/*
 * path: "-" is standard input. RC_NOT_FOUND: there is none. RC_MALFORMED: it is a directory.
 * RC_TOO_LARGE: more than TARGET_FILE_MAX_BYTES. RC_SYSTEM: it cannot be read, or was written to
 * meanwhile. RC_NO_MEMORY. The sentence names the path.
 */
must_check enum rc target_file_read(struct target_file *ret, const char *path, struct why *why);

/* RC_UNTRUSTED: file is not the target: says all that differs, or that the target has no hash by
 * which it could be told. */
must_check enum rc target_file_check(
    const struct target_file *file, const struct tuf_target *target, struct why *why);
