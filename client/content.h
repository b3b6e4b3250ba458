/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * content — bytes that lie in a file, or in a part of one, and can be read again.
 */
#include <sys/types.h>

#include "proto/bytes.h"

struct content {
    int fd;          /* -1: none */
    bool is_fd_ours; /* closed by content_done() */
    off_t offset;    /* where they begin */
    int64_t size;
};

#define CONTENT_NONE ((struct content){.fd = -1})
void content_done(struct content *content);

/* Up to room bytes at position, *ret_len of them; 0 at the end. RC_SYSTEM: also where the file is
 * shorter than it was. */
must_check enum rc content_read(const struct content *content, int64_t position, uint8_t *ret,
    size_t room, size_t *ret_len, struct why *why);
/* All of it. RC_TOO_LARGE: more than ret takes. */
must_check enum rc content_read_all(
    struct bytes *ret, const struct content *content, struct why *why);
/* The SHA-256 of all of it. */
must_check enum rc content_digest(
    struct digest *ret, const struct content *content, struct why *why);
