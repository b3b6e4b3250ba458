/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/outbox.h"

#include <errno.h>
#include <sys/socket.h>

#include "proto/bounds.h"

void
outbox_init(struct outbox *outbox)
{
    outbox->out = BYTES_INIT(OUTPUT_MAX_BYTES);
}

void
outbox_done(struct outbox *outbox)
{
    bytes_done(&outbox->out);
}

bool
outbox_is_empty(const struct outbox *outbox)
{
    return outbox->out.len == 0;
}

bool
outbox_put(struct outbox *outbox, const char *interface, const char *name, json_t *parameters)
{
    char error[64];

    snprintf(error, sizeof error, "%s.%s", interface, name ? name : "");
    if (name)
        message_put_error(&outbox->out, error, parameters);
    else
        message_put_reply(&outbox->out, parameters, false);
    json_decref(parameters);
    if (!bytes_check(&outbox->out, NULL))
        return true;

    bytes_clear(&outbox->out);
    message_put_error(&outbox->out, MESSAGE_INTERFACE ".Internal", NULL);
    return false;
}

bool
outbox_put_part(struct outbox *outbox, json_t *parameters)
{
    message_put_reply(&outbox->out, parameters, true);
    json_decref(parameters);
    if (!bytes_check(&outbox->out, NULL))
        return true;

    bytes_done(&outbox->out);
    return false;
}

enum outbox_progress
outbox_send(struct outbox *outbox, int fd)
{
    while (outbox->out.len > 0) {
        ssize_t n = send(fd, outbox->out.p, outbox->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return OUTBOX_LATER;

        if (n <= 0)
            return OUTBOX_BROKEN;

        bytes_drop(&outbox->out, (size_t)n);
    }

    bytes_done(&outbox->out);
    return OUTBOX_SENT;
}

void
outbox_tell(struct outbox *outbox, int fd, json_t *parameters)
{
    if (parameters && outbox_send(outbox, fd) == OUTBOX_SENT) {
        message_put_reply(&outbox->out, parameters, true);
        if (bytes_check(&outbox->out, NULL))
            bytes_done(&outbox->out);
        (void)outbox_send(outbox, fd); /* if the reader is gone, the connection will say so */
    }
    json_decref(parameters);
}
