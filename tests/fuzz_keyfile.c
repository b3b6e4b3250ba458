/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a private key, encrypted or not. What header lines say can be shown and written into
 * a policy as it is; a key that is taken has the public key that OpenSSL sees by itself, and
 * numbers that fit their room.
 */
#include "proto/keyfile.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/privkey.h"
#include "tests/fuzz.h"

#define PASSPHRASE SPAN("correct-horse") /* of those in the corpus */

/* As OpenSSL reads it, which knows neither Notary's Ed25519 nor header lines. */
static void
check_with_openssl(const struct keyfile *file, const struct privkey *key)
{
    closing(bytes_done) struct bytes der = BYTES_INIT(KEY_FILE_MAX_BYTES);

    assert(!pem_decode(&der, &file->block, NULL));
    const uint8_t *p = der.p;
    EVP_PKEY *evp = d2i_AutoPrivateKey(NULL, &p, (long)der.len);
    if (evp)
        assert(EVP_PKEY_eq(evp, pubkey_evp(privkey_pubkey(key))) == 1);
    else
        assert(pubkey_type(privkey_pubkey(key)) == PUBKEY_ED25519);
    EVP_PKEY_free(evp);
}

static void
check_parts(const struct privkey *key)
{
    size_t n = 0;

    for (size_t i = 0; i < PRIVKEY_PART_MAX_; i++) {
        uint8_t part[PRIVKEY_PART_BYTES];
        size_t len = 0;

        if (privkey_get(part, &len, key, (enum privkey_part)i, NULL))
            continue;

        assert(len > 0 && len <= sizeof part);
        n++;
    }
    assert(n == (pubkey_type(privkey_pubkey(key)) == PUBKEY_RSA ? PRIVKEY_PART_MAX_ - 1 : 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(privkey_freep) struct privkey *key = NULL;
    struct keyfile file;

    if (keyfile_parse(&file, (struct span){data, len}, NULL))
        return 0;

    assert(len <= KEY_FILE_MAX_BYTES && file.form < KEYFILE_FORM_MAX_);
    assert(span_plain_len(file.role) == file.role.len && file.role.len <= REPOSITORY_MAX_BYTES);
    assert(span_plain_len(file.gun) == file.gun.len && file.gun.len <= REPOSITORY_MAX_BYTES);
    if (privkey_open(&key, &file, PASSPHRASE, NULL))
        return 0;

    assert(pubkey_evp(privkey_pubkey(key)) && !pubkey_is_x509(privkey_pubkey(key)));
    check_parts(key);
    if (!file.is_encrypted && file.form != KEYFILE_ED25519)
        check_with_openssl(&file, key);
    return 0;
}
