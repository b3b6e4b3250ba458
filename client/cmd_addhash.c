/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"
#include "client/selection.h"
#include "proto/bounds.h"

static enum rc
read_hashes(struct tuf_hashes *ret, const struct options *options, struct why *why)
{
    const char *sha256 = options->values[OPTION_SHA256], *sha512 = options->values[OPTION_SHA512];

    if (!sha256)
        return fail(why, RC_MALFORMED, "--sha256 HEX is missing: consumers want that digest");

    enum rc rc = hex_parse(ret->sha256.b, sizeof ret->sha256.b, span_of(sha256), why);
    if (rc)
        return within(why, rc, "--sha256");

    ret->has_sha256 = true;
    if (!sha512)
        return RC_OK;

    rc = hex_parse(ret->sha512, sizeof ret->sha512, span_of(sha512), why);
    if (rc)
        return within(why, rc, "--sha512");

    ret->has_sha512 = true;
    return RC_OK;
}

/* The same edit in each of the roles that were named. */
static enum rc
publish_edit(struct session *session, const char *name, const struct edit *edit, struct why *why)
{
    closing(selection_done) struct selection selection = {0};
    struct repository *repository = NULL;

    enum rc rc = edit_check(edit, why);
    if (!rc)
        rc = session_repository(&repository, session, name, why);
    if (!rc)
        rc = session_update_existing(session, repository, why);
    if (!rc)
        rc = selection_as_named(&selection, session, repository, why);
    if (rc)
        return rc;

    closing(freep) struct publish_role *roles = calloc(selection.n_roles, sizeof *roles);
    if (!roles)
        return fail_memory(why);

    for (size_t i = 0; i < selection.n_roles; i++)
        roles[i] = (struct publish_role){.role = selection.roles[i], .edits = edit, .n_edits = 1};
    return session_publish(session, repository, roles, selection.n_roles, why);
}

COMMAND(cmd_addhash)
{
    struct edit edit = {.kind = EDIT_SET_TARGET, .name = span_of(arguments[1])};

    (void)n;
    enum rc rc = integer_parse(&edit.length, span_of(arguments[2]), 0, INTEGER_MAX, why);
    if (rc)
        return within(why, rc, "size '%s'", arguments[2]);

    rc = read_hashes(&edit.hashes, session_options(session), why);
    return rc ? rc : publish_edit(session, arguments[0], &edit, why);
}

COMMAND(cmd_remove)
{
    struct edit edit = {.kind = EDIT_REMOVE_TARGET, .name = span_of(arguments[1])};

    (void)n;
    return publish_edit(session, arguments[0], &edit, why);
}
