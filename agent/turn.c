/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/turn.h"

#include <stddef.h>
#include <time.h>

#include "proto/bounds.h"

#define MS_US      UINT64_C(1000)
#define LATELY_US  (1000 * MS_US) /* others had a turn, so they will want more */
#define FAIR_US    50             /* a turn of n times as long is paid by n times its time */
#define PAYERS_MAX 64             /* who pays, pays for less than a second */
/* Before what is new from a token or a listener is read, nobody has a turn. */
#define PRIORITY (SD_EVENT_PRIORITY_NORMAL + 1)

TAILQ_HEAD(turn_list, turn);

/* Somebody and a time, in microseconds. */
struct moment {
    uint64_t lane;
    uint64_t at;
};

struct turns {
    sd_event_source *next, *resume;
    struct queue *queue;              /* of those who may have turns */
    struct turn_list paused;          /* of those whose lane pays for a long turn */
    struct moment payers[PAYERS_MAX]; /* until when */
    uint64_t resume_at;               /* when the first of them has */
    struct moment latest, other;      /* the last turn, and the last one of another lane */
};

static uint64_t
now_us(clockid_t clock)
{
    struct timespec now = {0};

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct turn *
turn_of(struct queue_item *item)
{
    return (struct turn *)((char *)item - offsetof(struct turn, queued));
}

/* When lane has paid; 0: it does not pay. */
static uint64_t
paid_at(const struct turns *turns, uint64_t lane)
{
    for (size_t i = 0; i < PAYERS_MAX; i++)
        if (turns->payers[i].lane == lane)
            return turns->payers[i].at;

    return 0;
}

/* One entry for each lane; the one that has paid first gives its place to a new one. */
static void
let_pay(struct turns *turns, uint64_t lane, uint64_t until)
{
    struct moment *place = &turns->payers[0];

    for (size_t i = 0; i < PAYERS_MAX; i++) {
        if (turns->payers[i].lane == lane) {
            place = &turns->payers[i];
            break;
        }
        if (turns->payers[i].at < place->at)
            place = &turns->payers[i];
    }

    *place = (struct moment){lane, until};
}

static void
note(struct turns *turns, uint64_t lane, uint64_t at)
{
    if (lane == TURN_STRANGERS)
        return;

    if (turns->latest.lane != lane)
        turns->other = turns->latest;
    turns->latest = (struct moment){lane, at};
}

static bool
is_alone(const struct turns *turns, uint64_t lane, uint64_t at)
{
    uint64_t others_at = turns->latest.lane == lane ? turns->other.at : turns->latest.at;

    return others_at + LATELY_US < at;
}

/*
 * Of the turns of somebody who asks again and again, one in a hundred may be late without that
 * being felt: so what is a hundred times rarer than their calls may be long. Calls that take 50 us
 * are hit by turns of 500 us once in 5 ms, calls of 2 ms by turns of 3 ms and more every 200 ms.
 */
static void
charge(struct turns *turns, uint64_t lane, uint64_t spent_us)
{
    uint64_t now = now_us(CLOCK_MONOTONIC), pause = spent_us * spent_us / FAIR_US;

    note(turns, lane, now);
    if (spent_us <= TURN_SHORT_US || is_alone(turns, lane, now))
        return;

    if (spent_us > TURN_PAUSE_MAX_MS * MS_US || pause > TURN_PAUSE_MAX_MS * MS_US)
        pause = TURN_PAUSE_MAX_MS * MS_US;
    let_pay(turns, lane, now + pause);
}

static void
pause_turn(struct turns *turns, struct turn *turn)
{
    uint64_t at = paid_at(turns, turn->lane);

    if (TAILQ_EMPTY(&turns->paused) || at < turns->resume_at) {
        turns->resume_at = at;
        sd_event_source_set_time(turns->resume, at);
        sd_event_source_set_enabled(turns->resume, SD_EVENT_ONESHOT);
    }

    turn->is_paused = true;
    TAILQ_INSERT_TAIL(&turns->paused, turn, next);
}

static void
end_pause(struct turns *turns, struct turn *turn)
{
    TAILQ_REMOVE(&turns->paused, turn, next);
    turn->is_paused = false;
}

/* The next one whose lane does not pay; NULL: none. */
static struct turn *
take(struct turns *turns)
{
    uint64_t now = now_us(CLOCK_MONOTONIC);
    struct queue_item *item;

    while ((item = queue_take(turns->queue))) {
        struct turn *turn = turn_of(item);
        if (paid_at(turns, turn->lane) <= now)
            return turn;

        if (!turn->drop(turn->userdata))
            pause_turn(turns, turn);
    }

    return NULL;
}

void
turns_next(struct turns *turns)
{
    struct turn *turn = take(turns);

    if (turn) {
        uint64_t lane = turn->lane;
        uint64_t before = now_us(CLOCK_THREAD_CPUTIME_ID);
        turn->take(turn->userdata);
        charge(turns, lane, now_us(CLOCK_THREAD_CPUTIME_ID) - before);
    }

    if (queue_len(turns->queue) == 0)
        sd_event_source_set_enabled(turns->next, SD_EVENT_OFF);
}

static int
on_next(sd_event_source *source, void *userdata)
{
    (void)source;
    turns_next(userdata);
    return 0;
}

/* Whoever still pays is paused again when its turn comes. */
static int
on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct turns *turns = userdata;
    struct turn_list paused = TAILQ_HEAD_INITIALIZER(paused);
    struct turn *turn;

    (void)source;
    (void)usec;
    TAILQ_CONCAT(&paused, &turns->paused, next);
    while ((turn = TAILQ_FIRST(&paused))) {
        TAILQ_REMOVE(&paused, turn, next);
        turn->is_paused = false;
        if (turns_wait(turns, turn, NULL))
            pause_turn(turns, turn); /* no memory: later */
    }
    return 0;
}

enum rc
turns_new(struct turns **ret, sd_event *event, struct why *why)
{
    closing(turns_freep) struct turns *turns = calloc(1, sizeof *turns);
    if (!turns)
        return fail_memory(why);

    TAILQ_INIT(&turns->paused);
    /* As much as may wait leaves as much free, so no lane is ever over its share of the queue. */
    enum rc rc = queue_new(&turns->queue, 2 * CONN_MAX + 1, why);
    if (rc)
        return rc;

    if (sd_event_add_defer(event, &turns->next, on_next, turns) < 0 ||
        sd_event_source_set_priority(turns->next, PRIORITY) < 0 ||
        sd_event_source_set_enabled(turns->next, SD_EVENT_OFF) < 0 ||
        sd_event_add_time(event, &turns->resume, CLOCK_MONOTONIC, 0, 1, on_resume, turns) < 0 ||
        sd_event_source_set_enabled(turns->resume, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    *ret = steal(turns);
    return RC_OK;
}

void
turns_free(struct turns *turns)
{
    if (!turns)
        return;

    sd_event_source_disable_unref(turns->next);
    sd_event_source_disable_unref(turns->resume);
    queue_free(turns->queue);
    free(turns);
}

enum rc
turns_wait(struct turns *turns, struct turn *turn, struct why *why)
{
    enum rc rc = queue_put(turns->queue, &turn->queued, turn->lane, why);
    if (rc)
        return rc;

    if (sd_event_source_set_enabled(turns->next, SD_EVENT_ON) < 0)
        return fail(why, RC_SYSTEM, "cannot enable an event source");

    return RC_OK;
}

void
turns_leave(struct turns *turns, struct turn *turn)
{
    if (turn->is_paused)
        end_pause(turns, turn);
    queue_remove(turns->queue, &turn->queued);
}
