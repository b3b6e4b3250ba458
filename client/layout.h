/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * layout — an OCI image layout: a directory tree of blobs by their digests, and index.json, which
 * names the images among them. Where the files lie is somebody else's: a directory, or an archive.
 */
#include "client/source_form.h"

struct layout;

/* The files of one layout. */
struct layout_place {
    /* "blobs/sha256/…"; content_done(). RC_NOT_FOUND: no such file. */
    enum rc (*open)(struct content *ret, void *data, const char *name, struct why *why);
    void *data;
};

/* Reads oci-layout and index.json. tag: what the user has named, borrowed; NULL: nothing.
 * RC_MALFORMED, RC_UNSUPPORTED: another version of layouts. RC_NOT_FOUND: no layout. */
must_check enum rc layout_new(
    struct layout **ret, const struct layout_place *place, const char *tag, struct why *why);
void layout_free(struct layout *layout);
DEFINE_CLEANUP(struct layout, layout_free);

/* As in struct source_form. */
must_check enum rc layout_find(struct descriptor *ret, struct layout *layout,
    const struct source_choice *choice, struct why *why);
must_check enum rc layout_read(
    struct layout *layout, struct bytes *ret, const struct descriptor *descriptor, struct why *why);
/* RC_MALFORMED: it has another size than the descriptor says. */
must_check enum rc layout_open_blob(
    struct content *ret, struct layout *layout, const struct descriptor *blob, struct why *why);
must_check enum rc layout_referrers(
    struct referrers *ret, struct layout *layout, const struct digest *digest, struct why *why);
