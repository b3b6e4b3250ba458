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
    size_t n_unreadable; /* signatures that were left out */
    struct bytes signature_bytes;
    bool is_exact; /* raw is the wire form, byte for byte */
};

/*
 * Copies raw. Strict: tuf_file_format() gives the same bytes again. Tolerant: a signature of an
 * unknown method is listed with VERIFY_METHOD_MAX_; one whose key ID is none, or which is no
 * signature at all, verifies nothing for anybody and is left out.
 * RC_MALFORMED, RC_TOO_LARGE, RC_NO_MEMORY. *ret: tuf_file_free().
 */
must_check enum rc tuf_file_parse(
    struct tuf_file **ret, struct span raw, enum tuf_reading reading, struct why *why);
void tuf_file_free(struct tuf_file *file);
DEFINE_CLEANUP(struct tuf_file, tuf_file_free);

/* Append the wire form of a file with message as its "signed". Signatures of unknown methods have
 * no wire form and are left out. */
void tuf_file_format(struct bytes *b, struct span message,
    const struct verify_signature *signatures, size_t n_signatures);

/* The "_type" of a canonical message: "Root", "Targets", …. RC_MALFORMED. */
must_check enum rc tuf_type_of(struct span *ret, struct span message, struct why *why);

/*
 * Pieces for the parsers of documents, in the order of their members. All: RC_MALFORMED.
 */
/* The start of the document, up to and with "_type", which must be type. */
must_check enum rc tuf_type_scan(
    struct canon *c, struct span message, const char *type, struct why *why);
must_check enum rc tuf_expires_scan(int64_t *ret, struct canon *c, struct why *why);
/* The last member, 1 to INTEGER_MAX, and the end of the document. */
must_check enum rc tuf_version_scan(int64_t *ret, struct canon *c, struct why *why);
/* What was scanned since byte at. */
struct span tuf_scanned(const struct canon *c, size_t at);
