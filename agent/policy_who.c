/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_who.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>

#include "proto/bounds.h"

/* A group of a directory service can have many members, all of which the entry holds. */
#define ENTRY_MAX_BYTES (16 * 1024 * 1024)

static bool
find_uid(id_t *ret, const char *name)
{
    for (size_t room = 1024; room <= ENTRY_MAX_BYTES; room *= 4) {
        struct passwd entry, *found = NULL;
        closing(freep) char *text = malloc(room);
        if (!text)
            return false;

        int error = getpwnam_r(name, &entry, text, room, &found);
        if (found)
            *ret = entry.pw_uid;
        if (error != ERANGE)
            return found;
    }

    return false;
}

static bool
find_gid(id_t *ret, const char *name)
{
    for (size_t room = 1024; room <= ENTRY_MAX_BYTES; room *= 4) {
        struct group entry, *found = NULL;
        closing(freep) char *text = malloc(room);
        if (!text)
            return false;

        int error = getgrnam_r(name, &entry, text, room, &found);
        if (found)
            *ret = entry.gr_gid;
        if (error != ERANGE)
            return found;
    }

    return false;
}

static bool
is_overflow(enum policy_who_kind kind, id_t id)
{
    return id == (kind == POLICY_WHO_GROUP ? peer_overflow_gid() : peer_overflow_uid());
}

static void
resolve(struct policy_name *name)
{
    enum policy_who_kind kind = name->is_group ? POLICY_WHO_GROUP : POLICY_WHO_USER;
    bool is_known =
        name->is_group ? find_gid(&name->id, name->name) : find_uid(&name->id, name->name);

    name->is_resolved = is_known && !is_overflow(kind, name->id);
}

static enum rc
add(struct policy_name **ret, struct policy_who *who, enum policy_who_kind kind, const char *text,
    struct why *why)
{
    if (who->n_names >= POLICY_ENTRIES_MAX)
        return fail(
            why, RC_TOO_LARGE, "more than %d users and groups in one grant", POLICY_ENTRIES_MAX);

    struct policy_name *name =
        mem_grow(&who->names, who->n_names, sizeof *name, POLICY_ENTRIES_MAX);
    if (!name)
        return fail_memory(why);

    name->name = strdup(text);
    if (!name->name)
        return fail_memory(why);

    name->is_group = kind == POLICY_WHO_GROUP;
    who->n_names++;
    *ret = name;
    return RC_OK;
}

enum rc
policy_who_add_name(
    struct policy_who *who, enum policy_who_kind kind, const char *text, struct why *why)
{
    struct policy_name *name = NULL;

    enum rc rc = add(&name, who, kind, text, why);
    if (rc)
        return rc;

    resolve(name);
    return RC_OK;
}

enum rc
policy_who_add_id(struct policy_who *who, enum policy_who_kind kind, id_t id, struct why *why)
{
    struct policy_name *name = NULL;
    char text[16];

    if (is_overflow(kind, id))
        return fail(why, RC_DENIED,
            "%" PRIu32 " is the overflow ID, which the kernel shows for everybody it cannot map",
            id);

    snprintf(text, sizeof text, "%" PRIu32, id);
    enum rc rc = add(&name, who, kind, text, why);
    if (rc)
        return rc;

    name->id = id;
    name->is_resolved = true;
    return RC_OK;
}

void
policy_who_done(struct policy_who *who)
{
    for (size_t i = 0; i < who->n_names; i++)
        free(who->names[i].name);

    free(who->names);
    *who = (struct policy_who){0};
}

int
policy_who_compare(const struct policy_name *a, const struct policy_name *b)
{
    if (a->is_group != b->is_group)
        return a->is_group ? 1 : -1;

    return strcmp(a->name, b->name);
}

bool
policy_who_resolve(struct policy_who *who)
{
    bool is_new = false;

    for (size_t i = 0; i < who->n_names; i++) {
        struct policy_name *name = &who->names[i];
        if (name->is_resolved)
            continue;

        resolve(name);
        is_new = is_new || name->is_resolved;
    }

    return is_new;
}

bool
policy_who_has(const struct policy_who *who, const struct peer *peer)
{
    for (size_t i = 0; i < who->n_names; i++) {
        const struct policy_name *name = &who->names[i];
        if (!name->is_resolved)
            continue;

        if (name->is_group ? peer_is_in(peer, (gid_t)name->id) : peer->uid == (uid_t)name->id)
            return true;
    }

    return false;
}
