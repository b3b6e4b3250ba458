/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * footing — what the next draft of a role stands on: the published document, or what is to be
 * signed as it is though it does not verify.
 */
#include "client/step.h"

struct footing {
    struct span file; /* empty: none */
    const struct tuf_targets *document;
    struct tuf_targets *owned; /* where it is not of the view */
    struct tuf_file *owned_file;
    int64_t version;
};
void footing_done(struct footing *footing);

/* RC_UNTRUSTED: what is published cannot be read. RC_STALE: it is not what the edits were chosen
 * by. Borrows from the view, and from step. footing_done(), also after a failure. */
must_check enum rc footing_find(
    struct footing *ret, const struct step *step, const struct step_scene *scene, struct why *why);
