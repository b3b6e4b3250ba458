/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A URI of PKCS#11: what a policy may hold the worker understands, as a token or a key of which it
 * says something; and no URI is both.
 */
#include "agent/policy_uri.h"
#include "agent/token/uri.h"
#include "tests/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(uri_freep) P11KitUri *uri = NULL;

    closing(freep) char *text = fuzz_text((struct span){data, len});
    bool is_token = !policy_uri_check(text, POLICY_URI_TOKEN, NULL);
    bool is_key = !policy_uri_check(text, POLICY_URI_KEY, NULL);
    bool is_taken = !uri_new(&uri, span_of(text), NULL);
    assert(!is_token || !is_key);
    assert(is_taken || (!is_token && !is_key));

    if (is_taken)
        assert(!p11_kit_uri_get_pin_value(uri) && !p11_kit_uri_get_module_path(uri));
    if (is_key)
        assert(p11_kit_uri_get_attribute(uri, CKA_ID) || p11_kit_uri_get_attribute(uri, CKA_LABEL));
    if (is_token) {
        const CK_TOKEN_INFO *info = p11_kit_uri_get_token_info(uri);
        assert(info->label[0] != 0xff || info->serialNumber[0] != 0xff || info->model[0] != 0xff ||
               info->manufacturerID[0] != 0xff);
        assert(!p11_kit_uri_get_attribute(uri, CKA_ID));
    }

    return 0;
}
