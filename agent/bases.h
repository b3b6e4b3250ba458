/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * bases — the form of the published chains that a request brings, before anything is verified: one
 * for each repository at most, each for a document's repository; files in the order of trust, which
 * is roots by version, timestamp, snapshot, targets, delegations by name; of targets and
 * delegations only those of the documents and the ones above them. A file may come without its
 * message.
 */
#include "proto/message.h"

/* Kinds of files, in the order in which they stand in a chain. */
enum bases_place {
    BASES_ROOT, /* "N.root" */
    BASES_TIMESTAMP,
    BASES_SNAPSHOT,
    BASES_TARGETS,
    BASES_DELEGATION,
    BASES_NONE, /* is no file of a chain */
};

enum bases_place bases_place(const struct message_file *file);

/* All chains of a request. RC_MALFORMED: what and where. */
must_check enum rc bases_check(const struct message_sign *request, struct why *why);
