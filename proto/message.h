/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * message — the Varlink messages of org.countersign.Agent: framing, calls, replies, and the types
 * that both programs read and write.
 *
 * One message is one JSON object and one NUL byte. See org.countersign.Agent.varlink, which a test
 * holds together with this code, and countersign-protocol(7).
 */
#include "proto/members.h"
#include "proto/rc.h"

#define MESSAGE_INTERFACE "org.countersign.Agent"
#define MESSAGE_SERVICE   "org.varlink.service"

/* The text of org.countersign.Agent.varlink, as GetInterfaceDescription returns it. */
extern const char message_interface_text[];

/* A call as it came in. */
struct message_call {
    json_t *root;             /* owns all of it */
    const char *method;       /* full name, "org.countersign.Agent.Sign" */
    const json_t *parameters; /* an object; never NULL */
    bool more, oneway, upgrade;
};

/* frame: without its NUL. RC_MALFORMED; RC_TOO_LARGE: the bound is FRAME_VALUES_MAX.
 * message_call_done(). */
must_check enum rc message_call_parse(struct message_call *ret, struct span frame, struct why *why);
void message_call_done(struct message_call *call);

/* Append one message and its NUL. parameters may be NULL (none) and are not consumed. */
void message_put_call(struct bytes *b, const char *method, const json_t *parameters, bool more);
void message_put_upgrade(struct bytes *b, const char *method, const json_t *parameters);
void message_put_reply(struct bytes *b, const json_t *parameters, bool continues);
/* name: full, "org.countersign.Agent.Denied". */
void message_put_error(struct bytes *b, const char *name, const json_t *parameters);

/* A reply as the client reads it. */
struct message_reply {
    json_t *root;
    const char *error;        /* full name, or NULL */
    const json_t *parameters; /* an object; never NULL */
    bool continues;
};
must_check enum rc message_reply_parse(
    struct message_reply *ret, struct span frame, struct why *why);
void message_reply_done(struct message_reply *reply);

/* One document to be signed. Strings are borrowed from the parameters. */
struct message_document {
    const char *format, *repository, *role;
    struct bytes message; /* decoded */
    struct keyid *keys;   /* canonical IDs, at least one, no duplicates */
    size_t n_keys;
};

/* One file of a published chain: role is a role name or "N.root". */
struct message_file {
    const char *role;
    int64_t version;
    struct digest digest;
    struct bytes message; /* decoded; empty: "you have seen it" */
};

struct message_chain {
    const char *repository;
    struct message_file *files;
    size_t n_files;
};

/* The parameters of Sign and of Explain. */
struct message_sign {
    json_t *parameters; /* counted: they own all strings */
    struct message_document *documents;
    size_t n_documents;
    struct message_chain *bases;
    size_t n_bases;
    bool partial, dry_run;
    bool wait;        /* for approval, with "more" */
    const char *user; /* Explain only; NULL: the caller */
};

/* RC_MALFORMED (names the place), RC_TOO_LARGE (names the bound). message_sign_done(). */
must_check enum rc message_sign_parse(
    struct message_sign *ret, const json_t *parameters, bool is_explain, struct why *why);
void message_sign_done(struct message_sign *sign);
