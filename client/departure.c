/* SPDX-License-Identifier: Apache-2.0 */
#include "client/departure.h"

#include "proto/bounds.h"

void
departure_done(struct departure *departure)
{
    free(departure->ids);
    free(departure->orphans);
    *departure = (struct departure){0};
}

struct scene {
    const struct trust_role *roles;
    size_t n_roles;
};

static const struct trust_role *
find_role(const struct scene *s, const char *name)
{
    for (size_t i = 0; i < s->n_roles; i++)
        if (!strcmp(s->roles[i].name, name))
            return &s->roles[i];

    return NULL;
}

static const struct keyid *
canonical_id(const struct trust_role *role, size_t i)
{
    const struct keyid *id = &role->listed->keyids[i];
    const struct pubkey *key = tuf_keys_find(role->listed_keys, id);

    return key ? pubkey_canonical_id(key) : id;
}

static bool
has_key(const struct trust_role *role, const struct keyid *canonical)
{
    for (size_t i = 0; i < role->listed->n_keyids; i++)
        if (keyid_eq(canonical_id(role, i), canonical))
            return true;

    return false;
}

/* Whether the key is another signer's, too. */
static bool
is_shared(const struct scene *s, const struct departure *d, const struct keyid *canonical)
{
    for (size_t i = 0; i < s->n_roles; i++) {
        const struct trust_role *role = &s->roles[i];
        if (role != d->role && role != d->releases &&
            role_is_child(span_of(role->name), SPAN("targets")) && has_key(role, canonical))
            return true;
    }

    return false;
}

static enum rc
find_keys(struct departure *d, const struct scene *s, struct why *why)
{
    size_t n_left = 0;

    for (size_t i = 0; d->releases && i < d->releases->listed->n_keyids; i++) {
        const struct keyid *id = canonical_id(d->releases, i);
        if (!has_key(d->role, id) || is_shared(s, d, id)) {
            n_left++;
            continue;
        }

        struct keyid *place = mem_grow(&d->ids, d->n_ids, sizeof *place, KEYS_MAX);
        if (!place)
            return fail_memory(why);
        *place = *id;
        d->n_ids++;
    }

    d->is_last = d->n_ids > 0 && n_left == 0;
    return RC_OK;
}

static bool
leaves(const struct departure *d, const struct keyid *canonical)
{
    for (size_t i = 0; i < d->n_ids; i++)
        if (keyid_eq(&d->ids[i], canonical))
            return true;

    return false;
}

/* Whether a key that stays has signed targets/releases. */
static bool
is_signed_by_others(const struct departure *d)
{
    const struct trust_role *releases = d->releases;
    const struct tuf_file *file = releases->file;

    for (size_t i = 0; i < releases->listed->n_keyids; i++) {
        struct pubkey *key = tuf_keys_find(releases->listed_keys, &releases->listed->keyids[i]);
        if (key && !leaves(d, pubkey_canonical_id(key)) &&
            !verify_threshold(
                &key, 1, 1, file->signatures, file->n_signatures, bytes_span(&file->message), NULL))
            return true;
    }

    return false;
}

static bool
holds(const struct trust_role *role, struct span name, const struct tuf_target *target)
{
    const struct tuf_target *found = role->document ? tuf_targets_find(role->document, name) : NULL;

    return found && found->hashes.has_sha256 && target->hashes.has_sha256 &&
           digest_eq(&found->hashes.sha256, &target->hashes.sha256);
}

static bool
is_vouched_for(const struct scene *s, const struct departure *d, struct span name,
    const struct tuf_target *target)
{
    for (size_t i = 0; i < s->n_roles; i++) {
        const struct trust_role *role = &s->roles[i];
        /* Without targets/releases, only what targets holds is released. */
        if (role != d->role && role != d->releases &&
            (!d->is_last || !strcmp(role->name, "targets")) && holds(role, name, target))
            return true;
    }

    return false;
}

static enum rc
find_orphans(struct departure *d, const struct scene *s, struct why *why)
{
    const struct tuf_targets *document = d->releases ? d->releases->document : NULL;
    bool is_by_signer = document && !is_signed_by_others(d);

    for (size_t i = 0; document && i < document->n_targets; i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);
        const struct tuf_target *target = &document->targets[i];

        canon_decode(&name, target->name);
        enum rc rc = bytes_check(&name, why);
        if (rc)
            return rc;

        if (is_vouched_for(s, d, bytes_span(&name), target) ||
            (!is_by_signer && !d->is_last && !holds(d->role, bytes_span(&name), target)))
            continue;

        const struct tuf_target **place =
            mem_grow(&d->orphans, d->n_orphans, sizeof *place, TARGETS_MAX);
        if (!place)
            return fail_memory(why);
        *place = target;
        d->n_orphans++;
    }

    return RC_OK;
}

enum rc
departure_find(struct departure *ret, const struct trust_role *roles, size_t n_roles,
    const char *role, struct why *why)
{
    const struct scene s = {roles, n_roles};
    closing(departure_done) struct departure d = {
        .role = find_role(&s, role), .releases = find_role(&s, "targets/releases")};

    if (!d.role)
        return fail(why, RC_NOT_FOUND, "there is no role %s", role);

    enum rc rc = find_keys(&d, &s, why);
    if (!rc)
        rc = find_orphans(&d, &s, why);
    if (rc)
        return rc;

    *ret = d;
    d = (struct departure){0};
    return RC_OK;
}
