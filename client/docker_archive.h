/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * docker_archive — images in an archive of the form that "docker save" wrote before it had an OCI
 * layout in it, and other builders write to this day: a config, layers as plain tar files, and no
 * manifest. The layers are compressed and a manifest of docker's schema 2 is made, always the same
 * for the same archive.
 */
#include "client/archive.h"
#include "client/progress.h"
#include "client/source.h"

struct docker_archive;

/* files and progress are borrowed for life; progress may be NULL. name: the image that the user
 * means; NULL: none is named. RC_MALFORMED, RC_NOT_FOUND: no such archive. */
must_check enum rc docker_archive_new(struct docker_archive **ret,
    const struct archive_files *files, const char *name, const struct progress *progress,
    struct why *why);
void docker_archive_free(struct docker_archive *archive);
DEFINE_CLEANUP(struct docker_archive, docker_archive_free);

/* As in struct source_form. Compresses the layers, by a crew: RC_INTERRUPTED. RC_UNTRUSTED: a
 * config or a layer that is not of the digest by which it is named. */
must_check enum rc docker_archive_find(struct descriptor *ret, struct docker_archive *archive,
    const struct source_choice *choice, struct why *why);
must_check enum rc docker_archive_read(const struct docker_archive *archive, struct bytes *ret,
    const struct descriptor *descriptor, struct why *why);
must_check enum rc docker_archive_open_blob(struct content *ret,
    const struct docker_archive *archive, const struct descriptor *blob, struct why *why);
