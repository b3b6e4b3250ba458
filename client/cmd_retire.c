/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "client/command.h"
#include "client/retirement.h"
#include "proto/bounds.h"

COMMAND(cmd_retire)
{
    struct repository *repository = NULL;

    (void)n;
    enum rc rc = session_repository(&repository, session, arguments[0], why);
    return rc ? rc : retirement_run(session, repository, why);
}

COMMAND(cmd_supersede)
{
    struct repository *repository = NULL;
    struct agent_call *agent = NULL;
    json_auto_t *reply = NULL;
    int64_t version = 0, record = 0;

    (void)n;
    enum rc rc = integer_parse(&version, span_of(arguments[2]), 1, INTEGER_MAX, why);
    if (rc)
        return within(why, rc, "version '%s'", arguments[2]);

    rc = session_repository(&repository, session, arguments[0], why);
    if (!rc)
        rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    json_auto_t *parameters = json_pack("{s:s,s:s,s:I}", "repository", repository->name, "role",
        arguments[1], "version", (json_int_t)version);
    if (!parameters)
        return fail_memory(why);

    rc = agent_call(&reply, agent, "Supersede", parameters, why);
    if (!rc)
        rc = retirement_read(&record, reply, NULL, why);
    if (rc)
        return rc;

    printf("another %s of version %" PRId64 " of '%s' may be signed, once (record %" PRId64 ")\n",
        arguments[1], version, repository->name, record);
    progress_note(session_progress(session),
        "what was released under that version stays valid for whoever has it: make sure that "
        "nobody publishes it");
    return RC_OK;
}
