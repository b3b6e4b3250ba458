/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record_text.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "proto/members.h"
#include "proto/utc.h"

#define UNKNOWN "-"

/* Whoever changed a ledger does not steer the terminal of who reads it. */
static void
put_text(struct bytes *b, const char *text)
{
    struct span rest = span_of(text);

    while (rest.len > 0) {
        uint32_t code = 0;
        size_t len = span_utf8(&code, rest);
        bool is_control = code < 0x20 || (code >= 0x7f && code <= 0x9f);

        if (len == 0 || is_control)
            bytes_putc(b, '?');
        else
            bytes_put(b, (struct span){rest.p, len});
        len = len > 0 ? len : 1;
        rest = (struct span){rest.p + len, rest.len - len};
    }
}

/* The user database is asked once for each of them, not for each record. */
static const char *
user_name(uid_t uid)
{
    static struct {
        bool is_asked;
        uid_t uid;
        char name[64]; /* a number where there is no name */
    } users[64], *place;

    place = &users[uid % N_ELEMENTS(users)];
    if (!place->is_asked || place->uid != uid) {
        const struct passwd *user = getpwuid(uid);

        place->is_asked = true;
        place->uid = uid;
        if (user)
            snprintf(place->name, sizeof place->name, "%s", user->pw_name);
        else
            snprintf(place->name, sizeof place->name, "%u", uid);
    }

    return place->name;
}

static void
put_user(struct bytes *b, const json_t *uid)
{
    json_int_t value = json_integer_value(uid);

    if (!json_is_integer(uid) || value < 0 || value > UINT32_MAX)
        bytes_puts(b, UNKNOWN);
    else
        bytes_puts(b, user_name((uid_t)value));
}

/* A text or a number; nothing else. */
static void
put_value(struct bytes *b, const json_t *value)
{
    if (json_is_string(value))
        put_text(b, json_string_value(value));
    else if (json_is_integer(value))
        bytes_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        bytes_puts(b, UNKNOWN);
}

/* A member with a space before it; nothing where it is null or missing. */
static void
put_word(struct bytes *b, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value))
        return;

    bytes_putc(b, ' ');
    put_value(b, value);
}

static void
put_place(struct bytes *b, const json_t *document)
{
    put_word(b, document, "repository");
    put_word(b, document, "role");
    put_word(b, document, "version");
}

static void
put_request(struct bytes *b, const json_t *body)
{
    const json_t *documents = json_object_get(body, "documents"), *document;

    put_user(b, json_object_get(json_object_get(body, "peer"), "uid"));
    put_word(b, body, "method");
    put_word(b, body, "outcome");
    put_word(b, body, "reason");
    for (size_t i = 0; (document = json_array_get(documents, i)); i++) {
        if (i > 0)
            bytes_putc(b, ',');
        put_place(b, document);
    }
    if (json_array_size(documents) == 0)
        put_word(b, body, "detail");
}

static void
put_other(struct bytes *b, const json_t *body, const char *kind)
{
    put_user(b, json_object_get(body, "uid"));
    bytes_putc(b, ' ');
    put_text(b, kind);
    if (!strcmp(kind, "refusals")) {
        put_word(b, body, "refused");
        bytes_puts(b, " refused,");
        put_word(b, body, "unreadable");
        bytes_puts(b, " unreadable");
    } else {
        put_place(b, body);
    }
}

/* "    NAME: …" of a list of texts and numbers, with how many are left out. */
static void
put_names(struct bytes *b, const json_t *object, const char *name, const char *label)
{
    const json_t *list = json_object_get(object, name), *value;
    char more[32];

    snprintf(more, sizeof more, "%s_more", name);
    if (json_array_size(list) == 0)
        return;

    bytes_printf(b, "    %s:", label);
    for (size_t i = 0; (value = json_array_get(list, i)); i++) {
        bytes_putc(b, ' ');
        put_value(b, value);
    }
    if (json_object_get(object, more)) {
        bytes_puts(b, " and");
        put_word(b, json_object_get(object, more), "count");
        bytes_puts(b, " more");
    }
    bytes_putc(b, '\n');
}

static void
put_line(struct bytes *b, const json_t *object, const char *name, const char *label)
{
    const json_t *value = json_object_get(object, name);

    if (!value || json_is_null(value))
        return;

    bytes_printf(b, "    %s:", label);
    put_word(b, object, name);
    bytes_putc(b, '\n');
}

static void
put_difference(struct bytes *b, const json_t *document)
{
    const json_t *list = json_object_get(document, "difference"), *change;
    const json_t *more = json_object_get(document, "difference_more");

    for (size_t i = 0; (change = json_array_get(list, i)); i++) {
        bytes_puts(b, "       ");
        put_word(b, change, "kind");
        put_word(b, change, "name");
        bytes_puts(b, ": ");
        put_value(b, json_object_get(change, "was"));
        bytes_puts(b, " to ");
        put_value(b, json_object_get(change, "is"));
        bytes_putc(b, '\n');
    }
    if (more) {
        bytes_puts(b, "        and");
        put_word(b, more, "count");
        bytes_puts(b, " more\n");
    }
}

static void
put_details(struct bytes *b, const struct record *record, const json_t *body)
{
    const json_t *peer = json_object_get(body, "peer"), *document;

    put_line(b, body, "detail", "detail");
    for (size_t i = 0; (document = json_array_get(json_object_get(body, "documents"), i)); i++) {
        bytes_puts(b, "    document:");
        put_place(b, document);
        put_word(b, document, "digest");
        bytes_putc(b, '\n');
        put_difference(b, document);
    }
    put_names(b, body, "grants", "grants");
    put_names(b, body, "keys", "keys");
    put_line(b, body, "mark", "mark");
    put_line(b, body, "digest", "digest");
    put_line(b, peer, "uid", "uid");
    put_line(b, peer, "gid", "gid");
    put_names(b, peer, "groups", "groups");
    put_line(b, peer, "pid", "pid");
    put_line(b, peer, "unit", "unit");
    put_line(b, peer, "label", "label");
    put_line(b, peer, "door", "door");
    put_line(b, body, "policy", "policy");
    bytes_puts(b, "    hash: ");
    bytes_put_hex(b, digest_span(&record->hash));
    bytes_putc(b, '\n');
}

enum rc
record_text_put(struct bytes *b, const struct record *record, bool is_verbose, struct why *why)
{
    closing(json_decrefp) json_t *body = NULL;

    enum rc rc = members_parse(&body, record->body, why);
    if (rc == RC_MALFORMED)
        return within(why, rc, "record %" PRId64, record->seq);
    if (rc)
        return rc;

    const char *kind = json_string_value(json_object_get(body, "kind"));
    if (!kind)
        return fail(why, RC_MALFORMED, "record %" PRId64 " is of no kind", record->seq);

    bytes_printf(b, "%" PRId64 " ", record->seq);
    utc_format(b, record->at_us / 1000000);
    bytes_putc(b, ' ');
    if (!strcmp(kind, "request"))
        put_request(b, body);
    else
        put_other(b, body, kind);
    bytes_putc(b, '\n');
    if (is_verbose)
        put_details(b, record, body);
    return bytes_check(b, why);
}
