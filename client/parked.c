/* SPDX-License-Identifier: Apache-2.0 */
#include "client/parked.h"

#include <ctype.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "client/agent_error.h"
#include "proto/bounds.h"
#include "proto/changes.h"

#define LINE_MAX_BYTES (64 * 1024)

void
parked_done(struct parked *parked)
{
    json_decref(parked->reply);
    *parked = (struct parked){0};
}

enum rc
parked_read(struct parked *ret, const json_t *request, struct why *why)
{
    const char *digest = NULL;
    struct parked parked = {.request = request};
    struct members m;

    members_open(&m, request, "request");
    members_text(&m, "id", &parked.id);
    members_int(&m, "uid", 0, UINT32_MAX, &parked.uid);
    members_text(&m, "created", &parked.created);
    members_text(&m, "expires", &parked.expires);
    members_text(&m, "digest", &digest);
    members_array(&m, "approvals", SIZE_MAX, &parked.approvals);
    members_array(&m, "documents", DOCUMENTS_MAX, &parked.documents);
    members_array(&m, "valid_in", SIZE_MAX, &parked.valid_in);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return agent_error_of_reply(rc, why);

    snprintf(parked.digest, sizeof parked.digest, "%s", digest);
    *ret = parked;
    return RC_OK;
}

/* A document of a request; borrows from it. */
struct document {
    const char *repository, *role, *message;
    int64_t version;
    const json_t *difference;
};

static enum rc
read_document(struct document *ret, const json_t *object, struct why *why)
{
    struct members m;

    *ret = (struct document){0};
    members_open(&m, object, "document");
    members_text(&m, "repository", &ret->repository);
    members_text(&m, "role", &ret->role);
    members_int(&m, "version", 0, INTEGER_MAX, &ret->version);
    members_text_maybe(&m, "message", &ret->message);
    members_array_maybe(&m, "difference", SIZE_MAX, &ret->difference);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc && !ret->message)
        rc = fail(why, RC_MALFORMED, "a document without its message");
    return rc ? agent_error_of_reply(rc, why) : RC_OK;
}

static enum rc
decode(struct bytes *ret, const json_t *object, struct why *why)
{
    struct document document;

    enum rc rc = read_document(&document, object, why);
    return rc ? rc : base64_parse(ret, span_of(document.message), why);
}

/* What is shown is what was typed for: the digest is that of these messages. */
static enum rc
check_digest(const struct parked *parked, struct why *why)
{
    struct digest digests[DOCUMENTS_MAX], digest;
    char hex[DIGEST_HEX_LEN + 1];
    size_t n = json_array_size(parked->documents);

    for (size_t i = 0; i < n; i++) {
        closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
        enum rc rc = decode(&message, json_array_get(parked->documents, i), why);
        if (rc)
            return rc;
        digest_of(&digests[i], bytes_span(&message));
    }

    if (n == 1)
        digest = digests[0];
    else
        digest_of(&digest, (struct span){digests[0].b, n * sizeof *digests});
    digest_hex(hex, &digest);
    return strcmp(hex, parked->digest)
               ? fail(why, RC_UNTRUSTED, "the agent says digest %s, and its documents have %s",
                     parked->digest, hex)
               : RC_OK;
}

enum rc
parked_new(struct parked *ret, struct agent_call *agent, const char *id, struct why *why)
{
    closing(json_decrefp) json_t *parameters = json_pack("{s:s}", "id", id);
    closing(json_decrefp) json_t *reply = NULL;
    struct parked parked = {0};

    if (!parameters)
        return fail(why, RC_MALFORMED, "'%s' is no id of a request", id);

    enum rc rc = agent_call(&reply, agent, "Pending", parameters, why);
    if (!rc)
        rc = parked_read(&parked, json_array_get(json_object_get(reply, "requests"), 0), why);
    if (!rc)
        rc = check_digest(&parked, why);
    if (rc)
        return rc;

    *ret = parked;
    ret->reply = steal(reply);
    return RC_OK;
}

void
parked_name_uid(struct bytes *b, int64_t uid)
{
    const struct passwd *user = getpwuid((uid_t)uid);

    if (user)
        bytes_puts(b, user->pw_name);
    else
        bytes_printf(b, "%" PRId64, uid);
}

static void
put_names(struct bytes *b, const json_t *names)
{
    size_t i;
    json_t *name;

    json_array_foreach((json_t *)names, i, name)
        bytes_printf(
            b, "%s%s", i > 0 ? ", " : "", json_is_string(name) ? json_string_value(name) : "?");
}

