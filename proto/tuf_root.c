/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_root.h"

#include <inttypes.h>

#include "proto/utc.h"

/* In the order in which a canonical document has them. */
static const struct {
    enum rank rank;
    const char *name;
} base_roles[RANK_DELEGATION] = {
    {RANK_ROOT, "root"},
    {RANK_SNAPSHOT, "snapshot"},
    {RANK_TARGETS, "targets"},
    {RANK_TIMESTAMP, "timestamp"},
};

static enum rc
consistent_snapshot_scan(struct tuf_root *root, struct canon *c, struct why *why)
{
    enum canon_kind value;

    enum rc rc = canon_expect(c, "consistent_snapshot", why);
    if (!rc)
        rc = canon_literal(c, &value, why);
    if (rc)
        return rc;

    if (value == CANON_NULL)
        return fail(why, RC_MALFORMED, "consistent_snapshot is null");

    root->consistent_snapshot = value == CANON_TRUE;
    return RC_OK;
}

static enum rc
roles_scan(struct tuf_root *root, struct canon *c, struct why *why)
{
    enum rc rc = canon_expect(c, "roles", why);
    if (!rc)
        rc = canon_object(c, why);
    if (rc)
        return rc;

    for (size_t i = 0; i < N_ELEMENTS(base_roles); i++) {
        struct tuf_role *role = &root->roles[base_roles[i].rank];
        rc = canon_expect(c, base_roles[i].name, why);
        if (!rc)
            rc = tuf_role_scan_base(role, c, span_of(base_roles[i].name), why);
        if (rc)
            return within(why, rc, "roles.%s", base_roles[i].name);
    }

    return canon_close(c, why);
}

enum rc
tuf_root_parse(struct tuf_root **ret, struct span message, struct why *why)
{
    struct canon c;

    closing(tuf_root_freep) struct tuf_root *root = calloc(1, sizeof *root);
    if (!root)
        return fail_memory(why);

    enum rc rc = tuf_type_scan(&c, message, "Root", why);
    if (!rc)
        rc = consistent_snapshot_scan(root, &c, why);
    if (!rc)
        rc = tuf_expires_scan(&root->expires_at, &c, why);
    if (!rc)
        rc = canon_expect(&c, "keys", why);
    if (!rc)
        rc = tuf_keys_scan(&root->keys, &c, why);
    if (!rc)
        rc = roles_scan(root, &c, why);
    if (!rc)
        rc = tuf_version_scan(&root->version, &c, why);
    if (rc)
        return rc;

    *ret = steal(root);
    return RC_OK;
}

void
tuf_root_free(struct tuf_root *root)
{
    if (!root)
        return;

    tuf_keys_done(&root->keys);
    for (size_t i = 0; i < N_ELEMENTS(root->roles); i++)
        tuf_role_done(&root->roles[i]);
    free(root);
}

enum tuf_flaw
tuf_root_check(const struct tuf_root *root, struct why *why)
{
    for (size_t i = 0; i < N_ELEMENTS(root->roles); i++) {
        enum tuf_flaw flaw = tuf_role_check(&root->roles[i], &root->keys, why);
        if (flaw)
            return flaw;
    }

    return TUF_SOUND;
}

void
tuf_root_format(struct bytes *b, const struct tuf_root *root)
{
    bytes_printf(b, "{\"_type\":\"Root\",\"consistent_snapshot\":%s,\"expires\":\"",
        root->consistent_snapshot ? "true" : "false");
    utc_format(b, root->expires_at);
    bytes_puts(b, "\",\"keys\":");
    tuf_keys_format(b, &root->keys);
    bytes_puts(b, ",\"roles\":{");
    for (size_t i = 0; i < N_ELEMENTS(base_roles); i++) {
        bytes_printf(b, "%s\"%s\":", i == 0 ? "" : ",", base_roles[i].name);
        tuf_role_format_base(b, &root->roles[base_roles[i].rank]);
    }
    bytes_printf(b, "},\"version\":%" PRId64 "}", root->version);
}
