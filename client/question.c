/* SPDX-License-Identifier: Apache-2.0 */
#include "client/question.h"

#include <unistd.h>

#define ANSWER_MAX_BYTES 64 /* "yes", and what people type instead */

enum rc
question_ask(struct session *session, const char *text, struct why *why)
{
    char answer[ANSWER_MAX_BYTES] = "";

    if (options_has(session_options(session), OPTION_YES))
        return RC_OK;

    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return fail(why, RC_USAGE,
            "there is no terminal at which to ask, so nothing was done: say --yes to mean it");

    fflush(stdout); /* what the question is about stands above it */
    fprintf(stderr, "%s? Type yes to go on: ", text);
    fflush(stderr);
    if (!fgets(answer, sizeof answer, stdin))
        answer[0] = 0;
    answer[strcspn(answer, "\n")] = 0;
    return !strcmp(answer, "yes") ? RC_OK
                                  : fail(why, RC_INTERRUPTED, "cancelled: nothing was done");
}
