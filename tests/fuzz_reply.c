/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent replies to a client: to ListKeys, Sign, IssueRootCertificate and TrustedRoot, one
 * frame for each. A file that comes out of it is signed by the key that the role lists, whoever
 * replied.
 */
#include "client/agent_error.h"
#include "client/batch.h"
#include "client/root_pin.h"
#include "proto/tuf.h"
#include "tests/fuzz.h"

#define REPOSITORY "localhost:5000/shop/web"
#define MESSAGE    "{\"_type\":\"Targets\"}"

/* Its private key is nowhere. */
#define SPKI                                                                                       \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE17kqF38tKfPjS85c3ZSs0ZaPnU"                               \
    "jyJyZevSnsHD5PhU+9nWkr9QEkDmfgIJxXNij8Nf+97GDOxw3nK5ViNCqTUw=="

/* In place of the socket, and of the connection. */
struct agent_call {
    struct span replies;
};

enum rc
agent_call(json_t **ret, struct agent_call *call, const char *method, const json_t *parameters,
    struct why *why)
{
    closing(message_reply_done) struct message_reply reply = {0};
    struct span frame = fuzz_part(&call->replies);

    (void)method;
    (void)parameters;
    enum rc rc = message_reply_parse(&reply, frame, why);
    if (rc)
        return rc;

    *ret = json_incref((json_t *)reply.parameters);
    return reply.error ? agent_error(reply.error, reply.parameters, why) : RC_OK;
}

enum rc
agent_call_briefly(json_t **ret, struct agent_call *call, const char *method,
    const json_t *parameters, int64_t timeout_ms, struct why *why)
{
    (void)timeout_ms;
    return agent_call(ret, call, method, parameters, why);
}

static void
check_keys(const struct signer *signer)
{
    for (size_t i = 0; i < signer_n_keys(signer); i++) {
        const struct signer_key *key = signer_key_at(signer, i);

        assert(key->name && signer_find(signer, key->name));
        assert(!key->plain || keyid_eq(pubkey_canonical_id(key->plain), &key->id));
        assert(key->plain || !key->certificate);
        if (key->certificate)
            assert(pubkey_evp(key->certificate));
    }
}

static void
check_file(const struct batch_document *document, struct pubkey *listed)
{
    closing(tuf_file_freep) struct tuf_file *file = NULL;

    assert(!tuf_file_parse(&file, bytes_span(&document->file), TUF_STRICT, NULL));
    assert(span_eq(bytes_span(&file->message), document->message));
    assert(!verify_threshold(
        &listed, 1, 1, file->signatures, file->n_signatures, bytes_span(&file->message), NULL));
}

static void
check_sign(struct signer *signer, struct pubkey *listed)
{
    closing(batch_document_done) struct batch_document document = BATCH_DOCUMENT_INIT;
    closing(batch_marks_done) struct batch_marks marks = {0};
    struct batch_document *documents[] = {&document};
    const struct batch batch = {.documents = documents, .n_documents = 1, .mode = BATCH_PARTIAL};

    document.repository = REPOSITORY;
    document.role = "targets/qa";
    document.message = SPAN(MESSAGE);
    document.listed = &listed;
    document.n_listed = 1;
    document.threshold = 1;
    document.intent.changes = json_array();
    assert(document.intent.changes);
    enum rc rc = batch_sign(signer, &batch, &marks, NULL);
    if (!rc)
        check_file(&document, listed);
    else
        assert(document.file.len == 0);
    assert(rc == RC_ROLLBACK || (rc == RC_STALE && marks.n == 1) || marks.n == 0);
}

static void
check_pin(struct agent_call *call)
{
    closing(root_pin_done) struct root_pin pin = {0};

    if (!root_pin_ask(&pin, call, REPOSITORY, NULL))
        assert(pin.n_roots == 0 ? !pin.roots : pin.version > 0);
}

static void
check_certificate(struct signer *signer)
{
    closing(pubkey_unrefp) struct pubkey *certificate = NULL;
    const struct signer_key *key = NULL;

    if (signer_choose(&key, signer, NULL, REPOSITORY, "root", NULL))
        return;

    assert(key->is_usable && signer_may(key, REPOSITORY, "root"));
    if (!signer_root_certificate(&certificate, signer, REPOSITORY, key, false, NULL)) {
        assert(pubkey_is_x509(certificate) && pubkey_evp(certificate));
        assert(keyid_eq(pubkey_canonical_id(certificate), &key->id));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(1024);
    closing(pubkey_unrefp) struct pubkey *listed = NULL;
    closing(signer_freep) struct signer *signer = NULL;
    struct agent_call call = {{data, len}};

    assert(!base64_parse(&spki, SPAN(SPKI), NULL));
    assert(!pubkey_from_spki(&listed, bytes_span(&spki), NULL));
    if (signer_new(&signer, &call, NULL))
        return 0;

    check_keys(signer);
    check_sign(signer, listed);
    check_certificate(signer);
    check_pin(&call);
    return 0;
}
