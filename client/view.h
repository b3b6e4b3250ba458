/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * view — one verified state of a repository: a walk that was fed with fetched files, and the list
 * of its roles. A view is made once and then only read; trust.h keeps the newest.
 */
#include "client/cache.h"
#include "client/trust.h"

struct view {
    struct walk *walk;
    struct bytes timestamp, snapshot; /* as published */
    struct trust_role *roles;         /* "targets" first, then breadth-first */
    size_t n_roles;
    bool is_first_use; /* the root came from the server, and nothing vouched for it */
    bool is_pinned;    /* its root is one that is pinned */
    bool is_complete;  /* roles are there */
};

void view_free(struct view *view);
DEFINE_CLEANUP(struct view, view_free);

/* Where a view comes from; all borrowed. */
struct view_sources {
    struct repo *repo;
    const struct cache *cache;
    const char *repository;
    const struct trust_options *options;
    const struct root_pin *pin;  /* NULL: none */
    bool allows_expired;         /* targets and delegations */
    bool allows_unreadable_root; /* expired, or in another form than is listed */
    bool is_rewriting;           /* roots are taken in the exact form */
    bool allows_mislisted;       /* likewise, where the server does not have what is listed */
    bool is_offline;             /* the cache alone, expired or not */
    const struct view *before;   /* the view to go on from; NULL: the first one */
    struct span adopted; /* the root to start from where before is NULL; empty: the cache's */
    const struct bytes *offers; /* files that may be wanted, before the server is asked */
    size_t n_offers;
    enum trust_cause *cause; /* set where something is RC_UNTRUSTED */
};

/*
 * Roots, timestamp and snapshot. *ret is NULL where the timestamp is that of before, and before is
 * complete. What trust_update() says.
 */
must_check enum rc view_new(struct view **ret, const struct view_sources *from, struct why *why);
/* Targets and delegations. A delegation that does not verify is a problem of its own, not of the
 * view. */
must_check enum rc view_complete(
    struct view *view, const struct view_sources *from, struct why *why);
/* Put all of it into the cache, unless a newer view is there already. RC_SYSTEM, RC_NO_MEMORY. */
must_check enum rc view_store(
    const struct view *view, const struct view_sources *from, struct why *why);
