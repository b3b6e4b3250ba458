/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * draft — the next version of a document: a base, some edits, and the canonical message that comes
 * out of them. Pure.
 *
 * What it writes is the exact form that notary-server's own serialisation keeps; any other form
 * makes a repository unreadable.
 */
#include "client/edit.h"
#include "proto/tuf_root.h"

struct draft {
    const struct tuf_targets *base; /* NULL: an empty document */
    const struct edit *edits;       /* in this order: later ones win */
    size_t n_edits;
    int64_t version;
    int64_t expires_at;
};

/*
 * Append the canonical message of a targets document. RC_NOT_FOUND: EDIT_SET_PATHS or
 * EDIT_SET_THRESHOLD for a role that is not there. RC_MALFORMED: edit_check(). RC_TOO_LARGE,
 * RC_NO_MEMORY.
 */
must_check enum rc draft_targets(struct bytes *ret, const struct draft *draft, struct why *why);
