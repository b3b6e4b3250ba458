/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * vigil — calls that wait for the votes on their parked requests. They are a comfort: who does not
 * wait comes back with the same bytes.
 *
 * Each is woken whenever its request may be judged otherwise than before, and looks for itself.
 */
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/ledger_parked.h"

struct vigils; /* all of them */
struct vigil;  /* that of one call */

/* event and ledger are borrowed for life. RC_NO_MEMORY. */
must_check enum rc vigils_new(
    struct vigils **ret, sd_event *event, struct ledger *ledger, struct why *why);
void vigils_free(struct vigils *vigils); /* after the last vigil */
DEFINE_CLEANUP(struct vigils, vigils_free);

struct vigil_request {
    const char *id;
    uid_t uid; /* whose call it is */
    /* It may free its vigil, and no other. Also called when the request is no longer open. */
    void (*woken)(void *userdata);
    void *userdata;
};

/* RC_BUSY: too many wait, in all or of uid. RC_NO_MEMORY, RC_SYSTEM. */
must_check enum rc vigil_new(struct vigil **ret, struct vigils *vigils,
    const struct vigil_request *request, struct why *why);
void vigil_free(struct vigil *vigil);
DEFINE_CLEANUP(struct vigil, vigil_free);

/* Those that wait for votes on that request; NULL: all. */
void vigils_wake(struct vigils *vigils, const char *id);
