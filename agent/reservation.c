/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reservation.h"

#include <sys/queue.h>

#include "proto/bounds.h"
#include "proto/bytes.h"

#define N_BUCKETS 1024

struct held {
    struct digest name; /* of repository and role */
    SLIST_ENTRY(held) next;
};
SLIST_HEAD(bucket, held);

struct reservation {
    struct reservations *all;
    void (*granted)(void *userdata);
    void *userdata;
    bool is_granted;
    struct held *held;
    size_t n_held;
    TAILQ_ENTRY(reservation) next; /* while it waits */
};

struct reservations {
    sd_event_source *source;
    TAILQ_HEAD(, reservation) waiting;
    struct bucket buckets[N_BUCKETS];
};

static struct bucket *
bucket_of(struct reservations *all, const struct digest *name)
{
    return &all->buckets[(name->b[0] << 8 | name->b[1]) % N_BUCKETS];
}

static bool
is_free(const struct reservation *r)
{
    const struct held *held;

    for (size_t i = 0; i < r->n_held; i++)
        SLIST_FOREACH(held, bucket_of(r->all, &r->held[i].name), next)
            if (digest_eq(&held->name, &r->held[i].name))
                return false;

    return true;
}

static void
hold(struct reservation *r)
{
    for (size_t i = 0; i < r->n_held; i++)
        SLIST_INSERT_HEAD(bucket_of(r->all, &r->held[i].name), &r->held[i], next);
    r->is_granted = true;
    TAILQ_REMOVE(&r->all->waiting, r, next);
}

/* One grant per round: what it does may free others that wait. */
static int
on_freed(sd_event_source *source, void *userdata)
{
    struct reservations *all = userdata;
    struct reservation *r;

    TAILQ_FOREACH(r, &all->waiting, next)
        if (is_free(r))
            break;
    if (!r)
        return 0;

    hold(r);
    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    r->granted(r->userdata);
    return 0;
}

enum rc
reservations_new(struct reservations **ret, sd_event *event, struct why *why)
{
    closing(reservations_freep) struct reservations *all = calloc(1, sizeof *all);
    if (!all)
        return fail_memory(why);

    TAILQ_INIT(&all->waiting);
    if (sd_event_add_defer(event, &all->source, on_freed, all) < 0 ||
        sd_event_source_set_enabled(all->source, SD_EVENT_OFF) < 0)
        return fail(why, RC_SYSTEM, "cannot add an event source");

    *ret = steal(all);
    return RC_OK;
}

void
reservations_free(struct reservations *all)
{
    if (!all)
        return;

    sd_event_source_disable_unref(all->source);
    free(all);
}

static enum rc
name_digest(struct digest *ret, const struct reservation_name *name, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(REPOSITORY_MAX_BYTES + ROLE_MAX_BYTES + 1);

    bytes_puts(&text, name->repository);
    bytes_putc(&text, 0);
    bytes_puts(&text, name->role);
    enum rc rc = bytes_check(&text, why);
    if (rc)
        return within(why, rc, "name of a repository and role");

    digest_of(ret, bytes_span(&text));
    return RC_OK;
}

enum rc
reservation_new(struct reservation **ret, struct reservations *all,
    const struct reservation_request *request, struct why *why)
{
    struct reservation *r = calloc(1, sizeof *r);
    if (!r)
        return fail_memory(why);

    r->all = all;
    r->granted = request->granted;
    r->userdata = request->userdata;
    TAILQ_INSERT_TAIL(&all->waiting, r, next);
    closing(reservation_freep) struct reservation *guard = r;

    r->held = calloc(request->n_names, sizeof *r->held);
    if (!r->held)
        return fail_memory(why);

    for (size_t i = 0; i < request->n_names; i++) {
        enum rc rc = name_digest(&r->held[i].name, &request->names[i], why);
        if (rc)
            return rc;
    }
    r->n_held = request->n_names;

    if (sd_event_source_set_enabled(all->source, SD_EVENT_ONESHOT) < 0)
        return fail(why, RC_SYSTEM, "cannot enable an event source");

    *ret = steal(guard);
    return RC_OK;
}

void
reservation_free(struct reservation *r)
{
    if (!r)
        return;

    if (!r->is_granted) {
        TAILQ_REMOVE(&r->all->waiting, r, next);
    } else {
        for (size_t i = 0; i < r->n_held; i++)
            SLIST_REMOVE(bucket_of(r->all, &r->held[i].name), &r->held[i], held, next);
        sd_event_source_set_enabled(r->all->source, SD_EVENT_ONESHOT);
    }

    free(r->held);
    free(r);
}
