/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * inquiry — the documents that a publication would have signed, drafted in order to ask the agent
 * what it would decide on them. Nothing is signed, and nothing published.
 *
 *     closing(inquiry_done) struct inquiry inquiry = {0};
 *     rc = inquiry_init(&inquiry, &publication, why);
 *     rc = inquiry_draft(&inquiry, why);
 *     rc = inquiry_ask(&verdicts, &inquiry, NULL, why);
 */
#include "client/step.h"

struct inquiry {
    const struct publication *publication;
    struct step *steps; /* one for each role; they do not move */
    size_t n_steps;
    const struct step **asked; /* those with something to publish, in the order of the verdicts */
    size_t n_asked;
    struct batch_document **documents;
    json_t *bases;
};

/* Borrows publication, and the caller keeps inquiry in its place. inquiry_done(), also after a
 * failure. */
must_check enum rc inquiry_init(
    struct inquiry *inquiry, const struct publication *publication, struct why *why);
void inquiry_done(struct inquiry *inquiry);

/* Every role on what is published of it. What step_draft() and step_bases() say. */
must_check enum rc inquiry_draft(struct inquiry *inquiry, struct why *why);

/* *ret: an array with a verdict for each of asked; json_decref(). user: as in batch_explain(), and
 * what it says. */
must_check enum rc inquiry_ask(
    json_t **ret, struct inquiry *inquiry, const char *user, struct why *why);
