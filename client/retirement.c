/* SPDX-License-Identifier: Apache-2.0 */
#include "client/retirement.h"

#include <inttypes.h>

#include "client/agent_error.h"
#include "proto/bounds.h"

enum rc
retirement_read(int64_t *ret, const json_t *reply, const json_t **ret_refused, struct why *why)
{
    struct members m;

    members_open(&m, reply, "reply");
    members_int(&m, "record", 0, INT64_MAX, ret);
    if (ret_refused)
        members_array(&m, "refused", SIZE_MAX, ret_refused);
    enum rc rc = members_close_tolerant(&m, why);
    return rc ? agent_error_of_reply(rc, why) : RC_OK;
}

static void
note_retired(const struct progress *progress, const char *repository, const json_t *refused,
    bool accepts_replay)
{
    size_t i;
    json_t *key;

    json_array_foreach(refused, i, key)
        progress_note(progress,
            "root key '%s' is refused for the new one: it signed a root above version 1 of the old "
            "one, or is listed in it",
            json_is_string(key) ? json_string_value(key) : "?");
    if (accepts_replay)
        progress_note(progress, "whoever has the old roots can bring them back: users of the new "
                                "repository would trust what was signed for the old one");
    progress_note(progress,
        "who has used the old repository keeps its root: countersign refuses the new one until "
        "'countersign delete %s' has removed that, docker and notary refuse it once, and for ever "
        "if the root certificate is another one",
        repository);
}

enum rc
retirement_check(struct session *session, const struct repository *repository, struct why *why)
{
    struct agent_call *agent = NULL;
    json_auto_t *reply = NULL;

    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Status", NULL, why);
    if (rc)
        return rc;

    return json_is_object(json_object_get(reply, "insight"))
               ? RC_OK
               : fail(why, RC_DENIED,
                     "the agent retires '%s' for those only whom 'admins' in its policy names, so "
                     "nothing was done",
                     repository->name);
}

enum rc
retirement_run(struct session *session, const struct repository *repository, struct why *why)
{
    bool accepts_replay = options_has(session_options(session), OPTION_ACCEPT_REPLAY);
    struct agent_call *agent = NULL;
    const json_t *refused = NULL;
    json_auto_t *reply = NULL;
    int64_t record = 0;

    enum rc rc = session_agent(&agent, session, why);
    if (rc)
        return rc;

    json_auto_t *parameters =
        json_pack("{s:s,s:b}", "repository", repository->name, "accept_replay", accepts_replay);
    if (!parameters)
        return fail_memory(why);

    rc = agent_call(&reply, agent, "Retire", parameters, why);
    if (!rc)
        rc = retirement_read(&record, reply, &refused, why);
    if (rc)
        return rc;

    printf("'%s' is retired: a new root of version 1 may be signed (record %" PRId64 ")\n",
        repository->name, record);
    note_retired(session_progress(session), repository->name, refused, accepts_replay);
    return RC_OK;
}
