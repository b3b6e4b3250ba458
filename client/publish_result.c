/* SPDX-License-Identifier: Apache-2.0 */
#include "client/publish_result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void
publish_result_done(struct publish_result *result)
{
    for (size_t i = 0; i < result->n_roles; i++) {
        free(result->roles[i].role);
        free(result->roles[i].signed_by);
        free(result->roles[i].left_out);
        free(result->roles[i].missing);
    }
    free(result->roles);
    *result = (struct publish_result){0};
}

enum rc
publish_result_add(struct publish_result *result, const char *role, int64_t version,
    const char *signed_by, const char *left_out)
{
    struct published *place = &result->roles[result->n_roles++];

    place->version = version;
    place->role = strdup(role);
    place->signed_by = strdup(version > 0 ? signed_by : "");
    place->left_out = version > 0 && *left_out ? strdup(left_out) : NULL;
    return place->role && place->signed_by ? RC_OK : RC_NO_MEMORY;
}

enum rc
publish_result_miss(struct publish_result *result, const char *missing)
{
    struct published *last = &result->roles[result->n_roles - 1];

    last->missing = *missing ? strdup(missing) : NULL;
    return *missing && !last->missing ? RC_NO_MEMORY : RC_OK;
}

void
publish_result_put_lines(
    struct bytes *b, const struct publish_result *result, const struct progress *progress)
{
    for (size_t i = 0; i < result->n_roles; i++) {
        const struct published *role = &result->roles[i];
        if (role->version == 0)
            bytes_printf(b, "%s: nothing to publish: it is so already\n", role->role);
        else if (*role->signed_by)
            bytes_printf(b, "%s: version %" PRId64 ", signed by %s%s%s\n", role->role,
                role->version, role->signed_by, role->missing ? "; wanted: " : "",
                role->missing ? role->missing : "");
        else /* by an earlier run */
            bytes_printf(b, "%s: version %" PRId64 "\n", role->role, role->version);
        if (role->left_out)
            progress_note(progress, "%s: left out: %s", role->role, role->left_out);
    }
}
