/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gzip — layers that are not compressed yet. What comes out depends on what goes in and on the
 * version of zlib, and on nothing else: neither on the time nor on names.
 */
#include "client/spool.h"

struct gzip_result {
    struct digest plain; /* of what went in */
    struct digest digest;
    int64_t size;
};

/* How much room it may take, at most. */
int64_t gzip_room(int64_t size);
/* Whether it is compressed already, by its first bytes. RC_SYSTEM. */
must_check enum rc gzip_is_done(bool *ret, const struct content *content, struct why *why);
/* Into the spool at offset, where gzip_room() bytes are reserved. RC_SYSTEM. */
must_check enum rc gzip_compress(struct gzip_result *ret, const struct content *content,
    struct spool *spool, int64_t offset, struct why *why);
