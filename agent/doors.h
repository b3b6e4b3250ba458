/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * doors — all sockets of the agent: the main one for life, and those that the policy has now.
 *
 * One that cannot be opened keeps neither the agent from its start nor a policy from being
 * followed: it is missing, so what is granted there is granted to nobody, and it is tried again
 * with the next policy. Where systemd listens for the agent, its sockets stay open; one that the
 * policy does not have, or has elsewhere, is shut: who connects is hung up on.
 */
#include <systemd/sd-event.h>

#include "agent/door.h"
#include "agent/policy.h"

struct doors;

enum doors_news {
    DOORS_OPENED, /* detail: its path */
    DOORS_CLOSED, /* detail: its path */
    DOORS_FAILED, /* detail: why it is not there, or is shut */
};

struct doors_owner {
    void *userdata;
    /* Somebody wants to be accepted. Called again as long as that is so. */
    void (*knocked)(void *userdata, const struct door *door);
    /* The door with that number is no more; who came through it has to go. */
    void (*closed)(void *userdata, uint32_t number);
    /* name: of the door, borrowed. Only from within doors_follow(). */
    void (*told)(void *userdata, enum doors_news news, const char *name, const char *detail);
};

/*
 * Take the sockets that systemd passed, or else make the main one at path; its directory must
 * exist. event is borrowed for life, owner is copied. Nobody is let in before doors_start().
 * RC_BUSY: another agent listens there. RC_SYSTEM.
 */
must_check enum rc doors_new(struct doors **ret, sd_event *event, const char *path,
    const struct doors_owner *owner, struct why *why);
must_check enum rc doors_start(struct doors *doors, struct why *why);
/* After doors_start(): have the doors of this policy and no others. */
void doors_follow(struct doors *doors, const struct policy *policy);
/* Removes the files that were made here. */
void doors_free(struct doors *doors);
DEFINE_CLEANUP(struct doors, doors_free);

/* Let nobody in for a moment: there is no room. */
void doors_pause(struct doors *doors);
/* Whether the door of that name is there and lets people in. */
bool doors_is_open(const struct doors *doors, const char *name);
const char *doors_main_path(const struct doors *doors);
