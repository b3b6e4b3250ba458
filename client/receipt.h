/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * receipt — what became of files that the server has taken: whether it lists them as they are, and
 * whether nothing of anybody was lost on the way.
 *
 * notary-server answers 200 to files that it then lists with other hashes, which nobody can read,
 * and to a version that leaves out one below it.
 */
#include "client/step.h"

enum receipt {
    RECEIPT_GOOD,
    RECEIPT_AGAIN,   /* others were in between: draft, sign and post what is due now */
    RECEIPT_BROKEN,  /* the server lists other bytes than it was sent: the same */
    RECEIPT_MISSING, /* the server has not what it said that it took: post the same bytes again */
};

/*
 * After a post of all steps that have a version. Updates publication->trust. What trust_update()
 * says.
 */
must_check enum rc receipt_check(enum receipt *ret, const struct publication *publication,
    struct step *steps, size_t n_steps, struct why *why);
