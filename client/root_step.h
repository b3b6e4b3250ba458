/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * root_step — the root that goes along with a publication, on its way to being published: the first
 * one of a new repository, or the next one of one that is there.
 *
 * The agent releases one root of a version, ever. Where it has done so before (a run that was cut
 * short, or somebody who is faster), those bytes are published, and what is still wanted comes on
 * top of them.
 */
#include "client/publish.h"

struct root_step;

/* Nothing is drafted yet. *ret: root_step_free(). */
must_check enum rc root_step_new(
    struct root_step **ret, const struct publication *publication, struct why *why);
void root_step_free(struct root_step *step);
DEFINE_CLEANUP(struct root_step, root_step_free);

/*
 * Draft the next version on the published one, or version 1. A draft that is signed, on a root that
 * is still the newest, stays as it is. *ret_is_new: it did not.
 * What root_plan_format() says.
 */
must_check enum rc root_step_draft(struct root_step *step, bool *ret_is_new, struct why *why);

/* The same draft with another expiry, where it is not signed. like: a draft of before, whose keys
 * of the trust server it has; NULL: those of the publication. */
must_check enum rc root_step_redraft(
    struct root_step *step, int64_t expires_at, const struct tuf_root *like, struct why *why);

/* The repository is still to be made. */
bool root_step_is_first(const struct root_step *step);
/* Of the draft; 0: there is nothing to publish, or no longer. */
int64_t root_step_version(const struct root_step *step);
/* The draft; NULL: as above. */
const struct tuf_root *root_step_root(const struct root_step *step);
/* It gives targets other keys, so that must be signed anew. */
bool root_step_rekeys_targets(const struct root_step *step);
/* The document to be signed with the others; NULL: it is signed, or as above. */
struct batch_document *root_step_document(struct root_step *step);
/*
 * What it is meant to change, for batch_sign(); is_shown: the agent gets what is published.
 * n_documents: of the request. RC_NO_MEMORY.
 */
must_check enum rc root_step_intend(
    struct root_step *step, bool is_shown, size_t n_documents, struct why *why);
void root_step_signed(struct root_step *step);
/* The signed file. */
struct span root_step_file(const struct root_step *step);

/*
 * Go on with what was released. RC_CONFLICT: that does not follow the published root; for a first
 * one: the repository is not new. RC_ROLLBACK: it is not told what was released.
 */
must_check enum rc root_step_resume(
    struct root_step *step, const struct batch_mark *mark, struct why *why);

/* The server has it, or somebody has published the first one. The trust of a publication that makes
 * a repository starts from it. RC_NO_MEMORY. */
must_check enum rc root_step_posted(struct root_step *step, struct why *why);

/* The draft and its signatures. What gathering_take() says. */
must_check enum rc root_step_gather(
    const struct root_step *step, struct gathering *gathering, struct why *why);

/* One more line of the result. RC_NO_MEMORY. */
must_check enum rc root_step_report(
    const struct root_step *step, struct publish_result *result, struct why *why);
