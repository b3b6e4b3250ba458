/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * door — one listening socket of the agent: the main one, or one of the policy's.
 *
 * Whoever reaches a door of the policy may have what is granted there, so it is opened only where
 * nobody else can have put it: its directory belongs to root or the agent and is writable by nobody
 * else, and it has its mode from the first moment on.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "proto/rc.h"

/* Where a door is to be. */
struct door_place {
    const char *name; /* NULL: the main one */
    const char *path;
    mode_t mode;
};

struct door {
    char *name; /* NULL: the main one */
    char *path;
    mode_t mode;
    uint32_t number; /* no other door of this agent ever has it; 0: the main one, or a shut one */
    int fd;          /* listening, non-blocking */
    bool is_ours;    /* its file was made here, and is to be removed */
    bool is_shut;    /* who connects is hung up on */
};

/*
 * Listen there. A socket file that nobody listens on is replaced. RC_BUSY: another agent listens
 * there. RC_SYSTEM: there can be no socket, or not there.
 */
must_check enum rc door_open(struct door **ret, const struct door_place *place, struct why *why);
/* One that systemd listens on; takes *fd (NULLs it by -1), also where it fails. A main one is as it
 * is. The others are shut until door_check(). name: NULL: the main one. RC_SYSTEM: it is no such
 * socket. */
must_check enum rc door_adopt(struct door **ret, int *fd, const char *name, struct why *why);
void door_free(struct door *door);
DEFINE_CLEANUP(struct door, door_free);

/* Whether one that systemd listens on is where the policy wants it, as far as that can be seen from
 * here. RC_SYSTEM: it is not. */
must_check enum rc door_check(
    const struct door *door, const struct door_place *place, struct why *why);
