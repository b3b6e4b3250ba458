/* SPDX-License-Identifier: Apache-2.0 */
#include "client/creation.h"

#include "client/base_keys.h"
#include "client/server_key.h"

/* All that the first root lists. */
struct cast {
    struct base_keys root, targets;
    struct pubkey *snapshot, *timestamp; /* the trust server's */
};

static void
cast_done(struct cast *cast)
{
    base_keys_done(&cast->root);
    base_keys_done(&cast->targets);
    pubkey_unref(cast->snapshot);
    pubkey_unref(cast->timestamp);
}

static enum rc
gather_keys(
    struct cast *ret, struct session *session, struct repository *repository, struct why *why)
{
    const struct options *options = session_options(session);
    const char *targets = options->values[OPTION_TARGETS_KEY];
    const struct base_keys_choice of_root = {
        session, repository, RANK_ROOT, options->root_keys, options->n_root_keys};
    const struct base_keys_choice of_targets = {
        session, repository, RANK_TARGETS, &targets, targets != NULL};

    enum rc rc = base_keys_choose(&ret->root, &of_root, why);
    if (!rc)
        rc = base_keys_choose(&ret->targets, &of_targets, why);
    if (!rc)
        rc = server_key_get(&ret->snapshot, repository->repo, "snapshot", why);
    return rc ? rc : server_key_get(&ret->timestamp, repository->repo, "timestamp", why);
}

static enum rc
publish_first(struct session *session, struct repository *repository, const struct root_plan *plan,
    struct why *why)
{
    const struct publish_role targets = {.role = "targets", .is_renewed = true};
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);
    struct publication publication;

    enum rc rc = session_publication(&publication, session, repository, &targets, 1, why);
    publication.root = plan;
    publication.mode = BATCH_ALL;
    if (!rc)
        rc = session_run_publication(&lines, session, &publication, why);
    if (rc)
        return rc;

    /* From now on the agent pins it: whoever goes on asks again. */
    repository->is_pin_known = repository->pin.n_roots > 0;
    if (!options_has(session_options(session), OPTION_OUT))
        fprintf(session_results(session), "initialized \"%s\"\n", repository->name);
    fputs(bytes_text(&lines), session_results(session));
    return RC_OK;
}

enum rc
creation_run(struct session *session, struct repository *repository, struct why *why)
{
    closing(cast_done) struct cast cast = {.snapshot = NULL};
    int64_t threshold = 1;

    enum rc rc = session_update(session, repository, why);
    if (!rc)
        return fail(why, RC_UNSUPPORTED, "it exists already; nothing was changed");
    if (rc != RC_NOT_FOUND)
        return rc;

    rc = base_keys_threshold(&threshold, session, why);
    if (!rc)
        rc = gather_keys(&cast, session, repository, why);
    if (rc)
        return rc;

    const struct root_plan plan = {.is_first = true,
        .roles = {[RANK_ROOT] = {cast.root.keys, cast.root.n, threshold},
            [RANK_TARGETS] = {cast.targets.keys, cast.targets.n, 1},
            [RANK_SNAPSHOT] = {&cast.snapshot, 1, 1},
            [RANK_TIMESTAMP] = {&cast.timestamp, 1, 1}}};
    rc = publish_first(session, repository, &plan, why);
    if (rc == RC_DENIED && repository->pin.n_roots > 0)
        progress_note(session_progress(session),
            "the agent knows a root of '%s', which the trust server does not have: if it was "
            "deleted on purpose, 'countersign retire %s' lets it begin again",
            repository->name, repository->name);
    return rc;
}
