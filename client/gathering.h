/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gathering — a publication whose documents want signatures from several agents: what this one has
 * signed goes on to the others, and is published by whoever completes it.
 */
#include "client/batch.h"
#include "client/cosignature.h"
#include "client/publish_result.h"

struct gathering {
    bool is_published_when_met; /* else nothing is published, whoever has signed */

    /* Set by publish(). */
    struct cosignature *cosignature; /* what was signed, where it was not published; else NULL */
    bool is_met;                     /* all thresholds are reached */
    bool
        is_merge; /* what was prepared is published; this merges it with what slipped in below it */
    struct publish_result result;
};
void gathering_done(struct gathering *gathering);

/* Nothing is gathered yet; n_documents will be. RC_NO_MEMORY. */
must_check enum rc gathering_begin(
    struct gathering *gathering, const char *repository, size_t n_documents, struct why *why);
/*
 * Which of n documents this agent can add a signature to: these come first, *ret_n_asked of them;
 * the others are left with what is given. If that is nothing at all, and nobody else has signed
 * either, all are asked for: the agent then says why not. What batch_document_take_given() says.
 */
must_check enum rc gathering_sort(struct batch_document **documents, size_t n, size_t *ret_n_asked,
    const struct signer *signer, struct why *why);

/* One more document, with its signatures. base: the file that it replaces; empty: none. What
 * cosignature_add() says. */
must_check enum rc gathering_take(struct gathering *gathering,
    const struct batch_document *document, struct span base, int64_t base_version,
    const struct signer *signer, struct why *why);
