/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/image_arg.h"
#include "client/pubkey_arg.h"
#include "client/selection.h"
#include "proto/bounds.h"

#define RENEW_BEFORE_S (30 * INT64_C(86400)) /* an identical target is signed again that close */

struct images {
    struct image_arg *list;
    size_t n;
};

static void
images_done(struct images *images)
{
    for (size_t i = 0; i < images->n; i++)
        image_arg_done(&images->list[i]);
    free(images->list);
}

static enum rc
read_images(
    struct images *ret, struct session *session, char **arguments, size_t n, struct why *why)
{
    ret->list = calloc(n, sizeof *ret->list);
    if (!ret->list)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        ret->n++;
        enum rc rc = image_arg_read(&ret->list[i], session, arguments[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* What is signed in one role: an edit for each image that belongs there. */
struct role_edits {
    char *role;
    struct edit *edits;
    size_t n_edits;
};

struct plan {
    struct role_edits *roles;
    size_t n_roles;
};

static void
plan_done(struct plan *plan)
{
    for (size_t i = 0; i < plan->n_roles; i++) {
        free(plan->roles[i].role);
        free(plan->roles[i].edits);
    }
    free(plan->roles);
}

static enum rc
plan_add(struct plan *plan, const char *role, const struct edit *edit, struct why *why)
{
    struct role_edits *entry = NULL;

    for (size_t i = 0; i < plan->n_roles; i++)
        if (!strcmp(plan->roles[i].role, role))
            entry = &plan->roles[i];

    if (!entry) {
        entry = mem_grow(&plan->roles, plan->n_roles, sizeof *entry, DELEGATIONS_MAX);
        if (!entry)
            return fail_memory(why);
        plan->n_roles++;
        entry->role = strdup(role);
        if (!entry->role)
            return fail_memory(why);
    }

    struct edit *place = mem_grow(&entry->edits, entry->n_edits, sizeof *place, TARGETS_MAX);
    if (!place)
        return fail_memory(why);

    *place = *edit;
    entry->n_edits++;
    return RC_OK;
}

static enum rc
plan_image(
    struct plan *plan, struct session *session, const struct image_arg *image, struct why *why)
{
    closing(selection_done) struct selection selection = {0};
    const struct edit edit = image_arg_edit(image);

    enum rc rc = selection_for_target(&selection, session, image->repository, edit.name, why);
    for (size_t i = 0; !rc && i < selection.n_roles; i++)
        rc = plan_add(plan, selection.roles[i], &edit, why);
    return rc;
}

/* A role whose content does not change is signed again only to renew it. */
static bool
is_due(struct session *session, const struct repository *repository, const char *role)
{
    const struct trust_role *found = trust_find(repository->trust, role);

    if (options_has(session_options(session), OPTION_RENEW))
        return true;

    return found && found->document &&
           found->document->expires_at < session_now(session) + RENEW_BEFORE_S;
}

static enum rc
sign_repository(struct session *session, struct repository *repository, const struct images *images,
    struct why *why)
{
    closing(plan_done) struct plan plan = {0};

    enum rc rc = session_update_existing(session, repository, why);
    for (size_t i = 0; !rc && i < images->n; i++)
        if (images->list[i].repository == repository)
            rc = plan_image(&plan, session, &images->list[i], why);
    if (rc)
        return rc;

    closing(freep) struct publish_role *roles = calloc(plan.n_roles, sizeof *roles);
    if (!roles)
        return fail_memory(why);

    for (size_t i = 0; i < plan.n_roles; i++)
        roles[i] = (struct publish_role){plan.roles[i].role, plan.roles[i].edits,
            plan.roles[i].n_edits, is_due(session, repository, plan.roles[i].role)};
    return session_publish(session, repository, roles, plan.n_roles, why);
}

/* A tag that was given without a digest may have moved since we read it: then what was signed is
 * not what is pulled, and the user wants to know. */
static void
report(struct session *session, const struct image_arg *image)
{
    struct registry_manifest now;
    struct why why;
    char hex[DIGEST_HEX_LEN + 1];

    digest_hex(hex, &image->manifest.digest);
    printf("%s@sha256:%s\n", image->name, hex);
    enum rc rc =
        registry_manifest(&now, image->registry, image->reference.path, image->reference.tag, &why);
    if (rc)
        progress_note(session_progress(session), "%s was signed, but cannot be read again: %s",
            image->name, why.text);
    else if (!digest_eq(&now.digest, &image->manifest.digest))
        progress_note(session_progress(session),
            "%s has moved while it was signed: what was signed is sha256:%s", image->name, hex);
}

static enum rc
restrict_keys(struct session *session, struct why *why)
{
    const struct options *options = session_options(session);
    const char *names[OPTION_VALUES_MAX];
    struct signer *signer = NULL;

    if (options->n_keys == 0)
        return RC_OK;

    for (size_t i = 0; i < options->n_keys; i++) {
        enum rc rc = pubkey_arg_agent_name(&names[i], options->keys[i], why);
        if (rc)
            return rc;
    }

    enum rc rc = session_signer(&signer, session, why);
    return rc ? rc : signer_restrict(signer, names, options->n_keys, why);
}

/* Whether an image before i is of the same repository, which is then done already. */
static bool
is_repeated(const struct images *images, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (images->list[k].repository == images->list[i].repository)
            return true;

    return false;
}

COMMAND(cmd_sign)
{
    closing(images_done) struct images images = {0};

    enum rc rc = restrict_keys(session, why);
    if (!rc)
        rc = read_images(&images, session, arguments, n, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < images.n; i++) {
        if (is_repeated(&images, i))
            continue;

        rc = sign_repository(session, images.list[i].repository, &images, why);
        if (rc)
            return rc;

        for (size_t k = i; k < images.n; k++)
            if (images.list[k].repository == images.list[i].repository)
                report(session, &images.list[k]);
    }

    return RC_OK;
}
