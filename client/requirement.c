/* SPDX-License-Identifier: Apache-2.0 */
#include "client/requirement.h"

#include <stdio.h>

#include "client/file.h"
#include "client/released.h"
#include "proto/bounds.h"
#include "proto/role.h"

static const struct {
    const char *id, *text;
} doubts[DOUBT_MAX_] = {
    [DOUBT_NONE] = {"none", "no doubt"},
    [DOUBT_NOT_SIGNED] = {"not-signed", "not signed"},
    [DOUBT_OTHER_SIGNERS] = {"other-signers", "signed by others only"},
    [DOUBT_OTHER_DIGEST] = {"other-digest", "signed with another digest"},
    [DOUBT_EXPIRED] = {"expired", "expired"},
    [DOUBT_ROLLED_BACK] = {"rolled-back", "rolled back"},
    [DOUBT_UNTRUSTED_ROOT] = {"untrusted-root", "untrusted root"},
    [DOUBT_NOT_VERIFIED] = {"not-verified", "does not verify"},
    [DOUBT_UNREACHABLE] = {"unreachable", "trust data cannot be had"},
};

const char *
doubt_id(enum doubt doubt)
{
    return doubts[doubt].id;
}

const char *
doubt_text(enum doubt doubt)
{
    return doubts[doubt].text;
}

enum doubt
doubt_of_cause(enum trust_cause cause)
{
    switch (cause) {
    case TRUST_CAUSE_ABSENT:
        return DOUBT_NOT_SIGNED;
    case TRUST_CAUSE_EXPIRED:
        return DOUBT_EXPIRED;
    case TRUST_CAUSE_ROLLBACK:
        return DOUBT_ROLLED_BACK;
    case TRUST_CAUSE_ROOT:
        return DOUBT_UNTRUSTED_ROOT;
    case TRUST_CAUSE_OTHER:
        break;
    }
    return DOUBT_NOT_VERIFIED;
}

static void
roles_done(struct requirement_roles *roles)
{
    for (size_t i = 0; i < roles->n; i++)
        free(roles->names[i]);
    free(roles->names);
    *roles = (struct requirement_roles){0};
}

void
requirement_done(struct requirement *requirement)
{
    roles_done(&requirement->all);
    for (size_t i = 0; i < requirement->n_any; i++)
        roles_done(&requirement->any[i]);
    free(requirement->any);
    for (size_t i = 0; i < requirement->n_keys; i++) {
        pubkey_unref(requirement->keys[i].key);
        free(requirement->keys[i].name);
    }
    free(requirement->keys);
    *requirement = (struct requirement){0};
}

void
finding_done(struct finding *finding)
{
    free(finding->tag);
    free(finding->holders);
    *finding = (struct finding){0};
}

static enum rc
fail_room(size_t n, const char *what, struct why *why)
{
    return n < PINNING_ROLES_MAX
               ? fail_memory(why)
               : fail(why, RC_TOO_LARGE, "more than %d %s are required", PINNING_ROLES_MAX, what);
}

static enum rc
add_role(struct requirement_roles *roles, const char *role, struct why *why)
{
    closing(freep) char *name = NULL;
    const char *prefix = !strcmp(role, "targets") || !strncmp(role, "targets/", strlen("targets/"))
                             ? ""
                             : "targets/";

    if (asprintf(&name, "%s%s", prefix, role) < 0) {
        name = NULL;
        return fail_memory(why);
    }
    if (role_rank(span_of(name)) != RANK_TARGETS && role_rank(span_of(name)) != RANK_DELEGATION)
        return fail(why, RC_MALFORMED, "'%s' is no role: want targets/NAME, or NAME", role);

    char **entry = mem_grow(&roles->names, roles->n, sizeof *entry, PINNING_ROLES_MAX);
    if (!entry)
        return fail_room(roles->n, "roles", why);

    *entry = steal(name);
    roles->n++;
    return RC_OK;
}

enum rc
requirement_add_role(struct requirement *requirement, const char *role, struct why *why)
{
    return add_role(&requirement->all, role, why);
}

enum rc
requirement_begin_any(struct requirement *requirement, struct why *why)
{
    if (!mem_grow(
            &requirement->any, requirement->n_any, sizeof *requirement->any, PINNING_ROLES_MAX))
        return fail_room(requirement->n_any, "lists of roles", why);

    requirement->n_any++;
    return RC_OK;
}

enum rc
requirement_add_any(struct requirement *requirement, const char *role, struct why *why)
{
    return add_role(&requirement->any[requirement->n_any - 1], role, why);
}

enum rc
requirement_add_key(
    struct requirement *requirement, struct pubkey *key, const char *name, struct why *why)
{
    closing(freep) char *copy = strdup(name);
    struct requirement_key *entry =
        copy ? mem_grow(&requirement->keys, requirement->n_keys, sizeof *entry, PINNING_ROLES_MAX)
             : NULL;

    if (!entry)
        return fail_room(requirement->n_keys, "keys", why);

    *entry = (struct requirement_key){pubkey_ref(key), steal(copy)};
    requirement->n_keys++;
    return RC_OK;
}

enum rc
requirement_add_file(struct requirement *requirement, const char *path, struct why *why)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(pubkey_unrefp) struct pubkey *key = NULL;

    enum rc rc = file_load(&text, path, why);
    if (rc)
        return rc;

    rc = pubkey_from_pem(&key, bytes_span(&text), why);
    return rc ? within(why, rc, "'%s'", path) : requirement_add_key(requirement, key, path, why);
}
