/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"

#include "proto/bounds.h"
#include "proto/jsontext.h"

/* jansson's values take up to 78 times the bytes of a text of empty objects. */
static bool
has_too_many_values(struct span frame)
{
    size_t n = 0;

    for (size_t i = 0; i < frame.len; i++)
        n += frame.p[i] == ',' || frame.p[i] == '[' || frame.p[i] == '{';

    return n > FRAME_VALUES_MAX;
}

enum rc
message_call_parse(struct message_call *ret, struct span frame, struct why *why)
{
    closing(message_call_done) struct message_call call = {0};
    struct members m;

    if (has_too_many_values(frame))
        return fail(why, RC_TOO_LARGE, "FRAME_VALUES_MAX");

    enum rc rc = members_parse(&call.root, frame, why);
    if (rc)
        return rc;

    members_open(&m, call.root, "call");
    members_text(&m, "method", &call.method);
    members_object_maybe(&m, "parameters", &call.parameters);
    members_bool_maybe(&m, "more", &call.more);
    members_bool_maybe(&m, "oneway", &call.oneway);
    members_bool_maybe(&m, "upgrade", &call.upgrade);
    rc = members_close(&m, why);
    if (rc)
        return rc;

    if (!call.parameters) {
        json_t *none = json_object();
        if (!none || json_object_set_new(call.root, "parameters", none))
            return fail_memory(why);
        call.parameters = none;
    }

    *ret = call;
    call = (struct message_call){0};
    return RC_OK;
}

void
message_call_done(struct message_call *call)
{
    json_decref(call->root);
    *call = (struct message_call){0};
}

/* Append one message and its NUL, if all members of root could be set: an error without its name
 * would read as a success. */
static void
put_message(struct bytes *b, const json_t *root, bool is_complete)
{
    if (!is_complete) {
        bytes_fail(b, RC_NO_MEMORY);
        return;
    }

    jsontext_put(b, root);
    bytes_putc(b, 0);
}

static bool
set_text(json_t *root, const char *name, const char *text)
{
    return json_object_set_new(root, name, json_string(text)) == 0;
}

static bool
set_flag(json_t *root, const char *name, bool is)
{
    return !is || json_object_set_new(root, name, json_true()) == 0;
}

static bool
set_parameters(json_t *root, const json_t *parameters)
{
    /* jansson counts references in what is const for us. */
    return !parameters || json_object_set(root, "parameters", (json_t *)parameters) == 0;
}

void
message_put_call(struct bytes *b, const char *method, const json_t *parameters, bool more)
{
    json_auto_t *root = json_object();

    put_message(b, root,
        set_text(root, "method", method) && set_parameters(root, parameters) &&
            set_flag(root, "more", more));
}

void
message_put_upgrade(struct bytes *b, const char *method, const json_t *parameters)
{
    json_auto_t *root = json_object();

    put_message(b, root,
        set_text(root, "method", method) && set_parameters(root, parameters) &&
            set_flag(root, "upgrade", true));
}

void
message_put_reply(struct bytes *b, const json_t *parameters, bool continues)
{
    json_auto_t *root = json_object();

    /* An empty object first: clients expect the member. */
    put_message(b, root,
        json_object_set_new(root, "parameters", json_object()) == 0 &&
            set_parameters(root, parameters) && set_flag(root, "continues", continues));
}

void
message_put_error(struct bytes *b, const char *name, const json_t *parameters)
{
    json_auto_t *root = json_object();

    put_message(b, root, set_text(root, "error", name) && set_parameters(root, parameters));
}

