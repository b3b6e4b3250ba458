/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/newkey.h"

static enum rc
check_options(const struct options *options, struct why *why)
{
    static const enum option_id wanted[] = {OPTION_TOKEN, OPTION_NAME, OPTION_TYPE};

    for (size_t i = 0; i < N_ELEMENTS(wanted); i++)
        if (!options->values[wanted[i]])
            return fail(why, RC_MALFORMED, "%s is missing; see 'countersign key generate --help'",
                options_name(wanted[i]));

    return RC_OK;
}

COMMAND(cmd_key_generate)
{
    const struct options *options = session_options(session);
    closing(newkeys_done) struct newkeys keys = NEWKEYS_INIT;
    closing(json_decrefp) json_t *parameters = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    const struct newkey_origin origin = {0};
    struct agent_call *agent = NULL;

    (void)arguments;
    (void)n;
    enum rc rc = check_options(options, why);
    if (rc)
        return rc;

    parameters = json_pack("{s:s,s:s,s:s}", "token", options->values[OPTION_TOKEN], "name",
        options->values[OPTION_NAME], "algorithm", options->values[OPTION_TYPE]);
    rc = parameters ? session_agent(&agent, session, why) : fail_memory(why);
    if (!rc)
        rc = agent_call(&reply, agent, "GenerateKey", parameters, why);
    if (!rc)
        rc = newkeys_add(&keys, reply, &origin, why);
    return newkeys_print(&keys, session, rc, why);
}
