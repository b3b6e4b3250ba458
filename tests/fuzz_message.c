/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame on the socket, read as a call by the agent and as a reply by the client. What is taken
 * can be written and read again; a request for signatures is what jansson makes of it.
 */
#include "proto/message.h"

#include "agent/bases.h"
#include "client/agent_error.h"
#include "tests/fuzz.h"

static void
check_documents(const struct message_sign *sign, const json_t *parameters)
{
    const json_t *documents = json_object_get(parameters, "documents");

    assert(sign->n_documents >= 1 && sign->n_documents <= DOCUMENTS_MAX);
    assert(sign->n_documents == json_array_size(documents));
    for (size_t i = 0; i < sign->n_documents; i++) {
        const struct message_document *document = &sign->documents[i];
        const json_t *object = json_array_get(documents, i);
        const json_t *keys = json_object_get(object, "keys");
        closing(bytes_done) struct bytes base64 = BYTES_INIT(2 * DOCUMENT_MAX_BYTES);

        bytes_put_base64(&base64, bytes_span(&document->message));
        assert(!strcmp(bytes_text(&base64), json_string_value(json_object_get(object, "message"))));
        assert(!strcmp(document->role, json_string_value(json_object_get(object, "role"))));
        assert(*document->repository && span_is_text(span_of(document->repository)));
        assert(document->n_keys >= 1 && document->n_keys <= KEYS_WANTED_MAX);
        assert(document->n_keys == json_array_size(keys));
        for (size_t k = 0; k < document->n_keys; k++) {
            assert(!strcmp(document->keys[k].hex, json_string_value(json_array_get(keys, k))));
            for (size_t m = 0; m < k; m++)
                assert(!keyid_eq(&document->keys[k], &document->keys[m]));
        }
    }
}

/* In the order of trust, and of what the documents need. */
static void
check_bases(const struct message_sign *sign)
{
    for (size_t i = 0; i < sign->n_bases; i++) {
        const struct message_chain *chain = &sign->bases[i];
        bool is_asked = false;

        for (size_t k = 0; k < sign->n_documents; k++)
            is_asked = is_asked || !strcmp(sign->documents[k].repository, chain->repository);
        assert(is_asked && chain->n_files <= CHAIN_FILES_MAX);
        for (size_t k = 0; k < i; k++)
            assert(strcmp(chain->repository, sign->bases[k].repository) != 0);
        for (size_t k = 0; k < chain->n_files; k++)
            assert(chain->files[k].message.len > 0);
    }
}

static void
check_parameters(const json_t *parameters)
{
    for (int is_explain = 0; is_explain < 2; is_explain++) {
        closing(message_sign_done) struct message_sign sign = {0};

        if (message_sign_parse(&sign, parameters, is_explain, NULL))
            continue;

        check_documents(&sign, parameters);
        assert(!is_explain || (!sign.partial && !sign.dry_run));
        assert(is_explain || !sign.user);
        if (!bases_check(&sign, NULL))
            check_bases(&sign);
    }
}

static void
check_call(struct span in)
{
    closing(message_call_done) struct message_call call = {0}, again = {0};
    closing(bytes_done) struct bytes b = BYTES_INIT(FRAME_MAX_BYTES);

    if (message_call_parse(&call, in, NULL))
        return;

    assert(!memchr(in.p, 0, in.len) && *call.method && json_is_object(call.parameters));
    message_put_call(&b, call.method, call.parameters, call.more);
    assert(b.len > 0 && b.p[b.len - 1] == 0);
    assert(!message_call_parse(&again, (struct span){b.p, b.len - 1}, NULL));
    assert(!strcmp(again.method, call.method) && again.more == call.more);
    assert(json_equal((json_t *)again.parameters, (json_t *)call.parameters));
    check_parameters(call.parameters);
}

static void
check_reply(struct span in)
{
    closing(message_reply_done) struct message_reply reply = {0}, again = {0};
    closing(bytes_done) struct bytes b = BYTES_INIT(FRAME_MAX_BYTES);
    struct why why = {""};

    if (message_reply_parse(&reply, in, NULL))
        return;

    if (reply.error) {
        enum rc rc = agent_error(reply.error, reply.parameters, &why);
        assert(rc != RC_OK && rc < RC_MAX_);
        assert(*why.text && span_is_text(span_of(why.text)));
        message_put_error(&b, reply.error, reply.parameters);
    } else {
        message_put_reply(&b, reply.parameters, reply.continues);
    }
    assert(!message_reply_parse(&again, (struct span){b.p, b.len - 1}, NULL));
    assert(json_equal((json_t *)again.parameters, (json_t *)reply.parameters));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span in = {data, len};

    check_call(in);
    check_reply(in);
    return 0;
}
