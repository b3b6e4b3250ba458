/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * transfer_plan — which blobs have to go where: for each registry every blob once, with all the
 * repositories that need it. Pure.
 */
#include "client/source.h"

/* An image, and where it goes. Everything is borrowed. */
struct transfer_item {
    const struct image *image;
    struct source *source;
    const char *host, *path;
};

/* A blob for one registry. Everything is borrowed from items. */
struct transfer_job {
    const char *host;
    const struct descriptor *blob;
    struct source *source;
    const char **paths; /* of repositories, each once */
    size_t n_paths;
    size_t order; /* its place among all blobs as the items list them */
};

struct transfer_plan {
    struct transfer_job *jobs; /* in the order in which the items list them */
    size_t n_jobs;
    const char **paths; /* of all jobs */
};
void transfer_plan_done(struct transfer_plan *plan);

must_check enum rc transfer_plan_make(
    struct transfer_plan *ret, const struct transfer_item *items, size_t n_items, struct why *why);
