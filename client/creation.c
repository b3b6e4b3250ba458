/* SPDX-License-Identifier: Apache-2.0 */
#include "client/creation.h"

#include <inttypes.h>

#include "client/pubkey_arg.h"
#include "client/server_key.h"

/* The agent's key for a role, as the option or, without it, as the only one there is. */
static enum rc
choose(const struct signer_key **ret, struct session *session, struct repository *repository,
    enum rank rank, struct why *why)
{
    enum option_id option = rank == RANK_ROOT ? OPTION_ROOT_KEY : OPTION_TARGETS_KEY;
    struct signer *signer = NULL;

    enum rc rc = session_signer(&signer, session, why);
    if (rc)
        return rc;

    return signer_choose(ret, signer, session_options(session)->values[option], repository->name,
        rank == RANK_ROOT ? "root" : "targets", why);
}

static void
unref_all(struct pubkey *(*keys)[RANK_DELEGATION])
{
    for (size_t i = 0; i < RANK_DELEGATION; i++)
        pubkey_unref((*keys)[i]);
}

static enum rc
gather_keys(struct pubkey *ret[RANK_DELEGATION], struct session *session,
    struct repository *repository, struct why *why)
{
    const struct signer_key *root = NULL, *targets = NULL;
    struct signer *signer = NULL;

    enum rc rc = choose(&root, session, repository, RANK_ROOT, why);
    if (!rc)
        rc = choose(&targets, session, repository, RANK_TARGETS, why);
    if (!rc)
        rc = session_signer(&signer, session, why);
    if (!rc)
        rc = signer_root_certificate(&ret[RANK_ROOT], signer, repository->name, root, why);
    if (!rc)
        rc = server_key_get(&ret[RANK_SNAPSHOT], repository->repo, "snapshot", why);
    if (!rc)
        rc = server_key_get(&ret[RANK_TIMESTAMP], repository->repo, "timestamp", why);
    if (rc)
        return rc;

    ret[RANK_TARGETS] = pubkey_ref(signer_public(targets));
    return ret[RANK_TARGETS] ? RC_OK
                             : fail(why, RC_TOKEN,
                                   "the token of key '%s' was never there; see "
                                   "'countersign status'",
                                   targets->name);
}

enum rc
creation_run(struct session *session, struct repository *repository, struct why *why)
{
    closing(unref_all) struct pubkey *keys[RANK_DELEGATION] = {NULL};
    struct root_plan plan = {.is_first = true};
    closing(publish_result_done) struct publish_result result = {0};
    struct publish_role targets = {.role = "targets", .is_renewed = true};
    struct publication publication = {
        .trust = repository->trust,
        .repo = repository->repo,
        .repository = repository->name,
        .roles = &targets,
        .n_roles = 1,
        .root = &plan,
        .mode = BATCH_ALL,
        .waits = session_waits_for_votes(session),
        .now = session_now(session),
        .progress = session_progress(session),
    };

    enum rc rc = session_update(session, repository, why);
    if (!rc)
        return fail(why, RC_UNSUPPORTED, "it exists already; nothing was changed");
    if (rc != RC_NOT_FOUND)
        return rc;

    rc = session_signer(&publication.signer, session, why);
    if (!rc)
        rc = gather_keys(keys, session, repository, why);
    for (size_t rank = 0; rank < RANK_DELEGATION; rank++)
        plan.roles[rank] = (struct root_plan_role){&keys[rank], 1, 1};
    if (!rc)
        rc = publish(&result, &publication, why);
    if (rc)
        return rc;

    printf("initialized \"%s\"\n", repository->name);
    for (size_t i = 0; i < result.n_roles; i++)
        printf("%s: version %" PRId64 ", signed by %s\n", result.roles[i].role,
            result.roles[i].version, result.roles[i].signed_by);
    return RC_OK;
}
