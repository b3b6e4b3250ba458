/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_crowd.h"

#include <grp.h>
#include <pwd.h>

#include "proto/bounds.h"

void
policy_crowd_done(struct policy_crowd *crowd)
{
    free(crowd->uids);
    *crowd = (struct policy_crowd){0};
}

static enum rc
add(struct policy_crowd *crowd, uid_t uid)
{
    if (uid == 0 || uid == peer_overflow_uid())
        return RC_OK;

    uid_t *place = mem_grow(&crowd->uids, crowd->n, sizeof *place, PEER_GROUPS_MAX);
    if (!place)
        return RC_NO_MEMORY;

    *place = uid;
    crowd->n++;
    return RC_OK;
}

/* Those whom the group lists, and those whose primary group it is. */
static enum rc
add_group(struct policy_crowd *crowd, gid_t gid)
{
    const struct group *group = getgrgid(gid);
    const struct passwd *user;
    enum rc rc = RC_OK;

    for (char **member = group ? group->gr_mem : NULL; !rc && member && *member; member++)
        if ((user = getpwnam(*member)))
            rc = add(crowd, user->pw_uid);

    setpwent();
    while (!rc && (user = getpwent()))
        if (user->pw_gid == gid)
            rc = add(crowd, user->pw_uid);
    endpwent();
    return rc;
}

static int
compare(const void *a, const void *b)
{
    uid_t one = *(const uid_t *)a, other = *(const uid_t *)b;

    return (one > other) - (one < other);
}

enum rc
policy_crowd_of(struct policy_crowd *ret, const struct policy_who *who)
{
    closing(policy_crowd_done) struct policy_crowd crowd = {0};
    enum rc rc = RC_OK;
    size_t n = 0;

    for (size_t i = 0; !rc && i < who->n_names; i++) {
        const struct policy_name *name = &who->names[i];
        if (name->is_resolved)
            rc = name->is_group ? add_group(&crowd, name->id) : add(&crowd, name->id);
    }
    if (rc)
        return rc;

    if (crowd.n > 1)
        qsort(crowd.uids, crowd.n, sizeof *crowd.uids, compare);
    for (size_t i = 0; i < crowd.n; i++)
        if (i == 0 || crowd.uids[i - 1] != crowd.uids[i])
            crowd.uids[n++] = crowd.uids[i];

    *ret = crowd;
    ret->n = n;
    crowd = (struct policy_crowd){0};
    return RC_OK;
}

bool
policy_crowd_has(const struct policy_crowd *crowd, uid_t uid)
{
    return crowd->n > 0 && bsearch(&uid, crowd->uids, crowd->n, sizeof uid, compare);
}
