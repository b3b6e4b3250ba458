/* SPDX-License-Identifier: Apache-2.0 */
#include "client/batch.h"

#include "client/agent_error.h"
#include "client/chain.h"
#include "client/collected.h"
#include "proto/tuf_root.h"

void
batch_document_done(struct batch_document *document)
{
    intent_done(&document->intent);
    bytes_done(&document->file);
    bytes_done(&document->signed_by);
    bytes_done(&document->left_out);
}

void
batch_marks_done(struct batch_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        free(marks->marks[i].repository);
        free(marks->marks[i].role);
        bytes_done(&marks->marks[i].file);
    }
    free(marks->marks);
    *marks = (struct batch_marks){0};
}

static bool
has_key(const json_t *keys, const struct keyid *id)
{
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (!strcmp(json_string_value(json_array_get(keys, i)), id->hex))
            return true;

    return false;
}

/* Append the canonical IDs of listed keys: those that the caller may use, or all of them. One key
 * may be listed in two forms, but is asked for once. */
static enum rc
add_keys(json_t *keys, const struct signer *signer, const struct batch_document *document,
    bool is_all, struct why *why)
{
    size_t n = document->n_listed + document->n_former;

    for (size_t i = 0; i < n && json_array_size(keys) < KEYS_WANTED_MAX; i++) {
        const struct keyid *id =
            pubkey_canonical_id(i < document->n_listed ? document->listed[i]
                                                       : document->former[i - document->n_listed]);
        const struct signer_key *key = signer_find_id(signer, id);
        bool may = key && signer_may(key, document->repository, document->role);

        if ((is_all || may) && !has_key(keys, id) &&
            json_array_append_new(keys, json_string(id->hex)) < 0)
            return fail_memory(why);
    }

    return RC_OK;
}

/*
 * The keys that are asked for. Where the caller may use none, all are: the agent then says why not,
 * and has it on record. Not so where the user named keys, as he did not mean the others.
 */
static enum rc
format_keys(json_t **ret, const struct signer *signer, const struct batch_document *document,
    bool is_all, struct why *why)
{
    closing(json_decrefp) json_t *keys = json_array();

    enum rc rc = add_keys(keys, signer, document, is_all, why);
    if (!rc && json_array_size(keys) == 0 && !signer_is_restricted(signer))
        rc = add_keys(keys, signer, document, true, why);
    if (rc)
        return rc;

    if (json_array_size(keys) == 0)
        return fail(why, RC_DENIED,
            "the agent gives you none of the %zu keys that may sign %s of '%s'%s%s; ask an "
            "administrator of it for a grant",
            document->n_listed, document->role, document->repository,
            document->n_listed > 0 ? ", the first of which is " : "",
            document->n_listed > 0 ? pubkey_canonical_id(document->listed[0])->hex : "");

    *ret = steal(keys);
    return RC_OK;
}

static enum rc
format_document(json_t **ret, const struct signer *signer, const struct batch_document *document,
    bool is_all, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(FRAME_MAX_BYTES);
    json_t *keys = NULL;

    enum rc rc = format_keys(&keys, signer, document, is_all, why);
    if (rc)
        return rc;

    bytes_put_base64(&message, document->message);
    *ret = json_pack("{s:s,s:s,s:s,s:o,s:o}", "format", "notary", "repository",
        document->repository, "role", document->role, "message",
        json_stringn_nocheck(bytes_text(&message), message.len), "keys", keys);
    rc = bytes_check(&message, why);
    return rc ? rc : *ret ? RC_OK : fail_memory(why);
}

static enum rc
format_documents(json_t **ret, const struct signer *signer, const struct batch *batch, bool is_all,
    struct why *why)
{
    closing(json_decrefp) json_t *array = json_array();

    for (size_t i = 0; i < batch->n_documents; i++) {
        json_t *document = NULL;
        enum rc rc = format_document(&document, signer, batch->documents[i], is_all, why);
        if (rc) {
            json_decref(document);
            return rc;
        }

        if (json_array_append_new(array, document) < 0)
            return fail_memory(why);
    }

    *ret = steal(array);
    return RC_OK;
}

static void
put_name(struct bytes *b, const char *name, const char *reason)
{
    bytes_printf(b, "%s%s%s%s", b->len > 0 ? ", " : "", name, *reason ? ": " : "", reason);
}

/* Who signed and who did not, for people. */
static enum rc
put_names(struct batch_document *document, const struct signer *signer, const json_t *signatures,
    const json_t *left_out, struct why *why)
{
    bytes_clear(&document->signed_by);
    for (size_t i = 0; i < json_array_size(signatures); i++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(signatures, i), "name"));
        put_name(&document->signed_by, name ? name : "", "");
    }

    bytes_clear(&document->left_out);
    const char *id;
    json_t *reason;
    json_object_foreach((json_t *)left_out, id, reason) {
        struct keyid keyid;
        const struct signer_key *key =
            keyid_parse(&keyid, span_of(id), NULL) ? NULL : signer_find_id(signer, &keyid);
        put_name(&document->left_out, key ? key->name : id,
            json_is_string(reason) ? json_string_value(reason) : "");
    }

    enum rc rc = bytes_check(&document->signed_by, why);
    return rc ? rc : bytes_check(&document->left_out, why);
}

