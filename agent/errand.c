/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/errand.h"

#include <errno.h>
#include <fcntl.h>

#include "proto/bounds.h"

struct errand {
    struct errand *next; /* in its line */
    struct errand_order order;
    char *label, *algorithm, *common_name; /* to which that points */
    bool is_owed;                          /* it was accepted: who ordered it waits to be told */
};

enum rc
errand_new(struct errand **ret, const struct errand_order *order, struct why *why)
{
    closing(errand_freep) struct errand *errand = calloc(1, sizeof *errand);
    if (!errand)
        return fail_memory(why);

    errand->order = *order;
    errand->order.client = -1;
    errand->order.label = errand->label = strdup(order->label ? order->label : "");
    errand->order.algorithm = errand->algorithm = strdup(order->algorithm ? order->algorithm : "");
    errand->order.common_name = errand->common_name =
        strdup(order->common_name ? order->common_name : "");
    if (!errand->label || !errand->algorithm || !errand->common_name)
        return fail_memory(why);

    /* The connection may end before a worker is free. */
    if (order->client >= 0)
        errand->order.client = fcntl(order->client, F_DUPFD_CLOEXEC, 3);
    if (order->client >= 0 && errand->order.client < 0)
        return fail(why, RC_SYSTEM, "cannot hand over a connection: %s", strerror(errno));

    *ret = steal(errand);
    return RC_OK;
}

static void
finish(struct errand *errand, enum rc rc, const struct frame *answer, const struct why *why)
{
    errand_answered *callback = errand->order.callback;
    void *userdata = errand->order.userdata;

    errand->is_owed = false;
    errand_free(errand);
    callback(userdata, rc, rc ? NULL : answer, why);
}

void
errand_fail(struct errand *errand, enum rc rc, const struct why *why)
{
    if (errand)
        finish(errand, rc, NULL, why);
}

void
errand_lose(struct errand *errand, enum rc rc, const char *detail)
{
    struct why why;

    rc = fail(&why, rc, "%s; see whether the key is on the token before you try again", detail);
    errand_fail(errand, rc, &why);
}

void
errand_answer(struct errand *errand, const struct frame *answer)
{
    bool is_made = answer->type == FRAME_MADE;
    enum rc rc = is_made ? answer->made.rc : answer->attested.rc;
    struct span detail = is_made ? answer->made.detail : answer->attested.detail;
    struct why why = {0};

    if (rc)
        rc = fail(&why, rc, "%.*s", (int)detail.len, (const char *)detail.p);
    finish(errand, rc, answer, &why);
}

void
errand_free(struct errand *errand)
{
    if (!errand)
        return;

    if (errand->is_owed)
        errand->order.dropped(errand->order.userdata);
    fd_close(&errand->order.client);
    free(errand->label);
    free(errand->algorithm);
    free(errand->common_name);
    free(errand);
}

struct frame
errand_format(const struct errand *errand, int *ret_client)
{
    struct frame frame = {.type = errand->order.type};

    if (frame.type == FRAME_IMPORT) {
        frame.import.label = span_of(errand->label);
    } else if (frame.type == FRAME_ATTEST) {
        frame.attest.place = errand->order.place;
    } else {
        frame.generate.label = span_of(errand->label);
        frame.generate.algorithm = span_of(errand->algorithm);
        frame.generate.common_name = span_of(errand->common_name);
    }
    *ret_client = errand->order.client;
    return frame;
}

enum rc
errand_line_put_take(struct errand_line *line, struct errand **errand, struct why *why)
{
    struct errand **last = &line->first;

    if (line->n == TOKEN_ERRANDS_MAX)
        return fail(why, RC_BUSY, "TOKEN_ERRANDS_MAX");

    while (*last)
        last = &(*last)->next;
    (*errand)->is_owed = true;
    *last = steal(*errand);
    line->n++;
    return RC_OK;
}

struct errand *
errand_line_take(struct errand_line *line)
{
    struct errand *errand = line->first;

    if (!errand)
        return NULL;

    line->first = errand->next;
    line->n--;
    errand->next = NULL;
    return errand;
}
