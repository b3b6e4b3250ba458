/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * publish — one change of one repository, published as a whole or not at all, whoever else
 * publishes at the same time.
 *
 * The server takes any higher version, and Notary has no locks: compare-and-swap is done here. A
 * change is a list of edits; they are applied again to whatever the others published meanwhile. See
 * countersign(1), "Concurrent publication".
 *
 *     rc = trust_update(trust, why);
 *     …choose roles, make edits…
 *     rc = publish(&result, &publication, why);
 */
#include "client/batch.h"
#include "client/draft.h"
#include "client/gathering.h"
#include "client/publish_result.h"
#include "client/root_plan.h"
#include "client/trust.h"

/* What changes in one role: "targets" or a delegation. */
struct publish_role {
    const char *role;
    const struct edit *edits;
    size_t n_edits;
    bool is_renewed;   /* published with a new expiry, even if no edit changes anything */
    bool is_witnessed; /* stands on what is published even where that does not verify; the agent
                        * sees it as new then */
    int64_t after;     /* the version of a file that the server still has of a role to which nobody
                        * delegated; 0: none */
    bool is_pinned;    /* RC_STALE unless this file is what is published before: the edits were
                        * chosen by what it says */
    struct digest pinned; /* SHA-256 of it, or of nothing */
    /* Others have signed it: published as it is, on the base that it says. NULL: it is drafted. */
    const struct cosignature_document *prepared;
};

struct publication {
    struct trust *trust; /* updated, unless root is a first one; allows expired documents */
    struct signer *signer;
    struct repo *repo;
    const char *repository;
    const struct publish_role *roles;
    size_t n_roles;
    const struct root_plan *root;                     /* NULL: the published one stays */
    const struct cosignature_document *prepared_root; /* likewise; there is no root then */
    struct gathering *gathering; /* takes what is signed; NULL: all of it is published */
    enum batch_mode mode;
    bool waits;  /* where others must agree first; else RC_PENDING says what to do */
    int64_t now; /* seconds UTC */
    const struct progress *progress; /* NULL: nobody listens */
};

/*
 * On RC_OK the server's snapshot lists what the result says, or a newer version that holds the same
 * changes, and publication->trust is up to date.
 * RC_CONFLICT: others were faster PUBLISH_CONFLICTS_MAX times, or until PUBLISH_DEADLINE_S; for a
 * new repository: it exists. RC_NOT_FOUND: nobody delegates to a role. RC_UNSUPPORTED: the snapshot
 * key is neither the server's nor in reach: says what to do. RC_NETWORK, RC_UNTRUSTED, and what
 * batch_sign() says. For what is prepared, RC_CONFLICT also: its base is not what is published, or
 * the agent has released something else.
 */
must_check enum rc publish(
    struct publish_result *ret, const struct publication *publication, struct why *why);
