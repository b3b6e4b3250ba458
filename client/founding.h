/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * founding — the first root of a new repository, from its draft to its signed file.
 *
 * The agent releases one root of a version, ever. Where it has done so before (a run that was cut
 * short), the repository is founded with those bytes.
 */
#include "client/publish.h"

struct founding;

/* Draft version 1 with publication->root_keys. *ret: founding_free(). */
must_check enum rc founding_new(
    struct founding **ret, const struct publication *publication, struct why *why);
void founding_free(struct founding *founding);
DEFINE_CLEANUP(struct founding, founding_free);

/* The same draft with another expiry, where it is not signed. like: a draft of before, whose keys
 * of the trust server it has; NULL: those of the publication. */
must_check enum rc founding_redraft(
    struct founding *founding, int64_t expires_at, const struct tuf_root *like, struct why *why);

const struct tuf_root *founding_root(const struct founding *founding);
/* The document to be signed with the others; NULL: it is signed. */
struct batch_document *founding_document(struct founding *founding);
void founding_signed(struct founding *founding);
/* The signed file. */
struct span founding_file(const struct founding *founding);
/* Names of those who signed, and of those who did not; "" each where the file is an earlier one. */
const char *founding_signed_by(const struct founding *founding);
const char *founding_left_out(const struct founding *founding);

/* Go on with what was released. RC_CONFLICT: that is no first root. RC_ROLLBACK: it is not told
 * what was. */
must_check enum rc founding_resume(
    struct founding *founding, const struct batch_mark *mark, struct why *why);
