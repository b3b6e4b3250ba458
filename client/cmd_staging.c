/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts of notary say to publish, show or forget what is staged. Nothing ever is. */
#include "client/command.h"

static void
note_nothing_staged(struct session *session, const struct repository *repository)
{
    progress_note(session_progress(session),
        "nothing is ever staged for '%s': each verb publishes its change itself", repository->name);
}

/* A script that comes here believes that it has changed something: so there must be a repository.
 */
COMMAND(cmd_publish)
{
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_look(session, repository, why);
    if (rc == RC_NOT_FOUND)
        return fail(why, rc, "%s; 'countersign init' makes it", why->text);
    if (rc)
        return rc;

    note_nothing_staged(session, repository);
    return RC_OK;
}

/* With a repository that is not there yet as well, as with notary: scripts clean up before init. */
COMMAND(cmd_reset)
{
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (rc)
        return rc;

    note_nothing_staged(session, repository);
    return RC_OK;
}

/* 'status GUN'; the one of the agent has no argument. */
COMMAND(cmd_staged)
{
    struct repository *repository = NULL;

    (void)n;
    if (options_has(session_options(session), OPTION_JSON) ||
        options_has(session_options(session), OPTION_METRICS))
        return fail(why, RC_MALFORMED,
            "--json and --metrics are for the agent's status, not for that of '%s'", arguments[0]);

    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (rc)
        return rc;

    printf("No unpublished changes for %s\n", repository->name);
    note_nothing_staged(session, repository);
    return RC_OK;
}
