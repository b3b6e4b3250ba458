/* SPDX-License-Identifier: Apache-2.0 */
#include "client/docker_trust.h"
#include "client/signer_name.h"
#include "proto/bounds.h"
#include "proto/reference.h"

/* Docker lets a tag be there, and looks at the repository alone. */
static enum rc
repository_of(char **ret, const char *argument, struct why *why)
{
    closing(reference_done) struct reference ref = {0};

    enum rc rc = reference_parse(&ref, argument, why);
    if (rc)
        return within(why, rc, "'%s'", argument);

    *ret = steal(ref.repository);
    return RC_OK;
}

/* One after the other; those that fail keep no other one from it. */
COMMAND(cmd_trust_signer_add)
{
    closing(bytes_done) struct bytes failed = BYTES_INIT(sizeof why->text);
    enum rc first = signer_name_check(arguments[0], "signer", why);

    if (!first && session_options(session)->n_keys == 0)
        first =
            fail(why, RC_MALFORMED, "path to a public key must be provided using the `--key` flag");
    if (first)
        return first;

    session_set_results_aside(session);
    for (size_t i = 1; i < n; i++) {
        closing(freep) char *repository = NULL;
        struct why problem;

        enum rc rc = repository_of(&repository, arguments[i], &problem);
        if (rc)
            printf("Adding signer \"%s\" to %s...\n", arguments[0], arguments[i]);
        else
            rc = cmd_signer_add(session, (char *[]){arguments[0], repository}, 2, &problem);
        if (!rc)
            continue;

        progress_note(session_progress(session), "%s", problem.text);
        bytes_printf(&failed, "%s%s", failed.len > 0 ? ", " : "", arguments[i]);
        if (!first)
            first = rc;
    }

    return first ? fail(why, first, "failed to add signer to: %s", bytes_text(&failed)) : RC_OK;
}

static void
free_names(char **names)
{
    for (char **name = names; *name; name++)
        free(*name);
    free(names);
}

DEFINE_CLEANUP(char *, free_names);

/* -f says nothing of which tags are to stay, which is all that would be asked: --keep does. */
COMMAND(cmd_trust_signer_remove)
{
    closing(free_namesp) char **names = calloc(n + 1, sizeof *names);
    if (!names)
        return fail_memory(why);

    session_set_results_aside(session);
    names[0] = strdup(arguments[0]);
    enum rc rc = names[0] ? RC_OK : fail_memory(why);
    for (size_t i = 1; !rc && i < n; i++)
        rc = repository_of(&names[i], arguments[i], why);
    return rc ? rc : cmd_signer_remove(session, names, n, why);
}
