/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/release.h"

#include <errno.h>
#include <time.h>

#include "proto/bounds.h"

/* How long who waits comes after who asks: as long as a transaction takes, where that is short, so
 * that no more than half of the time goes into them. */
#define WAIT_MIN_US 1000
#define WAIT_MAX_US 2000

struct waiting {
    struct release_item item;
    enum rc rc;
    struct why why;
};

struct release {
    struct ledger *ledger; /* borrowed, as is event */
    sd_event *event;
    sd_event_source *idle; /* enabled while something waits */
    uint64_t since_us;     /* when the first of those that wait came, by the loop's clock */
    uint64_t wait_us;
    size_t n_expected;                 /* at work, to be added soon */
    bool is_due;                       /* the last one of them came */
    void (*committed)(void *userdata); /* NULL: nobody cares */
    void *userdata;
    struct waiting *waiting; /* for the next transaction */
    size_t n_waiting;
    struct waiting *telling; /* of the transaction that was just made */
    size_t n_telling;
};

static void
write_one(struct release *release, struct waiting *waiting)
{
    waiting->rc = ledger_savepoint(release->ledger, &waiting->why);
    if (waiting->rc)
        return;

    waiting->rc = waiting->item.write(waiting->item.userdata, release->ledger, &waiting->why);
    if (waiting->rc)
        ledger_back_to_savepoint(release->ledger);
    else
        waiting->rc = ledger_release(release->ledger, &waiting->why);
}

static void
write_all(struct release *release)
{
    struct why why;

    enum rc rc = ledger_begin(release->ledger, &why);
    if (!rc) {
        for (size_t i = 0; i < release->n_telling; i++)
            write_one(release, &release->telling[i]);
        rc = ledger_commit(release->ledger, &why);
    }

    if (!rc && release->committed)
        release->committed(release->userdata);
    for (size_t i = 0; rc && i < release->n_telling; i++)
        if (!release->telling[i].rc) {
            release->telling[i].rc = rc;
            release->telling[i].why = why;
        }
}

/* The time of the clock itself: that of the loop stands still meanwhile. */
static uint64_t
now_us(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
commit(struct release *release)
{
    (void)sd_event_source_set_enabled(release->idle, SD_EVENT_OFF);
    (void)sd_event_source_set_priority(release->idle, SD_EVENT_PRIORITY_IDLE);
    release->telling = steal(release->waiting);
    release->n_telling = release->n_waiting;
    release->n_waiting = 0;
    release->is_due = false;

    uint64_t before = now_us();
    write_all(release);
    uint64_t took = now_us() - before;
    release->wait_us = took < WAIT_MIN_US ? WAIT_MIN_US : took > WAIT_MAX_US ? WAIT_MAX_US : took;
    for (size_t i = 0; i < release->n_telling; i++) {
        struct waiting *waiting = &release->telling[i];
        waiting->item.done(waiting->item.userdata, waiting->rc, &waiting->why);
    }

    free(release->telling);
    release->telling = NULL;
    release->n_telling = 0;
}

static int
on_idle(sd_event_source *source, void *userdata)
{
    (void)source;
    commit(userdata);
    return 0;
}

/* Before each turn of the loop while something waits. */
static int
on_prepare(sd_event_source *source, void *userdata)
{
    const struct release *release = userdata;
    uint64_t now = 0;

    (void)sd_event_now(release->event, CLOCK_MONOTONIC, &now);
    if (release->is_due || now - release->since_us >= release->wait_us)
        (void)sd_event_source_set_priority(source, SD_EVENT_PRIORITY_IMPORTANT);
    return 0;
}

enum rc
release_new(struct release **ret, sd_event *event, struct ledger *ledger, struct why *why)
{
    closing(release_freep) struct release *release = calloc(1, sizeof *release);
    if (!release)
        return fail_memory(why);

    release->ledger = ledger;
    release->event = event;
    release->wait_us = WAIT_MIN_US;
    if (sd_event_add_defer(event, &release->idle, on_idle, release) < 0 ||
        sd_event_source_set_priority(release->idle, SD_EVENT_PRIORITY_IDLE) < 0 ||
        sd_event_source_set_prepare(release->idle, on_prepare) < 0 ||
        sd_event_source_set_enabled(release->idle, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    *ret = steal(release);
    return RC_OK;
}

void
release_free(struct release *release)
{
    if (!release)
        return;

    while (release->n_waiting > 0) /* what is told may add the record of its failure */
        commit(release);
    sd_event_source_disable_unref(release->idle);
    free(release->waiting);
    free(release);
}

void
release_expect(struct release *release)
{
    release->n_expected++;
}

void
release_expected(struct release *release)
{
    release->n_expected--;
    release->is_due = release->n_expected == 0;
}

enum rc
release_add(struct release *release, const struct release_item *item, struct why *why)
{
    struct waiting *waiting =
        mem_grow((void **)&release->waiting, release->n_waiting, sizeof *waiting, 2 * CONN_MAX);
    if (!waiting)
        return fail_memory(why);

    waiting->item = *item;
    if (release->n_waiting == 0) {
        int r = sd_event_now(release->event, CLOCK_MONOTONIC, &release->since_us);
        if (r >= 0)
            r = sd_event_source_set_enabled(release->idle, SD_EVENT_ONESHOT);
        /* A loop that is over enables nothing any more: release_free() commits what is left. */
        if (r < 0 && r != -ESTALE)
            return fail(why, RC_SYSTEM, "cannot enable an event source: %s", strerror(-r));
    }

    release->n_waiting++;
    return RC_OK;
}

void
release_on_commit(struct release *release, void (*committed)(void *userdata), void *userdata)
{
    release->committed = committed;
    release->userdata = userdata;
}
