/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * transfer — the blobs of images into repositories: all at once, by a crew, each blob once per
 * registry; where several repositories of it need one, it is mounted into the others.
 */
#include "client/meter.h"
#include "client/source.h"

/* An image, and where it goes. Everything is borrowed. */
struct transfer_item {
    const struct image *image;
    struct source *source;
    const char *host, *path;
};

struct transfer {
    const struct transfer_item *items;
    size_t n_items;
    struct meter *meter;
    bool is_verbose;
};

struct transfer_result {
    size_t n_uploaded, n_mounted, n_present; /* blobs */
    int64_t uploaded_bytes;
};

/* *ret is filled also on failure, with what had been done: what was uploaded stays there. The first
 * failure stops the rest. RC_INTERRUPTED. What registry_upload() says. */
must_check enum rc transfer_run(
    struct transfer_result *ret, const struct transfer *transfer, struct why *why);
