/* SPDX-License-Identifier: Apache-2.0 */
/* The part of session.h that publishes. */
#include "client/cosignature_file.h"
#include "client/session.h"
#include "proto/bounds.h"

enum rc
session_publication(struct publication *ret, struct session *session, struct repository *repository,
    const struct publish_role *roles, size_t n_roles, struct why *why)
{
    const struct options *options = session_options(session);

    *ret = (struct publication){
        .trust = repository->trust,
        .repo = repository->repo,
        .repository = repository->name,
        .roles = roles,
        .n_roles = n_roles,
        .mode = options_has(options, OPTION_SKIP_UNAVAILABLE) ? BATCH_PARTIAL : BATCH_ALL,
        .waits = session_waits_for_votes(session),
        .now = session_now(session),
        .progress = session_progress(session),
    };

    return session_signer(&ret->signer, session, why);
}

enum rc
session_run_gathering(struct bytes *ret, struct session *session,
    const struct publication *publication, const char *path, struct why *why)
{
    closing(publish_result_done) struct publish_result result = {0};
    const struct gathering *gathering = publication->gathering;

    enum rc rc = publish(&result, publication, why);
    if (!rc && gathering->cosignature)
        rc = cosignature_file_store(path, gathering->cosignature, why);
    if (rc)
        return rc;

    publish_result_put_lines(ret, &result, session_progress(session));
    if (gathering->cosignature && gathering->is_merge)
        return fail(why, RC_CONFLICT,
            "it is published, but something that others published at the same time is hidden by "
            "it: "
            "'%s' has both, and wants more signatures",
            path);
    if (gathering->cosignature && gathering->is_met)
        bytes_printf(ret, "nothing is published yet: %s has all signatures\n", path);
    else if (gathering->cosignature)
        bytes_printf(ret, "nothing is published yet: %s wants more signatures\n", path);
    return bytes_check(ret, why);
}

/* --out: written for others, and not published. */
static enum rc
write_out(struct bytes *ret, struct session *session, const struct publication *publication,
    const char *path, struct why *why)
{
    closing(gathering_done) struct gathering gathering = {.is_met = false};
    struct publication gathered = *publication;

    gathered.gathering = &gathering;
    enum rc rc = cosignature_file_check(path, publication->repository, why);
    if (!rc)
        rc = session_run_gathering(ret, session, &gathered, path, why);
    if (!rc && gathering.cosignature)
        progress_note(session_progress(session),
            "'countersign cosignature add %s' adds the signatures of another agent, and publishes "
            "it when there are enough",
            path);
    return rc;
}

enum rc
session_check_out(const struct session *session, size_t n, struct why *why)
{
    return n > 1 && options_has(session_options(session), OPTION_OUT)
               ? fail(why, RC_USAGE, "--out takes one repository, and these are %zu", n)
               : RC_OK;
}

enum rc
session_run_publication(struct bytes *ret, struct session *session,
    const struct publication *publication, struct why *why)
{
    closing(publish_result_done) struct publish_result result = {0};
    const char *out = session_options(session)->values[OPTION_OUT];

    if (out)
        return write_out(ret, session, publication, out, why);

    enum rc rc = publish(&result, publication, why);
    if (rc)
        return rc;

    publish_result_put_lines(ret, &result, session_progress(session));
    return bytes_check(ret, why);
}

enum rc
session_publish_lines(struct bytes *ret, struct session *session, struct repository *repository,
    const struct publish_role *roles, size_t n_roles, struct why *why)
{
    struct publication publication;

    enum rc rc = session_publication(&publication, session, repository, roles, n_roles, why);
    if (!rc)
        rc = session_run_publication(ret, session, &publication, why);
    return rc ? within(why, rc, "%s", repository->name) : RC_OK;
}

enum rc
session_publish(struct session *session, struct repository *repository,
    const struct publish_role *roles, size_t n_roles, struct why *why)
{
    closing(bytes_done) struct bytes lines = BYTES_INIT(PUBLISH_LINES_MAX_BYTES);

    enum rc rc = session_publish_lines(&lines, session, repository, roles, n_roles, why);
    if (!rc)
        fputs(bytes_text(&lines), session_results(session));
    return rc;
}
