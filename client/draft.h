/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * draft — the next version of a document: a base, some edits, and the canonical message that comes
 * out of them. Pure.
 *
 * What it writes is the exact form that notary-server's own serialisation keeps; any other form
 * makes a repository unreadable.
 */
#include "proto/difference.h"
#include "proto/role.h"
#include "proto/tuf_root.h"

enum edit_kind {
    EDIT_SET_TARGET,    /* name is this digest and length, whatever it was */
    EDIT_REMOVE_TARGET, /* name is gone */
    EDIT_DELEGATE,      /* role name has these keys and paths too; it is made if it is not there */
    EDIT_SET_PATHS,     /* role name has exactly these paths */
    EDIT_REPLAY,        /* what somebody else changed, where the base still says what he saw */
    EDIT_KIND_MAX_
};

/* Everything is borrowed. Names and paths are as people write them: UTF-8, decoded. */
struct edit {
    enum edit_kind kind;
    struct span name;

    struct tuf_hashes hashes; /* EDIT_SET_TARGET: sha256, and sha512 if given */
    int64_t length;
    struct span custom; /* canonical JSON; empty: none */

    struct pubkey *const *keys; /* EDIT_DELEGATE */
    size_t n_keys;
    const struct span *paths; /* EDIT_DELEGATE, EDIT_SET_PATHS; one empty path admits all */
    size_t n_paths;

    const struct change *change; /* EDIT_REPLAY, with the keys of the document that has it */
    const struct tuf_keys *change_keys;
};

/* RC_MALFORMED: a name or path with control characters, or that is no role name where one is due;
 * custom that is not canonical or has '<', '>' or '&', on which Go clients break. */
must_check enum rc edit_check(const struct edit *edit, struct why *why);
/* Whether the edit changes base; NULL: an empty document. */
bool edit_changes(const struct edit *edit, const struct tuf_targets *base);

struct draft {
    const struct tuf_targets *base; /* NULL: an empty document */
    const struct edit *edits;       /* in this order: later ones win */
    size_t n_edits;
    int64_t version;
    int64_t expires_at;
};

/*
 * Append the canonical message of a targets document. RC_NOT_FOUND: EDIT_SET_PATHS for a role that
 * is not there. RC_MALFORMED: edit_check(). RC_TOO_LARGE, RC_NO_MEMORY.
 */
must_check enum rc draft_targets(struct bytes *ret, const struct draft *draft, struct why *why);
