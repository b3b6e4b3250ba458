/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * changes — what a document that is to be signed changes against the one that is published, as the
 * interface tells it: a list of kind, name, was and is.
 *
 *     kind        name   was and is
 *     expiry             the time, as the document writes it
 *     tag         tag    its hashes, length and custom data; custom data by its SHA-256
 *     delegation  role   its place in the order of precedence, from 1
 *     key         role   the canonical ID of a key of it, and the ID by which it is listed
 *     threshold   role   the number
 *     path        role   one of its paths
 *     more               was: how many changes are left out; is: the SHA-256 of them as JSON
 *
 * was is missing where something is new, is where it is gone. A role that comes or goes has all of
 * its keys, its threshold and its paths listed, too. Client and agent make the same list of the
 * same documents, so lists can be compared as they are. Pure.
 */
#include "proto/members.h"
#include "proto/tuf_root.h"
#include "proto/tuf_targets.h"

struct changes {
    json_t *list; /* an array of type Change; json_decref() */
    char **tags;  /* decoded names of all tags that change, whatever the list leaves out */
    size_t n_tags;
    bool lowers_threshold; /* of a role that stays or goes, or takes its last key */
};

/*
 * was may be NULL: nothing is published. Nothing is borrowed. max_bytes: of the list's JSON; the
 * changes that do not fit are in one of kind "more". RC_NO_MEMORY. changes_done().
 */
must_check enum rc changes_of_targets(struct changes *ret, const struct tuf_targets *was,
    const struct tuf_targets *is, size_t max_bytes, struct why *why);
must_check enum rc changes_of_root(struct changes *ret, const struct tuf_root *was,
    const struct tuf_root *is, size_t max_bytes, struct why *why);
void changes_done(struct changes *changes);
