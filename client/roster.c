/* SPDX-License-Identifier: Apache-2.0 */
#include "client/roster.h"

struct roster {
    struct tuf_role *roles; /* their lists are ours, names and paths are borrowed */
    size_t n_roles;
    bool roles_null; /* while there are none */
    struct tuf_keys keys;
    struct bytes *escaped; /* paths that had to be escaped */
    size_t n_escaped;
};

void
roster_free(struct roster *roster)
{
    if (!roster)
        return;

    for (size_t i = 0; i < roster->n_roles; i++)
        tuf_role_done(&roster->roles[i]);
    for (size_t i = 0; i < roster->n_escaped; i++)
        bytes_done(&roster->escaped[i]);
    tuf_keys_done(&roster->keys);
    free(roster->roles);
    free(roster->escaped);
    free(roster);
}

/* List a key under id, sorted as "keys" is; again is fine. */
static enum rc
roster_list_key(struct roster *roster, const struct keyid *id, struct pubkey *key, struct why *why)
{
    struct tuf_keys *keys = &roster->keys;
    size_t at = 0;

    while (at < keys->n && strcmp(keys->ids[at].hex, id->hex) < 0)
        at++;
    if (at < keys->n && keyid_eq(&keys->ids[at], id))
        return RC_OK;

    if (keys->n >= KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", KEYS_MAX);

    if (!mem_grow(&keys->ids, keys->n, sizeof *keys->ids, KEYS_MAX) ||
        !mem_grow(&keys->keys, keys->n, sizeof *keys->keys, KEYS_MAX))
        return fail_memory(why);

    memmove(keys->ids + at + 1, keys->ids + at, (keys->n - at) * sizeof *keys->ids);
    memmove(keys->keys + at + 1, keys->keys + at, (keys->n - at) * sizeof *keys->keys);
    keys->ids[at] = *id;
    keys->keys[at] = pubkey_ref(key);
    keys->n++;
    return RC_OK;
}

static enum rc
role_put_keyid(struct tuf_role *role, const struct keyid *id, struct why *why)
{
    if (role->n_keyids >= KEYS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d keys", KEYS_MAX);

    struct keyid *place = mem_grow(&role->keyids, role->n_keyids, sizeof *role->keyids, KEYS_MAX);
    if (!place)
        return fail_memory(why);

    *place = *id;
    role->n_keyids++;
    role->keyids_null = false;
    return RC_OK;
}

static enum rc
role_put_path(struct tuf_role *role, struct span raw, struct why *why)
{
    for (size_t i = 0; i < role->n_paths; i++)
        if (span_eq(role->paths[i], raw))
            return RC_OK;

    if (role->n_paths >= PATHS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d paths", PATHS_MAX);

    struct span *place = mem_grow(&role->paths, role->n_paths, sizeof *role->paths, PATHS_MAX);
    if (!place)
        return fail_memory(why);

    *place = raw;
    role->n_paths++;
    role->has_paths = true; /* "paths":[] does not survive notary-server: none means no member */
    return RC_OK;
}

/* A role that is not there yet, empty; *ret is borrowed until the next one. */
static enum rc
roster_add_role(struct tuf_role **ret, struct roster *roster, struct span name, struct why *why)
{
    if (roster->n_roles >= DELEGATIONS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d delegations", DELEGATIONS_MAX);

    struct tuf_role *role =
        mem_grow(&roster->roles, roster->n_roles, sizeof *role, DELEGATIONS_MAX);
    if (!role)
        return fail_memory(why);

    *role = (struct tuf_role){.name = name, .threshold = 1};
    roster->n_roles++;
    *ret = role;
    return RC_OK;
}

static struct tuf_role *
roster_find(const struct roster *roster, struct span name)
{
    for (size_t i = 0; i < roster->n_roles; i++)
        if (span_eq(roster->roles[i].name, name))
            return &roster->roles[i];

    return NULL;
}

/* Make role say what from says, with those of its keys that are known. */
static enum rc
roster_copy_role(struct roster *roster, struct tuf_role *role, const struct tuf_role *from,
    const struct tuf_keys *keys, struct why *why)
{
    enum rc rc = RC_OK;

    tuf_role_done(role);
    *role = (struct tuf_role){
        .name = from->name, .keyids_null = from->keyids_null, .threshold = from->threshold};

    for (size_t i = 0; !rc && i < from->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(keys, &from->keyids[i]);
        if (key)
            rc = roster_list_key(roster, &from->keyids[i], key, why);
        if (!rc)
            rc = role_put_keyid(role, &from->keyids[i], why);
    }

    for (size_t i = 0; !rc && i < from->n_paths; i++)
        rc = role_put_path(role, from->paths[i], why);

    return rc;
}

enum rc
roster_new(struct roster **ret, const struct tuf_targets *base, struct why *why)
{
    closing(roster_freep) struct roster *roster = calloc(1, sizeof *roster);
    if (!roster)
        return fail_memory(why);

    for (size_t i = 0; base && i < base->n_roles; i++) {
        struct tuf_role *role = NULL;
        enum rc rc = roster_add_role(&role, roster, base->roles[i].name, why);
        if (!rc)
            rc = roster_copy_role(roster, role, &base->roles[i], &base->keys, why);
        if (rc)
            return rc;
    }

    roster->roles_null = base && base->roles_null;
    *ret = steal(roster);
    return RC_OK;
}

/* The raw form of a path; what has to be escaped is kept in the roster. */
static enum rc
roster_raw(struct span *ret, struct roster *roster, struct span path, struct why *why)
{
    if (path.len == 0 || (!memchr(path.p, '"', path.len) && !memchr(path.p, '\\', path.len))) {
        *ret = path;
        return RC_OK;
    }

    struct bytes *quoted = mem_grow(&roster->escaped, roster->n_escaped, sizeof *quoted, SIZE_MAX);
    if (!quoted)
        return fail_memory(why);

    *quoted = BYTES_INIT(DOCUMENT_MAX_BYTES);
    roster->n_escaped++;
    canon_put_string(quoted, path);
    enum rc rc = bytes_check(quoted, why);
    if (rc)
        return rc;

    *ret = (struct span){quoted->p + 1, quoted->len - 2};
    return RC_OK;
}

static enum rc
roster_put_paths(
    struct roster *roster, struct tuf_role *role, const struct edit *edit, struct why *why)
{
    for (size_t i = 0; i < edit->n_paths; i++) {
        struct span raw = {0};
        enum rc rc = roster_raw(&raw, roster, edit->paths[i], why);
        if (!rc)
            rc = role_put_path(role, raw, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

/* The key, as itself or in another form, may sign for the role already. */
static bool
roster_lists(const struct roster *roster, const struct tuf_role *role, const struct pubkey *key)
{
    for (size_t i = 0; i < role->n_keyids; i++) {
        struct pubkey *listed = tuf_keys_find(&roster->keys, &role->keyids[i]);
        if (keyid_eq(&role->keyids[i], pubkey_id(key)) ||
            (listed && keyid_eq(pubkey_canonical_id(listed), pubkey_canonical_id(key))))
            return true;
    }

    return false;
}

/* The role must be there. */
static enum rc
roster_need(struct tuf_role **ret, const struct roster *roster, struct span name, struct why *why)
{
    *ret = roster_find(roster, name);
    return *ret ? RC_OK
                : fail(why, RC_NOT_FOUND, "there is no delegation '%.*s'", (int)name.len,
                      (const char *)name.p);
}

static enum rc
roster_delegate(struct roster *roster, const struct edit *edit, struct why *why)
{
    struct tuf_role *role = roster_find(roster, edit->name);
    enum rc rc = RC_OK;

    if (edit->needs_role)
        rc = roster_need(&role, roster, edit->name, why);
    else if (!role)
        rc = roster_add_role(&role, roster, edit->name, why);

    for (size_t i = 0; !rc && i < edit->n_keys; i++) {
        struct pubkey *key = edit->keys[i];
        if (roster_lists(roster, role, key))
            continue;

        rc = roster_list_key(roster, pubkey_id(key), key, why);
        if (!rc)
            rc = role_put_keyid(role, pubkey_id(key), why);
    }

    if (!rc && edit->threshold > 0)
        role->threshold = edit->threshold;
    return rc ? rc : roster_put_paths(roster, role, edit, why);
}

static enum rc
roster_set_paths(struct roster *roster, const struct edit *edit, struct why *why)
{
    struct tuf_role *role = NULL;

    enum rc rc = roster_need(&role, roster, edit->name, why);
    if (rc)
        return rc;

    role->n_paths = 0;
    role->has_paths = false;
    return roster_put_paths(roster, role, edit, why);
}

static enum rc
roster_set_threshold(const struct roster *roster, const struct edit *edit, struct why *why)
{
    struct tuf_role *role = NULL;

    enum rc rc = roster_need(&role, roster, edit->name, why);
    if (!rc)
        role->threshold = edit->threshold;
    return rc;
}

static bool
edit_takes_path(const struct edit *edit, struct span raw)
{
    closing(bytes_done) struct bytes path = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&path, raw);
    for (size_t i = 0; i < edit->n_paths; i++)
        if (!path.failed && span_eq(edit->paths[i], bytes_span(&path)))
            return true;

    return false;
}

static void
role_remove_paths(struct tuf_role *role, const struct edit *edit)
{
    size_t n = 0;

    for (size_t i = 0; i < role->n_paths; i++)
        if (!edit_takes_path(edit, role->paths[i]))
            role->paths[n++] = role->paths[i];
    role->n_paths = n;
    role->has_paths = n > 0;
}

static void
roster_remove_keys(const struct roster *roster, struct tuf_role *role, const struct edit *edit)
{
    size_t n = 0;

    for (size_t i = 0; i < role->n_keyids; i++) {
        const struct keyid *id = &role->keyids[i];
        if (!edit_takes_key(edit, id, tuf_keys_find(&roster->keys, id)))
            role->keyids[n++] = *id;
    }
    role->keyids_null = role->keyids_null || (n == 0 && role->n_keyids > 0);
    role->n_keyids = n;
}

static void
roster_remove_role(struct roster *roster, struct tuf_role *role)
{
    size_t at = (size_t)(role - roster->roles);

    tuf_role_done(role);
    roster->n_roles--;
    memmove(role, role + 1, (roster->n_roles - at) * sizeof *role);
    roster->roles_null = roster->n_roles == 0;
}

static enum rc
roster_replay(struct roster *roster, const struct edit *edit, struct why *why)
{
    const struct change *change = edit->change;
    struct tuf_role *role = roster_find(roster, change->name);

    if (!change->role_is) {
        if (role)
            roster_remove_role(roster, role);
        return RC_OK;
    }

    enum rc rc = role ? RC_OK : roster_add_role(&role, roster, change->name, why);
    return rc ? rc : roster_copy_role(roster, role, change->role_is, edit->change_keys, why);
}

/* What takes something away, where it is. */
static void
roster_remove(struct roster *roster, const struct edit *edit)
{
    struct tuf_role *role = roster_find(roster, edit->name);

    if (edit->kind == EDIT_PURGE_KEYS)
        for (size_t i = 0; i < roster->n_roles; i++)
            roster_remove_keys(roster, &roster->roles[i], edit);
    else if (role && edit->kind == EDIT_REMOVE_ROLE)
        roster_remove_role(roster, role);
    else if (role && edit->kind == EDIT_REMOVE_KEYS)
        roster_remove_keys(roster, role, edit);
    else if (role)
        role_remove_paths(role, edit);
}

enum rc
roster_apply(struct roster *roster, const struct edit *edit, struct why *why)
{
    switch (edit->kind) {
    case EDIT_DELEGATE:
        return roster_delegate(roster, edit, why);
    case EDIT_SET_PATHS:
        return roster_set_paths(roster, edit, why);
    case EDIT_SET_THRESHOLD:
        return roster_set_threshold(roster, edit, why);
    case EDIT_REMOVE_PATHS:
    case EDIT_REMOVE_KEYS:
    case EDIT_REMOVE_ROLE:
    case EDIT_PURGE_KEYS:
        roster_remove(roster, edit);
        return RC_OK;
    case EDIT_REPLAY:
        return roster_replay(roster, edit, why);
    case EDIT_SET_TARGET:
    case EDIT_REMOVE_TARGET:
    case EDIT_KEEP_TARGETS:
    case EDIT_KIND_MAX_:
        break;
    }

    return RC_OK;
}

static bool
roster_uses(const struct roster *roster, const struct keyid *id)
{
    for (size_t i = 0; i < roster->n_roles; i++)
        for (size_t k = 0; k < roster->roles[i].n_keyids; k++)
            if (keyid_eq(&roster->roles[i].keyids[k], id))
                return true;

    return false;
}

enum rc
roster_format(struct bytes *b, const struct roster *roster, struct why *why)
{
    bool is_first = true;

    bytes_puts(b, "{\"keys\":{");
    for (size_t i = 0; i < roster->keys.n; i++) {
        if (!roster_uses(roster, &roster->keys.ids[i]))
            continue;

        bytes_printf(b, "%s\"%s\":", is_first ? "" : ",", roster->keys.ids[i].hex);
        pubkey_format(b, roster->keys.keys[i]);
        is_first = false;
    }

    bool is_null = roster->n_roles == 0 && roster->roles_null;
    bytes_puts(b, is_null ? "},\"roles\":null}" : "},\"roles\":[");
    for (size_t i = 0; i < roster->n_roles; i++) {
        bytes_puts(b, i == 0 ? "" : ",");
        tuf_role_format(b, &roster->roles[i]);
    }

    bytes_puts(b, is_null ? "" : "]}");
    return bytes_check(b, why);
}
