/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/command.h"
#include "client/keyid_arg.h"
#include "client/mending.h"
#include "proto/bounds.h"

struct purge {
    struct session *session;
    struct repository *repository;
    struct keyid_args keys;
    struct edit edit;
    struct publish_role *roles; /* their names are borrowed from those below */
    size_t n_roles;
    char **names;
    size_t n_names;
    struct bytes left; /* documents in which a key stays, and why: "targets/a (…), root (…)" */
};

static void
purge_done(struct purge *p)
{
    for (size_t i = 0; i < p->n_names; i++)
        free(p->names[i]);
    free(p->names);
    free(p->roles);
    bytes_done(&p->left);
}

static bool
lists(const struct purge *p, const struct tuf_role *role, const struct tuf_keys *keys)
{
    for (size_t i = 0; i < role->n_keyids; i++)
        if (edit_takes_key(&p->edit, &role->keyids[i], tuf_keys_find(keys, &role->keyids[i])))
            return true;

    return false;
}

static void
leave(struct purge *p, const char *document, const char *reason)
{
    bytes_printf(&p->left, "%s%s (%s)", p->left.len > 0 ? ", " : "", document, reason);
}

/* The document of a role, where some role that it lists has one of the keys. */
static enum rc
add_document(struct purge *p, const struct trust_role *role, struct why *why)
{
    bool is_listed = false, can = false;

    for (size_t i = 0; role->document && i < role->document->n_roles; i++)
        is_listed = is_listed || lists(p, &role->document->roles[i], &role->document->keys);
    if (!is_listed)
        return RC_OK;

    enum rc rc = mending_can_sign(
        &can, p->session, p->repository, role->name, role->listed, role->listed_keys, why);
    if (rc)
        return rc;
    if (!can) {
        leave(p, role->name, "the agent gives you too few of its keys");
        return RC_OK;
    }

    char **name = mem_grow(&p->names, p->n_names, sizeof *name, SNAPSHOT_FILES_MAX);
    struct publish_role *place = mem_grow(&p->roles, p->n_roles, sizeof *place, SNAPSHOT_FILES_MAX);
    if (name)
        *name = strdup(role->name);
    if (!name || !*name || !place)
        return fail_memory(why);

    p->n_names++;
    *place = (struct publish_role){.role = *name, .edits = &p->edit, .n_edits = 1};
    p->n_roles++;
    return RC_OK;
}

/* No delegation, and so another verb's. */
static void
look_at_root(struct purge *p)
{
    const struct tuf_root *root = trust_root(p->repository->trust);

    for (size_t i = 0; i < RANK_DELEGATION; i++)
        if (lists(p, &root->roles[i], &root->keys)) {
            closing(freep) char *reason = NULL;
            if (asprintf(&reason, "as a key of role %.*s: see 'countersign key rotate'",
                    (int)root->roles[i].name.len, (const char *)root->roles[i].name.p) > 0)
                leave(p, "root", reason);
        }
}

static enum rc
conclude(struct purge *p, struct why *why)
{
    enum rc rc = bytes_check(&p->left, why);
    if (rc)
        return rc;

    if (p->left.len > 0)
        return fail(why, RC_DENIED, "'%s': %s stays in %s%s", p->repository->name,
            p->keys.n == 1 ? "the key" : "a key", bytes_text(&p->left),
            p->n_roles == 0 ? "; nothing was changed" : "");

    return p->n_roles > 0
               ? RC_OK
               : fail(why, RC_NOT_FOUND, "'%s': no delegation lists %s", p->repository->name,
                     p->keys.n == 1 ? p->keys.ids[0].hex : "any of these keys");
}

COMMAND(cmd_delegation_purge)
{
    const struct options *options = session_options(session);
    closing(purge_done) struct purge p = {
        .session = session, .left = BYTES_INIT(FRAME_SMALL_MAX_BYTES)};
    closing(mending_done) struct mending mending = {0};

    (void)n;
    if (options->n_keys == 0)
        return fail(why, RC_USAGE, "--key is missing: a key ID, a PEM file, or agent:NAME");

    enum rc rc = keyid_args_read(&p.keys, session, options->keys, options->n_keys, why);
    if (!rc)
        rc = session_repository(&p.repository, session, arguments[0], why);
    if (!rc)
        rc = session_update_existing(session, p.repository, why);
    if (rc)
        return rc;

    p.edit = (struct edit){.kind = EDIT_PURGE_KEYS, .ids = p.keys.ids, .n_ids = p.keys.n};
    for (size_t i = 0; !rc && i < trust_n_roles(p.repository->trust); i++)
        rc = add_document(&p, trust_role_at(p.repository->trust, i), why);
    if (rc)
        return rc;

    look_at_root(&p);
    if (p.n_roles > 0)
        rc = mending_plan(&mending, session, p.repository, p.roles, p.n_roles, why);
    if (!rc && p.n_roles > 0)
        rc = mending_publish(&mending, session, p.repository, why);
    return rc ? rc : conclude(&p, why);
}
