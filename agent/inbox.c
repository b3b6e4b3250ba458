/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/inbox.h"

#include <errno.h>
#include <sys/socket.h>

#include "proto/bounds.h"

#define READ_BYTES       (64 * 1024)
#define READ_SMALL_BYTES (16 * 1024) /* most calls fit */
#define DISCARDS_MAX     64          /* 256 KiB: Linux queues 208 KiB for a socket */

void
inbox_init(struct inbox *inbox, struct account *account)
{
    *inbox = (struct inbox){.account = account, .in = BYTES_INIT(FRAME_MAX_BYTES + READ_BYTES)};
}

/* Give back to the account what is not in memory, or not any more. */
static void
settle(struct inbox *inbox)
{
    size_t used = inbox->in.len + inbox->in_work;

    account_give(inbox->account, inbox->held - used);
    inbox->held = used;
    if (!inbox_is_large(inbox))
        account_end_large(inbox->account, inbox);
}

void
inbox_done(struct inbox *inbox)
{
    inbox->in_work = 0;
    inbox_clear(inbox);
}

size_t
inbox_len(const struct inbox *inbox)
{
    return inbox->in.len;
}

bool
inbox_is_large(const struct inbox *inbox)
{
    return inbox->in.len > FRAME_SMALL_MAX_BYTES + 1;
}

bool
inbox_is_scanned(const struct inbox *inbox)
{
    return inbox->scanned == inbox->in.len;
}

/* A small frame is never asked for as a large one. */
static size_t
read_size(const struct inbox *inbox)
{
    size_t left = FRAME_SMALL_MAX_BYTES + 1 - inbox->in.len;

    if (inbox->in.len > FRAME_SMALL_MAX_BYTES)
        return READ_BYTES;

    return left < READ_SMALL_BYTES ? left : READ_SMALL_BYTES;
}

enum inbox_progress
inbox_read(struct inbox *inbox, int fd, const char **ret_bound)
{
    size_t size = read_size(inbox);

    const char *bound = account_take(inbox->account, inbox, inbox->in.len, size);
    if (bound) {
        *ret_bound = bound;
        return INBOX_FULL;
    }

    inbox->held += size;
    uint8_t *room = bytes_room(&inbox->in, size);
    /* As no control buffer is given, the kernel drops descriptors. */
    ssize_t n = room ? recv(fd, room, size, MSG_DONTWAIT) : 0;
    bool is_later = n < 0 && (errno == EAGAIN || errno == EINTR);

    if (n > 0)
        bytes_advance(&inbox->in, (size_t)n);
    settle(inbox);
    return n > 0 || is_later ? INBOX_READ : INBOX_OVER;
}

bool
inbox_frame(struct span *ret, struct inbox *inbox)
{
    size_t left = inbox->in.len - inbox->scanned;
    const uint8_t *end = left > 0 ? memchr(inbox->in.p + inbox->scanned, 0, left) : NULL;

    *ret = bytes_span(&inbox->in);
    if (end)
        ret->len = (size_t)(end - inbox->in.p);
    else
        inbox->scanned = inbox->in.len;
    return end;
}

bool
inbox_take(struct inbox *inbox, size_t len)
{
    struct bytes rest = BYTES_INIT(inbox->in.max);
    size_t whole = len + 1;

    /* What follows moves, as a large frame must not keep its room for it. */
    if (inbox->in.len > whole)
        bytes_put(&rest, (struct span){inbox->in.p + whole, inbox->in.len - whole});
    bool is_kept = !bytes_check(&rest, NULL);

    bytes_done(&inbox->in);
    inbox->in = rest;
    inbox->scanned = 0;
    inbox->in_work += whole;
    settle(inbox);
    return is_kept;
}

void
inbox_answered(struct inbox *inbox)
{
    inbox->in_work = 0;
    settle(inbox);
}

void
inbox_clear(struct inbox *inbox)
{
    bytes_done(&inbox->in);
    inbox->scanned = 0;
    settle(inbox);
}

void
inbox_wipe(struct inbox *inbox)
{
    if (inbox->in.len > 0)
        explicit_bzero(inbox->in.p, inbox->in.len);
    inbox_clear(inbox);
}

void
inbox_discard(int fd)
{
    char waste[4096];

    for (size_t i = 0; i < DISCARDS_MAX; i++)
        if (recv(fd, waste, sizeof waste, MSG_DONTWAIT) <= 0)
            return;
}
