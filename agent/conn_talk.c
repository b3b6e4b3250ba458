/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said between a call and the last reply to it.
 */
#include "agent/conn_inside.h"

#include <sys/ioctl.h>

void
conn_tell(struct conn *conn, json_t *parameters)
{
    outbox_tell(&conn->outbox, conn->fd, parameters);
}

void
conn_await_turn(struct conn *conn)
{
    conn_enter(conn, CONN_WORKING);
    if (turns_wait(conn->owner.turns, &conn->turn, NULL))
        conn_enter(conn, CONN_CLOSED);
}

bool
conn_continue(struct conn *conn, json_t *parameters, void (*step)(void *work))
{
    if (parameters && !outbox_put_part(&conn->outbox, parameters))
        return false;

    conn->step = step;
    conn->is_resting = false;
    if (outbox_send(&conn->outbox, conn->fd) == OUTBOX_SENT)
        conn_await_turn(conn);
    else
        conn_enter(conn, CONN_TELLING); /* which sees also that the reader is gone */
    return true;
}

void
conn_rest(struct conn *conn)
{
    conn->is_resting = true;
}

bool
conn_upgrade(struct conn *conn, json_t *parameters, int *ret_fd)
{
    int n = 0;

    if (ioctl(conn->fd, FIONREAD, &n) < 0 || n > 0) {
        json_decref(parameters);
        conn_refuse_haste(conn);
        return false;
    }

    conn->is_upgraded = true;
    conn->is_finishing = true;
    bool is_put = outbox_put(&conn->outbox, MESSAGE_INTERFACE, NULL, parameters);
    inbox_answered(&conn->inbox);
    conn->owner.freed(conn->owner.userdata);
    if (!is_put || outbox_send(&conn->outbox, conn->fd) != OUTBOX_SENT) {
        conn_enter(conn, CONN_WRITING); /* who does not read its answers is not waited for */
        return false;
    }

    conn_enter(conn, CONN_UPGRADED);
    *ret_fd = conn->fd;
    return true;
}
