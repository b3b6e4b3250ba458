/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * queue — what waits for a token, fair between the users it waits for.
 *
 * Each has a lane (see peer.h), first in first out; the lanes take turns, whatever their length.
 * One may have as much waiting as room is left free: alone it gets half of the queue, with a second
 * one a third, and a newcomer always finds room.
 */
#include <stdbool.h>
#include <stdint.h>

#include "proto/rc.h"

/* Embedded in what waits, which the queue borrows. Zero it before its first use. */
struct queue_item {
    struct queue_item *next, *previous; /* in its lane */
    struct queue_lane *lane;            /* NULL: it does not wait */
};

struct queue;

/* max: items waiting at most. RC_NO_MEMORY. */
must_check enum rc queue_new(struct queue **ret, size_t max, struct why *why);
void queue_free(struct queue *queue); /* items must be gone */
DEFINE_CLEANUP(struct queue, queue_free);

/* RC_BUSY: the queue, or this user's share of it, is full. RC_NO_MEMORY. */
must_check enum rc queue_put(
    struct queue *queue, struct queue_item *item, uint64_t lane, struct why *why);
/* Back to the front of its lane, whether there is room or not: it was taken before. RC_NO_MEMORY.
 */
must_check enum rc queue_put_back(
    struct queue *queue, struct queue_item *item, uint64_t lane, struct why *why);

/* The next one in turn, which waits no longer; NULL: none. */
struct queue_item *queue_take(struct queue *queue);
void queue_remove(struct queue *queue, struct queue_item *item); /* if it waits */
/* How many others have their turn before it, if none comes or goes. */
size_t queue_n_ahead(const struct queue *queue, const struct queue_item *item);
bool queue_is_waiting(const struct queue_item *item);
size_t queue_len(const struct queue *queue);
