/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/algorithm.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "proto/bounds.h"

/* Notary's curves, by OpenSSL's names. */
static const struct {
    const char *group, *name;
} curves[] = {
    {"secp224r1", "ec-p224"},
    {"prime256v1", "ec-p256"},
    {"secp384r1", "ec-p384"},
    {"secp521r1", "ec-p521"},
};

static enum rc
algorithm_of_ec(struct algorithm *ret, const EVP_PKEY *evp, struct why *why)
{
    char group[64] = "", form[32] = "";
    int is_explicit = 1;

    EVP_PKEY_get_group_name(evp, group, sizeof group, NULL);
    EVP_PKEY_get_utf8_string_param(
        evp, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form, sizeof form, NULL);
    EVP_PKEY_get_int_param(evp, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit);

    /* Go reads neither; OpenSSL even finds the name of a curve in its parameters. */
    if (is_explicit || strcmp(form, "uncompressed") != 0)
        return fail(why, RC_UNSUPPORTED, "EC key that is compressed or has no named curve");

    for (size_t i = 0; i < N_ELEMENTS(curves); i++)
        if (!strcmp(group, curves[i].group)) {
            ret->family = ALGORITHM_ECDSA;
            snprintf(ret->name, sizeof ret->name, "%s", curves[i].name);
            return RC_OK;
        }

    return fail(why, RC_UNSUPPORTED, "curve '%s', want P-224, P-256, P-384 or P-521", group);
}

static enum rc
algorithm_of_rsa(struct algorithm *ret, const EVP_PKEY *evp, struct why *why)
{
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(evp);

    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
        return fail(why, RC_UNSUPPORTED, "RSA key of %d bits, want %d to %d", bits, RSA_MIN_BITS,
            RSA_MAX_BITS);

    EVP_PKEY_get_bn_param(evp, OSSL_PKEY_PARAM_RSA_E, &e);
    BN_ULONG exponent = e ? BN_get_word(e) : 0;
    BN_free(e);
    if (exponent < 3 || exponent > INT32_MAX || exponent % 2 == 0) /* Go takes up to 2^31-1 */
        return fail(why, RC_UNSUPPORTED, "RSA key with an unusable exponent");

    ret->family = ALGORITHM_RSA;
    snprintf(ret->name, sizeof ret->name, "rsa-%d", bits);
    return RC_OK;
}

enum rc
algorithm_of(struct algorithm *ret, const EVP_PKEY *evp, struct why *why)
{
    if (EVP_PKEY_is_a(evp, "EC"))
        return algorithm_of_ec(ret, evp, why);

    if (EVP_PKEY_is_a(evp, "RSA"))
        return algorithm_of_rsa(ret, evp, why);

    if (!EVP_PKEY_is_a(evp, "ED25519"))
        return fail(why, RC_UNSUPPORTED, "key of kind '%s', want EC, RSA or Ed25519",
            EVP_PKEY_get0_type_name(evp));

    *ret = (struct algorithm){ALGORITHM_ED25519, "ed25519"};
    return RC_OK;
}
