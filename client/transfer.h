/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * transfer — the blobs of images into repositories: all at once, by a crew, each blob once per
 * registry; where several repositories of it need one, it is mounted into the others.
 */
#include "client/meter.h"
#include "client/transfer_plan.h"

struct transfer {
    struct session *session; /* its connections are closed, as workers have their own */
    const struct transfer_item *items;
    size_t n_items;
    struct meter *meter;
};

struct transfer_result {
    size_t n_uploaded, n_mounted, n_present; /* blobs, counted for each repository */
    int64_t uploaded_bytes;
};

/* The meter is settled. *ret is filled also on failure, with what had been done: what was uploaded
 * stays there. The first failure stops the rest. RC_INTERRUPTED. What registry_upload() and
 * source_open_blob() say. */
must_check enum rc transfer_run(
    struct transfer_result *ret, const struct transfer *transfer, struct why *why);
