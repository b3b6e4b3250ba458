/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * known — what the agent knows about the documents of a request besides what is in them: the marks
 * of its ledger, what is published by the chains that the request brings, and how each document
 * differs from that.
 *
 * Facts for decide.h, for replies, and for records; it judges nothing.
 */
#include "agent/base.h"
#include "agent/decide.h"
#include "agent/ledger.h"
#include "proto/changes.h"

/* What became of one chain of the request. */
struct known_base {
    const char *repository; /* borrowed from the request */
    struct base *base;  /* NULL: it does not verify, or there is no root of ours to start from */
    struct why problem; /* why it does not verify; empty where it does, or was not looked at */
};

/* For each document, as replies, records and approvers see it. list is NULL where the agent does
 * not know what is published, or the document is none that has a difference. */
struct known {
    struct known_base *bases; /* one for each chain of the request */
    size_t n_bases;
    struct decide_known *facts; /* for each document; borrow from bases and changes */
    struct changes *changes;    /* likewise */
    size_t n_documents;
};

struct known_request {
    const struct message_sign *sign; /* its chains, which base_check() let pass */
    struct subject *const *subjects;
    size_t n_subjects;
    struct ledger *ledger;
    int64_t now; /* seconds UTC */
};

/* RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc known_new(
    struct known **ret, const struct known_request *request, struct why *why);
void known_free(struct known *known);
DEFINE_CLEANUP(struct known, known_free);