enum rc
message_reply_parse(struct message_reply *ret, struct span frame, struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};
    struct members m;

    enum rc rc = members_parse(&reply.root, frame, why);
    if (rc)
        return rc;

    members_open(&m, reply.root, "reply");
    members_text_maybe(&m, "error", &reply.error);
    members_object_maybe(&m, "parameters", &reply.parameters);
    members_bool_maybe(&m, "continues", &reply.continues);
    rc = members_close(&m, why);
    if (rc)
        return rc;

    if (!reply.parameters) {
        json_t *none = json_object();
        if (!none || json_object_set_new(reply.root, "parameters", none))
            return fail_memory(why);
        reply.parameters = none;
    }

    *ret = reply;
    reply = (struct message_reply){0};
    return RC_OK;
}

void
message_reply_done(struct message_reply *reply)
{
    json_decref(reply->root);
    *reply = (struct message_reply){0};
}

/* A name as it stands in a request: text without control characters, of bounded length. */
static enum rc
check_name(const char *name, size_t max, const char *bound, const char *place, const char *member,
    struct why *why)
{
    struct span text = span_of(name);

    if (text.len > max)
        return fail(why, RC_TOO_LARGE, "%s", bound);

    if (text.len == 0 || !span_is_text(text))
        return fail(why, RC_MALFORMED, "%s.%s: empty, or with control characters", place, member);

    return RC_OK;
}

static enum rc
decode(struct bytes *ret, const char *base64, const char *place, struct why *why)
{
    *ret = BYTES_INIT(DOCUMENT_MAX_BYTES);
    enum rc rc = base64_parse(ret, span_of(base64), why);
    if (rc == RC_TOO_LARGE)
        return fail(why, rc, "DOCUMENT_MAX_BYTES");

    return rc ? within(why, rc, "%s.message", place) : RC_OK;
}

static enum rc
parse_keys(
    struct message_document *document, const json_t *keys, const char *place, struct why *why)
{
    size_t n = json_array_size(keys);
    if (n == 0)
        return fail(why, RC_MALFORMED, "%s.keys: names no key", place);

    document->keys = calloc(n, sizeof *document->keys);
    if (!document->keys)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(keys, i));
        if (!text)
            return fail(why, RC_MALFORMED, "%s.keys[%zu]: not a string", place, i);

        enum rc rc = keyid_parse(&document->keys[i], span_of(text), why);
        if (rc)
            return within(why, rc, "%s.keys[%zu]", place, i);

        for (size_t k = 0; k < i; k++)
            if (keyid_eq(&document->keys[i], &document->keys[k]))
                return fail(why, RC_MALFORMED, "%s.keys[%zu]: named twice", place, i);
        document->n_keys++;
    }

    return RC_OK;
}

static enum rc
parse_document(
    struct message_document *document, const json_t *object, const char *place, struct why *why)
{
    struct members m;
    const char *message = NULL;
    const json_t *keys = NULL;

    members_open(&m, object, place);
    members_text(&m, "format", &document->format);
    members_text(&m, "repository", &document->repository);
    members_text(&m, "role", &document->role);
    members_text(&m, "message", &message);
    members_array(&m, "keys", KEYS_WANTED_MAX, &keys);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = check_name(document->repository, REPOSITORY_MAX_BYTES, "REPOSITORY_MAX_BYTES", place,
            "repository", why);
    if (!rc)
        rc = check_name(document->role, ROLE_MAX_BYTES, "ROLE_MAX_BYTES", place, "role", why);
    if (!rc)
        rc = parse_keys(document, keys, place, why);
    return rc ? rc : decode(&document->message, message, place, why);
}

