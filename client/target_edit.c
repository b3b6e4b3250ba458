/* SPDX-License-Identifier: Apache-2.0 */
#include "client/target_edit.h"

#include "client/custom.h"
#include "client/file.h"
#include "client/selection.h"

enum rc
target_edit_custom(struct bytes *ret, const struct session *session, struct why *why)
{
    closing(bytes_done) struct bytes json = BYTES_INIT(CUSTOM_MAX_BYTES);
    const char *path = session_options(session)->values[OPTION_CUSTOM];

    if (!path)
        return RC_OK;

    enum rc rc = file_load(&json, path, why);
    if (rc)
        return within(why, rc, "--custom");

    rc = custom_canonical(ret, bytes_span(&json), why);
    return rc ? within(why, rc, "'%s'", path) : RC_OK;
}

enum rc
target_edit_publish(
    struct session *session, const char *name, const struct edit *edit, struct why *why)
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
    if (!rc && edit->kind == EDIT_SET_TARGET)
        rc = selection_check_paths(&selection, repository, edit->name, why);
    if (rc)
        return rc;

    closing(freep) struct publish_role *roles = calloc(selection.n_roles, sizeof *roles);
    if (!roles)
        return fail_memory(why);

    for (size_t i = 0; i < selection.n_roles; i++)
        roles[i] = (struct publish_role){.role = selection.roles[i], .edits = edit, .n_edits = 1};
    return session_publish(session, repository, roles, selection.n_roles, why);
}
