/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * waiting — what a caller with "more" is told while his request takes its time: a sentence of what
 * it waits for, when it has waited for half a second, and whenever that is another one.
 */
#include "agent/conn.h"

#define WAITING_TEXT_BYTES 640

struct waiting;

/* describe: writes the sentence for now; empty: nothing to be told. It is called from the event
 * loop. Names that a peer chose may be in it. */
typedef void waiting_describe(char text[WAITING_TEXT_BYTES], void *userdata);
/* The reply that tells it; NULL: no memory. */
typedef json_t *waiting_format(const char *text);

struct waiting_teller {
    waiting_describe *describe;
    waiting_format *format;
    void *userdata;
};

/* event, conn and userdata are borrowed. RC_SYSTEM. */
must_check enum rc waiting_new(struct waiting **ret, sd_event *event, struct conn *conn,
    const struct waiting_teller *teller, struct why *why);
void waiting_free(struct waiting *waiting); /* no more is told */
DEFINE_CLEANUP(struct waiting, waiting_free);
