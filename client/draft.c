/* SPDX-License-Identifier: Apache-2.0 */
#include "client/draft.h"

#include <inttypes.h>

#include "client/custom.h"
#include "client/roster.h"
#include "proto/utc.h"

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
        return edit_check_role(edit, why);
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
    case EDIT_DELEGATE:
    case EDIT_SET_PATHS:
        return roster_changes(edit, base);
    case EDIT_REPLAY:
        return replay_changes(edit->change, base);
    case EDIT_KIND_MAX_:
        break;
    }

    return true;
}

static bool
edit_is_about_target(const struct edit *edit)
{
    return edit->kind == EDIT_SET_TARGET || edit->kind == EDIT_REMOVE_TARGET ||
           (edit->kind == EDIT_REPLAY && edit->change->kind == CHANGE_TAG);
}

/* What becomes of one target: the last of the edits that name it. */
struct touch {
    struct bytes quoted; /* the name with its quotes, as the document has it */
    const struct edit *edit;
    size_t order;
};

struct touches {
    struct touch *touches; /* by name */
    size_t n;
};

static struct span
touch_raw(const struct touch *touch)
{
    return (struct span){touch->quoted.p + 1, touch->quoted.len - 2};
}

static void
touches_done(struct touches *touches)
{
    for (size_t i = 0; i < touches->n; i++)
        bytes_done(&touches->touches[i].quoted);
    free(touches->touches);
}

static int
touch_cmp(const void *a, const void *b)
{
    const struct touch *x = a, *y = b;
    int order = canon_cmp(touch_raw(x), touch_raw(y));

    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static enum rc
touches_add(struct touches *touches, const struct edit *edit, struct why *why)
{
    struct touch *touch = mem_grow(&touches->touches, touches->n, sizeof *touch, TARGETS_MAX);
    if (!touch)
        return touches->n >= TARGETS_MAX
                   ? fail(why, RC_TOO_LARGE, "more than %d edits", TARGETS_MAX)
                   : fail_memory(why);

    touch->quoted = BYTES_INIT(DOCUMENT_MAX_BYTES);
    touch->edit = edit;
    touch->order = touches->n++;
    if (edit->kind == EDIT_REPLAY) {
        bytes_putc(&touch->quoted, '"');
        bytes_put(&touch->quoted, edit->change->name);
        bytes_putc(&touch->quoted, '"');
    } else {
        canon_put_string(&touch->quoted, edit->name);
    }

    return bytes_check(&touch->quoted, why);
}

/* The edits about targets, sorted by name; of several on one name they come in their order. */
static enum rc
touches_init(struct touches *ret, const struct draft *draft, struct why *why)
{
    for (size_t i = 0; i < draft->n_edits; i++) {
        const struct edit *edit = &draft->edits[i];
        if (!edit_is_about_target(edit) ||
            (edit->kind == EDIT_REPLAY && !edit_changes(edit, draft->base)))
            continue;

        enum rc rc = touches_add(ret, edit, why);
        if (rc)
            return rc;
    }

    if (ret->n > 0)
        qsort(ret->touches, ret->n, sizeof *ret->touches, touch_cmp);
    return RC_OK;
}

static void
put_target(struct bytes *b, bool *is_first, struct span raw_name, struct span value)
{
    bytes_puts(b, *is_first ? "\"" : ",\"");
    bytes_put(b, raw_name);
    bytes_puts(b, "\":");
    bytes_put(b, value);
    *is_first = false;
}

static void
put_touched(struct bytes *b, bool *is_first, const struct touch *touch)
{
    closing(bytes_done) struct bytes value = BYTES_INIT(b->max);
    const struct edit *edit = touch->edit;

    if (edit->kind == EDIT_REMOVE_TARGET || (edit->kind == EDIT_REPLAY && !edit->change->tag_is))
        return;

    if (edit->kind == EDIT_REPLAY) {
        put_target(b, is_first, touch_raw(touch), edit->change->tag_is->value);
        return;
    }

    bytes_putc(&value, '{');
    if (edit->custom.len > 0) {
        bytes_puts(&value, "\"custom\":");
        bytes_put(&value, edit->custom);
        bytes_putc(&value, ',');
    }
    bytes_puts(&value, "\"hashes\":");
    tuf_hashes_format(&value, &edit->hashes);
    bytes_printf(&value, ",\"length\":%" PRId64 "}", edit->length);
    if (value.failed)
        bytes_fail(b, value.failed);
    else
        put_target(b, is_first, touch_raw(touch), bytes_span(&value));
}

/* Merge the targets of the base with those that are touched; both are sorted by name. */
static void
put_targets(struct bytes *b, const struct tuf_targets *base, const struct touches *touches)
{
    size_t n_base = base ? base->n_targets : 0, at = 0;
    bool is_first = true;

    for (size_t i = 0; i < touches->n; i++) {
        const struct touch *touch = &touches->touches[i];
        if (i + 1 < touches->n && span_eq(touch_raw(touch), touch_raw(touch + 1)))
            continue;

        for (; at < n_base && canon_cmp(base->targets[at].name, touch_raw(touch)) < 0; at++)
            put_target(b, &is_first, base->targets[at].name, base->targets[at].value);
        if (at < n_base && span_eq(base->targets[at].name, touch_raw(touch)))
            at++;
        put_touched(b, &is_first, touch);
    }

    for (; at < n_base; at++)
        put_target(b, &is_first, base->targets[at].name, base->targets[at].value);
}

/* Delegations that nobody edits stay byte for byte as they are: the agent compares them. */
static enum rc
put_delegations(struct bytes *b, const struct draft *draft, struct why *why)
{
    closing(roster_freep) struct roster *roster = NULL;
    bool is_edited = false;

    for (size_t i = 0; i < draft->n_edits; i++)
        is_edited = is_edited || !edit_is_about_target(&draft->edits[i]);

    if (!is_edited) {
        bytes_put(b, draft->base ? draft->base->delegations : SPAN("{\"keys\":{},\"roles\":[]}"));
        return RC_OK;
    }

    enum rc rc = roster_new(&roster, draft->base, why);
    for (size_t i = 0; !rc && i < draft->n_edits; i++)
        if (!edit_is_about_target(&draft->edits[i]) &&
            (draft->edits[i].kind != EDIT_REPLAY || edit_changes(&draft->edits[i], draft->base)))
            rc = roster_apply(roster, &draft->edits[i], why);

    return rc ? rc : roster_format(b, roster, why);
}

static void
put_expiry_string(struct bytes *b, int64_t expires_at)
{
    bytes_puts(b, ",\"expires\":\"");
    utc_format(b, expires_at);
    bytes_putc(b, '"');
}

enum rc
draft_targets(struct bytes *ret, const struct draft *draft, struct why *why)
{
    closing(touches_done) struct touches touches = {0};

    for (size_t i = 0; i < draft->n_edits; i++) {
        enum rc rc = edit_check(&draft->edits[i], why);
        if (rc)
            return rc;
    }

    enum rc rc = touches_init(&touches, draft, why);
    if (rc)
        return rc;

    bytes_puts(ret, "{\"_type\":\"Targets\",\"delegations\":");
    rc = put_delegations(ret, draft, why);
    if (rc)
        return rc;

    put_expiry_string(ret, draft->expires_at);
    bytes_puts(ret, ",\"targets\":{");
    put_targets(ret, draft->base, &touches);
    bytes_printf(ret, "},\"version\":%" PRId64 "}", draft->version);
    return bytes_check(ret, why);
}
