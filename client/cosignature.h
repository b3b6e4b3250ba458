/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * cosignature — documents of one repository that some of their signers have signed, on their way to
 * the others, as a file that goes from host to host. Pure.
 *
 *     {"cosignature": 1, "repository": "registry.example.com/shop/web", "documents": [
 *       {"role": "targets/qa", "base": {"version": 3, "sha256": HEX}, "message": BASE64,
 *        "signatures": [{"keyid": HEX, "method": "ecdsa", "sig": BASE64}]}]}
 *
 * A file comes from anybody, so it says only what is to be signed, and who has signed: which keys
 * count, and how many, is what the repository says. base is what the document is to replace, or
 * null where nothing is published; it is a claim like all else.
 */
#include "client/collected.h"
#include "proto/tuf_root.h"
#include "proto/tuf_targets.h"

struct cosignature_document {
    char *role;                  /* root, targets, or a delegation */
    struct bytes message;        /* canonical */
    struct tuf_targets *targets; /* it, read; NULL: it is the root */
    struct tuf_root *root;
    int64_t base_version; /* 0: none */
    struct digest base;   /* SHA-256 of the file; zeros: none */
    struct collected signatures;
};

struct cosignature {
    char *repository;
    struct cosignature_document *documents; /* parents before children, the root first */
    size_t n;
};

/*
 * RC_MALFORMED: names the place: not of the form above, a member that nobody knows, a role twice,
 * two signatures by one key ID, or a document that is no sound one of its role. RC_UNSUPPORTED: of
 * another version. RC_TOO_LARGE, RC_NO_MEMORY. *ret: cosignature_free().
 */
must_check enum rc cosignature_parse(struct cosignature **ret, struct span text, struct why *why);
/* Without documents. RC_NO_MEMORY. */
must_check enum rc cosignature_new(
    struct cosignature **ret, const char *repository, struct why *why);
void cosignature_free(struct cosignature *cosignature);
DEFINE_CLEANUP(struct cosignature, cosignature_free);

/* One more document, without signatures; base: the file that it is to replace, empty: none.
 * *ret is borrowed until the next one. What cosignature_parse() says of a document. */
must_check enum rc cosignature_add(struct cosignature_document **ret,
    struct cosignature *cosignature, const char *role, struct span message, struct span base,
    int64_t base_version, struct why *why);
/* Borrowed, or NULL. */
const struct cosignature_document *cosignature_find(
    const struct cosignature *cosignature, const char *role);
int64_t cosignature_version(const struct cosignature_document *document);

/* Whether the document is to replace that published file; empty: none. RC_CONFLICT: it is not:
 * others have published since, or it was made for something else. RC_MALFORMED: it leaves out more
 * versions than anybody does. */
must_check enum rc cosignature_check_base(const struct cosignature_document *document,
    struct span published, int64_t version, struct why *why);

/* Append the file. */
void cosignature_format(struct bytes *b, const struct cosignature *cosignature);
