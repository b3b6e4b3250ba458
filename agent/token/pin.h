/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * pin — the PIN of a token, from where the policy says: a credential of the service, or a file.
 *
 * Opening tells which PIN it would be (name, file, time of its last change) without reading it, so
 * that one that was refused is not tried again; reading gives exactly that one. The PIN itself is
 * kept in locked memory from reading to C_Login, and has no other way out of here.
 */
#include <sys/stat.h>

#include "agent/token/frame.h"

struct pin_source {
    int fd;
    struct stat st;
    struct bytes identity; /* text: kind, name, device, inode, time of change */
};
#define PIN_SOURCE_INIT ((struct pin_source){.fd = -1, .identity = BYTES_INIT(2 * 4096)})

struct pin {
    uint8_t b[PIN_MAX_BYTES + 2]; /* with the end of its line */
    size_t len;                   /* without it */
};

/*
 * *ret must be PIN_SOURCE_INIT; pin_source_done(). kind is not TOKEN_PIN_NONE.
 * RC_LOCKED: there is none, or it is not ours alone; what to do.
 */
must_check enum rc pin_source_open(
    struct pin_source *ret, enum token_pin kind, const char *name, struct why *why);
void pin_source_done(struct pin_source *source);

/* One end of line is dropped. RC_LOCKED: empty, too long, or no longer what was opened. Call
 * pin_done() in any case. */
must_check enum rc pin_read(struct pin *ret, const struct pin_source *source, struct why *why);
void pin_done(struct pin *pin); /* overwrites it */
