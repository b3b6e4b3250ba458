/* SPDX-License-Identifier: Apache-2.0 */
#include "client/draft.h"

#include <inttypes.h>

#include "client/roster.h"
#include "proto/utc.h"

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

/* raw: the name as the document has it; empty: the edit says it. */
static enum rc
touches_add(struct touches *touches, const struct edit *edit, struct span raw, struct why *why)
{
    struct touch *touch = mem_grow(&touches->touches, touches->n, sizeof *touch, TARGETS_MAX);
    if (!touch)
        return touches->n >= TARGETS_MAX
                   ? fail(why, RC_TOO_LARGE, "more than %d edits", TARGETS_MAX)
                   : fail_memory(why);

    touch->quoted = BYTES_INIT(DOCUMENT_MAX_BYTES);
    touch->edit = edit;
    touch->order = touches->n++;
    if (raw.len > 0) {
        bytes_putc(&touch->quoted, '"');
        bytes_put(&touch->quoted, raw);
        bytes_putc(&touch->quoted, '"');
    } else {
        canon_put_string(&touch->quoted, edit->name);
    }

    return bytes_check(&touch->quoted, why);
}

/* Everything that the base holds and the edit does not keep. */
static enum rc
touches_add_others(struct touches *touches, const struct edit *edit, const struct tuf_targets *base,
    struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && base && i < base->n_targets; i++) {
        closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);
        canon_decode(&name, base->targets[i].name);
        if (!edit_keeps(edit, bytes_span(&name)))
            rc = touches_add(touches, edit, base->targets[i].name, why);
    }

    return rc;
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

        struct span raw = edit->kind == EDIT_REPLAY ? edit->change->name : (struct span){0};
        enum rc rc = edit->kind == EDIT_KEEP_TARGETS
                         ? touches_add_others(ret, edit, draft->base, why)
                         : touches_add(ret, edit, raw, why);
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

    if (edit->kind == EDIT_REMOVE_TARGET || edit->kind == EDIT_KEEP_TARGETS ||
        (edit->kind == EDIT_REPLAY && !edit->change->tag_is))
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
