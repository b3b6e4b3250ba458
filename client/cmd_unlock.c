/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/unlock.h"

COMMAND(cmd_unlock)
{
    bool force = options_has(session_options(session), OPTION_FORCE), was_locked = false;

    (void)n;
    enum rc rc = unlock_token(&was_locked, session, arguments[0], force, why);
    if (!rc)
        printf("token '%s' %s\n", arguments[0], was_locked ? "is unlocked" : "was not locked");
    return rc;
}

COMMAND(cmd_lock)
{
    closing(json_decrefp) json_t *parameters =
        n > 0 ? json_pack("{s:s}", "token", arguments[0]) : json_object();
    closing(json_decrefp) json_t *reply = NULL;
    struct agent_call *agent = NULL;

    if (!parameters)
        return fail_memory(why);

    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Lock", parameters, why);
    if (rc)
        return rc;

    if (n > 0)
        printf("token '%s' is locked\n", arguments[0]);
    else
        puts("all tokens are locked");
    return RC_OK;
}
