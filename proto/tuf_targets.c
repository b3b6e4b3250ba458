/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/tuf_targets.h"

#include "proto/role.h"

static enum rc
role_add(struct tuf_targets *targets, struct canon *c, struct why *why)
{
    if (targets->n_roles == DELEGATIONS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d delegations", DELEGATIONS_MAX);

    struct tuf_role *role =
        mem_grow((void **)&targets->roles, targets->n_roles, sizeof *role, DELEGATIONS_MAX);
    if (!role)
        return fail_memory(why);

    enum rc rc = tuf_role_scan(role, c, why);
    if (rc)
        return within(why, rc, "delegations.roles[%zu]", targets->n_roles);

    targets->n_roles++;
    return RC_OK;
}

static enum rc
roles_scan(struct tuf_targets *targets, struct canon *c, struct why *why)
{
    enum canon_kind null;
    bool more = false;

    if (canon_peek(c) == CANON_NULL) {
        targets->roles_null = true;
        return canon_literal(c, &null, why);
    }

    enum rc rc = canon_array(c, why);
    if (!rc)
        rc = canon_element(c, &more, why);
    while (!rc && more) {
        rc = role_add(targets, c, why);
        if (!rc)
            rc = canon_element(c, &more, why);
    }

    return rc;
}

static enum rc
delegations_scan(struct tuf_targets *targets, struct canon *c, struct why *why)
{
    enum rc rc = canon_expect(c, "delegations", why);
    if (rc)
        return rc;

    size_t start = c->at;
    rc = canon_object(c, why);
    if (!rc)
        rc = canon_expect(c, "keys", why);
    if (!rc)
        rc = tuf_keys_scan(&targets->keys, c, why);
    if (!rc)
        rc = canon_expect(c, "roles", why);
    if (!rc)
        rc = roles_scan(targets, c, why);
    if (!rc)
        rc = canon_close(c, why);
    if (rc)
        return rc;

    targets->delegations = tuf_scanned(c, start);
    return RC_OK;
}

static enum rc
custom_scan(struct tuf_target *target, struct canon *c, struct why *why)
{
    bool has = false;

    enum rc rc = canon_optional(c, "custom", &has, why);
    if (rc || !has)
        return rc;

    /* notary-server leaves it out when it hashes the file, and no hash fits any more */
    if (canon_peek(c) == CANON_NULL)
        return fail(why, RC_MALFORMED, "custom is null: it must be left out");

    return canon_value(c, &target->custom, why);
}

static enum rc
target_add(struct tuf_targets *targets, struct span name, struct canon *c, struct why *why)
{
    if (targets->n_targets == TARGETS_MAX)
        return fail(why, RC_TOO_LARGE, "more than %d targets", TARGETS_MAX);

    struct tuf_target *target =
        mem_grow((void **)&targets->targets, targets->n_targets, sizeof *target, TARGETS_MAX);
    if (!target)
        return fail_memory(why);

    size_t start = c->at;
    enum rc rc = canon_object(c, why);
    if (!rc)
        rc = custom_scan(target, c, why);
    if (!rc)
        rc = tuf_hashes_scan_content(&target->hashes, &target->length, c, why);
    if (!rc)
        rc = canon_close(c, why);
    if (rc)
        return within(why, rc, "targets['%.*s']", (int)name.len, (const char *)name.p);

    target->name = name;
    target->value = tuf_scanned(c, start);
    targets->n_targets++;
    return RC_OK;
}

static enum rc
targets_scan(struct tuf_targets *targets, struct canon *c, struct why *why)
{
    enum canon_kind null;
    struct span name;
    bool more = false;

    enum rc rc = canon_expect(c, "targets", why);
    if (rc)
        return rc;

    if (canon_peek(c) == CANON_NULL) {
        targets->targets_null = true;
        return canon_literal(c, &null, why);
    }

    rc = canon_object(c, why);
    if (!rc)
        rc = canon_member(c, &name, &more, why);
    while (!rc && more) {
        rc = target_add(targets, name, c, why);
        if (!rc)
            rc = canon_member(c, &name, &more, why);
    }

    return rc;
}

enum rc
tuf_targets_parse(struct tuf_targets **ret, struct span message, struct why *why)
{
    struct canon c;

    closing(tuf_targets_freep) struct tuf_targets *targets = calloc(1, sizeof *targets);
    if (!targets)
        return fail_memory(why);

    enum rc rc = tuf_type_scan(&c, message, "Targets", why);
    if (!rc)
        rc = delegations_scan(targets, &c, why);
    if (!rc)
        rc = tuf_expires_scan(&targets->expires_at, &c, why);
    if (!rc)
        rc = targets_scan(targets, &c, why);
    if (!rc)
        rc = tuf_version_scan(&targets->version, &c, why);
    if (rc)
        return rc;

    *ret = steal(targets);
    return RC_OK;
}

void
tuf_targets_free(struct tuf_targets *targets)
{
    if (!targets)
        return;

    for (size_t i = 0; i < targets->n_roles; i++)
        tuf_role_done(&targets->roles[i]);
    tuf_keys_done(&targets->keys);
    free(targets->roles);
    free(targets->targets);
    free(targets);
}

static enum tuf_flaw
roles_check(const struct tuf_targets *targets, struct span parent, struct why *why)
{
    for (size_t i = 0; i < targets->n_roles; i++) {
        const struct tuf_role *role = &targets->roles[i];
        int len = (int)role->name.len;
        const char *name = (const char *)role->name.p;

        if (!role_is_child(role->name, parent))
            return tuf_flawed(why, TUF_FLAW_ROLE_NAME, "role '%.*s' is not a child of '%.*s'", len,
                name, (int)parent.len, (const char *)parent.p);

        if (tuf_targets_find_role(targets, role->name) != role)
            return tuf_flawed(
                why, TUF_FLAW_DUPLICATE_ROLE, "role '%.*s' is listed twice", len, name);

        /* Go leaves such a role behind when it removes the last key. Nobody can sign for it. */
        if (role->n_keyids == 0 && role->threshold >= 1)
            continue;

        enum tuf_flaw flaw = tuf_role_check(role, &targets->keys, why);
        if (flaw)
            return flaw;
    }

    return TUF_SOUND;
}

/* A Go client that signs the file again signs other bytes for these than its readers verify. */
static bool
has_go_escape(struct span custom)
{
    for (size_t i = 0; i < custom.len; i++) {
        uint8_t c = custom.p[i];
        if (c == '<' || c == '>' || c == '&')
            return true;
        if (c == 0xe2 && custom.len - i >= 3 && custom.p[i + 1] == 0x80 &&
            (custom.p[i + 2] == 0xa8 || custom.p[i + 2] == 0xa9))
            return true;
    }

    return false;
}

static enum tuf_flaw
targets_check(const struct tuf_targets *targets, struct why *why)
{
    for (size_t i = 0; i < targets->n_targets; i++) {
        const struct tuf_target *target = &targets->targets[i];
        int len = (int)target->name.len;
        const char *name = (const char *)target->name.p;

        if (!target->hashes.has_sha256)
            return tuf_flawed(why, TUF_FLAW_HASHES, "target '%.*s' has no sha256", len, name);

        if (target->hashes.has_others)
            return tuf_flawed(why, TUF_FLAW_HASHES,
                "target '%.*s' has a hash that is neither sha256 nor sha512", len, name);

        if (has_go_escape(target->custom))
            return tuf_flawed(why, TUF_FLAW_CUSTOM,
                "target '%.*s' has '<', '>', '&' or a line separator in custom", len, name);
    }

    return TUF_SOUND;
}

static enum tuf_flaw
keys_check(const struct tuf_targets *targets, struct why *why)
{
    bool is_listed[KEYS_MAX] = {false};

    for (size_t i = 0; i < targets->n_roles; i++)
        for (size_t k = 0; k < targets->roles[i].n_keyids; k++) {
            size_t at = tuf_keys_index(&targets->keys, &targets->roles[i].keyids[k]);
            if (at < targets->keys.n)
                is_listed[at] = true;
        }

    for (size_t i = 0; i < targets->keys.n; i++)
        if (!is_listed[i])
            return tuf_flawed(
                why, TUF_FLAW_UNLISTED_KEY, "key %s is used by no role", targets->keys.ids[i].hex);

    return TUF_SOUND;
}

enum tuf_flaw
tuf_targets_check(const struct tuf_targets *targets, struct span role, struct why *why)
{
    enum tuf_flaw flaw = roles_check(targets, role, why);
    if (!flaw)
        flaw = targets_check(targets, why);
    if (!flaw)
        flaw = keys_check(targets, why);

    return flaw;
}

const struct tuf_target *
tuf_targets_find(const struct tuf_targets *targets, struct span name)
{
    size_t low = 0, high = targets->n_targets;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = canon_cmp_decoded(name, targets->targets[middle].name);
        if (order == 0)
            return &targets->targets[middle];

        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }

    return NULL;
}

const struct tuf_role *
tuf_targets_find_role(const struct tuf_targets *targets, struct span role)
{
    for (size_t i = 0; i < targets->n_roles; i++)
        if (span_eq(targets->roles[i].name, role))
            return &targets->roles[i];

    return NULL;
}
