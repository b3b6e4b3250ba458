/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * published — one chain of a request against what the agent has seen of its repository before: from
 * which root it is verified, whether it is older than what was seen, or another one.
 *
 * base.h verifies; this is what outlives a request. Nothing is remembered before a request ends
 * well: see published_put().
 */
#include "agent/base.h"
#include "agent/ledger_floor.h"
#include "agent/policy.h"
#include "agent/seen.h"

/* A file older than one seen before. */
struct published_stale {
    const char *role;   /* NULL: none */
    int64_t version;    /* the newest seen */
    struct digest file; /* its digest, as published */
};

struct published {
    const char *repository; /* borrowed from the request */
    struct base *base; /* NULL: it does not verify, is too old, or there is no root to start from */
    struct why problem; /* why it cannot be trusted; empty where it can, or was not looked at */
    struct published_stale stale; /* borrows from floors */
    struct ledger_floor *floors;  /* of the repository */
    size_t n_floors;
    const char **gone; /* of them, those that count no more */
    size_t n_gone;
    bool is_rekeyed; /* since the last chain, timestamp or snapshot have other keys */
};

/* What the agent has to judge a chain by; all borrowed. */
struct published_sources {
    const struct message_sign *sign;
    struct ledger *ledger;
    const struct policy *policy;
    struct seen *seen;
    int64_t now; /* seconds UTC */
};

/*
 * Look at a chain of the request. ret is empty. RC_NOT_FOUND: a file came without its message and
 * is not held; why is its digest in hexadecimal and nothing else. RC_STORAGE, RC_NO_MEMORY.
 * published_done(), after a failure, too.
 */
must_check enum rc published_read(struct published *ret, const struct published_sources *from,
    const struct message_chain *chain, struct why *why);
void published_done(struct published *published);

/* Before base_settle(): whether the role, or one above it, was seen and is not listed any more.
 * ret is written only where it is. */
bool published_is_missing(
    struct published_stale *ret, const struct published *published, const char *role);

/* What binds the agent to one published chain of a repository. */
enum published_pin {
    PUBLISHED_FREE,   /* nothing, or a root that it signed, and that nobody has shown it yet */
    PUBLISHED_PINNED, /* its policy: it has seen none yet */
    PUBLISHED_SEEN,   /* one that it saw */
};
/* RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc published_pin_of(enum published_pin *ret, struct ledger *ledger,
    const struct policy *policy, const char *repository, struct why *why);

/* It verifies, and is the repository that was seen before; it may be stale. */
bool published_is_sound(const struct published *published);
/* Remember a sound chain: newest root and floors, in the open transaction. RC_STORAGE. */
must_check enum rc published_put(
    const struct published *published, struct ledger *ledger, struct why *why);
/* The same for its files, in memory; of a chain that is not sound, nothing. chain: that of
 * published_read(). */
void published_hold(
    const struct published *published, const struct message_chain *chain, struct seen *seen);
