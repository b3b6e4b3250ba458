/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/key.h"

#include <sys/random.h>

#include "agent/token/pss.h"

#define INPUT_MAX_BYTES (RSA_MAX_BITS / 8) /* what is signed where it is not the message */

/* RFC 8017 §9.2: DigestInfo of SHA-256, up to the digest */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
    0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

enum rc
key_methods(struct key_methods *ret, const struct object *key, unsigned offered, bool has_pin,
    struct why *why)
{
    closing(bytes_done) struct bytes names = BYTES_INIT(sizeof why->text);
    struct key_methods can = {0};

    if (key->wants_pin_each_time && !has_pin)
        return fail(why, RC_UNSUPPORTED,
            "it wants the PIN for each signature; give the token a 'pin' in the policy");

    if (key->is_for_other_use)
        return fail(why, RC_UNSUPPORTED,
            "it is not for signing (CKA_SIGN); a card says so by the key usage of its certificate");

    if (key->type != CKK_EC && key->type != CKK_RSA && key->type != CKK_EC_EDWARDS)
        return fail(
            why, RC_UNSUPPORTED, "it is a key of type 0x%lx, want EC, RSA or Ed25519", key->type);

    for (enum verify_method m = 0; m < VERIFY_METHOD_MAX_; m++) {
        const struct mechanism *mechanism = mechanism_find(offered, key->type, m);
        if (mechanism)
            can.methods |= 1u << m;
        if (mechanism && mechanism->input == MECHANISM_MESSAGE)
            can.with_message |= 1u << m;
    }
    if (can.methods == 0) {
        mechanisms_put_names(&names, key->type);
        return fail(why, RC_UNSUPPORTED, "the token offers no mechanism for it, want %s",
            bytes_text(&names));
    }

    *ret = can;
    return RC_OK;
}

/* What goes into C_Sign; it may be in buffer. */
static CK_RV
make_input(struct span *ret, uint8_t buffer[INPUT_MAX_BYTES], const struct key_order *order)
{
    uint8_t salt[PSS_SALT_BYTES];

    switch (order->mechanism->input) {
    case MECHANISM_DIGEST:
        *ret = digest_span(order->digest);
        break;
    case MECHANISM_DIGEST_INFO:
        memcpy(buffer, digest_info, sizeof digest_info);
        memcpy(buffer + sizeof digest_info, order->digest->b, sizeof order->digest->b);
        *ret = (struct span){buffer, sizeof digest_info + sizeof order->digest->b};
        break;
    case MECHANISM_PSS_BLOCK:
        if (getrandom(salt, sizeof salt, 0) != sizeof salt)
            return CKR_FUNCTION_FAILED;
        pss_encode(buffer, order->modulus_bits, order->digest, salt);
        *ret = (struct span){buffer, (order->modulus_bits + 7) / 8};
        break;
    case MECHANISM_MESSAGE:
        *ret = order->message;
        break;
    }

    return CKR_OK;
}

CK_RV
key_sign(uint8_t *ret, size_t *ret_len, const struct session *s, const struct object *key,
    const struct key_order *order)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, PSS_SALT_BYTES};
    CK_MECHANISM mechanism = {order->mechanism->type, NULL, 0};
    uint8_t buffer[INPUT_MAX_BYTES];
    CK_ULONG len = SIGNATURE_MAX_BYTES;
    struct span input = {0};

    CK_RV rv = make_input(&input, buffer, order);
    if (rv != CKR_OK)
        return rv;

    if (order->mechanism->wants_pss_params) {
        mechanism.pParameter = &pss;
        mechanism.ulParameterLen = sizeof pss;
    }
    rv = GUARDED(s->p11->C_SignInit(s->handle, &mechanism, key->handle));
    guard_outlive_agent(true);
    if (rv == CKR_OK && order->pin)
        rv = GUARDED(s->p11->C_Login(
            s->handle, CKU_CONTEXT_SPECIFIC, (CK_BYTE *)order->pin->b, order->pin->len));
    guard_outlive_agent(false);
    if (rv != CKR_OK)
        return rv;

    rv = GUARDED(s->p11->C_Sign(s->handle, (CK_BYTE *)input.p, input.len, ret, &len));
    if (rv != CKR_OK)
        return rv;

    if (len == 0 || len > SIGNATURE_MAX_BYTES)
        return CKR_GENERAL_ERROR; /* the module does not count right */

    *ret_len = len;
    return CKR_OK;
}
