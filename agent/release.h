/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * release — requests that wait for the ledger: recorded first, released then.
 *
 * Many share one transaction: an event source of the lowest priority commits all that are ready
 * when nothing else is to be done, or as soon as nobody is at work who could share it, or soon in
 * any case, so that callers who never pause do not keep others waiting. Only then are they told.
 */
#include <systemd/sd-event.h>

#include "agent/ledger.h"

struct release;

struct release_item {
    /* Write what must be durable. What was written is undone where it fails. */
    enum rc (*write)(void *userdata, struct ledger *ledger, struct why *why);
    /* RC_OK: durable. Else nothing was written: RC_STORAGE, or what write() returned. */
    void (*done)(void *userdata, enum rc rc, const struct why *why);
    void *userdata;
};

/* event and ledger are borrowed for life. RC_SYSTEM, RC_NO_MEMORY. */
must_check enum rc release_new(
    struct release **ret, sd_event *event, struct ledger *ledger, struct why *why);
/* Commits what waits, and tells it, first. */
void release_free(struct release *release);
DEFINE_CLEANUP(struct release, release_free);

/* Called after each transaction that was committed. */
void release_on_commit(struct release *release, void (*committed)(void *userdata), void *userdata);

/* A request is at work that will be added soon. Once for each such request, whatever becomes of it:
 * release_expected(), just before it is added. */
void release_expect(struct release *release);
void release_expected(struct release *release);

/* done() comes later, once, never from within this call. item is copied. RC_NO_MEMORY, RC_SYSTEM.
 */
must_check enum rc release_add(
    struct release *release, const struct release_item *item, struct why *why);
