/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * composition — all documents of one publication: the root that goes along, if any, and the roles,
 * parents before children; drafted together and signed together.
 */
#include "client/root_step.h"
#include "client/step.h"

struct composition {
    const struct publication *publication;
    struct root_step *root; /* NULL: none goes along */
    struct step *steps;     /* where a root goes along, the first is targets */
    size_t n_steps;
};

/* Nothing is drafted yet. Borrows publication. RC_NO_MEMORY; composition_done() in any case. */
must_check enum rc composition_init(
    struct composition *ret, const struct publication *publication, struct why *why);
void composition_done(struct composition *composition);

/* The repository is still to be made. */
bool composition_is_first(const struct composition *composition);
/* A root is to be published. */
bool composition_has_root(const struct composition *composition);
/* NULL: the publication is not about that role. */
struct step *composition_find(const struct composition *composition, const char *role);

/* Draft all on what is published now; *ret_n_due: so many are to be published. What
 * root_step_draft() and step_draft() say. */
must_check enum rc composition_draft(
    struct composition *composition, size_t *ret_n_due, struct why *why);
/* All documents that still need signatures; *ret_n of them. ret has room for all steps and a root.
 */
void composition_list_unsigned(
    struct batch_document **ret, size_t *ret_n, struct composition *composition);
/* What a request of n documents brings along, as step_bases(), and what they are meant to change.
 */
must_check enum rc composition_bases(
    json_t **ret, struct composition *composition, size_t n, struct why *why);
/* All that is drafted is signed. */
void composition_signed(struct composition *composition);

/* What became of each role. publish_result_done(). RC_NO_MEMORY. */
must_check enum rc composition_report(
    struct publish_result *ret, const struct composition *composition, struct why *why);
