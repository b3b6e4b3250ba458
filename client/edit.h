/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * edit — one change that somebody wants in a targets document, whatever else the document says when
 * it is made: it is made again on whatever others publish meanwhile. Pure.
 */
#include "proto/difference.h"
#include "proto/role.h"

enum edit_kind {
    EDIT_SET_TARGET,    /* name is this digest and length, whatever it was */
    EDIT_REMOVE_TARGET, /* name is gone */
    EDIT_KEEP_TARGETS,  /* of what the base holds, all but these names are gone */
    EDIT_DELEGATE,      /* role name has these keys and paths too; it is made if it is not there */
    EDIT_SET_PATHS,     /* role name has exactly these paths */
    EDIT_SET_THRESHOLD, /* role name needs so many signatures */
    EDIT_REMOVE_PATHS,  /* role name, if it is there, has these paths no more */
    EDIT_REMOVE_KEYS,   /* role name, if it is there, has these keys no more */
    EDIT_REMOVE_ROLE,   /* role name is gone, with the keys that no other role has */
    EDIT_PURGE_KEYS,    /* no role has these keys any more */
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
    bool needs_role;         /* EDIT_DELEGATE: it is not made again if others remove it */
    const struct keyid *ids; /* EDIT_REMOVE_KEYS, EDIT_PURGE_KEYS: canonical, or as listed */
    size_t n_ids;
    const struct span *paths; /* EDIT_…_PATHS, EDIT_DELEGATE; one empty path admits all */
    size_t n_paths;
    int64_t threshold;        /* EDIT_SET_THRESHOLD; EDIT_DELEGATE: 0: as it is */
    const struct span *names; /* EDIT_KEEP_TARGETS */
    size_t n_names;

    const struct change *change; /* EDIT_REPLAY, with the keys of the document that has it */
    const struct tuf_keys *change_keys;
};

/* RC_MALFORMED: a name or path with control characters, or that is no role name where one is due;
 * custom that is not canonical or has '<', '>' or '&', on which Go clients break. */
must_check enum rc edit_check(const struct edit *edit, struct why *why);
/* Whether it is about targets, and not about delegations. */
bool edit_is_about_target(const struct edit *edit);
/* EDIT_KEEP_TARGETS: whether the target of that decoded name stays. */
bool edit_keeps(const struct edit *edit, struct span name);
/* EDIT_REMOVE_KEYS, EDIT_PURGE_KEYS: whether they are about the key, listed under id. key: NULL: it
 * is not there. */
bool edit_takes_key(const struct edit *edit, const struct keyid *id, const struct pubkey *key);
/* Whether the edit changes base; NULL: an empty document. */
bool edit_changes(const struct edit *edit, const struct tuf_targets *base);
