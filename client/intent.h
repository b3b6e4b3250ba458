/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * intent — what a document is meant to change, held against what the agent says that it changes.
 *
 * Both are lists as changes.h makes them, of the same two documents, so they are equal. Where they
 * are not, somebody is mistaken about what is published, or lies: nothing may be published then.
 */
#include "client/draft.h"
#include "client/progress.h"
#include "proto/changes.h"

#define INTENT_WHOLE 0 /* for n_documents: nothing is left out, as somebody has to see all */

struct intent {
    json_t *changes;  /* NULL: nothing is held against the agent's list */
    bool is_required; /* the agent was shown what is published, so it knows what changes */
};
void intent_done(struct intent *intent);

/*
 * base: the published file, as it is; empty: none that counts. n_documents: of the request, as its
 * lists share a bound. RC_NO_MEMORY; what tuf_file_parse() says.
 */
must_check enum rc intent_of_targets(struct intent *ret, struct span base,
    const struct tuf_targets *document, size_t n_documents, struct why *why);

/* The same for a root; base: the published one. */
must_check enum rc intent_of_root(struct intent *ret, const struct tuf_root *base,
    const struct tuf_root *root, size_t n_documents, struct why *why);

/* Nothing changes that no edit is about, but the expiry. RC_UNTRUSTED: what does. */
must_check enum rc intent_check_edits(
    const struct intent *intent, const struct edit *edits, size_t n_edits, struct why *why);

/* Append a change of either list for people, on one line: "tag 'v1': was not there, is sha256:…".
 */
void intent_put_change(struct bytes *b, const json_t *change);

/* difference: what the agent says; NULL: nothing. RC_UNTRUSTED: it is another; the notes show both.
 */
must_check enum rc intent_check(const struct intent *intent, const json_t *difference,
    const struct progress *progress, struct why *why);
