/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * step — one role on its way to being published: drafted on what is published now, signed, posted,
 * and drafted again when others were faster.
 */
#include "client/publish.h"

struct slip;

struct step {
    const struct publish_role *want;
    bool is_due;   /* to be published even if no edit changes anything */
    int64_t floor; /* the highest version that the agent is known to have released; 0: none */

    struct bytes base; /* the file that the draft stands on; empty: none */
    int64_t base_version;
    int64_t expires_at; /* that the next draft is to have; 0: as long as the agent gives */
    int64_t version;    /* of the draft; 0: there is nothing to publish */
    int64_t published;  /* the last version that we posted; 0: none */
    struct bytes message;
    struct tuf_targets *document; /* the draft read back: it lists the keys of the roles below */
    struct pubkey **listed;       /* may sign it; borrowed from the view of this moment */

    bool is_signed;
    struct batch_document signature;

    struct slip *slips; /* what others published unseen between base and draft */
    size_t n_slips;
    struct tuf_file *broken; /* our own file, where the server lists it wrongly; else NULL */
};

/* step_done(). Once it is drafted the step must not move. */
void step_init(
    struct step *step, const struct publication *publication, const struct publish_role *want);
void step_done(struct step *step);

/* What others have signed, not a draft. Once it was posted, what comes on top of it is drafted. */
bool step_is_prepared(const struct step *step);

/* What steps of one publication look at. */
struct step_scene {
    const struct publication *publication;
    const struct tuf_root *root; /* that goes along; NULL: the published one stays */
    bool is_first;               /* nothing is published yet */
    const struct step *steps;    /* all of them, parents before children */
    size_t n_steps;
};

/*
 * Draft the next version on the published one. A draft that is signed, on a base that is still the
 * newest, stays as it is: a retry is of the same bytes. version is 0 where nothing changes.
 * RC_NOT_FOUND: nobody delegates to the role. RC_UNTRUSTED: what is published there cannot be read.
 * What draft_targets() says.
 */
must_check enum rc step_draft(struct step *step, const struct step_scene *scene, struct why *why);

/*
 * What a request with the drafts brings along, as chain_format() makes it: where the agent pins the
 * root, or a draft or what it replaces has delegations, which most may not change. NULL: not
 * needed, or not to be had. Besides, what the drafts are meant to change, for batch_sign();
 * n_documents: of the request. RC_UNTRUSTED: a draft changes what no edit is about. What
 * chain_format() says.
 */
must_check enum rc step_bases(json_t **ret, const struct publication *publication,
    struct step *steps, size_t n_steps, size_t n_documents, struct why *why);

/* The server has the draft: it stands for itself from now on, whatever comes next. */
void step_posted(struct step *step);
/* What is published now contains the change, posted or not. */
bool step_is_settled(const struct step *step, const struct publication *publication);
/* The server lists other bytes than it was sent, so nobody can read the role: say it again. */
must_check enum rc step_break(struct step *step, struct why *why);

/*
 * A file of the version, between base and draft, that the server has after all. The next draft
 * repeats what it changed. RC_UNTRUSTED: it is not by those who are listed.
 */
must_check enum rc step_slip(struct step *step, const struct publication *publication,
    int64_t version, struct span file, struct why *why);
