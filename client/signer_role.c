/* SPDX-License-Identifier: Apache-2.0 */
#include "client/signer_role.h"

#include "client/mending.h"
#include "proto/bounds.h"

enum rc
signer_role_add(struct session *session, struct repository *repository, const char *name,
    struct pubkey *const *keys, size_t n_keys, struct why *why)
{
    static const struct span all_paths[] = {{(const uint8_t *)"", 0}};
    closing(mending_done) struct mending mending = {0};
    char role[ROLE_MAX_BYTES + 1];

    if (snprintf(role, sizeof role, "targets/%s", name) >= (int)sizeof role)
        return fail(why, RC_TOO_LARGE, "a role name of more than %d bytes", ROLE_MAX_BYTES);

    struct edit edits[] = {
        {.kind = EDIT_DELEGATE, .name = span_of(role)},
        {.kind = EDIT_DELEGATE, .name = SPAN("targets/releases")},
    };
    for (size_t i = 0; i < N_ELEMENTS(edits); i++) {
        edits[i].keys = keys;
        edits[i].n_keys = n_keys;
        edits[i].paths = all_paths;
        edits[i].n_paths = 1;
    }

    const struct publish_role targets = {
        .role = "targets", .edits = edits, .n_edits = N_ELEMENTS(edits)};
    enum rc rc = mending_plan(&mending, session, repository, &targets, 1, why);
    return rc ? rc : mending_publish(&mending, session, repository, why);
}
