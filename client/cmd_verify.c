/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/clearance.h"
#include "client/command.h"
#include "client/table.h"

/* "a,b": one of them. */
static enum rc
add_any(struct requirement *requirement, const char *list, struct why *why)
{
    enum rc rc = requirement_begin_any(requirement, why);

    while (!rc && list) {
        size_t len = strcspn(list, ",");
        closing(freep) char *role = strndup(list, len);
        if (!role)
            return fail_memory(why);

        rc = requirement_add_any(requirement, role, why);
        list = list[len] ? list + len + 1 : NULL;
    }
    return rc;
}

static enum rc
read_options(struct requirement *ret, const struct options *options, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < options->n_required; i++)
        rc = requirement_add_role(ret, options->required[i], why);
    for (size_t i = 0; !rc && i < options->n_required_any; i++)
        rc = add_any(ret, options->required_any[i], why);
    for (size_t i = 0; !rc && i < options->n_required_certs; i++)
        rc = requirement_add_file(ret, options->required_certs[i], why);
    return rc;
}

static enum rc
print(const struct clearance *clearance, bool is_json, struct why *why)
{
    closing(json_decrefp) json_t *answer = NULL;

    if (!is_json) {
        if (clearance->reference)
            puts(clearance->reference);
        return RC_OK;
    }

    enum rc rc = clearance_format(&answer, clearance, why);
    return rc ? rc : table_print_json(answer, why);
}

/* Whoever asks by this verb wants it verified, whatever the mode of the pinning file. */
COMMAND(cmd_verify)
{
    closing(requirement_done) struct requirement requirement = {0};
    closing(clearance_done) struct clearance clearance = {0};
    const struct options *options = session_options(session);

    (void)n;
    enum rc rc = read_options(&requirement, options, why);
    if (!rc)
        rc = clearance_ask(&clearance, session, arguments[0], &requirement, why);
    if (!rc)
        rc = print(&clearance, options_has(options, OPTION_JSON), why);
    return rc ? rc : clearance_check(&clearance, why);
}
