/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_trust.h"
#include "proto/reference.h"

#define ANSWER_MAX_BYTES 64

/* Docker asks whoever is there, a pipe as well: scripts say "echo y". Who says nothing has not
 * agreed, and his script must hear of that. */
static enum rc
ask(const char *argument, struct why *why)
{
    char answer[ANSWER_MAX_BYTES];

    printf("Please confirm you would like to delete all signature data for %s? [y/N] ", argument);
    (void)fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        putchar('\n');
        return fail(why, RC_USAGE, "nobody answers; nothing was revoked; --yes asks nothing");
    }

    answer[strcspn(answer, "\r\n")] = 0;
    if (strcmp(answer, "y") != 0 && strcmp(answer, "Y") != 0) {
        putchar('\n');
        return fail(why, RC_INTERRUPTED, "nothing was revoked");
    }

    return RC_OK;
}

static enum rc
revoke_all(struct session *session, char **arguments, size_t n, struct why *why)
{
    struct options options = *session_options(session);
    closing(session_freep) struct session *agreed = NULL;

    enum rc rc = options_has(&options, OPTION_YES) ? RC_OK : ask(arguments[0], why);
    options.given |= OPTION_BIT(OPTION_YES);
    if (!rc)
        rc = session_new(&agreed, &options, why);
    if (rc)
        return rc;

    session_set_results_aside(agreed);
    return cmd_revoke(agreed, arguments, n, why);
}

COMMAND(cmd_trust_revoke)
{
    closing(reference_done) struct reference ref = {0};

    enum rc rc = reference_parse(&ref, arguments[0], why);
    if (rc)
        return rc;

    session_set_results_aside(session);
    return ref.tag || ref.digest ? cmd_revoke(session, arguments, n, why)
                                 : revoke_all(session, arguments, n, why);
}
