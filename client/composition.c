/* SPDX-License-Identifier: Apache-2.0 */
#include "client/composition.h"

/* There if a root goes along, which may give targets other keys. */
static const struct publish_role targets_as_it_is = {.role = "targets"};

/* Parents come before children, as the names of children are longer. */
static int
step_cmp(const void *a, const void *b)
{
    const struct step *x = a, *y = b;

    return strcmp(x->want->role, y->want->role);
}

enum rc
composition_init(struct composition *ret, const struct publication *publication, struct why *why)
{
    bool has_root = publication->root || publication->prepared_root, has_targets = false;

    *ret = (struct composition){.publication = publication};
    ret->steps = calloc(publication->n_roles + 1, sizeof *ret->steps);
    if (!ret->steps)
        return fail_memory(why);

    for (size_t i = 0; i < publication->n_roles; i++) {
        has_targets = has_targets || !strcmp(publication->roles[i].role, "targets");
        step_init(&ret->steps[ret->n_steps++], publication, &publication->roles[i]);
    }
    if (has_root && !has_targets)
        step_init(&ret->steps[ret->n_steps++], publication, &targets_as_it_is);
    qsort(ret->steps, ret->n_steps, sizeof *ret->steps, step_cmp);

    return has_root ? root_step_new(&ret->root, publication, why) : RC_OK;
}

void
composition_done(struct composition *composition)
{
    for (size_t i = 0; i < composition->n_steps; i++)
        step_done(&composition->steps[i]);
    free(composition->steps);
    root_step_free(composition->root);
    *composition = (struct composition){0};
}

bool
composition_is_first(const struct composition *composition)
{
    return composition->root && root_step_is_first(composition->root);
}

bool
composition_has_root(const struct composition *composition)
{
    return composition->root && root_step_version(composition->root) > 0;
}

struct step *
composition_find(const struct composition *composition, const char *role)
{
    for (size_t i = 0; i < composition->n_steps; i++)
        if (!strcmp(composition->steps[i].want->role, role))
            return &composition->steps[i];

    return NULL;
}

/*
 * A root with other keys for targets goes along with targets that these have signed, or else nobody
 * could read the repository: also where it is one that somebody else has begun with.
 */
static enum rc
draft_root(struct composition *composition, struct why *why)
{
    bool is_new = false;

    if (!composition->root)
        return RC_OK;

    enum rc rc = root_step_draft(composition->root, &is_new, why);
    if (!rc && root_step_rekeys_targets(composition->root))
        composition->steps[0].is_due = true;
    for (size_t i = 0; is_new && i < composition->n_steps; i++)
        composition->steps[i].is_signed = false;
    return rc;
}

enum rc
composition_draft(struct composition *composition, size_t *ret_n_due, struct why *why)
{
    enum rc rc = draft_root(composition, why);
    if (rc)
        return rc;

    const struct step_scene scene = {composition->publication,
        composition->root ? root_step_root(composition->root) : NULL,
        composition_is_first(composition), composition->steps, composition->n_steps};
    *ret_n_due = composition_has_root(composition);
    for (size_t i = 0; i < composition->n_steps; i++) {
        rc = step_draft(&composition->steps[i], &scene, why);
        if (rc)
            return rc;

        if (composition->steps[i].version > 0)
            ++*ret_n_due;
    }

    return RC_OK;
}

void
composition_list_unsigned(
    struct batch_document **ret, size_t *ret_n, struct composition *composition)
{
    size_t n = 0;

    if (composition->root && root_step_document(composition->root))
        ret[n++] = root_step_document(composition->root);
    for (size_t i = 0; i < composition->n_steps; i++)
        if (composition->steps[i].version > 0 && !composition->steps[i].is_signed)
            ret[n++] = &composition->steps[i].signature;

    *ret_n = n;
}

enum rc
composition_bases(json_t **ret, struct composition *composition, size_t n, struct why *why)
{
    const struct publication *publication = composition->publication;
    closing(json_decrefp) json_t *bases = NULL;

    enum rc rc = step_bases(&bases, publication, composition->steps, composition->n_steps, n, why);
    if (!rc && composition->root)
        rc = root_step_intend(composition->root, bases && trust_pin(publication->trust), n, why);
    if (rc)
        return rc;

    *ret = steal(bases);
    return RC_OK;
}

void
composition_signed(struct composition *composition)
{
    if (composition->root)
        root_step_signed(composition->root);
    for (size_t i = 0; i < composition->n_steps; i++)
        composition->steps[i].is_signed = composition->steps[i].version > 0;
}

static enum rc
report_step(struct publish_result *result, const struct step *step)
{
    return publish_result_add(result, step->want->role, step->published,
        bytes_text(&step->signature.signed_by), bytes_text(&step->signature.left_out));
}

enum rc
composition_report(
    struct publish_result *ret, const struct composition *composition, struct why *why)
{
    const struct publication *publication = composition->publication;
    closing(publish_result_done) struct publish_result result = {0};
    enum rc rc = RC_OK;

    result.roles = calloc(composition->n_steps + 1, sizeof *result.roles);
    if (!result.roles)
        return fail_memory(why);

    if (composition->root)
        rc = root_step_report(composition->root, &result, why);
    if (!rc && composition->n_steps > publication->n_roles && composition->steps[0].published > 0)
        rc = report_step(&result, &composition->steps[0]);
    for (size_t i = 0; !rc && i < publication->n_roles; i++)
        rc = report_step(&result, composition_find(composition, publication->roles[i].role));
    if (rc)
        return fail_memory(why);

    *ret = result;
    result = (struct publish_result){0};
    return RC_OK;
}
