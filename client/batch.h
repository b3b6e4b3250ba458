/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * batch — documents that the agent signs in one call, all or none, made into files that are fit to
 * be published.
 *
 * What comes back is verified here, under the keys and the threshold of the role, before it leaves.
 */
#include "client/intent.h"
#include "client/signer.h"

/* One document of a batch, and what becomes of it. */
struct batch_document {
    const char *repository, *role;
    struct span message;          /* canonical */
    struct pubkey *const *listed; /* the keys that may sign it, as the role lists them */
    size_t n_listed;
    int64_t threshold;
    /* Of a root: the keys and the threshold of the one that it replaces, which sign it as well. */
    struct pubkey *const *former;
    size_t n_former;
    int64_t former_threshold;
    struct intent intent; /* what it is meant to change */

    struct bytes file;      /* set by batch_sign(): the wire form with its signatures */
    struct bytes signed_by; /* names of the agent's keys, "qa, releases" */
    struct bytes left_out;  /* keys of the agent that did not sign and why; empty: none */
};
#define BATCH_DOCUMENT_INIT                                                                        \
    ((struct batch_document){.file = BYTES_INIT(DOCUMENT_MAX_BYTES),                               \
        .signed_by = BYTES_INIT(FRAME_SMALL_MAX_BYTES),                                            \
        .left_out = BYTES_INIT(FRAME_SMALL_MAX_BYTES)})
void batch_document_done(struct batch_document *document);

/* What the agent has released already for one role, or has seen published. */
struct batch_mark {
    char *repository, *role;
    int64_t version;
    struct digest digest; /* of the message, where it was released */
    struct bytes
        file; /* a root that was released, with its signatures; or what was seen; or empty */
};

struct batch_marks {
    struct batch_mark *marks;
    size_t n;
};
void batch_marks_done(struct batch_marks *marks);

enum batch_mode {
    BATCH_ALL,     /* a key whose token is away fails the batch */
    BATCH_PARTIAL, /* it is left out */
};

/* What is asked in one call. */
struct batch {
    struct batch_document *const *documents;
    size_t n_documents;
    const json_t *bases; /* as chain_format() makes them; NULL: none */
    enum batch_mode mode;
    const struct progress *progress; /* shows both sides of a difference; NULL: nobody listens */
    bool waits; /* for an hour at most, if others must agree; else RC_PENDING */
};

/*
 * Sign all or nothing. RC_ROLLBACK: *ret_marks says what was released instead, and RC_STALE what
 * was seen published, one of it; batch_marks_done().
 * RC_DENIED: no key listed for a role may be used, or what the agent says. RC_UNTRUSTED: what the
 * agent gave does not reach the threshold, or is not what was asked for, or changes what was not
 * meant.
 */
must_check enum rc batch_sign(struct signer *signer, const struct batch *batch,
    struct batch_marks *ret_marks, struct why *why);

/*
 * What the agent would decide, for user if that is not NULL: an admin asks for somebody else, and
 * about all keys that are listed. *ret: the verdicts of the interface, an array with one for each
 * document; json_decref(). What agent_call() says; RC_MALFORMED: its answer.
 */
must_check enum rc batch_explain(json_t **ret, struct signer *signer, const struct batch *batch,
    const char *user, struct why *why);
