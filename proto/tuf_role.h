/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf_role — a role and its keys, as root and targets documents list them.
 *
 * Lists may hold what a verifier must refuse (duplicates, threshold 0): reading is complete,
 * judging is tuf_role_check()'s.
 */
#include "proto/tuf.h"

struct tuf_role {
    struct span name; /* raw string; of a base role: its name */
    struct keyid *keyids;
    size_t n_keyids;
    struct span *paths; /* raw strings; path prefixes, an empty one admits all */
    size_t n_paths;
    bool has_paths;
    bool keyids_null; /* Go writes null after the last key was removed */
    int64_t threshold;
};

/* The keys that a document lists, each under the ID that it gives; sorted by ID. */
struct tuf_keys {
    struct keyid *ids;
    struct pubkey **keys;
    size_t n;
};

/* The value of "keys". RC_MALFORMED, RC_TOO_LARGE. tuf_keys_done(). */
must_check enum rc tuf_keys_scan(struct tuf_keys *ret, struct canon *c, struct why *why);
void tuf_keys_done(struct tuf_keys *keys);
void tuf_keys_format(struct bytes *b, const struct tuf_keys *keys);
/* Its place in both arrays; keys->n where it is not listed. */
size_t tuf_keys_index(const struct tuf_keys *keys, const struct keyid *id);
/* Borrowed, or NULL. */
struct pubkey *tuf_keys_find(const struct tuf_keys *keys, const struct keyid *id);

/* A base role in a root document, which names it outside: {"keyids":…,"threshold":…}; name is
 * borrowed. RC_MALFORMED, RC_TOO_LARGE. tuf_role_done(). */
must_check enum rc tuf_role_scan_base(
    struct tuf_role *ret, struct canon *c, struct span name, struct why *why);
/* A delegation in a targets document: {"keyids":…,"name":…,"paths":…,"threshold":…}. Likewise. */
must_check enum rc tuf_role_scan(struct tuf_role *ret, struct canon *c, struct why *why);
void tuf_role_done(struct tuf_role *role);
/* Append the canonical form; tuf_role_format() of a base role has no name and no paths. */
void tuf_role_format_base(struct bytes *b, const struct tuf_role *role);
void tuf_role_format(struct bytes *b, const struct tuf_role *role);

/* Whether a path of the role is a prefix of the decoded name. */
bool tuf_role_admits(const struct tuf_role *role, struct span name);
/* The same for paths of at least that many bytes, and the length of the shortest such path. */
bool tuf_role_admits_from(
    size_t *ret_len, const struct tuf_role *role, struct span name, size_t least);

/*
 * The keys that may sign for the role, in its order; those that are not listed, or listed under an
 * ID that is not theirs, are left out. At most KEYS_MAX, borrowed. *ret: free(). RC_NO_MEMORY.
 */
must_check enum rc tuf_role_keys(struct pubkey ***ret, size_t *ret_n, const struct tuf_role *role,
    const struct tuf_keys *keys, struct why *why);

/* RC_UNTRUSTED: fewer than threshold distinct ones of these keys signed the file; how many, or the
 * flaw for which nobody can. */
must_check enum rc tuf_role_verify(const struct tuf_role *role, const struct tuf_keys *keys,
    const struct tuf_file *file, struct why *why);

/* What rule of the format a document breaks. */
enum tuf_flaw {
    TUF_SOUND,
    TUF_FLAW_DUPLICATE_KEY, /* a key ID twice, or one key under two IDs */
    TUF_FLAW_KEY_ID,        /* a key ID that is not that of its key */
    TUF_FLAW_KEY_MISSING,   /* a key ID without a key */
    TUF_FLAW_THRESHOLD,     /* below 1, or above the number of distinct keys */
    TUF_FLAW_ROLE_NAME,     /* no role name, or not a child of the listing role */
    TUF_FLAW_DUPLICATE_ROLE,
    TUF_FLAW_HASHES,       /* no sha256, or a hash other than sha256 and sha512 */
    TUF_FLAW_CUSTOM,       /* '<', '>', '&', U+2028 or U+2029 in custom: Go clients break on them */
    TUF_FLAW_UNLISTED_KEY, /* a key that no role uses */
    TUF_FLAW_MAX_
};

/* Set the sentence, give the flaw. */
#define tuf_flawed(why, flaw, ...) (fail((why), RC_MALFORMED, __VA_ARGS__) ? (flaw) : TUF_SOUND)

/* The first flaw of a listed role; why says it. TUF_SOUND leaves why untouched. */
enum tuf_flaw tuf_role_check(
    const struct tuf_role *role, const struct tuf_keys *keys, struct why *why);
