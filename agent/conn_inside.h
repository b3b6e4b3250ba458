/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * conn_inside — what a connection is made of, for conn*.c alone.
 */
#include "agent/conn.h"
#include "agent/inbox.h"
#include "agent/outbox.h"
#include "agent/timer.h"

/*
 *   READING ──something came──▶ WAITING ──its turn: a whole frame──▶ WORKING ──reply──▶ WRITING
 *      ▲  ▲                      ▲ │ │                                 │                │ │ │
 *      │  └── its turn: a part ──┼─┘ └─ its turn: no bytes ─▶ PAUSED   │ hang-up        │ │ │
 *      ├─────────────────────────┼───────── bytes are free ───┘        ▼                │ │ │
 *      │                         └───────── all written, more is here ──────────────────┘ │ │
 *      └─────────────────────────────────── all written ──────────────────────────────────┘ │
 *                                           CLOSED ◀──── no progress, last reply ───────────┘
 *
 * Garbage and time-outs lead to WRITING, for the last reply. A reply that is sent at once, with
 * nothing more here, leads from WORKING to READING.
 *
 * A reply that is not the last one leads from WORKING to TELLING until it has gone out, and then
 * back, where the work waits for its turn; no progress there leads to CLOSED.
 *
 * A call with "upgrade" that is accepted leads from WORKING to UPGRADED. Nothing is read or written
 * there until its work is over, which leads to WRITING for the last reply; a time-out to CLOSED.
 *
 * What follows a frame is not read before that is answered, so end of file is seen only where no
 * complete call is left: a client may close its sending side and still have all of its answers.
 */
enum conn_state {
    CONN_READING,
    CONN_WAITING,
    CONN_PAUSED,
    CONN_WORKING,
    CONN_TELLING,
    CONN_UPGRADED,
    CONN_WRITING,
    CONN_CLOSED,
};

struct conn {
    struct conn_owner owner;
    sd_event_source *io;
    struct timer timer, lifetime;
    int fd;
    struct peer *peer;
    struct account *account;
    enum conn_state state;
    struct inbox inbox;
    struct turn turn;
    uint64_t frame_deadline; /* when the frame that began has to be complete; 0: none began */
    const char *bound;       /* for which a PAUSED one waits */
    struct outbox outbox;
    struct conn_wants wants;
    bool is_upgraded; /* its stream is read by somebody else */
    bool is_over;     /* it was told to end, and has a little time left for that */
    bool is_finishing;
    uint64_t active_at; /* all times are monotonic, in microseconds */
    void *work;
    void (*cancel)(void *work);
    bool is_resting;
    void (*step)(void *work); /* where its turn is for the work; else NULL */
};

/* The only place where the state changes: arms what the state waits for. It may free conn. */
void conn_enter(struct conn *conn, enum conn_state state);
/* The work waits for its turn. It may free conn. */
void conn_await_turn(struct conn *conn);
/* Answer, as the last word, what sent something behind a call with "upgrade". */
void conn_refuse_haste(struct conn *conn);