static enum rc
verify_signatures(
    const struct batch_document *document, const struct collected *collected, struct why *why)
{
    enum rc rc = verify_threshold(document->listed, document->n_listed, document->threshold,
        collected->signatures, collected->n, document->message, why);

    if (!rc && document->n_former > 0)
        rc = verify_threshold(document->former, document->n_former, document->former_threshold,
            collected->signatures, collected->n, document->message, why);
    return rc;
}

/* One Signed of the interface, for the document that was asked for. */
static enum rc
read_signed(struct batch_document *document, const struct signer *signer, const json_t *object,
    struct why *why)
{
    const struct collected_keys keys = {
        document->listed, document->n_listed, document->former, document->n_former};
    closing(collected_done) struct collected collected = COLLECTED_INIT;
    const json_t *signatures = NULL, *left_out = NULL;
    const char *digest = "";
    char want[DIGEST_HEX_LEN + 1];
    struct digest of_message;
    struct members m;

    members_open(&m, object, "signed");
    members_text(&m, "digest", &digest);
    members_array(&m, "signatures", SIGNATURES_MAX, &signatures);
    members_object_maybe(&m, "left_out", &left_out);
    enum rc rc = members_close_tolerant(&m, why);
    if (rc)
        return rc;

    digest_of(&of_message, document->message);
    digest_hex(want, &of_message);
    if (strcmp(digest, want) != 0)
        return fail(why, RC_UNTRUSTED, "the agent signed digest %s, want %s", digest, want);

    rc = collected_read(&collected, signatures, &keys, why);
    if (!rc)
        rc = verify_signatures(document, &collected, why);
    if (!rc)
        rc = collected_make_file(&document->file, document->message, &collected, why);
    return rc ? rc : put_names(document, signer, signatures, left_out, why);
}

/* The released root with its signatures, as the file that it was meant to be. Certificates of
 * former root keys, which sign as well, are among those that it lists. */
static enum rc
read_released(
    struct batch_mark *mark, const char *document, const json_t *signatures, struct why *why)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(collected_done) struct collected collected = COLLECTED_INIT;
    closing(tuf_root_freep) struct tuf_root *root = NULL;
    closing(freep) struct pubkey **keys = NULL;
    size_t n_keys = 0;

    enum rc rc = base64_parse(&message, span_of(document), why);
    if (!rc)
        rc = tuf_root_parse(&root, bytes_span(&message), why);
    if (!rc)
        rc = tuf_role_keys(&keys, &n_keys, &root->roles[RANK_ROOT], &root->keys, why);
    if (!rc)
        rc = collected_read(&collected, signatures,
            &(struct collected_keys){keys, n_keys, root->keys.keys, root->keys.n}, why);
    return rc ? rc : collected_make_file(&mark->file, bytes_span(&message), &collected, why);
}

static enum rc
read_mark(struct batch_mark *mark, const json_t *object, struct why *why)
{
    const char *repository = "", *role = "", *digest = "", *document = NULL;
    const json_t *signatures = NULL;
    struct members m;

    members_open(&m, object, "mark");
    members_text(&m, "repository", &repository);
    members_text(&m, "role", &role);
    members_int(&m, "version", 1, INTEGER_MAX, &mark->version);
    members_text(&m, "digest", &digest);
    members_text_maybe(&m, "document", &document);
    members_array_maybe(&m, "signatures", SIGNATURES_MAX, &signatures);
    enum rc rc = members_close_tolerant(&m, why);
    if (!rc)
        rc = hex_parse(mark->digest.b, sizeof mark->digest.b, span_of(digest), why);
    if (rc)
        return rc;

    mark->file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    mark->repository = strdup(repository);
    mark->role = strdup(role);
    if (!mark->repository || !mark->role)
        return fail_memory(why);

    return document ? read_released(mark, document, signatures, why) : RC_OK;
}

/* RC_ROLLBACK with its marks; the sentence is that of the agent. */
static enum rc
read_rollback(struct batch_marks *ret, const json_t *parameters, struct why *why)
{
    closing(batch_marks_done) struct batch_marks marks = {0};
    const json_t *array = NULL;
    struct members m;
    struct why problem;

    members_open(&m, parameters, "Rollback");
    members_array(&m, "marks", DOCUMENTS_MAX, &array);
    enum rc rc = members_close_tolerant(&m, &problem);
    for (size_t i = 0; !rc && i < json_array_size(array); i++) {
        struct batch_mark *mark = mem_grow(&marks.marks, marks.n, sizeof *mark, DOCUMENTS_MAX);
        if (!mark)
            return fail_memory(why);

        marks.n++;
        rc = read_mark(mark, json_array_get(array, i), &problem);
    }
    if (rc)
        return fail(why, agent_error_of_reply(rc, &problem), "%s", problem.text);

    *ret = marks;
    marks = (struct batch_marks){0};
    return RC_ROLLBACK;
}

