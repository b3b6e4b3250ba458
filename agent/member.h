/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * member — one worker of a token: its process, what it does, and what it was asked for.
 *
 *   OFF ─start─▶ LOOKING ◀─STATE─ HELD ─LOGIN─▶ LOGGING_IN ─ready─▶ IDLE ◀─▶ FINDING
 *    ▲            ▲ │  └─FOUND─▶    │                │               ▲ ◀──▶ SIGNING, ON_ERRAND
 *    │            └─│─────────── STATE, not ready ───┴───────────────┴───────┤
 *    └──────────────┴──────── its process ended ─────┴───────────────────────┘
 *
 * When it loses the token it is recovering at first: to others it counts as ready, and what it was
 * asked for waits to be asked again. Once that fails, or the token is lost again before it signed
 * anything, all fails until the token is back.
 *
 * It does nothing by itself: its pool lets it advance whenever it said that something has changed.
 */
#include "agent/bundle.h"
#include "agent/errand.h"
#include "agent/login.h"
#include "agent/meter.h"
#include "agent/pinpad.h"
#include "agent/place.h"
#include "agent/timer.h"
#include "agent/worker.h"

enum member_phase {
    MEMBER_OFF,
    MEMBER_LOOKING,    /* for the token and its PIN */
    MEMBER_HELD,       /* it found them */
    MEMBER_LOGGING_IN, /* it was allowed to */
    MEMBER_IDLE,       /* logged in, as all that follow */
    MEMBER_FINDING,
    MEMBER_SIGNING,
    MEMBER_ON_ERRAND,
};

/* What the workers of one token have in common. */
struct crew {
    sd_event *event;
    struct worker_form form;
    const struct policy *policy;
    const struct policy_token *token; /* of policy */
    bool wants_touch;                 /* its token may wait for somebody to touch it */
    uint64_t pace_us;                 /* what a signature took when the last one was made */
    struct meter meter;
    struct login *login;
    struct queue *queue;
    struct place *places;
    size_t n_places;
    unsigned n_renewals; /* how often there were new keys, or places, to look for */
    struct errand_line errands;
    sd_event_source *pump; /* to be enabled when there is something to do */
    bool has_news;         /* a state or a place is not what it was */
};

struct member {
    struct crew *crew;
    struct worker *worker;
    enum member_phase phase;
    uint32_t id;                   /* of the last request */
    struct bytes identity, source; /* what it found */
    struct pinpad pinpad;
    size_t n_found;                /* places that it has looked for */
    unsigned n_renewals;           /* of the crew, when its worker last listed the token's keys */
    struct errand *errand;         /* that it is on */
    bool has_said;                 /* what is wrong, in this life */
    bool is_recovering;            /* it was logged in, and nobody needs to know that it is not */
    unsigned n_losses;             /* of the token or the process, since the last signature */
    uint64_t started_us, ready_us; /* when its process began, and when it was logged in */
    uint64_t asked_us;             /* when it began to sign */
    bool is_dismissed;             /* its process is being ended by us */
    struct timer resume;           /* enabled while it must not be started yet */
    enum keyring_state state;      /* the last that is known */
    char detail[200];
    struct bundle bundle; /* while it signs, and while it is recovering */
};

/* crew is borrowed. RC_SYSTEM. */
must_check enum rc member_init(struct member *m, struct crew *crew, struct why *why);
void member_done(struct member *m); /* drops its jobs without a call */

bool member_is_in(const struct member *m);     /* logged in */
bool member_may_start(const struct member *m); /* it is off, and waited long enough */
void member_start(struct member *m);
/* Do what it is free to do; n_jobs: its share of the queue. */
void member_advance(struct member *m, size_t n_jobs);
void member_hang_up(struct member *m); /* its process ends by itself */
/* End the process, at once, of one that signs for nobody any more, and does so for longer than it
 * takes to get another one ready. That is no failure of it. */
void member_dismiss_abandoned(struct member *m);
/* The same, when it has finished what it was asked for. */
void member_retire(struct member *m);
