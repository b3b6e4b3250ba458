/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/key.h"

static const struct {
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE type;
} methods[VERIFY_EDDSA] = {
    [VERIFY_ECDSA] = {CKM_ECDSA, CKK_EC},
    [VERIFY_RSAPSS] = {CKM_RSA_PKCS_PSS, CKK_RSA},
    [VERIFY_RSAPKCS1V15] = {CKM_RSA_PKCS, CKK_RSA},
};

/* RFC 8017 §9.2: DigestInfo of SHA-256, up to the digest */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

unsigned
key_methods_of_token(const CK_MECHANISM_TYPE *mechanisms, size_t n)
{
    unsigned offered = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < N_ELEMENTS(methods); m++)
            if (mechanisms[i] == methods[m].mechanism)
                offered |= 1u << m;

    return offered;
}

enum rc
key_methods(unsigned *ret, const struct object *key, unsigned offered, struct why *why)
{
    unsigned can = 0;

    if (key->wants_pin_each_time)
        return fail(why, RC_UNSUPPORTED, "it wants the PIN for each signature");

    if (key->type == CKK_EC_EDWARDS)
        return fail(why, RC_UNSUPPORTED, "it is an Ed25519 key, which no delegation can list");

    if (key->type != CKK_EC && key->type != CKK_RSA)
        return fail(why, RC_UNSUPPORTED, "it is a key of type 0x%lx, want EC or RSA", key->type);

    for (size_t m = 0; m < N_ELEMENTS(methods); m++)
        if (methods[m].type == key->type)
            can |= offered & 1u << m;
    if (can == 0)
        return fail(why, RC_UNSUPPORTED, "the token offers no mechanism for it, want %s",
            key->type == CKK_EC ? "CKM_ECDSA" : "CKM_RSA_PKCS_PSS");

    *ret = can;
    return RC_OK;
}

CK_RV
key_sign(uint8_t *ret, size_t *ret_len, const struct session *s, const struct object *key,
    enum verify_method method, const struct digest *digest)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, sizeof digest->b};
    CK_MECHANISM mechanism = {methods[method].mechanism, NULL, 0};
    uint8_t input[sizeof digest_info + sizeof digest->b];
    CK_ULONG input_len = 0, len = SIGNATURE_MAX_BYTES;

    if (method == VERIFY_RSAPSS) {
        mechanism.pParameter = &pss;
        mechanism.ulParameterLen = sizeof pss;
    }
    if (method == VERIFY_RSAPKCS1V15) {
        memcpy(input, digest_info, sizeof digest_info);
        input_len = sizeof digest_info;
    }
    memcpy(input + input_len, digest->b, sizeof digest->b);
    input_len += sizeof digest->b;

    CK_RV rv = GUARDED(s->p11->C_SignInit(s->handle, &mechanism, key->handle));
    if (rv != CKR_OK)
        return rv;

    rv = GUARDED(s->p11->C_Sign(s->handle, input, input_len, ret, &len));
    if (rv != CKR_OK)
        return rv;

    if (len == 0 || len > SIGNATURE_MAX_BYTES)
        return CKR_GENERAL_ERROR; /* the module does not count right */

    *ret_len = len;
    return CKR_OK;
}

bool
key_is_refusal(CK_RV rv)
{
    return rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID ||
           rv == CKR_KEY_TYPE_INCONSISTENT || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
           rv == CKR_KEY_SIZE_RANGE || rv == CKR_DATA_LEN_RANGE || rv == CKR_DATA_INVALID;
}
