/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * passed — the sockets on which systemd listens for the agent, see sd_listen_fds_with_names(3).
 *
 * A socket unit names its own by FileDescriptorName=. One that is called like the main door, or has
 * the name that systemd gives to a unit that says none, or has no name as there are no names at
 * all, is the main one.
 */
#include "agent/door.h"

struct passed {
    struct door **doors; /* the first one is the main one */
    size_t n;            /* 0: systemd passed none */
};

/* RC_SYSTEM: there are some, but not exactly one main one, or two of one name. passed_done(), also
 * after a failure; doors that were taken are NULL. */
must_check enum rc passed_take(struct passed *ret, struct why *why);
void passed_done(struct passed *passed);
