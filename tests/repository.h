/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * repository — a whole published repository for tests, sound but for one thing that a plan names.
 *
 * root lists targets, snapshot and timestamp; targets lists targets/qa with path "v".
 */
#include "proto/walk.h"
#include "tests/forge.h"

#define GUN    "localhost:5000/shop/web"
#define NOW    1800000000 /* 2027-01-15 */
#define FUTURE "2029-11-22T13:44:54Z"
#define PAST   "2026-11-22T13:44:54Z"

enum part { ROOT, TIMESTAMP, SNAPSHOT, TARGETS, QA, PARTS };
extern const char *const repository_roles[PARTS];

/* One key for each part, and some more. */
enum { SPARE = PARTS, WILDCARD, EXPIRED, ELSEWHERE, KEYS };

extern struct forge_key repository_keys[KEYS];

/* Setup and teardown of a group of tests; the keys are made once. */
int repository_make_keys(void **state);
int repository_drop_keys(void **state);

enum damage {
    SOUND,
    UNSIGNED,      /* no signature at all */
    MISSIGNED,     /* signed by a key of another role */
    ALTERED,       /* another byte in it than was signed and listed */
    UNLISTED,      /* the snapshot does not list it */
    MISLISTED,     /* listed with another length and hash */
    NO_DOCUMENT,   /* signed, listed, and not a document of its type */
    INEXACT,       /* not the wire form */
    NOT_DELEGATED, /* its parent does not list it */
};

/* How one part of a repository differs from a sound one. */
struct plan {
    enum part part;
    enum damage damage;
    int64_t version;                                /* 0: 5 */
    const char *expires;                            /* NULL: FUTURE */
    int64_t threshold;                              /* of its role; 0: 1 */
    const struct forge_key *listed[FORGE_KEYS_MAX]; /* none: its own */
};

struct repository {
    struct bytes files[PARTS];
};

void repository_make(struct repository *r, const struct plan *plan);
void repository_done(struct repository *r);
/* List what r has, under that root, in a snapshot and timestamp of that version. */
void repository_relist(struct repository *r, const struct bytes *root, int64_t version);

/* Give one part to the walk; all parts up to last, which must be taken. */
must_check enum rc repository_take(
    struct walk *w, enum part part, const struct repository *r, struct why *why);
void repository_take_to(struct walk *w, const struct repository *r, enum part last);
