/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/channel.h"

#include <errno.h>
#include <sys/socket.h>

/* Room for one descriptor beside a message. */
union beside {
    struct cmsghdr header;
    uint8_t room[CMSG_SPACE(sizeof(int))];
};

enum rc
channel_send(int fd, const struct frame *frame, int passed, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(WORKER_MESSAGE_BYTES);
    union beside beside = {0};

    enum rc rc = frame_format(&message, frame, why);
    if (rc)
        return rc;

    struct iovec io = {message.p, message.len};
    struct msghdr header = {.msg_iov = &io, .msg_iovlen = 1};
    if (passed >= 0) {
        beside.header = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof passed), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&beside.header), &passed, sizeof passed);
        header.msg_control = &beside;
        header.msg_controllen = sizeof beside.room;
    }
    if (sendmsg(fd, &header, MSG_NOSIGNAL) < 0)
        return fail(why, RC_SYSTEM, "cannot send: %s", strerror(errno));

    return RC_OK;
}

/* -1: none came. Those for which there was no room were closed by the kernel. */
static int
take_passed(struct msghdr *header)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    int passed = -1;

    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof passed))
        memcpy(&passed, CMSG_DATA(c), sizeof passed);
    return passed;
}

enum rc
channel_receive(struct frame *ret, int *ret_passed, int fd, uint8_t buffer[WORKER_MESSAGE_BYTES],
    enum frame_side from, struct why *why)
{
    union beside beside = {0};
    struct iovec io = {buffer, WORKER_MESSAGE_BYTES};
    struct msghdr header = {.msg_iov = &io,
        .msg_iovlen = 1,
        .msg_control = &beside,
        .msg_controllen = CMSG_LEN(sizeof(int))}; /* with the padding there is room for two */

    ssize_t len = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    if (len < 0)
        return fail(
            why, errno == EAGAIN ? RC_TIMEOUT : RC_SYSTEM, "cannot receive: %s", strerror(errno));

    closing(fd_close) int passed = take_passed(&header);
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return fail(why, RC_MALFORMED, "a message of more than %d bytes, or several descriptors",
            WORKER_MESSAGE_BYTES);

    if (len == 0)
        return fail(why, RC_NOT_FOUND, "the other side is gone");

    enum rc rc = frame_parse(ret, (struct span){buffer, (size_t)len}, from, why);
    if (rc)
        return rc;

    *ret_passed = passed;
    passed = -1;
    return RC_OK;
}
