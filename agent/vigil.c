/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/vigil.h"

#include <sys/queue.h>

#include "agent/agent.h"
#include "agent/timer.h"
#include "proto/bounds.h"

#define LOOK_S 10 /* requests expire, and become void by what others publish */

struct vigil {
    struct vigils *vigils;
    char id[PARKED_ID_LEN + 1];
    uid_t uid;
    void (*woken)(void *userdata);
    void *userdata;
    bool is_due; /* to be woken, in the round that goes on */
    struct timer timer;
    LIST_ENTRY(vigil) next;
};

struct vigils {
    sd_event *event;
    struct ledger *ledger;
    LIST_HEAD(, vigil) all;
};

enum rc
vigils_new(struct vigils **ret, sd_event *event, struct ledger *ledger, struct why *why)
{
    struct vigils *vigils = calloc(1, sizeof *vigils);
    if (!vigils)
        return fail_memory(why);

    vigils->event = event;
    vigils->ledger = ledger;
    LIST_INIT(&vigils->all);
    *ret = vigils;
    return RC_OK;
}

void
vigils_free(struct vigils *vigils)
{
    free(vigils);
}

static bool
is_open(const struct vigil *vigil)
{
    closing(parked_done) struct parked parked = {0};

    return !ledger_parked(
               &parked, vigil->vigils->ledger, vigil->id, agent_now_us() / 1000000, NULL) &&
           parked.state == PARKED_OPEN;
}

static void
on_time(void *userdata)
{
    struct vigil *vigil = userdata;

    timer_set(&vigil->timer, timer_after_s(&vigil->timer, LOOK_S));
    if (!is_open(vigil))
        vigil->woken(vigil->userdata);
}

static enum rc
check_room(const struct vigils *vigils, uid_t uid, struct why *why)
{
    const struct vigil *vigil;
    size_t n = 0, n_own = 0;

    LIST_FOREACH(vigil, &vigils->all, next) {
        n++;
        n_own += vigil->uid == uid;
    }

    if (n_own >= VIGILS_MAX_PER_UID)
        return fail(why, RC_BUSY, "VIGILS_MAX_PER_UID");

    return n < VIGILS_MAX ? RC_OK : fail(why, RC_BUSY, "VIGILS_MAX");
}

enum rc
vigil_new(
    struct vigil **ret, struct vigils *vigils, const struct vigil_request *request, struct why *why)
{
    enum rc rc = check_room(vigils, request->uid, why);
    if (rc)
        return rc;

    struct vigil *vigil = calloc(1, sizeof *vigil);
    if (!vigil)
        return fail_memory(why);

    vigil->vigils = vigils;
    snprintf(vigil->id, sizeof vigil->id, "%s", request->id);
    vigil->uid = request->uid;
    vigil->woken = request->woken;
    vigil->userdata = request->userdata;
    rc = timer_init(&vigil->timer, vigils->event, on_time, vigil, why);
    if (rc) {
        free(vigil);
        return rc;
    }

    timer_set(&vigil->timer, timer_after_s(&vigil->timer, LOOK_S));
    LIST_INSERT_HEAD(&vigils->all, vigil, next);
    *ret = vigil;
    return RC_OK;
}

void
vigil_free(struct vigil *vigil)
{
    if (!vigil)
        return;

    LIST_REMOVE(vigil, next);
    timer_done(&vigil->timer);
    free(vigil);
}

static struct vigil *
find_due(struct vigils *vigils)
{
    struct vigil *vigil;

    LIST_FOREACH(vigil, &vigils->all, next) {
        if (vigil->is_due)
            return vigil;
    }

    return NULL;
}

/* Whoever is woken may end, and so may others by what he does: the list is looked at anew. */
void
vigils_wake(struct vigils *vigils, const char *id)
{
    struct vigil *vigil;

    LIST_FOREACH(vigil, &vigils->all, next)
        vigil->is_due = !id || !strcmp(vigil->id, id);

    for (vigil = find_due(vigils); vigil; vigil = find_due(vigils)) {
        vigil->is_due = false;
        vigil->woken(vigil->userdata);
    }
}
