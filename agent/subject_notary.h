/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * subject_notary — the metadata of Notary v1 as a subject: root, targets, snapshot, delegations.
 *
 * Its bytes name neither repository nor role; only "_type" can contradict the claimed role, and
 * only root documents are bound to their repository, by their certificates.
 */
#include "agent/subject.h"
#include "proto/tuf_targets.h"

/* Fill in the facts. RC_MALFORMED: what and where. RC_NO_MEMORY. */
must_check enum rc subject_notary_scan(struct subject *subject, int64_t now, struct why *why);

/* What subject.delegations holds for this document. */
void subject_notary_delegations(struct digest *ret, const struct tuf_targets *targets);

/* A signature under its key's canonical ID. */
struct subject_signature {
    const struct keyid *key;
    struct span signature;
};
/* Append a root document with its signatures in the form in which it is published, each under the
 * key ID that the document lists for that key. RC_MALFORMED, RC_TOO_LARGE, RC_NO_MEMORY. */
must_check enum rc subject_notary_publish_root(struct bytes *ret, struct span message,
    const struct subject_signature *signatures, size_t n, struct why *why);
