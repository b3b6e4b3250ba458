/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * sending — a blob on its way into a repository: in one request or in chunks, begun anew or gone on
 * with where something breaks.
 */
#include "client/registry_blob.h"

struct sending {
    struct registry *registry;
    const struct registry_blob *blob;
    const struct content *content;
    const char *from;               /* a repository to mount it from; NULL: none */
    const struct http_watch *watch; /* NULL: nobody */
    int64_t chunk_bytes;            /* what is larger is sent in chunks of this size */
};

/* What registry_upload() says. */
must_check enum rc sending_run(
    bool *ret_is_mounted, const struct sending *sending, struct why *why);
