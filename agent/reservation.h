/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * reservation — which (repository, role) is being signed right now.
 *
 * Between a decision and the ledger's mark lie milliseconds or, with a token that wants a touch,
 * half a minute. Meanwhile nobody else may be given a version of the same role: others wait for
 * their turn, first come first served, and are then judged again. Who waits is before all that come
 * later for any of its names: a batch of many roles is not passed by for ever.
 */
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "proto/rc.h"

struct reservations; /* all of them */
struct reservation;  /* those of one request, or its wait for them */

struct reservation_name {
    const char *repository, *role;
};

/* event is borrowed for life. RC_SYSTEM, RC_NO_MEMORY. */
must_check enum rc reservations_new(struct reservations **ret, sd_event *event, struct why *why);
void reservations_free(struct reservations *reservations); /* after the last reservation */
DEFINE_CLEANUP(struct reservations, reservations_free);

struct reservation_request {
    const struct reservation_name *names; /* at most DOCUMENTS_MAX, none twice */
    size_t n_names;
    void (*granted)(void *userdata);
    void *userdata;
};

/*
 * Hold all names: at once where nobody has or wants one of them, see reservation_is_granted(). Else
 * granted() is called as soon as no earlier request has one: later and once, never from within this
 * call. Names are not kept. RC_NO_MEMORY, RC_SYSTEM, RC_TOO_LARGE.
 */
must_check enum rc reservation_new(struct reservation **ret, struct reservations *reservations,
    const struct reservation_request *request, struct why *why);
bool reservation_is_granted(const struct reservation *reservation);
/* Give back, or stop waiting. */
void reservation_free(struct reservation *reservation);
DEFINE_CLEANUP(struct reservation, reservation_free);
