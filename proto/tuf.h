/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * tuf — a published file of Notary v1: {"signed":…,"signatures":[…]}, and what all kinds of
 * metadata share.
 *
 * The bytes as published count (hashes in snapshots are over them); the canonical form of "signed"
 * is what signatures cover and what tuf_root, tuf_targets and tuf_snapshot read.
 */
#include "proto/canon.h"
#include "proto/verify.h"

enum tuf_reading {
    TUF_STRICT,   /* the exact wire form only: what the agent takes, and what we publish */
    TUF_TOLERANT, /* anything that Go would read: what the client takes from other publishers */
};

struct tuf_file {
    struct bytes raw;                    /* as published */
    struct bytes message;                /* canonical form of "signed" */
    struct verify_signature *signatures; /* their spans point into signature_bytes */
    size_t n_signatures;
    struct bytes signature_bytes;
    bool is_exact; /* raw is the wire form, byte for byte */
};

/* Copies raw. RC_MALFORMED, RC_TOO_LARGE, RC_NO_MEMORY. *ret: tuf_file_free(). */
must_check enum rc tuf_file_parse(
    struct tuf_file **ret, struct span raw, enum tuf_reading reading, struct why *why);
void tuf_file_free(struct tuf_file *file);
DEFINE_CLEANUP(struct tuf_file, tuf_file_free);

/* Append the wire form of a file with message as its "signed". */
void tuf_file_format(struct bytes *b, struct span message,
    const struct verify_signature *signatures, size_t n_signatures);

/* The "_type" of a canonical message: "Root", "Targets", …. RC_MALFORMED. */
must_check enum rc tuf_type_of(struct span *ret, struct span message, struct why *why);

/*
 * A role as root and targets documents list it. Lists may hold what a verifier must refuse
 * (duplicates, threshold 0): reading is complete, judging is tuf_role_check()'s.
 */
struct tuf_role {
    struct span name; /* within the message */
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

/* Pieces for the parsers of documents: the value of "keys", one role, one map of hashes. */
must_check enum rc tuf_keys_scan(struct tuf_keys *ret, struct canon *c, struct why *why);
void tuf_keys_done(struct tuf_keys *keys);
struct pubkey *tuf_keys_find(
    const struct tuf_keys *keys, const struct keyid *id); /* borrowed, NULL */
void tuf_role_done(struct tuf_role *role);

/* What rule of the format a listed role breaks. */
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
};

/* The first flaw of a listed role; why says it. TUF_SOUND leaves why untouched. */
enum tuf_flaw tuf_role_check(
    const struct tuf_role *role, const struct tuf_keys *keys, struct why *why);

/* {"sha256":…,"sha512":…} with a length beside it, as snapshots and targets give it. */
struct tuf_hashes {
    struct digest sha256;
    uint8_t sha512[64];
    bool has_sha256, has_sha512, has_others;
};
must_check enum rc tuf_hashes_scan(struct tuf_hashes *ret, struct canon *c, struct why *why);
void tuf_hashes_format(struct bytes *b, const struct tuf_hashes *hashes);
/* RC_UNTRUSTED: which hash does not fit, or no sha256 at all. */
must_check enum rc tuf_hashes_check(
    const struct tuf_hashes *hashes, struct span content, struct why *why);
