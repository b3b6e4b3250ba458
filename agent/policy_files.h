/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * policy_files — the files of one policy, read through one directory descriptor.
 *
 * Each file must be regular and no symbolic link; it and the directory that it lies in must belong
 * to root or to this process's own user and must not be writable by group or others. Whether
 * anything changed since it was read can be asked at the end.
 *
 * In policy.d the names of policy files match [0-9a-z][0-9a-z_-]*\.yaml. Hidden files and what
 * editors and package managers leave behind (~, .bak, .dpkg-*, .ucf-*, .rpmnew …) are ignored; any
 * other name is an error, as somebody believes that it counts.
 */
#include "proto/bytes.h"

struct policy_files;

struct policy_file {
    char *name; /* "policy.yaml", "policy.d/50-shop.yaml" */
    struct bytes text;
};

/*
 * Read path and policy.d beside it, which may be missing. RC_NOT_FOUND: path is missing.
 * RC_DENIED: owner or permissions. RC_MALFORMED: a name in policy.d. RC_BUSY: policy.d changed
 * meanwhile. RC_TOO_LARGE, RC_SYSTEM.
 */
must_check enum rc policy_files_new(struct policy_files **ret, const char *path, struct why *why);
void policy_files_free(struct policy_files *files);
DEFINE_CLEANUP(struct policy_files, policy_files_free);

/* The policy's own file first, then those of policy.d in the order of their names. */
size_t policy_files_n(const struct policy_files *files);
const struct policy_file *policy_files_get(const struct policy_files *files, size_t i);
/* Whether the policy's own file belongs to this process's user, and that user is not root. */
bool policy_files_are_own(const struct policy_files *files);

/* Append the text of another file to ret, which bounds it; path is absolute or relative to the
 * policy's directory. Errors as above; RC_NOT_FOUND: it is missing. */
must_check enum rc policy_files_read(
    struct policy_files *files, const char *path, struct bytes *ret, struct why *why);
/* Check a file that holds a secret, without reading it: as above, and nothing for group and
 * others. */
must_check enum rc policy_files_check_secret(
    struct policy_files *files, const char *path, struct why *why);

/* SHA-256 over names and contents of all that was read so far; secrets are not. */
must_check enum rc policy_files_digest(
    struct digest *ret, const struct policy_files *files, struct why *why);
bool policy_files_have_changed(const struct policy_files *files);
