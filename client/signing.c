/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signing.h"

#include "client/pubkey_arg.h"
#include "proto/bounds.h"

#define RENEW_BEFORE_S (30 * INT64_C(86400)) /* an identical target is signed again that close */

/* What is signed in one role: an edit for each image that belongs there. */
struct role_edits {
    char *role;
    struct edit *edits;
    size_t n_edits;
};

void
signing_done(struct signing *signing)
{
    for (size_t i = 0; i < signing->n_owned; i++) {
        free(signing->owned[i].role);
        free(signing->owned[i].edits);
    }
    free(signing->owned);
    free(signing->roles);
    *signing = (struct signing){0};
}

enum rc
signing_restrict(struct session *session, struct why *why)
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

static enum rc
find_or_add(struct role_edits **ret, struct signing *signing, const char *role, struct why *why)
{
    for (size_t i = 0; i < signing->n_owned; i++)
        if (!strcmp(signing->owned[i].role, role)) {
            *ret = &signing->owned[i];
            return RC_OK;
        }

    closing(freep) char *copy = strdup(role);
    struct role_edits *entry =
        !copy ? NULL : mem_grow(&signing->owned, signing->n_owned, sizeof *entry, DELEGATIONS_MAX);
    if (!entry)
        return fail_memory(why);

    *entry = (struct role_edits){.role = steal(copy)};
    signing->n_owned++;
    *ret = entry;
    return RC_OK;
}

static enum rc
add(struct signing *signing, const char *role, const struct edit *edit, struct why *why)
{
    struct role_edits *entry = NULL;

    enum rc rc = find_or_add(&entry, signing, role, why);
    if (rc)
        return rc;

    struct edit *place = mem_grow(&entry->edits, entry->n_edits, sizeof *place, TARGETS_MAX);
    if (!place)
        return fail_memory(why);

    *place = *edit;
    entry->n_edits++;
    return RC_OK;
}

static enum rc
add_tag(struct signing *signing, struct session *session, const struct edit *edit, struct why *why)
{
    closing(selection_done) struct selection selection = {0};

    enum rc rc = selection_for_target(&selection, session, signing->repository, edit->name, why);
    for (size_t i = 0; !rc && i < selection.n_roles; i++)
        rc = add(signing, selection.roles[i], edit, why);
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

enum rc
signing_plan(struct signing *ret, struct session *session, struct repository *repository,
    const struct edit *edits, size_t n_edits, struct why *why)
{
    *ret = (struct signing){.repository = repository};
    enum rc rc = session_update_existing(session, repository, why);
    for (size_t i = 0; !rc && i < n_edits; i++)
        rc = add_tag(ret, session, &edits[i], why);
    if (rc)
        return rc;

    ret->roles = calloc(ret->n_owned + 1, sizeof *ret->roles);
    if (!ret->roles)
        return fail_memory(why);

    for (size_t i = 0; i < ret->n_owned; i++) {
        const struct role_edits *entry = &ret->owned[i];
        ret->roles[ret->n_roles++] = (struct publish_role){.role = entry->role,
            .edits = entry->edits,
            .n_edits = entry->n_edits,
            .is_renewed = is_due(session, repository, entry->role)};
    }
    return RC_OK;
}
