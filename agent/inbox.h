/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * inbox — the bytes of calls that came over one connection, kept in the books of its account.
 *
 * Bytes are taken from the account before they are read. Those of a frame stay in its books until
 * the frame is answered: a request keeps that much memory for as long as it waits for a token.
 */
#include "agent/account.h"
#include "proto/bytes.h"

struct inbox {
    struct account *account; /* borrowed */
    struct bytes in;
    size_t scanned; /* of in: no NUL up to here */
    size_t in_work; /* bytes of frames that are not answered yet */
    size_t held;    /* in the books: in.len, in_work, and what is just being read */
};

void inbox_init(struct inbox *inbox, struct account *account);
void inbox_done(struct inbox *inbox); /* gives everything back */

size_t inbox_len(const struct inbox *inbox); /* bytes that are in no frame in work */
bool inbox_is_large(const struct inbox *inbox);
bool inbox_is_scanned(const struct inbox *inbox); /* by inbox_frame(), and holds no whole frame */

enum inbox_progress {
    INBOX_READ, /* something, or nothing yet */
    INBOX_FULL, /* the account has no bytes left */
    INBOX_OVER, /* end of file, an error, or no memory */
};

/* Read once from fd, a socket. *ret_bound, with INBOX_FULL only: which bound. Descriptors that are
 * sent along are dropped. */
enum inbox_progress inbox_read(struct inbox *inbox, int fd, const char **ret_bound);

/* Whether it begins with a whole frame; its bytes without the NUL. Otherwise *ret has all there is,
 * which is the beginning of one. Valid until the next call. */
bool inbox_frame(struct span *ret, struct inbox *inbox);
/* The frame that it begins with, of len bytes and a NUL, is in work: its bytes go. False: no memory
 * for what follows it, which is lost. */
must_check bool inbox_take(struct inbox *inbox, size_t len);
/* What is in work is answered. */
void inbox_answered(struct inbox *inbox);
/* Forget all that is not in work. */
void inbox_clear(struct inbox *inbox);
/* The same, and nothing of it stays in memory. */
void inbox_wipe(struct inbox *inbox);
/* Throw away what waits in the socket, before it is closed: the kernel tells a peer whose bytes
 * were not read that the connection was reset, instead of its end. */
void inbox_discard(int fd);
