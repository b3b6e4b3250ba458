/* SPDX-License-Identifier: Apache-2.0 */
#include "client/token_arg.h"

#include "client/agent_error.h"
#include "proto/bounds.h"

/* The only one of the agent's tokens. */
static enum rc
find_only(char **ret, const json_t *tokens, struct why *why)
{
    closing(bytes_done) struct bytes names = BYTES_INIT(sizeof why->text);
    size_t n = json_array_size(tokens);
    const char *name = NULL;

    for (size_t i = 0; i < n; i++) {
        struct members m;

        members_open(&m, json_array_get(tokens, i), "token");
        members_text(&m, "name", &name);
        enum rc rc = members_close_tolerant(&m, why);
        if (rc)
            return agent_error_of_reply(rc, why);
        bytes_printf(&names, "%s%s", i > 0 ? ", " : "", name);
    }

    if (n == 0)
        return fail(why, RC_NOT_FOUND, "the agent's policy has no token");
    if (n > 1)
        return fail(why, RC_MALFORMED, "--token is missing: the agent has %s",
            names.failed ? "many; see 'countersign status'" : bytes_text(&names));

    *ret = strdup(name);
    return *ret ? RC_OK : fail_memory(why);
}

enum rc
token_arg_find(char **ret, struct session *session, struct why *why)
{
    const char *given = session_options(session)->values[OPTION_TOKEN];
    closing(json_decrefp) json_t *reply = NULL;
    struct agent_call *agent = NULL;
    const json_t *tokens = NULL;
    struct members m;

    if (given) {
        *ret = strdup(given);
        return *ret ? RC_OK : fail_memory(why);
    }

    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    members_open(&m, reply, "reply");
    members_array(&m, "tokens", SIZE_MAX, &tokens);
    rc = members_close_tolerant(&m, why);
    return rc ? agent_error_of_reply(rc, why) : find_only(ret, tokens, why);
}
