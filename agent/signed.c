/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/signed.h"

#include "agent/answer.h"
#include "agent/ledger_anchor.h"
#include "agent/subject_notary.h"
#include "agent/succession.h"
#include "proto/bounds.h"

static json_t *
format_signature(
    const struct decide_choice *choice, enum verify_method method, struct span signature)
{
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);

    bytes_put_base64(&text, signature);
    return json_pack("{s:s,s:s,s:s,s:s}", "key", choice->key->id.hex, "name",
        choice->key->policy->name, "method", verify_method_name(method), "sig", bytes_text(&text));
}

static json_t *
format_document(const struct judgment *j, const struct signatures *signatures, size_t document)
{
    const struct decide_verdict *verdict = &j->decision->verdicts[document];
    const struct subject *subject = j->subjects[document];
    char digest[DIGEST_HEX_LEN + 1];
    json_t *made = json_array(), *left_out = json_object();

    for (size_t i = 0; i < verdict->n_choices; i++) {
        const struct decide_choice *choice = &verdict->choices[i];
        enum verify_method method;
        struct span signature = signatures_find(signatures, document, i, &method);

        if (choice->left_out != REASON_NONE)
            answer_set(&left_out, subject->keys[i].hex, json_string(reason_id(choice->left_out)));
        else if (signature.len > 0)
            answer_add(&made, format_signature(choice, method, signature));
    }

    digest_hex(digest, &subject->digest);
    return json_pack("{s:s,s:o,s:o,s:O*}", "digest", digest, "signatures", made, "left_out",
        left_out, "difference", j->known->changes[document].list);
}

/* Names of all grants under which something was signed, each once. */
static json_t *
format_grants(const struct judgment *j)
{
    json_t *names = json_object(), *grants = json_array();
    const char *name;
    json_t *value;

    for (size_t i = 0; i < j->n_subjects; i++)
        for (size_t k = 0; k < j->decision->verdicts[i].n_choices; k++) {
            const struct decide_choice *choice = &j->decision->verdicts[i].choices[k];
            if (choice->left_out == REASON_NONE)
                answer_set(&names, choice->grant->name, json_true());
        }

    json_object_foreach(names, name, value)
        answer_add(&grants, json_string(name));
    if (!names)
        json_decref(steal(grants));
    json_decref(names);
    return grants;
}

json_t *
signed_format(const struct judgment *j, const struct signatures *signatures, int64_t record)
{
    json_t *documents = json_array();

    for (size_t i = 0; i < j->n_subjects; i++)
        answer_add(&documents, format_document(j, signatures, i));
    return json_pack("{s:o,s:o,s:I}", "documents", documents, "grants", format_grants(j), "record",
        (json_int_t)record);
}

enum rc
signed_put_root(struct ledger *ledger, const struct judgment *j,
    const struct signatures *signatures, size_t document, struct why *why)
{
    const struct subject *subject = j->subjects[document];
    const struct decide_verdict *verdict = &j->decision->verdicts[document];
    closing(bytes_done) struct bytes file = BYTES_INIT(DOCUMENT_MAX_BYTES);
    struct subject_signature made[KEYS_WANTED_MAX];
    size_t n = 0;

    for (size_t i = 0; i < verdict->n_choices && n < KEYS_WANTED_MAX; i++) {
        enum verify_method method;
        struct span signature = signatures_find(signatures, document, i, &method);
        if (signature.len > 0)
            made[n++] = (struct subject_signature){&verdict->choices[i].key->id, signature};
    }

    enum rc rc = subject_notary_publish_root(&file, subject->message, made, n, why);
    if (rc)
        return rc;

    rc = succession_put_root(
        ledger, subject->repository, subject->version, bytes_span(&file), "signed", why);
    return rc ? rc
              : ledger_anchor_sign(
                    ledger, subject->repository, subject->version, bytes_span(&file), why);
}
