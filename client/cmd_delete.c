/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/question.h"
#include "client/retirement.h"

/* Nobody can ask a server what else has the prefix: one that keeps its data in memory has no list
 * of its repositories to show. */
static enum rc
delete_remote(struct session *session, const struct repository *repository, struct why *why)
{
    progress_note(session_progress(session),
        "all that is signed in '%s' is lost; who has cached it refuses what takes its place, at "
        "first or until the copy is removed; and a notary-server whose storage is 'memory' deletes "
        "every repository whose name begins with '%s'",
        repository->name, repository->name);
    enum rc rc = question_ask(session, "Delete it on the trust server", why);
    if (!rc)
        rc = repo_delete(repository->repo, why);
    if (rc)
        return rc;

    printf("'%s' is deleted on %s\n", repository->name, repo_url(repository->repo));
    return RC_OK;
}

static enum rc
delete_here(struct repository *repository, struct why *why)
{
    size_t n = 0;

    if (!trust_is_cached(repository->trust)) {
        printf("there is no copy of '%s' on this machine\n", repository->name);
        return RC_OK;
    }

    enum rc rc = trust_forget(&n, repository->trust, why);
    if (!rc)
        printf("the copy on this machine is deleted: %zu files in '%s'\n", n,
            trust_dir(repository->trust));
    return rc;
}

COMMAND(cmd_delete)
{
    const struct options *options = session_options(session);
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    if (!rc && options_has(options, OPTION_RETIRE) && !options_has(options, OPTION_REMOTE))
        rc = fail(why, RC_USAGE,
            "a repository is retired when it is deleted: say --remote as well, or 'countersign "
            "retire %s' if it is deleted already",
            repository->name);
    if (!rc && options_has(options, OPTION_RETIRE))
        rc = retirement_check(session, repository, why);
    if (!rc && options_has(options, OPTION_REMOTE))
        rc = delete_remote(session, repository, why);
    if (!rc && options_has(options, OPTION_RETIRE))
        rc = retirement_run(session, repository, why);
    return rc ? rc : delete_here(repository, why);
}