void
parked_put_votes(struct bytes *b, const json_t *approvals)
{
    size_t i;
    json_t *approval;

    json_array_foreach((json_t *)approvals, i, approval) {
        bytes_printf(b, "%s%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " (",
            i > 0 ? "; " : "", json_integer_value(json_object_get(approval, "have")),
            json_integer_value(json_object_get(approval, "need")));
        put_names(b, json_object_get(approval, "approvers"));
        bytes_puts(b, ")");
    }
}

/* One line of what people see; scrubbed, as names in it are others'. */
like_printf(2, 3) static void put_line(struct bytes *b, const char *fmt, ...)
{
    closing(freep) char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) {
        text = NULL;
        b->failed = RC_NO_MEMORY;
        return;
    }

    bool is_text = span_is_text(span_of(text));
    for (const char *c = text; *c; c++)
        bytes_putc(b, is_text || (*c >= 0x20 && *c < 0x7f) ? (uint8_t)*c : '?');
    bytes_putc(b, '\n');
}

static const char *
text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void
put_changes(struct bytes *b, const json_t *changes)
{
    size_t i;
    json_t *change;

    json_array_foreach((json_t *)changes, i, change) {
        const char *kind = text_of(change, "kind"), *name = text_of(change, "name");
        const char *was = text_of(change, "was"), *is = text_of(change, "is");

        put_line(b, "    %s %s %s%s%s%s%s",
            was && is ? "~"
            : is      ? "+"
                      : "-",
            kind ? kind : "", name ? name : "", name && *name ? ": " : "", was ? was : "",
            was && is ? " -> " : "", is ? is : "");
    }
}

/* All that a document has, where nobody knows what is published. */
static enum rc
put_content(struct bytes *b, const struct document *document, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    closing(changes_done) struct changes changes = {0};
    bool is_root = !strcmp(document->role, "root");

    enum rc rc = base64_parse(&message, span_of(document->message), why);
    if (!rc)
        rc = is_root ? tuf_root_parse(&root, bytes_span(&message), why)
                     : tuf_targets_parse(&targets, bytes_span(&message), why);
    if (!rc)
        rc = is_root ? changes_of_root(&changes, NULL, root, CHANGES_MAX_BYTES, why)
                     : changes_of_targets(&changes, NULL, targets, CHANGES_MAX_BYTES, why);
    if (rc)
        return rc;

    put_line(b, "    The agent does not know what is published. It has:");
    put_changes(b, changes.list);
    return RC_OK;
}

static enum rc
put_document(struct bytes *b, const json_t *object, struct why *why)
{
    struct document document;

    enum rc rc = read_document(&document, object, why);
    if (rc)
        return rc;

    put_line(
        b, "  %s of %s, version %" PRId64, document.role, document.repository, document.version);
    if (!document.difference)
        return put_content(b, &document, why);

    put_changes(b, document.difference);
    return RC_OK;
}

enum rc
parked_format(struct bytes *b, const struct parked *parked, struct why *why)
{
    closing(bytes_done) struct bytes user = BYTES_INIT(LINE_MAX_BYTES);
    closing(bytes_done) struct bytes votes = BYTES_INIT(LINE_MAX_BYTES);
    size_t i;
    json_t *place;

    parked_name_uid(&user, parked->uid);
    parked_put_votes(&votes, parked->approvals);
    put_line(b, "Request %s of %s (uid %" PRId64 "), expires %s", parked->id, bytes_text(&user),
        parked->uid, parked->expires);
    for (size_t k = 0; k < json_array_size(parked->documents); k++) {
        enum rc rc = put_document(b, json_array_get(parked->documents, k), why);
        if (rc)
            return rc;
    }

    put_line(b, "Votes: %s", bytes_text(&votes));
    put_line(b, "Whoever has the signatures can publish them wherever these keys count:");
    json_array_foreach((json_t *)parked->valid_in, i, place)
        put_line(b, "  %s", json_is_string(place) ? json_string_value(place) : "?");
    put_line(b, "Digest: %.8s %s", parked->digest, parked->digest + 8);
    return RC_OK;
}

void
parked_read_id(char ret[PARKED_ID_TYPED_BYTES], const char *typed)
{
    size_t n = 0;

    for (const char *c = typed; *c && n + 1 < PARKED_ID_TYPED_BYTES; c++) {
        char lower = (char)tolower((unsigned char)*c);
        ret[n++] = lower == 'o' ? '0' : lower == 'i' || lower == 'l' ? '1' : lower;
    }
    ret[n] = 0;
}
