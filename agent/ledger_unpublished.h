/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * ledger_unpublished — which tags are changed by versions of a role that were released, and not
 * seen published yet: whoever signs the next version on top of what is published takes those
 * changes back, should they be published before it.
 */
#include "agent/ledger.h"
#include "proto/members.h"

/* *ret: an object that has the tags as names, json_decref(): what all versions up to this one,
 * which was released last, change. RC_NOT_FOUND: that is not known. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_unpublished(json_t **ret, struct ledger *ledger, const char *repository,
    const char *role, int64_t version, struct why *why);

/* A version that is released. */
struct ledger_change {
    const char *repository, *role;
    int64_t version;
    int64_t base_version;    /* on top of which it is; 0: nothing is published */
    int64_t known_version;   /* the highest one before: above base_version: not published yet */
    const char *const *tags; /* that it changes */
    size_t n_tags;
};
/* Adds to what is not published yet, if that is known. With more than UNPUBLISHED_TAGS_MAX names it
 * is not, until what is published has caught up. RC_STORAGE, RC_NO_MEMORY. */
must_check enum rc ledger_put_unpublished(
    struct ledger *ledger, const struct ledger_change *change, struct why *why);
