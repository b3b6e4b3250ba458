/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * load — a client that asks for signatures as fast as they are given, and counts them.
 *
 * It has lanes: connections, processes or threads, each of which asks again as soon as it is
 * answered. What fails ends the program: a bench has nothing to measure then.
 */
#include "proto/bytes.h"

#define LANE_SAMPLES_MAX (1 << 20)

struct lane {
    size_t n;              /* answers */
    uint64_t n_signatures; /* in them */
    uint64_t last_ns;      /* when the last one came */
    uint32_t ns[LANE_SAMPLES_MAX];
};

struct load {
    const char *target; /* path of a socket or a module */
    const char *key;    /* canonical ID; for p11 a label */
    const char *repository;
    const char *pin;
    unsigned n_lanes, batch;
    uint64_t run_ns;
    bool has_threads;
    struct lane *lanes; /* shared with processes of ours */
    uint64_t begin_ns, end_ns;
};

/* One line to standard error, and the end. */
like_printf(2, 3) void load_must(bool is_so, const char *fmt, ...);
uint64_t load_now(void); /* nanoseconds, of CLOCK_MONOTONIC */
/* All lanes are ready: from now on answers count. */
void load_begin(struct load *load);
/* One answer came. False: the time is up. The first answer counts whenever it comes. */
bool load_note(
    struct load *load, struct lane *lane, uint64_t asked_at, uint64_t now, unsigned n_signatures);

/* The kinds of load. Each runs all lanes until the time is up. */
void load_agent(struct load *load); /* documents of 2 KiB, over the agent's socket */
void load_ssh(struct load *load);   /* texts of 2 KiB, in ssh-agent's protocol */
void load_p11(struct load *load);   /* digests, by a PKCS#11 module: any that p11-kit has */
