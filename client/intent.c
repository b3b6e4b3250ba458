/* SPDX-License-Identifier: Apache-2.0 */
#include "client/intent.h"

#include "proto/bounds.h"

#define NOTES_MAX       16  /* changes of one side that are shown */
#define VALUE_MAX_BYTES 320 /* of what was and what is: two hashes, a length, and custom */

void
intent_done(struct intent *intent)
{
    json_decref(intent->changes);
    *intent = (struct intent){0};
}

static size_t
room_of(size_t n_documents)
{
    return n_documents == INTENT_WHOLE ? SIZE_MAX : CHANGES_MAX_BYTES / n_documents;
}

enum rc
intent_of_targets(struct intent *ret, struct span base, const struct tuf_targets *document,
    size_t n_documents, struct why *why)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;
    closing(tuf_targets_freep) struct tuf_targets *was = NULL;
    closing(changes_done) struct changes changes = {0};
    enum rc rc = RC_OK;

    if (base.len > 0)
        rc = tuf_file_parse(&file, base, TUF_TOLERANT, why);
    if (!rc && file)
        rc = tuf_targets_parse(&was, bytes_span(&file->message), why);
    if (!rc)
        rc = changes_of_targets(&changes, was, document, room_of(n_documents), why);
    if (rc)
        return rc;

    json_decref(ret->changes);
    ret->changes = json_incref(changes.list);
    return RC_OK;
}

enum rc
intent_of_root(struct intent *ret, const struct tuf_root *base, const struct tuf_root *root,
    size_t n_documents, struct why *why)
{
    closing(changes_done) struct changes changes = {0};

    enum rc rc = changes_of_root(&changes, base, root, room_of(n_documents), why);
    if (rc)
        return rc;

    json_decref(ret->changes);
    ret->changes = json_incref(changes.list);
    return RC_OK;
}

static const char *
text_of(const json_t *change, const char *member)
{
    const char *text = json_string_value(json_object_get(change, member));

    return text ? text : "";
}

static bool
is_kind(const json_t *change, const char *kind)
{
    return !strcmp(text_of(change, "kind"), kind);
}

static struct span
name_of(const json_t *change)
{
    const json_t *value = json_object_get(change, "name");

    return (struct span){(const uint8_t *)json_string_value(value), json_string_length(value)};
}

static bool
is_gone(const json_t *change)
{
    return json_object_get(change, "was") && !json_object_get(change, "is");
}

/* Keys are told as "CANONICAL as LISTED", or as the one ID that they have. */
static bool
takes_key(const struct edit *edit, const json_t *change)
{
    for (size_t i = 0; i < edit->n_ids; i++)
        if (strstr(text_of(change, "was"), edit->ids[i].hex))
            return is_kind(change, "key") && is_gone(change);

    return false;
}

/* Whether the edit can have made the change, by the name of the tag or role. */
static bool
is_about(const struct edit *edit, const json_t *change)
{
    closing(bytes_done) struct bytes name = BYTES_INIT(DOCUMENT_MAX_BYTES);

    if (edit->kind == EDIT_PURGE_KEYS)
        return takes_key(edit, change);

    if (edit_is_about_target(edit) != is_kind(change, "tag"))
        return false;

    if (edit->kind == EDIT_KEEP_TARGETS)
        return is_gone(change) && !edit_keeps(edit, name_of(change));

    if (edit->kind == EDIT_REPLAY)
        canon_decode(&name, edit->change->name);
    else
        bytes_put(&name, edit->name);
    return span_eq(bytes_span(&name), name_of(change));
}

enum rc
intent_check_edits(
    const struct intent *intent, const struct edit *edits, size_t n_edits, struct why *why)
{
    for (size_t i = 0; i < json_array_size(intent->changes); i++) {
        const json_t *change = json_array_get(intent->changes, i);
        bool is_meant = is_kind(change, "expiry") || is_kind(change, "more");

        for (size_t k = 0; !is_meant && k < n_edits; k++)
            is_meant = is_about(&edits[k], change);
        if (!is_meant)
            return fail(why, RC_UNTRUSTED,
                "it would change the %s '%.128s', which nobody asked for", text_of(change, "kind"),
                text_of(change, "name"));
    }

    return RC_OK;
}

static bool
has_change(const json_t *list, const json_t *change)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), change))
            return true;

    return false;
}

/* Names come from documents of others, and may go to a terminal. */
static void
put_printable(struct bytes *b, const char *text, size_t max)
{
    for (size_t i = 0; text[i] && i < max; i++)
        bytes_putc(b, text[i] < ' ' || text[i] > '~' ? '?' : (uint8_t)text[i]);
    if (strlen(text) > max)
        bytes_puts(b, "...");
}

/* An empty one is there all the same: it is the path that admits every tag. */
static void
put_value(struct bytes *b, const json_t *change, const char *member, const char *without)
{
    const char *text = json_string_value(json_object_get(change, member));

    put_printable(b, !text ? without : *text ? text : "\"\"", VALUE_MAX_BYTES);
}

void
intent_put_change(struct bytes *b, const json_t *change)
{
    put_printable(b, text_of(change, "kind"), 16);
    if (*text_of(change, "name")) {
        bytes_puts(b, " '");
        put_printable(b, text_of(change, "name"), TAG_MAX_BYTES);
        bytes_puts(b, "'");
    }
    bytes_puts(b, ": was ");
    put_value(b, change, "was", "not there");
    bytes_puts(b, ", is ");
    put_value(b, change, "is", "gone");
}

/* What is in one list and not in the other. first: the sentence has it; all are noted. */
static void
compare(struct bytes *first, const struct progress *progress, const char *who, const json_t *list,
    const json_t *other)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        closing(bytes_done) struct bytes text = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
        const json_t *change = json_array_get(list, i);
        if (has_change(other, change))
            continue;

        intent_put_change(&text, change);
        if (n == 0)
            bytes_puts(first, bytes_text(&text));
        if (n++ < NOTES_MAX)
            progress_note(progress, "%s: %s", who, bytes_text(&text));
    }

    if (n > NOTES_MAX)
        progress_note(progress, "%s: and %zu more", who, n - NOTES_MAX);
    if (n == 0)
        bytes_puts(first, "nothing else");
}

enum rc
intent_check(const struct intent *intent, const json_t *difference, const struct progress *progress,
    struct why *why)
{
    closing(bytes_done) struct bytes meant = BYTES_INIT(FRAME_SMALL_MAX_BYTES);
    closing(bytes_done) struct bytes said = BYTES_INIT(FRAME_SMALL_MAX_BYTES);

    if (!intent->changes || (!difference && !intent->is_required))
        return RC_OK;

    if (!difference)
        return fail(why, RC_UNTRUSTED,
            "the agent was shown what is published, and does not say what would change; nothing "
            "was published: see its log");

    if (json_equal(intent->changes, difference))
        return RC_OK;

    compare(&meant, progress, "meant", intent->changes, difference);
    compare(&said, progress, "the agent says", difference, intent->changes);
    return fail(why, RC_UNTRUSTED,
        "the agent says that this changes something else than what was meant, so nothing was "
        "published; meant: %s; the agent: %s; its log may say why",
        bytes_text(&meant), bytes_text(&said));
}
