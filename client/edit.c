/* SPDX-License-Identifier: Apache-2.0 */
#include "client/edit.h"

#include <inttypes.h>

#include "client/custom.h"
#include "client/roster.h"

bool
edit_is_about_target(const struct edit *edit)
{
    return edit->kind == EDIT_SET_TARGET || edit->kind == EDIT_REMOVE_TARGET ||
           edit->kind == EDIT_KEEP_TARGETS ||
           (edit->kind == EDIT_REPLAY && edit->change->kind == CHANGE_TAG);
}

bool
edit_keeps(const struct edit *edit, struct span name)
{
    for (size_t i = 0; i < edit->n_names; i++)
        if (span_eq(edit->names[i], name))
            return true;

    return false;
}

bool
edit_takes_key(const struct edit *edit, const struct keyid *id, const struct pubkey *key)
{
    for (size_t i = 0; i < edit->n_ids; i++)
        if (keyid_eq(&edit->ids[i], id) ||
            (key && keyid_eq(&edit->ids[i], pubkey_canonical_id(key))))
            return true;

    return false;
}

static enum rc
edit_check_target(const struct edit *edit, struct why *why)
{
    if (edit->name.len == 0 || !span_is_text(edit->name))
        return fail(why, RC_MALFORMED, "target '%.*s': want text without control characters",
            (int)edit->name.len, (const char *)edit->name.p);

    if (edit->kind == EDIT_REMOVE_TARGET)
        return RC_OK;

    if (!edit->hashes.has_sha256 || edit->hashes.has_others)
        return fail(why, RC_MALFORMED, "target '%.*s': want sha256, and besides it only sha512",
            (int)edit->name.len, (const char *)edit->name.p);

    if (edit->length < 0 || edit->length > INTEGER_MAX)
        return fail(why, RC_MALFORMED, "target '%.*s': %" PRId64 " is no length",
            (int)edit->name.len, (const char *)edit->name.p, edit->length);

    enum rc rc = edit->custom.len > 0 ? custom_check(edit->custom, why) : RC_OK;
    if (rc)
        return within(why, rc, "target '%.*s'", (int)edit->name.len, (const char *)edit->name.p);

    return RC_OK;
}

static enum rc
edit_check_role(const struct edit *edit, struct why *why)
{
    if (role_rank(edit->name) != RANK_DELEGATION)
        return fail(why, RC_MALFORMED,
            "'%.*s' is no delegation: want targets/NAME of a-z, 0-9, '-', '_'", (int)edit->name.len,
            (const char *)edit->name.p);

    if (edit->threshold < 0 || edit->threshold > KEYS_MAX ||
        (edit->kind == EDIT_SET_THRESHOLD && edit->threshold == 0))
        return fail(why, RC_MALFORMED, "threshold %" PRId64 " of '%.*s': want 1 to %d",
            edit->threshold, (int)edit->name.len, (const char *)edit->name.p, KEYS_MAX);

    for (size_t i = 0; i < edit->n_paths; i++)
        if (!span_is_text(edit->paths[i]))
            return fail(why, RC_MALFORMED, "a path of '%.*s' has control characters",
                (int)edit->name.len, (const char *)edit->name.p);

    return RC_OK;
}

enum rc
edit_check(const struct edit *edit, struct why *why)
{
    switch (edit->kind) {
    case EDIT_SET_TARGET:
    case EDIT_REMOVE_TARGET:
        return edit_check_target(edit, why);
    case EDIT_DELEGATE:
    case EDIT_SET_PATHS:
    case EDIT_SET_THRESHOLD:
    case EDIT_REMOVE_PATHS:
    case EDIT_REMOVE_KEYS:
    case EDIT_REMOVE_ROLE:
        return edit_check_role(edit, why);
    case EDIT_KEEP_TARGETS:
    case EDIT_PURGE_KEYS:
    case EDIT_REPLAY:
    case EDIT_KIND_MAX_:
        break;
    }

    return RC_OK;
}

static bool
target_is(const struct tuf_target *target, const struct edit *edit)
{
    return target->length == edit->length && span_eq(target->custom, edit->custom) &&
           digest_eq(&target->hashes.sha256, &edit->hashes.sha256) && target->hashes.has_sha256 &&
           !target->hashes.has_others && target->hashes.has_sha512 == edit->hashes.has_sha512 &&
           (!edit->hashes.has_sha512 ||
               !memcmp(target->hashes.sha512, edit->hashes.sha512, sizeof edit->hashes.sha512));
}

/* The documents with and without the edit say the same about delegations. Where that cannot be
 * found out, they differ. */
static bool
roster_changes(const struct edit *edit, const struct tuf_targets *base)
{
    closing(bytes_done) struct bytes was = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes is = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(roster_freep) struct roster *roster = NULL;

    if (roster_new(&roster, base, NULL) || roster_format(&was, roster, NULL) ||
        roster_apply(roster, edit, NULL) || roster_format(&is, roster, NULL))
        return true;

    return !span_eq(bytes_span(&was), bytes_span(&is));
}

static bool
drops_targets(const struct edit *edit, const struct tuf_targets *base)
{
    for (size_t i = 0; base && i < base->n_targets; i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);
        canon_decode(&name, base->targets[i].name);
        if (!edit_keeps(edit, bytes_span(&name)))
            return true;
    }

    return false;
}

static bool
target_value_is(const struct tuf_targets *base, struct span raw_name, const struct tuf_target *want)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);

    canon_decode(&name, raw_name);
    const struct tuf_target *have = base ? tuf_targets_find(base, bytes_span(&name)) : NULL;
    if (!have || !want)
        return !have && !want;

    return span_eq(have->value, want->value);
}

static bool
role_is(const struct tuf_targets *base, struct span name, const struct tuf_role *want)
{
    closing(bytes_done) struct bytes a = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes b = BYTES_INIT(DOCUMENT_MAX_BYTES);

    const struct tuf_role *have = base ? tuf_targets_find_role(base, name) : NULL;
    if (!have || !want)
        return !have && !want;

    tuf_role_format(&a, have);
    tuf_role_format(&b, want);
    return span_eq(bytes_span(&a), bytes_span(&b));
}

/* A change of somebody else counts only where nobody has changed the same thing since. */
static bool
replay_changes(const struct change *change, const struct tuf_targets *base)
{
    return change->kind == CHANGE_TAG ? target_value_is(base, change->name, change->tag_was)
                                      : role_is(base, change->name, change->role_was);
}

bool
edit_changes(const struct edit *edit, const struct tuf_targets *base)
{
    const struct tuf_target *target = NULL;

    switch (edit->kind) {
    case EDIT_SET_TARGET:
        target = base ? tuf_targets_find(base, edit->name) : NULL;
        return !target || !target_is(target, edit);
    case EDIT_REMOVE_TARGET:
        return base && tuf_targets_find(base, edit->name);
    case EDIT_KEEP_TARGETS:
        return drops_targets(edit, base);
    case EDIT_DELEGATE:
    case EDIT_SET_PATHS:
    case EDIT_SET_THRESHOLD:
    case EDIT_REMOVE_PATHS:
    case EDIT_REMOVE_KEYS:
    case EDIT_REMOVE_ROLE:
    case EDIT_PURGE_KEYS:
        return roster_changes(edit, base);
    case EDIT_REPLAY:
        return replay_changes(edit->change, base);
    case EDIT_KIND_MAX_:
        break;
    }

    return true;
}
