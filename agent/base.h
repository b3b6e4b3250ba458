/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * base — what is published in a repository now, by the word of the chain that a request brings,
 * verified from a root that the agent itself knows or that its policy pins.
 *
 * The files are read once; in the end only facts about their roles are kept. Pure: what is seen
 * before, and so what is old or forked, is known.h's.
 */
#include "agent/bases.h"
#include "agent/decide.h"
#include "agent/root_keys.h"
#include "proto/walk.h"

struct base_request {
    const struct message_sign *sign;   /* to which the chain belongs */
    const struct message_chain *chain; /* bases_check() let it pass */
    const struct span *files;          /* the bytes of its files */
    struct span anchor;                /* file of the root to start from; empty: pins decide */
    const struct keyid *pins;          /* canonical IDs; a root that one of them signed, and that
                                          lists it, is one to start from: the oldest such one */
    size_t n_pins;
    int64_t now; /* seconds UTC */
};

struct base_role {
    char *name;
    int64_t version;
    struct digest message, file; /* of the document, and of the file as published */
    struct digest delegations;   /* as in subject.h */
    struct keyid *signers;       /* canonical IDs of the role's keys that signed it */
    size_t n_signers;
};

struct base {
    struct base_role *roles; /* those of the files that were brought and verify, in their order */
    size_t n_roles;
    struct bytes root_file; /* the newest root */
    /* Where root and the documents of targets and delegations list keys that the request wants: for
     * each key and role once; the names of roles are the base's. */
    struct subject_listing *listings;
    size_t n_listings;
    struct root_keys root_keys; /* of all roots above version 1 that are new here, and of those
                                   before them */
    struct walk *walk;          /* NULL after base_settle() */
    char **left_out;            /* roles whose published file does not verify by the keys of now */
    size_t n_left_out;
};

/*
 * Expired targets and delegations are taken: the timestamp, which must not be, shows that nothing
 * newer was published. So is an expired root where the request has the one that follows it.
 * RC_UNTRUSTED: why it does not verify. RC_STALE: its newest root is older than the anchor.
 * RC_STORAGE: the anchor is no root. RC_NO_MEMORY.
 */
must_check enum rc base_new(struct base **ret, const struct base_request *request, struct why *why);
void base_free(struct base *base);
DEFINE_CLEANUP(struct base, base_free);

/* Borrowed, or NULL: not published, or not brought, or not by those who may sign it now. */
const struct base_role *base_find(const struct base *base, const char *role);
/* Likewise, the documents themselves. Borrowed; NULL as above. */
const struct tuf_targets *base_targets(const struct base *base, const char *role);
const struct tuf_root *base_root(const struct base *base);
/* Free the documents, which are much larger than the facts. base may be NULL. */
void base_settle(struct base *base);
