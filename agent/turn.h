/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * turn — connections with something to read have turns, one at a time, fair between lanes (see
 * peer.h).
 *
 * There is one loop, so all wait for what one call costs. Lanes take turns, however many
 * connections they have. Who had a long turn waits before the next one, but only where others want
 * turns too: the longer it was, the rarer it may happen to them. All strangers are in one lane
 * here, and do not count as others.
 */
#include <stdbool.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "agent/queue.h"

#define TURN_STRANGERS UINT64_MAX /* the lane of them all; no door has so high a number */

/* Embedded in what waits for turns. Zero it, but for the first four. */
struct turn {
    uint64_t lane;
    /* Each may free it. It is its turn, and it waits no longer. */
    void (*take)(void *userdata);
    /* Its lane has to pay first: go, if nobody would hear the answer. It waits no longer where that
     * is true. */
    bool (*drop)(void *userdata);
    void *userdata;
    struct queue_item queued;
    bool is_paused;
    TAILQ_ENTRY(turn) next;
};

struct turns;

/* event is borrowed for life. RC_SYSTEM, RC_NO_MEMORY. */
must_check enum rc turns_new(struct turns **ret, sd_event *event, struct why *why);
void turns_free(struct turns *turns); /* nothing must wait */
DEFINE_CLEANUP(struct turns, turns_free);

/* It waits for its next turn, which comes from the event loop. turn is borrowed until then.
 * RC_NO_MEMORY. */
must_check enum rc turns_wait(struct turns *turns, struct turn *turn, struct why *why);
void turns_leave(struct turns *turns, struct turn *turn); /* if it waits */
/* Let one have its turn, if any waits; for event sources that could keep the loop busy alone. */
void turns_next(struct turns *turns);
