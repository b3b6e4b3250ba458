/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * job — one signature that somebody wants: in a queue, in a worker's batch, or over.
 */
#include "agent/keyring.h"
#include "agent/queue.h"

struct keyring_job {
    struct queue_item item; /* first, so that an item is its job */
    struct queue *queue;
    struct keyring_job **slot; /* its place in a worker's batch; NULL: it is in none */
    uint32_t place;            /* of the key, see pool.h */
    enum verify_method method;
    struct digest digest;
    struct span whole_message; /* borrowed from whoever ordered it */
    struct span message;       /* the same where its place wants it; empty: the digest is enough */
    uint64_t lane;
    uint64_t wanted_us; /* since when, monotonic */
    unsigned n_tries;   /* at that place */
    const struct keyring *keyring;
    struct keyid key; /* canonical ID */
    size_t at;        /* the number of its place, among those of the key */
    /* Whether it is under way to another place, after one failed; NULL: there is no other. */
    bool (*send_on)(struct keyring_job *job, enum rc rc);
    const struct pool *pool; /* whose token it is for */
    keyring_signed *callback;
    void *userdata;
    bool (*may_go)(void *userdata); /* as in the order; NULL: it may */
};

/* Tell whoever wants it, and free it; or send it on. Must not be in the queue. */
void job_finish(struct keyring_job *job, enum rc rc, struct span signature, const struct why *why);
/* Free it untold, wherever it is. NULL is fine. */
void job_cancel(struct keyring_job *job);
