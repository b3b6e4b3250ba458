/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/mechanism.h"

#define ROW(mechanism, ...)                                                                        \
    {                                                                                              \
        mechanism, __VA_ARGS__, #mechanism                                                         \
    }

/* Where the token hashes, the message goes over to it: that comes after what takes a digest. */
static const struct mechanism mechanisms[] = {
    ROW(CKM_ECDSA, CKK_EC, VERIFY_ECDSA, MECHANISM_DIGEST, false),
    ROW(CKM_ECDSA_SHA256, CKK_EC, VERIFY_ECDSA, MECHANISM_MESSAGE, false),
    ROW(CKM_RSA_PKCS_PSS, CKK_RSA, VERIFY_RSAPSS, MECHANISM_DIGEST, true),
    ROW(CKM_SHA256_RSA_PKCS_PSS, CKK_RSA, VERIFY_RSAPSS, MECHANISM_MESSAGE, true),
    ROW(CKM_RSA_X_509, CKK_RSA, VERIFY_RSAPSS, MECHANISM_PSS_BLOCK, false),
    ROW(CKM_RSA_PKCS, CKK_RSA, VERIFY_RSAPKCS1V15, MECHANISM_DIGEST_INFO, false),
    ROW(CKM_SHA256_RSA_PKCS, CKK_RSA, VERIFY_RSAPKCS1V15, MECHANISM_MESSAGE, false),
    ROW(CKM_EDDSA, CKK_EC_EDWARDS, VERIFY_EDDSA, MECHANISM_MESSAGE, false),
};

unsigned
mechanisms_in(const CK_MECHANISM_TYPE *types, size_t n)
{
    unsigned offered = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < N_ELEMENTS(mechanisms); m++)
            if (types[i] == mechanisms[m].type)
                offered |= 1u << m;

    return offered;
}

const struct mechanism *
mechanism_find(unsigned offered, CK_KEY_TYPE key, enum verify_method method)
{
    for (size_t m = 0; m < N_ELEMENTS(mechanisms); m++)
        if ((offered & 1u << m) && mechanisms[m].key == key && mechanisms[m].method == method)
            return &mechanisms[m];

    return NULL;
}

void
mechanisms_put_names(struct bytes *b, CK_KEY_TYPE key)
{
    bool is_first = true;

    for (size_t m = 0; m < N_ELEMENTS(mechanisms); m++) {
        if (mechanisms[m].key != key)
            continue;

        bytes_printf(b, "%s%s", is_first ? "" : " or ", mechanisms[m].name);
        is_first = false;
    }
}
