/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/delivery.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

static int64_t
now_ms(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct delivery
delivery_from(int fd, int64_t timeout_ms)
{
    return (struct delivery){fd, now_ms() + timeout_ms};
}

static enum rc
fail_hangup(struct why *why)
{
    return fail(why, RC_MALFORMED, "the client hung up before it had sent everything");
}

/* Exactly len bytes, and none behind them. */
static enum rc
read_all(uint8_t *ret, size_t len, struct delivery *delivery, struct why *why)
{
    while (len > 0) {
        struct pollfd client = {.fd = delivery->fd, .events = POLLIN};
        int64_t left = delivery->until_ms - now_ms();

        if (left <= 0 || poll(&client, 1, (int)left) == 0)
            return fail(why, RC_TIMEOUT, "the client did not send everything in time");

        ssize_t n = recv(delivery->fd, ret, len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;

        if (n <= 0)
            return fail_hangup(why);

        ret += n;
        len -= (size_t)n;
    }

    return RC_OK;
}

enum rc
delivery_next(struct bytes *ret, struct delivery *delivery, struct why *why)
{
    uint8_t header[4];

    enum rc rc = read_all(header, sizeof header, delivery, why);
    if (rc)
        return rc;

    size_t len = (size_t)header[0] << 24 | (size_t)header[1] << 16 | (size_t)header[2] << 8 |
                 (size_t)header[3];
    uint8_t *room = bytes_room(ret, len);
    if (!room)
        return bytes_check(ret, why);

    rc = read_all(room, len, delivery, why);
    if (rc)
        return rc;

    bytes_advance(ret, len);
    return RC_OK;
}
