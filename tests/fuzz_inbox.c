/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that come over a connection in pieces: the frames in them are the same however they were
 * cut, and the account has all of its bytes back at the end. The first byte says how to cut.
 */
#include "agent/inbox.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz.h"

struct run {
    struct accounts *accounts;
    struct account *account;
    struct inbox inbox;
    int ours, theirs;
};

static void
run_start(struct run *run)
{
    int fds[2];

    assert(!accounts_new(&run->accounts, NULL));
    assert(!account_enter(&run->account, run->accounts, 1000, CONN_MAX_PER_UID, NULL));
    assert(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    run->ours = fds[0];
    run->theirs = fds[1];
    inbox_init(&run->inbox, run->account);
}

/* Nothing is held any more: all that a uid may have can be taken again. */
static void
run_end(struct run *run)
{
    inbox_done(&run->inbox);
    assert(run->inbox.held == 0);
    assert(!account_take(run->account, run, 0, FRAME_SMALL_MAX_BYTES));
    account_give(run->account, FRAME_SMALL_MAX_BYTES);
    account_leave(run->account);
    accounts_free(run->accounts);
    close(run->ours);
    close(run->theirs);
}

/* Frames are appended to out with a NUL each, as they came. */
static void
take_frames(struct run *run, struct bytes *out)
{
    struct span frame;

    while (inbox_frame(&frame, &run->inbox)) {
        assert(!memchr(frame.p, 0, frame.len));
        bytes_put(out, frame);
        bytes_putc(out, 0);
        assert(inbox_take(&run->inbox, frame.len));
        assert(run->inbox.in_work > 0);
        inbox_answered(&run->inbox);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(bytes_done) struct bytes out = BYTES_INIT(1024 * 1024);
    const char *bound = NULL;
    struct run run;

    if (len == 0)
        return 0;

    run_start(&run);
    size_t step = 1 + data[0] % 64;
    for (size_t at = 1; at < len; at += step) {
        size_t size = len - at < step ? len - at : step;

        assert(send(run.theirs, data + at, size, 0) == (ssize_t)size);
        assert(inbox_read(&run.inbox, run.ours, &bound) == INBOX_READ);
        take_frames(&run, &out);
    }

    /* What is left is the beginning of one, and all together is what was sent. */
    struct span rest;
    assert(!inbox_frame(&rest, &run.inbox));
    assert(inbox_len(&run.inbox) == rest.len);
    bytes_put(&out, rest);
    assert(span_eq(bytes_span(&out), (struct span){data + 1, len - 1}));
    shutdown(run.theirs, SHUT_WR);
    assert(inbox_read(&run.inbox, run.ours, &bound) == INBOX_OVER);
    run_end(&run);
    return 0;
}
