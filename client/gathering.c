/* SPDX-License-Identifier: Apache-2.0 */
#include "client/gathering.h"

void
gathering_done(struct gathering *gathering)
{
    cosignature_free(steal(gathering->cosignature));
    publish_result_done(&gathering->result);
}

enum rc
gathering_begin(
    struct gathering *gathering, const char *repository, size_t n_documents, struct why *why)
{
    gathering_done(gathering);
    gathering->is_met = true;
    gathering->result.roles = calloc(n_documents + 1, sizeof *gathering->result.roles);
    if (!gathering->result.roles)
        return fail_memory(why);

    return cosignature_new(&gathering->cosignature, repository, why);
}

enum rc
gathering_sort(struct batch_document **documents, size_t n, size_t *ret_n_asked,
    const struct signer *signer, struct why *why)
{
    bool is_any = false;
    size_t n_asked = 0;

    for (size_t i = 0; i < n; i++)
        is_any =
            is_any || documents[i]->n_given > 0 || batch_document_can_sign(documents[i], signer);

    for (size_t i = 0; i < n; i++) {
        struct batch_document *document = documents[i];

        document->is_given_only = is_any && !batch_document_can_sign(document, signer);
        if (document->is_given_only) {
            enum rc rc = batch_document_take_given(document, why);
            if (rc)
                return rc;
            continue;
        }

        /* Their order stays, as requests that wait are found again by it. */
        memmove(documents + n_asked + 1, documents + n_asked, (i - n_asked) * sizeof *documents);
        documents[n_asked++] = document;
    }

    *ret_n_asked = n_asked;
    return RC_OK;
}

static enum rc
report(struct gathering *gathering, const struct batch_document *document, int64_t version,
    const struct signer *signer, struct why *why)
{
    closing(bytes_done) struct bytes signed_by = BYTES_INIT(DOCUMENT_MAX_BYTES);
    closing(bytes_done) struct bytes missing = BYTES_INIT(DOCUMENT_MAX_BYTES);
    const struct quorum quorum = batch_document_quorum(document);

    quorum_put_signed(&signed_by, &quorum, signer);
    quorum_put_missing(&missing, &quorum, signer);
    enum rc rc = bytes_check(&signed_by, why);
    if (!rc)
        rc = bytes_check(&missing, why);
    if (rc)
        return rc;

    gathering->is_met = gathering->is_met && quorum_is_met(&quorum);
    return publish_result_add(&gathering->result, document->role, version, bytes_text(&signed_by),
               bytes_text(&document->left_out)) ||
                   publish_result_miss(&gathering->result, bytes_text(&missing))
               ? fail_memory(why)
               : RC_OK;
}

enum rc
gathering_take(struct gathering *gathering, const struct batch_document *document, struct span base,
    int64_t base_version, const struct signer *signer, struct why *why)
{
    struct cosignature_document *place = NULL;

    enum rc rc = cosignature_add(
        &place, gathering->cosignature, document->role, document->message, base, base_version, why);
    for (size_t i = 0; !rc && i < document->signatures.n; i++)
        rc = collected_add(&place->signatures, &document->signatures.signatures[i], why);
    return rc ? rc : report(gathering, document, cosignature_version(place), signer, why);
}
