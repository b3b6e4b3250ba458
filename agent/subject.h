/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * subject — what a document that is to be signed says: facts about its bytes, found by one scan.
 *
 * It judges nobody: a flaw of the format's own rules is noted as a fact, and decide.h refuses it.
 * What cannot be scanned completely is no subject. Formats are a table; each has a file of its own.
 */
#include "agent/reason.h"
#include "proto/message.h"
#include "proto/role.h"

/* A key that the document lists, and in which role. */
struct subject_listing {
    struct span role;
    struct keyid key; /* canonical */
};

struct subject {
    const char *format, *repository, *role; /* as claimed; borrowed */
    enum rank rank;                         /* of the claimed role */
    struct span message;                    /* borrowed */
    struct digest digest;     /* of message: what a token signs, and what a mark holds */
    const struct keyid *keys; /* wanted; borrowed, canonical */
    size_t n_keys;

    int64_t version; /* 0: the document has none, and leaves no mark */
    int64_t expires_at;
    struct subject_listing *listings;
    size_t n_listings;
    struct digest delegations; /* of their canonical bytes; zeros: it lists none */

    bool is_certificate; /* to be issued: there are no bytes yet */

    enum reason flaw; /* REASON_NONE, or the first rule of the format that it breaks */
    struct why flaw_why;
};

/*
 * Scan a document of a request, which must outlive the result. now: seconds UTC, for certificates.
 * RC_UNSUPPORTED: an unknown format. RC_MALFORMED: what and where. RC_NO_MEMORY.
 */
must_check enum rc subject_new(
    struct subject **ret, const struct message_document *document, int64_t now, struct why *why);
/* A root certificate to be issued: claims and wanted key as given, no bytes yet. */
must_check enum rc subject_new_certificate(struct subject **ret, const char *repository,
    const struct keyid *key, int64_t expires_at, struct why *why);
void subject_free(struct subject *subject);
DEFINE_CLEANUP(struct subject, subject_free);
