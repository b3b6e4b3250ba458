/* SPDX-License-Identifier: Apache-2.0 */
#include "client/selection.h"

#include "proto/bounds.h"

static enum rc
add(struct selection *selection, const char *role, struct why *why)
{
    for (size_t i = 0; i < selection->n_roles; i++)
        if (!strcmp(selection->roles[i], role))
            return RC_OK;

    closing(freep) char *copy = strdup(role);
    char **entry = !copy ? NULL
                         : mem_grow(&selection->roles, selection->n_roles, sizeof *entry,
                               DELEGATIONS_MAX + OPTION_VALUES_MAX);
    if (!entry)
        return fail_memory(why);

    *entry = steal(copy);
    selection->n_roles++;
    return RC_OK;
}

void
selection_done(struct selection *selection)
{
    for (size_t i = 0; i < selection->n_roles; i++)
        free(selection->roles[i]);
    free(selection->roles);
    *selection = (struct selection){0};
}

static enum rc
check_role(const char *role, struct why *why)
{
    enum rank rank = role_rank(span_of(role));

    return rank == RANK_TARGETS || rank == RANK_DELEGATION
               ? RC_OK
               : fail(why, RC_MALFORMED, "'%s' holds no targets: want targets or targets/NAME",
                     role);
}

static enum rc
add_named(struct selection *selection, struct session *session, const struct repository *repository,
    struct why *why)
{
    const struct options *options = session_options(session);

    for (size_t i = 0; i < options->n_roles; i++) {
        enum rc rc = check_role(options->roles[i], why);
        if (rc)
            return rc;

        if (!trust_find(repository->trust, options->roles[i]))
            return fail(why, RC_NOT_FOUND,
                "'%s' has no role '%s'; 'countersign delegation add' makes one", repository->name,
                options->roles[i]);

        rc = add(selection, options->roles[i], why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
may_sign(bool *ret, struct session *session, const struct repository *repository, const char *role,
    struct why *why)
{
    closing(freep) struct pubkey **keys = NULL;
    struct signer *signer = NULL;
    size_t n = 0;

    enum rc rc = session_signer(&signer, session, why);
    if (!rc)
        rc = trust_keys(&keys, &n, repository->trust, role, why);
    if (!rc)
        *ret = signer_can_sign(signer, repository->name, role, keys, n);
    return rc;
}

enum who { WHO_CALLER, WHO_ANYBODY };

static enum rc
add_admitting(struct selection *selection, struct session *session,
    const struct repository *repository, struct span target, enum who who, struct why *why)
{
    for (size_t i = 1; i < trust_n_roles(repository->trust); i++) {
        const struct trust_role *role = trust_role_at(repository->trust, i);
        bool is_usable = who == WHO_ANYBODY;

        if (!role_is_child(span_of(role->name), SPAN("targets")) ||
            !trust_admits(repository->trust, role->name, target))
            continue;

        enum rc rc = is_usable ? RC_OK : may_sign(&is_usable, session, repository, role->name, why);
        if (!rc && is_usable)
            rc = add(selection, role->name, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
select_for(struct selection *ret, struct session *session, const struct repository *repository,
    struct span target, enum who who, struct why *why)
{
    closing(selection_done) struct selection selection = {0};

    enum rc rc = add_named(&selection, session, repository, why);
    if (!rc && selection.n_roles == 0 && trust_n_roles(repository->trust) == 1)
        rc = add(&selection, "targets", why);
    else if (!rc && selection.n_roles == 0)
        rc = add_admitting(&selection, session, repository, target, who, why);
    if (rc)
        return rc;

    *ret = selection;
    selection = (struct selection){0};
    return RC_OK;
}

enum rc
selection_for_target(struct selection *ret, struct session *session,
    const struct repository *repository, struct span target, struct why *why)
{
    closing(selection_done) struct selection selection = {0};

    enum rc rc = select_for(&selection, session, repository, target, WHO_CALLER, why);
    if (!rc)
        rc = selection_check_paths(&selection, repository, target, why);
    if (rc)
        return rc;

    if (selection.n_roles == 0)
        return fail(why, RC_DENIED,
            "'%s' has %zu delegated roles, and the agent lets you use a key of none of them for "
            "'%.*s'; see 'countersign delegation list' and 'countersign key list'",
            repository->name, trust_n_roles(repository->trust) - 1, (int)target.len,
            (const char *)target.p);

    *ret = selection;
    selection = (struct selection){0};
    return RC_OK;
}

enum rc
selection_for_anybody(struct selection *ret, struct session *session,
    const struct repository *repository, struct span target, struct why *why)
{
    closing(selection_done) struct selection selection = {0};

    enum rc rc = select_for(&selection, session, repository, target, WHO_ANYBODY, why);
    if (rc)
        return rc;

    if (selection.n_roles == 0)
        return fail(why, RC_DENIED, "the paths of all %zu delegated roles of '%s' exclude '%.*s'",
            trust_n_roles(repository->trust) - 1, repository->name, (int)target.len,
            (const char *)target.p);

    *ret = selection;
    selection = (struct selection){0};
    return RC_OK;
}

enum rc
selection_as_named(struct selection *ret, struct session *session,
    const struct repository *repository, struct why *why)
{
    closing(selection_done) struct selection selection = {0};

    enum rc rc = add_named(&selection, session, repository, why);
    if (!rc && selection.n_roles == 0)
        rc = add(&selection, "targets", why);
    if (rc)
        return rc;

    *ret = selection;
    selection = (struct selection){0};
    return RC_OK;
}

enum rc
selection_check_paths(const struct selection *selection, const struct repository *repository,
    struct span target, struct why *why)
{
    for (size_t i = 0; i < selection->n_roles; i++)
        if (!trust_admits(repository->trust, selection->roles[i], target))
            return fail(why, RC_DENIED,
                "the paths of '%s' exclude '%.*s', so nobody would see it there; see 'countersign "
                "delegation list'",
                selection->roles[i], (int)target.len, (const char *)target.p);

    return RC_OK;
}

enum rc
selection_for_new(struct selection *ret, struct session *session, struct why *why)
{
    const struct options *options = session_options(session);
    closing(selection_done) struct selection selection = {0};
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < options->n_roles; i++) {
        rc = check_role(options->roles[i], why);
        if (!rc)
            rc = add(&selection, options->roles[i], why);
    }
    if (!rc && selection.n_roles == 0)
        rc = add(&selection, "targets", why);
    if (rc)
        return rc;

    *ret = selection;
    selection = (struct selection){0};
    return RC_OK;
}
