/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * unit — the unit of a worker without a service manager: a socket, and countersign-token as the
 * service that is given it.
 *
 * What fails ends the test: these are the test's own means.
 */
#include <sys/stat.h>

#include "tests/softhsm.h"

struct unit {
    char path[96]; /* of the socket */
    pid_t pid;
    const char *variable; /* one more of its environment, if it is set before */
};

/* Start it in the token's directory, as the program COUNTERSIGN_TOKEN names. module: what its unit
 * allows; NULL: it says nothing. mode: of the socket, 0600. */
void unit_open(struct unit *unit, const struct softhsm *softhsm, const char *module, mode_t mode);
/* Wait until it has ended; its exit status. */
int unit_await(struct unit *unit);
/* Tell it to end, which it does in order. */
void unit_close(struct unit *unit);

/* Workers that it runs; at most max. */
size_t unit_list_workers(const struct unit *unit, pid_t *ret, size_t max);
