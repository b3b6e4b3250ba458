/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/floors.h"

#include <inttypes.h>

#include "proto/role.h"

struct floor {
    char *role;
    int64_t version;
};

void
floors_done(struct floors *floors)
{
    for (size_t i = 0; i < floors->n; i++)
        free(floors->list[i].role);
    free(floors->list);
    *floors = (struct floors){0};
}

static struct floor *
find_floor(const struct floors *floors, struct span role)
{
    for (size_t i = 0; i < floors->n; i++)
        if (span_is(role, floors->list[i].role))
            return &floors->list[i];

    return NULL;
}

enum rc
floors_raise(struct floors *floors, struct span role, int64_t version, struct why *why)
{
    if (role_rank(role) == RANK_MAX_)
        return fail(why, RC_MALFORMED, "'%.*s' is no role", (int)role.len, (const char *)role.p);

    struct floor *floor = find_floor(floors, role);
    if (floor) {
        floor->version = floor->version > version ? floor->version : version;
        return RC_OK;
    }

    if (floors->n == SNAPSHOT_FILES_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d roles", SNAPSHOT_FILES_MAX);

    floor = mem_grow((void **)&floors->list, floors->n, sizeof *floor, SNAPSHOT_FILES_MAX);
    if (!floor)
        return fail_memory(why);

    floor->role = span_dup(role);
    if (!floor->role)
        return fail_memory(why);

    floor->version = version;
    floors->n++;
    return RC_OK;
}

enum rc
floors_check(const struct floors *floors, struct span role, int64_t version, struct why *why)
{
    const struct floor *floor = find_floor(floors, role);

    if (floor && version < floor->version)
        return fail(why, RC_UNTRUSTED, "version is %" PRId64 ", %" PRId64 " was seen before",
            version, floor->version);

    return RC_OK;
}
