/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reservation.h"

#include <sys/queue.h>

#include "proto/bounds.h"
#include "proto/bytes.h"

#define N_BUCKETS 1024

/* One name that a request holds or waits for. */
struct claim {
    struct digest name; /* of repository and role */
    TAILQ_ENTRY(claim) next;
};
TAILQ_HEAD(bucket, claim); /* first come first */

struct reservation {
    struct reservations *all;
    void (*granted)(void *userdata);
    void *userdata;
    bool is_granted;
    struct claim *claims;
    size_t n_claims;               /* in their buckets */
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

/* Whether nobody was there before. */
static bool
is_first(struct reservations *all, const struct claim *claim)
{
    const struct claim *earlier = TAILQ_FIRST(bucket_of(all, &claim->name));

    while (earlier != claim && !digest_eq(&earlier->name, &claim->name))
        earlier = TAILQ_NEXT(earlier, next);
    return earlier == claim;
}

static bool
is_free(const struct reservation *r)
{
    for (size_t i = 0; i < r->n_claims; i++)
        if (!is_first(r->all, &r->claims[i]))
            return false;

    return true;
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

    r->is_granted = true;
    TAILQ_REMOVE(&all->waiting, r, next);
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
    for (size_t i = 0; i < N_BUCKETS; i++)
        TAILQ_INIT(&all->buckets[i]);
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

    r->claims = calloc(request->n_names, sizeof *r->claims);
    if (!r->claims)
        return fail_memory(why);

    for (size_t i = 0; i < request->n_names; i++) {
        struct claim *claim = &r->claims[i];
        enum rc rc = name_digest(&claim->name, &request->names[i], why);
        if (rc)
            return rc;

        TAILQ_INSERT_TAIL(bucket_of(all, &claim->name), claim, next);
        r->n_claims++;
    }

    r->is_granted = is_free(r);
    if (r->is_granted)
        TAILQ_REMOVE(&all->waiting, r, next);

    *ret = steal(guard);
    return RC_OK;
}

bool
reservation_is_granted(const struct reservation *r)
{
    return r->is_granted;
}

void
reservation_free(struct reservation *r)
{
    if (!r)
        return;

    for (size_t i = 0; i < r->n_claims; i++)
        TAILQ_REMOVE(bucket_of(r->all, &r->claims[i].name), &r->claims[i], next);
    if (!r->is_granted)
        TAILQ_REMOVE(&r->all->waiting, r, next);
    (void)sd_event_source_set_enabled(r->all->source, SD_EVENT_ONESHOT);

    free(r->claims);
    free(r);
}
