/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * review — a cosignature held against what is published now: what it would change, whether those
 * who have signed may, and who is missing.
 */
#include "client/cosignature.h"
#include "client/intent.h"
#include "client/quorum.h"
#include "client/trust.h"

struct review_document {
    const struct cosignature_document *document;
    bool is_published;     /* as it is; nothing is to be done about it */
    bool is_on_unverified; /* it replaces what does not verify: somebody witnesses it */
    struct intent intent;
    struct pubkey **listed, **former; /* borrowed keys, of the view or of other documents */
    struct quorum quorum;
};

struct review {
    struct review_document *documents;
    size_t n;
    bool is_met;       /* all have enough signatures */
    bool is_published; /* all of them are */
};

/*
 * Borrows both; trust may have no view: then the repository is to be made. review_done(), in any
 * case. RC_CONFLICT: a document is not to replace what is published. RC_UNTRUSTED: a signature is
 * not of its document, or by nobody who may. RC_NOT_FOUND: a role that nobody delegates to. The
 * sentence names the role.
 */
must_check enum rc review_make(struct review *ret, const struct cosignature *cosignature,
    const struct trust *trust, struct why *why);
void review_done(struct review *review);

/* Append lines for people; signer, which knows names of keys, may be NULL. */
void review_put(struct bytes *b, const struct review *review, const struct signer *signer);
/* The same for programs. *ret: json_decref(). RC_NO_MEMORY. */
must_check enum rc review_format(json_t **ret, const struct review *review,
    const struct cosignature *cosignature, struct why *why);
