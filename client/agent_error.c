/* SPDX-License-Identifier: Apache-2.0 */
#include "client/agent_error.h"

#include <stdio.h>

#define SENTENCE_MAX_BYTES 4096 /* before struct why cuts it */
#define OTHER_VERSION      "; client and agent may differ in version: update the older one"

/*
 * {name} is the parameter of that name. A part in brackets is left out where one of its parameters
 * is missing or empty.
 */
static const struct {
    const char *name;
    enum rc rc;
    const char *sentence;
} errors[] = {
    {MESSAGE_INTERFACE ".Malformed", RC_MALFORMED,
        "the agent cannot take {where}: {problem}" OTHER_VERSION},
    {MESSAGE_INTERFACE ".Unsupported", RC_UNSUPPORTED,
        "the agent does not offer this: {what}" OTHER_VERSION},
    {MESSAGE_INTERFACE ".TooLarge", RC_TOO_LARGE,
        "over a bound of the agent: {bound}; see countersign-protocol(7)"},
    {MESSAGE_INTERFACE ".NotFound", RC_NOT_FOUND,
        "the agent does not know it: {name}; check the spelling"},
    {MESSAGE_INTERFACE ".Refused", RC_REFUSED, "refused[: {problem}]"},
    {MESSAGE_INTERFACE ".Denied", RC_DENIED,
        "refused ({reason})[: want {want}, have {have}][; {remedy}][; record {id}]"},
    {MESSAGE_INTERFACE ".NeedsApproval", RC_PENDING,
        "others must agree first to request {id}, digest {digest}: one of[ {approvers}] runs "
        "'countersign approve {id}'[ before {expires}]; then do the same again"},
    {MESSAGE_INTERFACE ".Rollback", RC_ROLLBACK,
        "the agent has released version {version} of '{role}' in '{repository}' already; try "
        "again"},
    {MESSAGE_INTERFACE ".Stale", RC_STALE,
        "not based on the newest: the agent knows version {version} of '{role}' in '{repository}'; "
        "try again"},
    {MESSAGE_INTERFACE ".TokenUnavailable", RC_TOKEN,
        "the token[ '{token}'] is not ready ({state})[: {remedy}]"},
    {MESSAGE_INTERFACE ".Busy", RC_BUSY,
        "the agent is busy: {bound}; try again later[, after {retry_after_ms} ms]"},
    {MESSAGE_INTERFACE ".Timeout", RC_TIMEOUT,
        "not done in time[ by the token '{token}']; see 'countersign status', and whether it "
        "waits for a touch"},
    {MESSAGE_INTERFACE ".StorageFailed", RC_STORAGE,
        "the agent cannot write its ledger[: {remedy}]"},
    {MESSAGE_INTERFACE ".Internal", RC_SYSTEM, "the agent failed; its log says at what"},
    {MESSAGE_SERVICE ".InterfaceNotFound", RC_UNSUPPORTED,
        "what answers is no agent: it has no interface[ '{interface}']; name the agent's socket "
        "with "
        "--socket or COUNTERSIGN_SOCKET"},
    {MESSAGE_SERVICE ".MethodNotFound", RC_UNSUPPORTED,
        "the agent has no method[ '{method}']" OTHER_VERSION},
    {MESSAGE_SERVICE ".MethodNotImplemented", RC_UNSUPPORTED,
        "this version of the agent does not implement[ '{method}']" OTHER_VERSION},
    {MESSAGE_SERVICE ".InvalidParameter", RC_MALFORMED,
        "the agent does not take the parameter[ '{parameter}']" OTHER_VERSION},
    {MESSAGE_SERVICE ".PermissionDenied", RC_DENIED,
        "the agent does not let this user do that; ask an administrator of it"},
};

/* Append a parameter; false where it is missing or empty. */
static bool
put_parameter(struct bytes *b, const json_t *parameters, struct span name)
{
    const json_t *value = json_object_getn(parameters, (const char *)name.p, name.len);

    if (json_is_integer(value))
        bytes_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        bytes_printf(b, "%.400s", json_string_value(value));
    return json_is_integer(value) || json_string_length(value) > 0;
}

/* Append the text of a sentence, or of a part of it, up to end; false where something is missing.
 */
static bool
put_part(struct bytes *b, const char *text, const char *end, const json_t *parameters)
{
    bool is_whole = true;

    for (const char *c = text; c < end; c++) {
        size_t len = *c == '{' ? strcspn(c, "}") : 0;
        if (len == 0) {
            bytes_putc(b, (uint8_t)*c);
            continue;
        }
        if (!put_parameter(b, parameters, (struct span){(const uint8_t *)c + 1, len - 1}))
            is_whole = false;
        c += len;
    }

    return is_whole;
}

static void
put_sentence(struct bytes *b, const char *sentence, const json_t *parameters)
{
    closing(bytes_done) struct bytes part = BYTES_INIT(SENTENCE_MAX_BYTES);

    for (const char *c = sentence; *c;) {
        bool is_optional = *c == '[';
        const char *start = is_optional ? c + 1 : c;
        const char *end = start + strcspn(start, is_optional ? "]" : "[");

        bytes_clear(&part);
        if (put_part(&part, start, end, parameters) || !is_optional)
            bytes_put(b, bytes_span(&part));
        c = is_optional ? end + 1 : end;
    }
}

/* The parameters of NeedsApproval, with "approvers" in words, and of the digest what people type.
 */
static json_t *
name_approvers(const json_t *parameters)
{
    closing(bytes_done) struct bytes names = BYTES_INIT(SENTENCE_MAX_BYTES);
    const char *digest = json_string_value(json_object_get(parameters, "digest"));
    size_t i, k;
    json_t *approval, *name;

    json_array_foreach(json_object_get(parameters, "approvals"), i, approval) {
        json_array_foreach(json_object_get(approval, "approvers"), k, name)
            if (json_is_string(name))
                bytes_printf(&names, "%s%s", names.len > 0 ? ", " : "", json_string_value(name));
    }

    json_t *ret = json_copy((json_t *)parameters);
    if (ret)
        (void)json_object_set_new(ret, "approvers", json_string(bytes_text(&names)));
    if (ret && digest)
        (void)json_object_set_new(ret, "digest", json_sprintf("%.8s", digest));
    return ret;
}

enum rc
agent_error(const char *name, const json_t *parameters, struct why *why)
{
    closing(bytes_done) struct bytes sentence = BYTES_INIT(SENTENCE_MAX_BYTES);
    enum rc rc = RC_SYSTEM;

    for (size_t i = 0; i < N_ELEMENTS(errors); i++) {
        if (strcmp(name, errors[i].name) != 0)
            continue;

        rc = errors[i].rc;
        closing(json_decrefp) json_t *waiting =
            rc == RC_PENDING ? name_approvers(parameters) : NULL;
        const json_t *about = rc == RC_ROLLBACK
                                  ? json_array_get(json_object_get(parameters, "marks"), 0)
                              : waiting ? waiting
                                        : parameters;
        put_sentence(&sentence, errors[i].sentence, about);
    }

    const char *state = json_string_value(json_object_get(parameters, "state"));
    if (rc == RC_TOKEN && state && !strcmp(state, "locked"))
        rc = RC_LOCKED;

    if (sentence.len == 0)
        return fail(why, rc, "the agent answers with the error '%s'" OTHER_VERSION, name);

    return fail(why, rc, "%s", bytes_text(&sentence));
}

enum rc
agent_error_of_reply(enum rc rc, struct why *why)
{
    return fail(why, rc, "answer of the agent: %s" OTHER_VERSION, why ? why->text : "");
}
