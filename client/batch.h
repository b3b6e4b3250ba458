/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * batch — documents that the agent signs in one call, all or none, made into files that are fit to
 * be published.
 *
 * What comes back is verified here, under the keys and the threshold of the role, before it leaves.
 */
#include "client/batch_mark.h"
#include "client/collected.h"
#include "client/intent.h"
#include "client/quorum.h"

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
    const struct verify_signature *given; /* verified signatures of others */
    size_t n_given;
    bool is_given_only;   /* the agent is not asked: those that are given are all there is */
    struct intent intent; /* what it is meant to change */

    struct collected signatures; /* set by batch_sign(): those given, and the agent's */
    struct bytes file;           /* likewise: the wire form with them */
    struct bytes signed_by;      /* names of the agent's keys, "qa, releases" */
    struct bytes left_out;       /* keys of the agent that did not sign and why; empty: none */
};
#define BATCH_DOCUMENT_INIT                                                                        \
    ((struct batch_document){.signatures = COLLECTED_INIT,                                         \
        .file = BYTES_INIT(DOCUMENT_MAX_BYTES),                                                    \
        .signed_by = BYTES_INIT(FRAME_SMALL_MAX_BYTES),                                            \
        .left_out = BYTES_INIT(FRAME_SMALL_MAX_BYTES)})
void batch_document_done(struct batch_document *document);

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
    bool waits;        /* for an hour at most, if others must agree; else RC_PENDING */
    bool is_gathering; /* fewer signatures than a threshold are welcome: others will add theirs */
};

/* Whether the caller may use a key for the document that did not sign yet. */
bool batch_document_can_sign(const struct batch_document *document, const struct signer *signer);
/* RC_REFUSED: the caller may use some keys, but not enough of them. Where he may use none, the
 * agent says why. */
must_check enum rc batch_document_check(
    const struct batch_document *document, const struct signer *signer, struct why *why);
/* Who has signed it, of those who may: borrows. */
struct quorum batch_document_quorum(const struct batch_document *document);
/* Verify signatures of others, and have them count from now on; borrowed. What quorum_verify()
 * says.
 */
must_check enum rc batch_document_give(
    struct batch_document *document, const struct collected *signatures, struct why *why);
/* What batch_sign() sets, of the signatures that are given alone. */
must_check enum rc batch_document_take_given(struct batch_document *document, struct why *why);

/*
 * Sign all or nothing. RC_ROLLBACK: *ret_marks says what was released instead, and RC_STALE what
 * was seen published, one of it; batch_marks_done().
 * RC_DENIED: no key listed for a role may be used, or what the agent says. RC_UNTRUSTED: what the
 * agent gave is not what was asked for, or changes what was not meant. RC_REFUSED: it does not
 * reach the threshold of a role.
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
