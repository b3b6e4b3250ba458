/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * base — what is published in a repository now, by the word of the chain that a request brings,
 * verified from the newest root that the agent itself knows.
 *
 * The files are read once; in the end only facts about their roles are kept. Pure.
 */
#include "proto/message.h"
#include "proto/walk.h"

/*
 * The form of all chains of a request, before anything is verified: one for each repository at
 * most, each for a document's repository; files in the order of trust, which is roots by version,
 * timestamp, snapshot, targets, delegations by name; of targets and delegations only those of the
 * documents and the ones above them.
 * RC_MALFORMED: what and where. RC_UNSUPPORTED: a file without its message.
 */
must_check enum rc base_check(const struct message_sign *request, struct why *why);

struct base_role {
    char *name;
    int64_t version;
    struct digest digest;      /* of its message */
    struct digest delegations; /* as in subject.h */
    struct keyid *signers;     /* canonical IDs of the role's keys that signed it */
    size_t n_signers;
};

struct base {
    struct base_role *roles; /* root, and what was brought of targets and delegations */
    size_t n_roles;
    struct bytes
        root_file;     /* the newest root, where the chain has one newer than ours; else empty */
    struct walk *walk; /* NULL after base_settle() */
};

/*
 * Verify a chain that base_check() let pass. root: the file of the newest root known here. now:
 * seconds UTC. Expired targets and delegations are taken: the timestamp, which must not be, shows
 * that nothing newer was published.
 * RC_UNTRUSTED: why not. RC_STORAGE: root is none. RC_NO_MEMORY.
 */
must_check enum rc base_new(struct base **ret, const struct message_chain *chain, struct span root,
    int64_t now, struct why *why);
void base_free(struct base *base);
DEFINE_CLEANUP(struct base, base_free);

/* Borrowed, or NULL: not published, or not brought. */
const struct base_role *base_find(const struct base *base, const char *role);

/* The documents themselves, before base_settle(). Borrowed; NULL: as above. */
const struct tuf_targets *base_targets(const struct base *base, const char *role);
const struct tuf_root *base_root(const struct base *base);
/* Free the documents, which are much larger than the facts. base may be NULL. */
void base_settle(struct base *base);
