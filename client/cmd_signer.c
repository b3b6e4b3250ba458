/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/creation.h"
#include "client/pubkey_arg.h"
#include "client/signer_name.h"
#include "client/signer_role.h"

/* In docker's words, like all that this verb says. */
static enum rc
make_repository(struct session *session, struct repository *repository, struct why *why)
{
    printf("Initializing signed repository for %s...\n", repository->name);
    enum rc rc = creation_run(session, repository, why);
    if (!rc)
        printf("Successfully initialized \"%s\"\n", repository->name);
    return rc;
}

static enum rc
add_signer(struct session *session, const char *name, const char *gun,
    const struct pubkey_args *keys, struct why *why)
{
    struct repository *repository = NULL;

    enum rc rc = session_repository(&repository, session, gun, why);
    if (!rc)
        rc = session_update(session, repository, why);
    if (rc == RC_NOT_FOUND && options_has(session_options(session), OPTION_OUT))
        return fail(
            why, rc, "%s; 'countersign init' makes it, and then --out is of use", why->text);
    if (rc == RC_NOT_FOUND)
        rc = make_repository(session, repository, why);
    return rc ? rc : signer_role_add(session, repository, name, keys->keys, keys->n, why);
}

COMMAND(cmd_signer_add)
{
    const struct options *options = session_options(session);
    closing(pubkey_args_done) struct pubkey_args keys = {0};

    enum rc rc = signer_name_check(arguments[0], "signer", why);
    if (!rc && options->n_keys == 0)
        rc = fail(why, RC_MALFORMED, "--key is missing: the signer's PEM file, or agent:NAME");
    if (!rc)
        rc = session_check_out(session, n - 1, why);
    if (!rc)
        rc = pubkey_args_read(&keys, session, options->keys, options->n_keys, why);

    for (size_t i = 1; !rc && i < n; i++) {
        printf("Adding signer \"%s\" to %s...\n", arguments[0], arguments[i]);
        rc = add_signer(session, arguments[0], arguments[i], &keys, why);
        if (rc)
            return within(why, rc, "signer '%s' in '%s'", arguments[0], arguments[i]);

        if (!options_has(options, OPTION_OUT))
            printf("Successfully added signer: %s to %s\n\n", arguments[0], arguments[i]);
    }
    return rc;
}
