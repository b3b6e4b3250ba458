/* SPDX-License-Identifier: Apache-2.0 */
#include "client/comeback.h"

#include <unistd.h>

#include "client/agent_error.h"
#include "proto/bounds.h"

#define EXPIRY_SLACK_S (2 * PARKED_LIFETIME_S) /* a draft of today expires no later than so */

/* The drafts that are to be signed, in the order in which they are asked for. */
struct wanted {
    const struct publication *publication;
    struct root_step *root; /* NULL: none goes along */
    bool has_root;          /* it is to be signed as well */
    struct step *steps;     /* all of them; those to be signed have a version */
    size_t n_steps;
    const struct batch_document **documents;
    int64_t *expires_at; /* of each draft, as it was first */
    size_t n;
};

static void
wanted_done(struct wanted *wanted)
{
    free(wanted->documents);
    free(wanted->expires_at);
}

static bool
is_wanted(const struct step *step)
{
    return step->version > 0 && !step->is_signed && !step->signature.is_given_only;
}

static enum rc
list_wanted(struct wanted *w, struct why *why)
{
    w->documents = calloc(w->n_steps + 1, sizeof *w->documents);
    w->expires_at = calloc(w->n_steps + 1, sizeof *w->expires_at);
    if (!w->documents || !w->expires_at)
        return fail_memory(why);

    if (w->has_root) {
        w->documents[w->n] = root_step_document(w->root);
        w->expires_at[w->n++] = root_step_root(w->root)->expires_at;
    }
    for (size_t i = 0; i < w->n_steps; i++)
        if (is_wanted(&w->steps[i])) {
            w->documents[w->n] = &w->steps[i].signature;
            w->expires_at[w->n++] = w->steps[i].document->expires_at;
        }

    return RC_OK;
}

static bool
any_needs_approval(const struct signer *signer, struct pubkey *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct signer_key *key = signer_find_id(signer, pubkey_canonical_id(keys[i]));
        if (key && key->needs_approval)
            return true;
    }

    return false;
}

/* Whether the agent may want approvals for any of the keys. */
static bool
may_wait(const struct wanted *w)
{
    const struct signer *signer = w->publication->signer;

    for (size_t i = 0; i < w->n; i++)
        if (any_needs_approval(signer, w->documents[i]->listed, w->documents[i]->n_listed) ||
            any_needs_approval(signer, w->documents[i]->former, w->documents[i]->n_former))
            return true;

    return false;
}

/* Each with its own expiry, and those below see the keys of those above. */
static enum rc
draft_again(
    const struct wanted *w, const int64_t *expires_at, const struct tuf_root *like, struct why *why)
{
    size_t n = 0;

    enum rc rc = w->has_root ? root_step_redraft(w->root, expires_at[n++], like, why) : RC_OK;
    const struct step_scene scene = {w->publication, w->root ? root_step_root(w->root) : NULL,
        w->root && root_step_is_first(w->root), w->steps, w->n_steps};
    for (size_t i = 0; !rc && i < w->n_steps; i++) {
        if (!is_wanted(&w->steps[i]))
            continue;

        w->steps[i].expires_at = expires_at[n++];
        rc = step_draft(&w->steps[i], &scene, why);
    }

    return rc;
}

/* A document of a request that waits, as the interface has it; borrows from that. */
struct waiting_document {
    const char *repository, *role, *message;
};

static enum rc
read_document(struct waiting_document *ret, const json_t *object, struct why *why)
{
    struct members m;

    members_open(&m, object, "document");
    members_text(&m, "repository", &ret->repository);
    members_text(&m, "role", &ret->role);
    members_text_maybe(&m, "message", &ret->message);
    return members_close_tolerant(&m, why);
}

/* Whether a request is the caller's own, and about the same roles. *ret_id: of such a one. */
static bool
is_alike(const struct wanted *w, const json_t *request, const char **ret_id)
{
    const json_t *documents = NULL;
    int64_t uid = -1;
    struct members m;

    members_open(&m, request, "request");
    members_text(&m, "id", ret_id);
    members_int(&m, "uid", 0, UINT32_MAX, &uid);
    members_array(&m, "documents", DOCUMENTS_MAX, &documents);
    if (members_close_tolerant(&m, NULL) || uid != geteuid() || json_array_size(documents) != w->n)
        return false;

    for (size_t i = 0; i < w->n; i++) {
        struct waiting_document document = {0};
        if (read_document(&document, json_array_get(documents, i), NULL) ||
            strcmp(document.repository, w->documents[i]->repository) != 0 ||
            strcmp(document.role, w->documents[i]->role) != 0)
            return false;
    }

    return true;
}

/* The messages of a request that waits. */
struct waiting_request {
    struct bytes *messages;
    int64_t *expires_at;
    size_t n;
    struct tuf_root *root; /* that of a new repository; NULL: none is among them */
};

