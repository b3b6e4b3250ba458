/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/rotation.h"

/* What may be said of the keys of that role. */
static enum rc
check_options(const struct options *options, enum rank rank, const char *role, struct why *why)
{
    bool is_of_server = rank == RANK_SNAPSHOT || rank == RANK_TIMESTAMP;
    bool names_keys = options->n_keys > 0 || options_has(options, OPTION_THRESHOLD);

    if (rank == RANK_DELEGATION)
        return fail(why, RC_USAGE,
            "the keys of %s are not rotated: 'delegation add' gives it other ones, and 'delegation "
            "remove' takes some away",
            role);
    if (rank == RANK_MAX_)
        return fail(
            why, RC_USAGE, "'%s' is no role: want root, targets, snapshot or timestamp", role);
    if (is_of_server && names_keys)
        return fail(why, RC_USAGE, "the trust server makes the key of %s: leave out --key", role);
    if (is_of_server && !options_has(options, OPTION_SERVER_MANAGED))
        return fail(why, RC_USAGE,
            "the key of %s is the trust server's to keep: say --server-managed", role);
    if (!is_of_server && options_has(options, OPTION_SERVER_MANAGED))
        return fail(why, RC_USAGE,
            "no trust server may have the key of %s: leave out --server-managed", role);

    return RC_OK;
}

COMMAND(cmd_key_rotate)
{
    enum rank rank = role_rank(span_of(arguments[1]));
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = check_options(session_options(session), rank, arguments[1], why);
    if (!rc)
        rc = session_repository(&repository, session, arguments[0], why);
    if (!rc) {
        trust_allow_unreadable_root(repository->trust);
        rc = session_update_existing(session, repository, why);
    }
    return rc ? rc : rotation_run(session, repository, rank, why);
}
