/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * known — what the agent knows about the documents of a request besides what is in them: the marks
 * of its ledger, what is published by the chains that the request brings, and how each document
 * differs from that.
 *
 * Facts for decide.h, for replies, and for records; it judges nothing.
 */
#include "agent/published.h"
#include "proto/changes.h"

struct known {
    struct published *chains; /* one for each of the request */
    size_t n_chains;
    struct decide_known *facts; /* for each document; borrow from the rest */
    /* For each document, as replies, records and approvers see it. list is NULL where the agent
     * does not know what is published, or the document is none that has a difference. */
    struct changes *changes;
    struct published_stale *stale; /* for each document */
    json_t **unpublished;          /* likewise, see ledger_unpublished.h; NULL: nothing is known */
    size_t n_documents;
};

struct known_request {
    struct published_sources from; /* its chains: bases_check() let them pass */
    struct subject *const *subjects;
    size_t n_subjects;
};

/* RC_NOT_FOUND: as published_read(). RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc known_new(
    struct known **ret, const struct known_request *request, struct why *why);
void known_free(struct known *known);
DEFINE_CLEANUP(struct known, known_free);