/* RC_STALE with what the agent has seen; the sentence is that of the agent. */
static enum rc
read_stale(struct batch_marks *ret, const json_t *parameters, struct why *why)
{
    const char *repository = "", *role = "", *file = NULL;
    struct batch_mark seen = {.file = BYTES_INIT(DOCUMENT_MAX_BYTES)};
    struct members m;
    struct why problem;

    members_open(&m, parameters, "Stale");
    members_text(&m, "repository", &repository);
    members_text(&m, "role", &role);
    members_int(&m, "version", 1, INTEGER_MAX, &seen.version);
    members_text_maybe(&m, "file", &file);
    enum rc rc = members_close_tolerant(&m, &problem);
    if (rc)
        return fail(why, agent_error_of_reply(rc, &problem), "%s", problem.text);

    if (file && base64_parse(&seen.file, span_of(file), NULL))
        bytes_clear(&seen.file); /* of no use, and no harm */
    seen.repository = strdup(repository);
    seen.role = strdup(role);
    struct batch_mark *mark = mem_grow(&ret->marks, ret->n, sizeof *mark, 1);
    if (!mark) {
        free(seen.repository);
        free(seen.role);
        bytes_done(&seen.file);
        return fail_memory(why);
    }

    *mark = seen;
    ret->n = 1;
    return mark->repository && mark->role ? RC_STALE : fail_memory(why);
}

/* The agent signed what it saw; whether that is what was meant, it cannot know. */
static enum rc
check_differences(const struct batch *batch, const json_t *array, struct why *why)
{
    for (size_t i = 0; i < batch->n_documents; i++) {
        const struct batch_document *document = batch->documents[i];
        const json_t *difference = json_object_get(json_array_get(array, i), "difference");

        enum rc rc = intent_check(
            &document->intent, json_is_null(difference) ? NULL : difference, batch->progress, why);
        if (rc)
            return within(why, rc, "%s", document->role);
    }

    return RC_OK;
}

enum rc
batch_sign(struct signer *signer, const struct batch *batch, struct batch_marks *ret_marks,
    struct why *why)
{
    closing(json_decrefp) json_t *list = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    const json_t *array = NULL;
    struct members m;

    enum rc rc = format_documents(&list, signer, batch, false, why);
    if (rc)
        return rc;

    /* Agents of earlier versions do not know "wait", nor keys for which others must agree. */
    bool waits = batch->waits && signer_may_need_approval(signer);
    closing(json_decrefp) json_t *parameters = json_pack("{s:O,s:b,s:o*}", "documents", list,
        "partial", batch->mode == BATCH_PARTIAL, "wait", waits ? json_true() : NULL);
    if (!parameters)
        return fail_memory(why);

    rc = chain_call(&reply, signer_call(signer), "Sign", parameters, batch->bases, why);
    if (rc == RC_ROLLBACK)
        return read_rollback(ret_marks, reply, why);
    if (rc == RC_STALE)
        return read_stale(ret_marks, reply, why);
    if (rc)
        return rc;

    members_open(&m, reply, "Sign");
    members_array(&m, "documents", DOCUMENTS_MAX, &array);
    rc = members_close_tolerant(&m, why);
    if (!rc && json_array_size(array) != batch->n_documents)
        rc = fail(why, RC_MALFORMED, "%zu documents, want %zu", json_array_size(array),
            batch->n_documents);

    for (size_t i = 0; !rc && i < batch->n_documents; i++)
        rc = read_signed(batch->documents[i], signer, json_array_get(array, i), why);

    return rc ? agent_error_of_reply(rc, why) : check_differences(batch, array, why);
}

enum rc
batch_explain(json_t **ret, struct signer *signer, const struct batch *batch, const char *user,
    struct why *why)
{
    closing(json_decrefp) json_t *list = NULL;
    closing(json_decrefp) json_t *reply = NULL;
    const json_t *verdicts = NULL;
    struct members m;

    enum rc rc = format_documents(&list, signer, batch, user != NULL, why);
    if (rc)
        return rc;

    closing(json_decrefp) json_t *parameters =
        json_pack("{s:O,s:s*}", "documents", list, "user", user);
    if (!parameters)
        return fail_memory(why);

    rc = chain_call(&reply, signer_call(signer), "Explain", parameters, batch->bases, why);
    if (rc)
        return rc;

    members_open(&m, reply, "Explain");
    members_array(&m, "verdicts", DOCUMENTS_MAX, &verdicts);
    rc = members_close_tolerant(&m, why);
    if (!rc && json_array_size(verdicts) != batch->n_documents)
        rc = fail(why, RC_MALFORMED, "%zu verdicts on %zu documents", json_array_size(verdicts),
            batch->n_documents);
    if (rc)
        return agent_error_of_reply(rc, why);

    *ret = json_incref((json_t *)verdicts);
    return RC_OK;
}
