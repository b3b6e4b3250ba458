/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/waiting.h"

#include "agent/timer.h"

#define FIRST_MS 500  /* what is over by then nobody needs to know */
#define NEXT_MS  1000 /* people read no faster */

struct waiting {
    struct conn *conn;
    struct waiting_teller teller;
    struct timer timer;
    char told[WAITING_TEXT_BYTES];
};

static void
on_time(void *userdata)
{
    struct waiting *waiting = userdata;
    char text[WAITING_TEXT_BYTES] = "";

    timer_set(&waiting->timer, timer_after_ms(&waiting->timer, NEXT_MS));
    waiting->teller.describe(text, waiting->teller.userdata);
    if (!text[0] || !strcmp(text, waiting->told))
        return;

    memcpy(waiting->told, text, sizeof text);
    conn_tell(waiting->conn, waiting->teller.format(text));
}

enum rc
waiting_new(struct waiting **ret, sd_event *event, struct conn *conn,
    const struct waiting_teller *teller, struct why *why)
{
    closing(waiting_freep) struct waiting *waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return fail_memory(why);

    waiting->conn = conn;
    waiting->teller = *teller;
    enum rc rc = timer_init(&waiting->timer, event, on_time, waiting, why);
    if (rc)
        return rc;

    timer_set(&waiting->timer, timer_after_ms(&waiting->timer, FIRST_MS));
    *ret = steal(waiting);
    return RC_OK;
}

void
waiting_free(struct waiting *waiting)
{
    if (!waiting)
        return;

    timer_done(&waiting->timer);
    free(waiting);
}
