/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/queue.h"

/* Lanes form a ring in the order of their turns; a lane exists while something waits in it. */
struct queue_lane {
    uint64_t name;
    struct queue_item *first, *last;
    size_t len;
    struct queue_lane *next, *previous;
};

struct queue {
    struct queue_lane *turn; /* the lane to take from next; NULL: nothing waits */
    size_t len, max;
};

enum rc
queue_new(struct queue **ret, size_t max, struct why *why)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return fail_memory(why);

    queue->max = max;
    *ret = queue;
    return RC_OK;
}

void
queue_free(struct queue *queue)
{
    free(queue);
}

static struct queue_lane *
find_lane(const struct queue *queue, uint64_t name)
{
    struct queue_lane *lane = queue->turn;

    while (lane && lane->name != name)
        lane = lane->next == queue->turn ? NULL : lane->next;
    return lane;
}

/* A new lane has its turn after all others. */
static struct queue_lane *
add_lane(struct queue *queue, uint64_t name)
{
    struct queue_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return NULL;

    lane->name = name;
    lane->next = queue->turn ? queue->turn : lane;
    lane->previous = queue->turn ? queue->turn->previous : lane;
    lane->next->previous = lane;
    lane->previous->next = lane;
    if (!queue->turn)
        queue->turn = lane;
    return lane;
}

static void
drop_lane(struct queue *queue, struct queue_lane *lane)
{
    if (queue->turn == lane)
        queue->turn = lane->next == lane ? NULL : lane->next;
    lane->previous->next = lane->next;
    lane->next->previous = lane->previous;
    free(lane);
}

/* Link item behind previous, which is NULL for the front. */
static void
insert(struct queue *queue, struct queue_lane *lane, struct queue_item *item,
    struct queue_item *previous)
{
    item->lane = lane;
    item->previous = previous;
    item->next = previous ? previous->next : lane->first;
    *(item->previous ? &item->previous->next : &lane->first) = item;
    *(item->next ? &item->next->previous : &lane->last) = item;
    lane->len++;
    queue->len++;
}

enum rc
queue_put(struct queue *queue, struct queue_item *item, uint64_t name, struct why *why)
{
    struct queue_lane *lane = find_lane(queue, name);
    size_t waiting = lane ? lane->len : 0;

    if (queue->len >= queue->max || waiting >= queue->max - queue->len)
        return fail(why, RC_BUSY, "%zu signatures wait already, %zu of them for this user",
            queue->len, waiting);

    if (!lane)
        lane = add_lane(queue, name);
    if (!lane)
        return fail_memory(why);

    insert(queue, lane, item, lane->last);
    return RC_OK;
}

enum rc
queue_put_back(struct queue *queue, struct queue_item *item, uint64_t name, struct why *why)
{
    struct queue_lane *lane = find_lane(queue, name);
    if (!lane)
        lane = add_lane(queue, name);
    if (!lane)
        return fail_memory(why);

    insert(queue, lane, item, NULL);
    return RC_OK;
}

void
queue_remove(struct queue *queue, struct queue_item *item)
{
    struct queue_lane *lane = item->lane;
    if (!lane)
        return;

    *(item->previous ? &item->previous->next : &lane->first) = item->next;
    *(item->next ? &item->next->previous : &lane->last) = item->previous;
    *item = (struct queue_item){0};
    lane->len--;
    queue->len--;
    if (lane->len == 0)
        drop_lane(queue, lane);
}

struct queue_item *
queue_take(struct queue *queue)
{
    struct queue_lane *lane = queue->turn;
    if (!lane)
        return NULL;

    struct queue_item *item = lane->first;
    queue->turn = lane->next;
    queue_remove(queue, item);
    return item;
}

size_t
queue_n_ahead(const struct queue *queue, const struct queue_item *item)
{
    const struct queue_lane *lane = queue->turn;
    bool is_before = true; /* its lane has its turn before that of the item */
    size_t n_own = 0, n = 0;

    for (const struct queue_item *other = item->previous; other; other = other->previous)
        n_own++;
    for (size_t i = 0; item->lane && (i == 0 || lane != queue->turn); i++, lane = lane->next) {
        size_t rounds = lane == item->lane ? n_own : n_own + is_before;
        n += lane->len < rounds ? lane->len : rounds;
        is_before = is_before && lane != item->lane;
    }

    return n;
}

bool
queue_is_waiting(const struct queue_item *item)
{
    return item->lane;
}

size_t
queue_len(const struct queue *queue)
{
    return queue->len;
}
