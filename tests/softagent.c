/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/softagent.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/softkey.h"

void
softagent_init(struct agent_call *agent, const struct softagent_key *keys, size_t n)
{
    *agent = (struct agent_call){.keys = keys, .n_keys = n};
}

void
softagent_done(struct agent_call *agent)
{
    json_decref(agent->asked);
}

static json_t *
describe(const struct softagent_key *key)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);

    if (key->key)
        bytes_put_base64(&spki, pubkey_spki(key->key->key));
    json_t *ret = json_pack("{s:s,s:s,s:s,s:s?,s:s,s:s,s:s,s:b,s:[s],s:o,s:b,s:b,s:I}", "name",
        key->name, "key", key->key ? pubkey_canonical_id(key->key->key)->hex : "", "spki",
        bytes_text(&spki), "certificate", key->certificate, "algorithm", "ec-p256", "token", "soft",
        "state", key->key ? "ready" : "absent", "usable", !key->is_refused, "repositories",
        "localhost:5000/**", "roles", json_loads(key->roles, 0, NULL), "needs_base", false,
        "needs_approval", false, "max_validity_s", (json_int_t)key->max_validity_s);
    assert_non_null(ret);
    return ret;
}

static json_t *
list_keys(const struct agent_call *agent)
{
    json_t *keys = json_array();

    for (size_t i = 0; i < agent->n_keys; i++)
        json_array_append_new(keys, describe(&agent->keys[i]));
    return json_pack("{s:o}", "keys", keys);
}

static json_t *
sign_with(const struct softagent_key *key, struct span message)
{
    closing(bytes_done) struct bytes raw = BYTES_INIT(SIGNATURE_MAX_BYTES);
    closing(bytes_done) struct bytes text = BYTES_INIT(2 * SIGNATURE_MAX_BYTES);

    softkey_sign(&raw, key->key->evp, verify_method_of(key->key->key), message);
    bytes_put_base64(&text, bytes_span(&raw));
    return json_pack("{s:s,s:s,s:s,s:s}", "key", pubkey_canonical_id(key->key->key)->hex, "name",
        key->name, "method", verify_method_name(verify_method_of(key->key->key)), "sig",
        bytes_text(&text));
}

static const struct softagent_key *
find_key(const struct agent_call *agent, const char *id)
{
    for (size_t i = 0; i < agent->n_keys; i++)
        if (agent->keys[i].key && !strcmp(pubkey_canonical_id(agent->keys[i].key->key)->hex, id))
            return &agent->keys[i];

    return NULL;
}

static json_t *
sign_document(const struct agent_call *agent, const json_t *document)
{
    closing(bytes_done) struct bytes message = BYTES_INIT(DOCUMENT_MAX_BYTES);
    json_t *signatures = json_array(), *left_out = json_object();
    const json_t *keys = json_object_get(document, "keys");
    char hex[DIGEST_HEX_LEN + 1];
    struct digest digest;

    assert_int_equal(base64_parse(&message,
                         span_of(json_string_value(json_object_get(document, "message"))), NULL),
        RC_OK);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *id = json_string_value(json_array_get(keys, i));
        const struct softagent_key *key = find_key(agent, id);
        if (key)
            json_array_append_new(signatures, sign_with(key, bytes_span(&message)));
        else
            json_object_set_new(left_out, id, json_string("no-such-key"));
    }

    digest_of(&digest, bytes_span(&message));
    digest_hex(hex, &digest);
    return json_pack(
        "{s:s,s:o,s:o}", "digest", hex, "signatures", signatures, "left_out", left_out);
}

static json_t *
sign(const struct agent_call *agent, const json_t *parameters)
{
    const json_t *documents = json_object_get(parameters, "documents");
    json_t *ret = json_array();

    for (size_t i = 0; i < json_array_size(documents); i++)
        json_array_append_new(ret, sign_document(agent, json_array_get(documents, i)));
    return json_pack("{s:o,s:[],s:i}", "documents", ret, "grants", "record", 1);
}

enum rc
agent_call(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, struct why *why)
{
    json_decref(call->asked);
    call->asked = json_deep_copy(parameters);
    call->n_calls++;

    if (!strcmp(method, "ListKeys")) {
        *ret_parameters = list_keys(call);
    } else if (call->answer || call->rc) {
        *ret_parameters = json_loads(call->answer ? call->answer : "{}", 0, NULL);
        assert_non_null(*ret_parameters);
        return call->rc ? (fail)(why, call->rc, "said the agent") : RC_OK; /* not cmocka's macro */
    } else {
        assert_string_equal(method, "Sign");
        *ret_parameters = sign(call, parameters);
    }

    if (call->spoil)
        call->spoil(*ret_parameters);
    return RC_OK;
}

enum rc
agent_call_briefly(json_t **ret_parameters, struct agent_call *call, const char *method,
    const json_t *parameters, int64_t timeout_ms, struct why *why)
{
    assert_in_range(timeout_ms, 1, 60000);
    return agent_call(ret_parameters, call, method, parameters, why);
}
