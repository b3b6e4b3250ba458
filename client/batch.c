/* SPDX-License-Identifier: Apache-2.0 */
#include "client/batch.h"

#include <inttypes.h>

#include "client/agent_error.h"
#include "client/chain.h"

void
batch_document_done(struct batch_document *document)
{
    intent_done(&document->intent);
    collected_done(&document->signatures);
    bytes_done(&document->file);
    bytes_done(&document->signed_by);
    bytes_done(&document->left_out);
}

static bool
has_key(const json_t *keys, const struct keyid *id)
{
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (!strcmp(json_string_value(json_array_get(keys, i)), id->hex))
            return true;

    return false;
}

static const struct pubkey *
key_at(const struct batch_document *document, size_t i)
{
    return i < document->n_listed ? document->listed[i] : document->former[i - document->n_listed];
}

struct quorum
batch_document_quorum(const struct batch_document *document)
{
    return (struct quorum){document->listed, document->n_listed, document->threshold,
        document->former, document->n_former, document->former_threshold,
        document->signatures.signatures, document->signatures.n};
}

/* Whose signature is given is not asked again. */
static bool
may_sign(
    const struct batch_document *document, const struct signer *signer, const struct pubkey *listed)
{
    const struct signer_key *key = signer_find_id(signer, pubkey_canonical_id(listed));
    struct quorum given = batch_document_quorum(document);

    given.signatures = document->given;
    given.n_signatures = document->n_given;
    return key && signer_may(key, document->repository, document->role) &&
           !quorum_has(&given, listed);
}

bool
batch_document_can_sign(const struct batch_document *document, const struct signer *signer)
{
    for (size_t i = 0; i < document->n_listed + document->n_former; i++)
        if (may_sign(document, signer, key_at(document, i)))
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
        const struct pubkey *key = key_at(document, i);
        const struct keyid *id = pubkey_canonical_id(key);

        if ((is_all || may_sign(document, signer, key)) && !has_key(keys, id) &&
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

/* The file, with the signatures of others after the agent's own. */
static enum rc
make_file(struct batch_document *document, struct why *why)
{
    for (size_t i = 0; i < document->n_given; i++) {
        enum rc rc = collected_add(&document->signatures, &document->given[i], why);
        if (rc)
            return rc;
    }

    return collected_make_file(&document->file, document->message, &document->signatures, why);
}

enum rc
batch_document_give(
    struct batch_document *document, const struct collected *signatures, struct why *why)
{
    struct quorum quorum = batch_document_quorum(document);

    quorum.signatures = signatures->signatures;
    quorum.n_signatures = signatures->n;
    enum rc rc = quorum_verify(&quorum, document->message, why);
    if (rc)
        return rc;

    document->given = signatures->signatures;
    document->n_given = signatures->n;
    return RC_OK;
}

enum rc
batch_document_take_given(struct batch_document *document, struct why *why)
{
    collected_done(&document->signatures);
    document->signatures = COLLECTED_INIT;
    bytes_clear(&document->signed_by);
    bytes_clear(&document->left_out);
    return make_file(document, why);
}

/* Who has signed is not enough, and here is nobody to ask for more. */
static enum rc
fail_short(const struct batch_document *document, struct why *why)
{
    return fail(why, RC_REFUSED,
        "%s of '%s' must be signed by %" PRId64 " of %zu keys%s, and this agent does not give so "
        "many: verbs that sign take '--out FILE', which publishes nothing, and others add theirs "
        "by 'cosignature add FILE'",
        document->role, document->repository, document->threshold, document->n_listed,
        document->n_former > 0 ? " and by those of the root before" : "");
}

static int64_t
n_to_sign(const struct batch_document *document, const struct signer *signer,
    struct pubkey *const *keys, size_t n_keys)
{
    int64_t n = 0;

    for (size_t i = 0; i < n_keys; i++)
        n += may_sign(document, signer, keys[i]) ? 1 : 0;
    return n;
}

enum rc
batch_document_check(
    const struct batch_document *document, const struct signer *signer, struct why *why)
{
    int64_t n = n_to_sign(document, signer, document->listed, document->n_listed);
    int64_t n_former = n_to_sign(document, signer, document->former, document->n_former);

    if (n + n_former > 0 && (n < document->threshold ||
                                (document->n_former > 0 && n_former < document->former_threshold)))
        return fail_short(document, why);

    return RC_OK;
}

/* Before the agent releases a version that cannot be published. */
static enum rc
check_thresholds(const struct batch *batch, const struct signer *signer, struct why *why)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && !batch->is_gathering && i < batch->n_documents; i++)
        rc = batch_document_check(batch->documents[i], signer, why);
    return rc;
}

/* One Signed of the interface, for the document that was asked for. */
static enum rc
read_signed(struct batch_document *document, const struct signer *signer, const json_t *object,
    struct why *why)
{
    const struct collected_keys keys = {
        document->listed, document->n_listed, document->former, document->n_former};
    struct collected *collected = &document->signatures;
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

    collected_done(collected);
    *collected = COLLECTED_INIT;
    rc = collected_read(collected, signatures, &keys, why);
    if (!rc && collected->n == 0)
        rc = fail(why, RC_UNTRUSTED, "the agent signed with 0 of %zu keys that it was asked for",
            document->n_listed);
    if (!rc) {
        const struct quorum quorum = batch_document_quorum(document);
        rc = quorum_verify(&quorum, document->message, why);
    }
    if (!rc)
        rc = make_file(document, why);
    return rc ? rc : put_names(document, signer, signatures, left_out, why);
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

    enum rc rc = check_thresholds(batch, signer, why);
    if (!rc)
        rc = format_documents(&list, signer, batch, false, why);
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
        return batch_marks_read_rollback(ret_marks, reply, why);
    if (rc == RC_STALE)
        return batch_marks_read_stale(ret_marks, reply, why);
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

    rc = rc ? agent_error_of_reply(rc, why) : check_differences(batch, array, why);
    for (size_t i = 0; !rc && !batch->is_gathering && i < batch->n_documents; i++) {
        const struct quorum quorum = batch_document_quorum(batch->documents[i]);
        if (!quorum_is_met(&quorum))
            rc = fail_short(batch->documents[i], why);
    }
    return rc;
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