static enum rc
parse_documents(struct message_sign *sign, const json_t *documents, struct why *why)
{
    size_t n = json_array_size(documents);
    if (n == 0)
        return fail(why, RC_MALFORMED, "documents: there is none");

    sign->documents = calloc(n, sizeof *sign->documents);
    if (!sign->documents)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        char place[32];
        snprintf(place, sizeof place, "documents[%zu]", i);
        sign->n_documents++; /* before: what is half parsed is freed as well */
        enum rc rc = parse_document(&sign->documents[i], json_array_get(documents, i), place, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
parse_file(struct message_file *file, const json_t *object, const char *place, struct why *why)
{
    struct members m;
    const char *message = NULL, *digest = NULL;

    members_open(&m, object, place);
    members_text(&m, "role", &file->role);
    members_int(&m, "version", 1, INTEGER_MAX, &file->version);
    members_text(&m, "digest", &digest);
    members_text_maybe(&m, "message", &message);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = check_name(file->role, ROLE_MAX_BYTES, "ROLE_MAX_BYTES", place, "role", why);
    if (rc)
        return rc;

    rc = hex_parse(file->digest.b, sizeof file->digest.b, span_of(digest), why);
    if (rc)
        return within(why, rc, "%s.digest", place);

    return message ? decode(&file->message, message, place, why) : RC_OK;
}

static enum rc
parse_chain(struct message_chain *chain, const json_t *object, const char *place, struct why *why)
{
    struct members m;
    const json_t *files = NULL;

    members_open(&m, object, place);
    members_text(&m, "repository", &chain->repository);
    members_array(&m, "files", CHAIN_FILES_MAX, &files);
    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = check_name(chain->repository, REPOSITORY_MAX_BYTES, "REPOSITORY_MAX_BYTES", place,
            "repository", why);
    if (rc)
        return rc;

    size_t n = json_array_size(files);
    chain->files = calloc(n > 0 ? n : 1, sizeof *chain->files);
    if (!chain->files)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        char inner[64];
        snprintf(inner, sizeof inner, "%s.files[%zu]", place, i);
        chain->n_files++;
        rc = parse_file(&chain->files[i], json_array_get(files, i), inner, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

static enum rc
parse_bases(struct message_sign *sign, const json_t *bases, struct why *why)
{
    size_t n = json_array_size(bases);

    if (n == 0)
        return RC_OK;

    sign->bases = calloc(n, sizeof *sign->bases);
    if (!sign->bases)
        return fail_memory(why);

    for (size_t i = 0; i < n; i++) {
        char place[32];
        snprintf(place, sizeof place, "bases[%zu]", i);
        sign->n_bases++;
        enum rc rc = parse_chain(&sign->bases[i], json_array_get(bases, i), place, why);
        if (rc)
            return rc;
    }

    return RC_OK;
}

enum rc
message_sign_parse(
    struct message_sign *ret, const json_t *parameters, bool is_explain, struct why *why)
{
    closing(message_sign_done) struct message_sign sign = {0};
    const json_t *documents = NULL, *bases = NULL;
    struct members m;

    sign.parameters = json_incref((json_t *)parameters);
    members_open(&m, parameters, "parameters");
    members_array(&m, "documents", DOCUMENTS_MAX, &documents);
    members_array_maybe(&m, "bases", DOCUMENTS_MAX, &bases);
    if (is_explain) {
        members_text_maybe(&m, "user", &sign.user);
    } else {
        members_bool_maybe(&m, "partial", &sign.partial);
        members_bool_maybe(&m, "dry_run", &sign.dry_run);
        members_bool_maybe(&m, "wait", &sign.wait);
    }

    enum rc rc = members_close(&m, why);
    if (!rc)
        rc = parse_documents(&sign, documents, why);
    if (!rc)
        rc = parse_bases(&sign, bases, why);
    if (rc)
        return rc;

    *ret = sign;
    sign = (struct message_sign){0};
    return RC_OK;
}

void
message_sign_done(struct message_sign *sign)
{
    for (size_t i = 0; i < sign->n_documents; i++) {
        free(sign->documents[i].keys);
        bytes_done(&sign->documents[i].message);
    }
    free(sign->documents);

    for (size_t i = 0; i < sign->n_bases; i++) {
        for (size_t k = 0; k < sign->bases[i].n_files; k++)
            bytes_done(&sign->bases[i].files[k].message);
        free(sign->bases[i].files);
    }
    free(sign->bases);
    json_decref(sign->parameters);
    *sign = (struct message_sign){0};
}
