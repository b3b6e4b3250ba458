/* SPDX-License-Identifier: Apache-2.0 */
#include "client/inquiry.h"

enum rc
inquiry_init(struct inquiry *inquiry, const struct publication *publication, struct why *why)
{
    size_t n = publication->n_roles;

    *inquiry = (struct inquiry){
        .publication = publication,
        .steps = calloc(n + 1, sizeof *inquiry->steps),
        .asked = calloc(n + 1, sizeof(struct step *)),
        .documents = calloc(n + 1, sizeof(struct batch_document *)),
    };
    if (!inquiry->steps || !inquiry->asked || !inquiry->documents)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++)
        step_init(&inquiry->steps[inquiry->n_steps++], publication, &publication->roles[i]);
    return RC_OK;
}

void
inquiry_done(struct inquiry *inquiry)
{
    for (size_t i = 0; i < inquiry->n_steps; i++)
        step_done(&inquiry->steps[i]);
    free(inquiry->steps);
    free(inquiry->asked);
    free(inquiry->documents);
    json_decref(inquiry->bases);
    *inquiry = (struct inquiry){0};
}

enum rc
inquiry_draft(struct inquiry *inquiry, struct why *why)
{
    const struct step_scene scene = {
        .publication = inquiry->publication, .steps = inquiry->steps, .n_steps = inquiry->n_steps};
    size_t n = 0;

    for (size_t i = 0; i < inquiry->n_steps; i++) {
        enum rc rc = step_draft(&inquiry->steps[i], &scene, why);
        if (rc)
            return rc;

        n += inquiry->steps[i].version > 0;
    }

    json_decref(inquiry->bases);
    inquiry->bases = NULL;
    return step_bases(
        &inquiry->bases, inquiry->publication, inquiry->steps, inquiry->n_steps, n, why);
}

enum rc
inquiry_ask(json_t **ret, struct inquiry *inquiry, const char *user, struct why *why)
{
    inquiry->n_asked = 0;
    for (size_t i = 0; i < inquiry->n_steps; i++) {
        struct step *step = &inquiry->steps[i];
        if (step->version == 0)
            continue;

        inquiry->documents[inquiry->n_asked] = &step->signature;
        inquiry->asked[inquiry->n_asked++] = step;
    }

    if (inquiry->n_asked == 0) {
        *ret = json_array();
        return *ret ? RC_OK : fail_memory(why);
    }

    const struct batch batch = {
        .documents = inquiry->documents, .n_documents = inquiry->n_asked, .bases = inquiry->bases};
    return batch_explain(ret, inquiry->publication->signer, &batch, user, why);
}
