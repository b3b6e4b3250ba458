/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <unistd.h>

#include "client/command.h"
#include "client/parked.h"
#include "proto/bounds.h"

#define DIGITS 8

/* What was typed, as the agent has it: lower case, without spaces. *ret: DIGITS and a NUL. */
static enum rc
read_digits(char ret[DIGITS + 1], const char *text, struct why *why)
{
    size_t n = 0;

    for (const char *c = text; *c; c++) {
        if (isspace((unsigned char)*c))
            continue;
        if (!isxdigit((unsigned char)*c) || n == DIGITS)
            return fail(why, RC_REFUSED, "want the first %d digits of the digest", DIGITS);
        ret[n++] = (char)tolower((unsigned char)*c);
    }

    ret[n] = 0;
    return n == DIGITS ? RC_OK
                       : fail(why, RC_REFUSED, "want the first %d digits of the digest", DIGITS);
}

static enum rc
ask_digits(char ret[DIGITS + 1], struct why *why)
{
    char line[64] = "";

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return fail(why, RC_REFUSED,
            "nobody is there to type digits of the digest: look at it with 'countersign pending', "
            "and give them with --digest");

    fprintf(stderr, "To agree, type the first %d digits of the digest: ", DIGITS);
    if (!fgets(line, sizeof line, stdin))
        return fail(why, RC_REFUSED, "nothing was typed, so nothing was agreed to");

    return read_digits(ret, line, why);
}

/* What is agreed to. */
static enum rc
show(const struct parked *parked, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(DOCUMENT_MAX_BYTES);

    enum rc rc = parked_format(&text, parked, why);
    if (!rc)
        fputs(bytes_text(&text), stdout);
    return !rc && fflush(stdout) ? fail(why, RC_SYSTEM, "cannot write to standard output") : rc;
}

static enum rc
vote(struct agent_call *agent, const char *id, const char *digits, struct why *why)
{
    closing(json_decrefp) json_t *parameters = json_pack("{s:s,s:s}", "id", id, "digest8", digits);
    closing(json_decrefp) json_t *reply = NULL;
    closing(bytes_done) struct bytes votes = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    if (!parameters)
        return fail_memory(why);

    enum rc rc = agent_call(&reply, agent, "Approve", parameters, why);
    if (rc)
        return rc;

    parked_put_votes(&votes, json_object_get(reply, "approvals"));
    printf("agreed to request %s: %s\n", id, bytes_text(&votes));
    return RC_OK;
}

COMMAND(cmd_approve)
{
    const char *given = session_options(session)->values[OPTION_DIGEST];
    closing(parked_done) struct parked parked = {0};
    struct agent_call *agent = NULL;
    char digits[DIGITS + 1], id[PARKED_ID_TYPED_BYTES];

    (void)n;
    parked_read_id(id, arguments[0]);
    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = parked_new(&parked, agent, id, why);
    if (!rc && !given)
        rc = show(&parked, why);
    if (!rc)
        rc = given ? read_digits(digits, given, why) : ask_digits(digits, why);

    return rc ? rc : vote(agent, parked.id, digits, why);
}

COMMAND(cmd_deny)
{
    const char *reason = session_options(session)->values[OPTION_REASON];
    closing(json_decrefp) json_t *reply = NULL;
    struct agent_call *agent = NULL;
    char id[PARKED_ID_TYPED_BYTES];

    (void)n;
    parked_read_id(id, arguments[0]);
    closing(json_decrefp) json_t *parameters = json_pack("{s:s,s:s*}", "id", id, "reason", reason);
    if (!parameters)
        return fail(why, RC_MALFORMED, "an id and a reason are UTF-8");

    enum rc rc = session_agent(&agent, session, why);
    if (!rc)
        rc = agent_call(&reply, agent, "Deny", parameters, why);
    if (!rc)
        printf("request %s is denied\n", id);
    return rc;
}