static void
waiting_request_done(struct waiting_request *request)
{
    for (size_t i = 0; i < request->n; i++)
        bytes_done(&request->messages[i]);
    tuf_root_free(request->root);
    free(request->messages);
    free(request->expires_at);
}

/* When the last message expires. */
static enum rc
read_expiry(struct waiting_request *request, const char *role, struct why *why)
{
    closing(tuf_targets_freep) struct tuf_targets *targets = NULL;
    struct span message = bytes_span(&request->messages[request->n]);
    bool is_root = !strcmp(role, "root");

    enum rc rc = is_root && !request->root ? tuf_root_parse(&request->root, message, why)
                                           : tuf_targets_parse(&targets, message, why);
    if (!rc)
        request->expires_at[request->n] = is_root ? request->root->expires_at : targets->expires_at;
    return rc;
}

static enum rc
read_messages(
    struct waiting_request *ret, const struct wanted *w, const json_t *reply, struct why *why)
{
    const json_t *request = json_array_get(json_object_get(reply, "requests"), 0);
    const json_t *documents = json_object_get(request, "documents");

    ret->messages = calloc(w->n, sizeof *ret->messages);
    ret->expires_at = calloc(w->n, sizeof *ret->expires_at);
    if (!ret->messages || !ret->expires_at)
        return fail_memory(why);

    for (; ret->n < w->n; ret->n++) {
        struct waiting_document document = {0};

        ret->messages[ret->n] = BYTES_INIT(DOCUMENT_MAX_BYTES);
        enum rc rc = read_document(&document, json_array_get(documents, ret->n), why);
        if (!rc && !document.message)
            rc = fail(why, RC_MALFORMED, "a request without its messages");
        if (!rc)
            rc = base64_parse(&ret->messages[ret->n], span_of(document.message), why);
        if (!rc)
            rc = read_expiry(ret, document.role, why);
        if (rc) {
            bytes_done(&ret->messages[ret->n]);
            return agent_error_of_reply(rc, why);
        }
    }

    return RC_OK;
}

/* Whether the drafts, made with the expiries of then, are what was asked for then. */
static enum rc
try_request(bool *ret_is_same, const struct wanted *w, const struct waiting_request *request,
    struct why *why)
{
    for (size_t i = 0; i < w->n; i++)
        if (request->expires_at[i] > w->expires_at[i] ||
            request->expires_at[i] < w->expires_at[i] - EXPIRY_SLACK_S)
            return RC_OK;

    enum rc rc = draft_again(w, request->expires_at, request->root, why);
    if (rc)
        return rc;

    bool is_same = true;
    for (size_t i = 0; i < w->n; i++)
        is_same = is_same && span_eq(w->documents[i]->message, bytes_span(&request->messages[i]));
    *ret_is_same = is_same;
    return is_same ? RC_OK : draft_again(w, w->expires_at, NULL, why);
}

static enum rc
take_up(bool *ret_is_same, const struct wanted *w, const char *id, struct why *why)
{
    closing(json_decrefp) json_t *parameters = json_pack("{s:s}", "id", id);
    closing(json_decrefp) json_t *reply = NULL;
    closing(waiting_request_done) struct waiting_request request = {0};

    if (!parameters)
        return fail_memory(why);

    enum rc rc =
        agent_call(&reply, signer_call(w->publication->signer), "Pending", parameters, why);
    if (rc == RC_NOT_FOUND) /* just now it is over */
        return RC_OK;
    if (!rc)
        rc = read_messages(&request, w, reply, why);
    if (!rc)
        rc = try_request(ret_is_same, w, &request, why);
    if (!rc && *ret_is_same)
        progress_note(
            w->publication->progress, "this is request %s, which was asked for before", id);
    return rc;
}

enum rc
comeback(const struct publication *publication, struct root_step *root, struct step *steps,
    size_t n_steps, struct why *why)
{
    closing(wanted_done) struct wanted w = {.publication = publication,
        .root = root,
        .has_root = root && root_step_document(root) && !root_step_document(root)->is_given_only,
        .steps = steps,
        .n_steps = n_steps};
    closing(json_decrefp) json_t *reply = NULL;
    bool is_same = false;
    size_t i;
    json_t *request;

    enum rc rc = list_wanted(&w, why);
    if (rc || !may_wait(&w))
        return rc;

    rc = agent_call(&reply, signer_call(publication->signer), "Pending", NULL, why);
    if (rc)
        return rc;

    json_array_foreach(json_object_get(reply, "requests"), i, request) {
        const char *id = NULL;
        if (!rc && !is_same && is_alike(&w, request, &id))
            rc = take_up(&is_same, &w, id, why);
    }

    return rc;
}
