/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * load_socket — lanes that are connections to a Unix socket, all asked from one loop, so that the
 * client takes as little of the machine as it can.
 */
#include "contrib/bench/load.h"

struct load_lane {
    unsigned index;   /* of the connection */
    uint64_t n_asked; /* requests before this one */
};

struct load_language {
    void *userdata;
    /* Write the next request of a lane. */
    void (*ask)(struct bytes *out, void *userdata, const struct load_lane *lane);
    /* Whether the answer is complete; one that is no signature ends the program. */
    bool (*is_answered)(struct span in);
};

void load_socket_run(struct load *load, const struct load_language *language);
/* One connection, to ask something first: what there is to sign with. */
int load_socket_connect(const char *path);
