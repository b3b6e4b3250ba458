/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/derkey.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define KEY_MAX_BYTES 133 /* a point on P-521 */

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX, EVP_PKEY_CTX_free);

/* RFC 5480 §2, RFC 8410 §4: what stands before the uncompressed point, or the 32 bytes. */
static const struct form {
    const char *group; /* as OpenSSL calls it; NULL: Ed25519 */
    size_t header_len, key_len;
    uint8_t header[26];
} forms[] = {
    {"secp224r1", 23, 57,
        {0x30, 0x4e, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
            0x2b, 0x81, 0x04, 0x00, 0x21, 0x03, 0x3a, 0x00}},
    {"prime256v1", 26, 65,
        {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
            0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00}},
    {"secp384r1", 23, 97,
        {0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05,
            0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00}},
    {"secp521r1", 25, 133,
        {0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x05, 0x2b, 0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00}},
    {NULL, 12, 32, {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}},
};

static EVP_PKEY *
read_point(const struct form *form, const uint8_t *point)
{
    closing(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *evp = NULL;
    /* OpenSSL only reads what it takes as not const. */
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)form->group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (uint8_t *)point, form->key_len),
        OSSL_PARAM_construct_end(),
    };

    bool ok = ctx && EVP_PKEY_fromdata_init(ctx) > 0 &&
              EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, parameters) > 0;
    return ok ? evp : NULL;
}

static void
put_encoded(struct bytes *b, const EVP_PKEY *evp)
{
    uint8_t *der = NULL;

    int len = i2d_PUBKEY(evp, &der);
    if (len > 0)
        bytes_put(b, (struct span){der, (size_t)len});
    OPENSSL_free(der);
}

/* Keys of other kinds: if they are written as they were read, this is their one form. */
static EVP_PKEY *
read_other(struct span der)
{
    const uint8_t *at = der.p;
    uint8_t *again = NULL;

    closing(EVP_PKEY_freep) EVP_PKEY *evp = d2i_PUBKEY(NULL, &at, (long)der.len);
    int len = evp ? i2d_PUBKEY(evp, &again) : -1;
    bool is_one_form = len > 0 && span_eq((struct span){again, (size_t)len}, der);
    OPENSSL_free(again);
    return is_one_form ? steal(evp) : NULL;
}

EVP_PKEY *
derkey_read(struct span der)
{
    for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
        const struct form *form = &forms[i];
        if (der.len != form->header_len + form->key_len ||
            memcmp(der.p, form->header, form->header_len) != 0)
            continue;

        const uint8_t *key = der.p + form->header_len;
        if (!form->group)
            return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, form->key_len);
        if (key[0] == POINT_CONVERSION_UNCOMPRESSED)
            return read_point(form, key);
    }

    return read_other(der);
}

void
derkey_put(struct bytes *b, const EVP_PKEY *evp)
{
    char group[64] = "";
    uint8_t key[KEY_MAX_BYTES];
    size_t len = 0;

    /* Of an Ed25519 key, too; it has no group. */
    EVP_PKEY_get_group_name(evp, group, sizeof group, NULL);
    EVP_PKEY_get_octet_string_param(evp, OSSL_PKEY_PARAM_PUB_KEY, key, sizeof key, &len);
    for (size_t i = 0; i < N_ELEMENTS(forms); i++) {
        const char *wanted = forms[i].group ? forms[i].group : "";
        if (len != forms[i].key_len || strcmp(group, wanted) != 0)
            continue;

        bytes_put(b, (struct span){forms[i].header, forms[i].header_len});
        bytes_put(b, (struct span){key, len});
        return;
    }

    put_encoded(b, evp);
}
