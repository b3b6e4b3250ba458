/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/privkey.h"

#include <openssl/asn1t.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "proto/algorithm.h"
#include "proto/bounds.h"
#include "proto/derkey.h"

/* Notary's PKCS #8 of Ed25519, older than RFC 8410: public key, seed and public key again. */
#define NOTARY_ED25519_OID "1.3.6.1.4.1.11591.15.1"
#define ED25519_BYTES      32
#define NOTARY_ED25519_LEN (3 * ED25519_BYTES)

struct privkey {
    EVP_PKEY *evp;
    struct pubkey *pubkey;
};

static void
pkcs8_freep(PKCS8_PRIV_KEY_INFO **p)
{
    PKCS8_PRIV_KEY_INFO_free(*p);
}

static void
sig_freep(X509_SIG **p)
{
    X509_SIG_free(*p);
}

static enum rc
fail_encoding(struct why *why)
{
    ERR_clear_error();
    return fail(why, RC_MALFORMED, "the private key in it is damaged");
}

static enum rc
read_notary_ed25519(EVP_PKEY **ret, struct span key, struct why *why)
{
    uint8_t public_key[ED25519_BYTES];
    size_t len = sizeof public_key;

    EVP_PKEY *evp = key.len == NOTARY_ED25519_LEN ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519,
                                                        NULL, key.p + ED25519_BYTES, ED25519_BYTES)
                                                  : NULL;
    if (!evp)
        return fail_encoding(why);

    if (EVP_PKEY_get_raw_public_key(evp, public_key, &len) != 1 ||
        memcmp(public_key, key.p, sizeof public_key) != 0) {
        EVP_PKEY_free(evp);
        return fail_encoding(why);
    }

    *ret = evp;
    return RC_OK;
}

static enum rc
read_pkcs8(EVP_PKEY **ret, const PKCS8_PRIV_KEY_INFO *info, struct why *why)
{
    const ASN1_OBJECT *oid = NULL;
    const unsigned char *p = NULL;
    char name[64] = "";
    int len = 0;

    if (PKCS8_pkey_get0(&oid, &p, &len, NULL, info) == 1)
        OBJ_obj2txt(name, sizeof name, oid, 1);
    if (!strcmp(name, NOTARY_ED25519_OID))
        return read_notary_ed25519(ret, (struct span){p, (size_t)len}, why);

    EVP_PKEY *evp = EVP_PKCS82PKEY(info);
    if (!evp)
        return fail_encoding(why);

    *ret = evp;
    return RC_OK;
}

static enum rc
read_plain_pkcs8(EVP_PKEY **ret, struct span der, struct why *why)
{
    const unsigned char *p = der.p;

    closing(pkcs8_freep) PKCS8_PRIV_KEY_INFO *info =
        d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.len);
    if (!info || p != der.p + der.len)
        return fail_encoding(why);

    return read_pkcs8(ret, info, why);
}

/* The iteration count of PBKDF2, whoever chose it, is work for us. */
static enum rc
check_pbkdf2(const ASN1_TYPE *parameter, struct why *why)
{
    PBKDF2PARAM *pbkdf2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), parameter);
    if (!pbkdf2)
        return fail_encoding(why);

    int64_t n = 0;
    bool is_number = ASN1_INTEGER_get_int64(&n, pbkdf2->iter) == 1;
    PBKDF2PARAM_free(pbkdf2);
    if (!is_number || n < 1 || n > KEY_FILE_ITERATIONS_MAX)
        return fail(why, RC_TOO_LARGE,
            "its passphrase is stretched by more than %d iterations; change it with 'openssl pkcs8 "
            "-topk8'",
            KEY_FILE_ITERATIONS_MAX);

    return RC_OK;
}

/* PBES2 with PBKDF2 (RFC 8018 §6.2), by any PRF and cipher that OpenSSL has. */
static enum rc
check_encryption(const X509_SIG *sig, struct why *why)
{
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *oid = NULL;
    const void *parameter = NULL;
    char name[64] = "";
    int type = 0;

    X509_SIG_get0(sig, &algorithm, NULL);
    X509_ALGOR_get0(&oid, &type, &parameter, algorithm);
    OBJ_obj2txt(name, sizeof name, oid, 0);
    if (OBJ_obj2nid(oid) != NID_pbes2 || type != V_ASN1_SEQUENCE)
        return fail(why, RC_UNSUPPORTED,
            "it is encrypted by '%s', want PBES2; change it with 'openssl pkcs8 -topk8'", name);

    PBE2PARAM *pbes2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
    if (!pbes2)
        return fail_encoding(why);

    bool is_pbkdf2 = OBJ_obj2nid(pbes2->keyfunc->algorithm) == NID_id_pbkdf2;
    enum rc rc = is_pbkdf2
                     ? check_pbkdf2(pbes2->keyfunc->parameter, why)
                     : fail(why, RC_UNSUPPORTED,
                           "its passphrase is not stretched by PBKDF2; change it with 'openssl "
                           "pkcs8 -topk8'");
    PBE2PARAM_free(pbes2);
    return rc;
}

static enum rc
fail_passphrase(struct why *why)
{
    ERR_clear_error();
    return fail(why, RC_LOCKED, "the passphrase is wrong");
}

static enum rc
read_encrypted_pkcs8(EVP_PKEY **ret, struct span der, struct span passphrase, struct why *why)
{
    const unsigned char *p = der.p;

    closing(sig_freep) X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)der.len);
    if (!sig || p != der.p + der.len)
        return fail_encoding(why);

    enum rc rc = check_encryption(sig, why);
    if (rc)
        return rc;

    closing(pkcs8_freep) PKCS8_PRIV_KEY_INFO *info =
        PKCS8_decrypt(sig, (const char *)passphrase.p, (int)passphrase.len);
    if (!info)
        return fail_passphrase(why);

    return read_pkcs8(ret, info, why);
}

static int
on_passphrase(char *ret, int size, int is_writing, void *userdata)
{
    const struct span *passphrase = userdata;

    (void)is_writing;
    if (passphrase->len > (size_t)size)
        return -1;

    memcpy(ret, passphrase->p, passphrase->len);
    return (int)passphrase->len;
}

/* In place, what OpenSSL's older commands and notary before 0.6 wrote (RFC 1421). */
static enum rc
decrypt_pem(struct bytes *der, const struct keyfile *file, struct span passphrase, struct why *why)
{
    EVP_CIPHER_INFO cipher;
    char header[128];
    long len = (long)der->len;
    struct span info = pem_header(&file->block, "DEK-Info");

    snprintf(header, sizeof header, "Proc-Type: 4,ENCRYPTED\nDEK-Info: %.*s\n", (int)info.len,
        (const char *)info.p);
    if (PEM_get_EVP_CIPHER_INFO(header, &cipher) != 1) {
        ERR_clear_error();
        return fail(why, RC_UNSUPPORTED,
            "it is encrypted in a way that is not known; change it with 'openssl pkcs8 -topk8'");
    }

    if (PEM_do_header(&cipher, der->p, &len, on_passphrase, &passphrase) != 1)
        return fail_passphrase(why);

    bytes_cut(der, (size_t)len);
    return RC_OK;
}

static enum rc
read_traditional(EVP_PKEY **ret, int type, struct span der, struct why *why)
{
    const unsigned char *p = der.p;
    EVP_PKEY *evp = d2i_PrivateKey(type, NULL, &p, (long)der.len);

    if (!evp)
        return fail_encoding(why);

    if (p != der.p + der.len) {
        EVP_PKEY_free(evp);
        return fail_encoding(why);
    }

    *ret = evp;
    return RC_OK;
}

static enum rc
read_key(EVP_PKEY **ret, const struct keyfile *file, struct span der, struct span passphrase,
    struct why *why)
{
    switch (file->form) {
    case KEYFILE_PKCS8:
        return read_plain_pkcs8(ret, der, why);
    case KEYFILE_PKCS8_ENCRYPTED:
        return read_encrypted_pkcs8(ret, der, passphrase, why);
    case KEYFILE_SEC1:
        return read_traditional(ret, EVP_PKEY_EC, der, why);
    case KEYFILE_PKCS1:
        return read_traditional(ret, EVP_PKEY_RSA, der, why);
    case KEYFILE_ED25519:
        return read_notary_ed25519(ret, der, why);
    case KEYFILE_FORM_MAX_:
        break;
    }
    return fail_encoding(why);
}

static enum rc
read_pubkey(struct pubkey **ret, const EVP_PKEY *evp, struct why *why)
{
    closing(bytes_done) struct bytes spki = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct algorithm algorithm;

    enum rc rc = algorithm_of(&algorithm, evp, why);
    if (rc)
        return rc;

    derkey_put(&spki, evp);
    rc = bytes_check(&spki, why);
    if (rc)
        return rc;

    return pubkey_from_spki(ret, bytes_span(&spki), why);
}

static const char *const names[PRIVKEY_PART_MAX_] = {
    [PRIVKEY_VALUE] = OSSL_PKEY_PARAM_PRIV_KEY,
    [PRIVKEY_MODULUS] = OSSL_PKEY_PARAM_RSA_N,
    [PRIVKEY_PUBLIC_EXPONENT] = OSSL_PKEY_PARAM_RSA_E,
    [PRIVKEY_PRIVATE_EXPONENT] = OSSL_PKEY_PARAM_RSA_D,
    [PRIVKEY_PRIME_1] = OSSL_PKEY_PARAM_RSA_FACTOR1,
    [PRIVKEY_PRIME_2] = OSSL_PKEY_PARAM_RSA_FACTOR2,
    [PRIVKEY_EXPONENT_1] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
    [PRIVKEY_EXPONENT_2] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
    [PRIVKEY_COEFFICIENT] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

enum rc
privkey_get(uint8_t *ret, size_t *ret_len, const struct privkey *key, enum privkey_part part,
    struct why *why)
{
    BIGNUM *number = NULL;
    size_t len = PRIVKEY_PART_BYTES;
    bool has_it = false;

    if (EVP_PKEY_is_a(key->evp, "ED25519")) {
        has_it = part == PRIVKEY_VALUE && EVP_PKEY_get_raw_private_key(key->evp, ret, &len) == 1;
    } else if (EVP_PKEY_get_bn_param(key->evp, names[part], &number) == 1 &&
               BN_num_bytes(number) <= PRIVKEY_PART_BYTES) {
        len = (size_t)BN_bn2bin(number, ret);
        has_it = true;
    }
    BN_clear_free(number);
    if (!has_it) {
        ERR_clear_error();
        return fail(why, RC_UNSUPPORTED, "the private key lacks its '%s'", names[part]);
    }

    *ret_len = len;
    return RC_OK;
}

/* The numbers are of a sane size, and belong together. */
static enum rc
check(const struct privkey *key, struct why *why)
{
    bool is_rsa = EVP_PKEY_is_a(key->evp, "RSA");
    size_t first = is_rsa ? PRIVKEY_MODULUS : PRIVKEY_VALUE;
    size_t last = is_rsa ? PRIVKEY_COEFFICIENT : PRIVKEY_VALUE;
    uint8_t number[PRIVKEY_PART_BYTES];
    size_t len;

    for (size_t part = first; part <= last; part++) {
        enum rc rc = privkey_get(number, &len, key, (enum privkey_part)part, why);
        explicit_bzero(number, sizeof number);
        if (rc)
            return rc;
    }

    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key->evp, NULL);
    if (!context)
        return fail_memory(why);

    bool is_sound = EVP_PKEY_pairwise_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (!is_sound)
        return fail(why, RC_MALFORMED, "its public key is not that of its private key");

    return RC_OK;
}

enum rc
privkey_open(
    struct privkey **ret, const struct keyfile *file, struct span passphrase, struct why *why)
{
    closing(bytes_wipe) struct bytes der = BYTES_INIT(KEY_FILE_MAX_BYTES);
    closing(privkey_freep) struct privkey *key = calloc(1, sizeof *key);
    if (!key || !bytes_room(&der, file->block.body.len)) /* at once, so that it never moves */
        return fail_memory(why);

    if (file->is_encrypted && passphrase.len == 0)
        return fail(why, RC_LOCKED, "it is encrypted, and the passphrase is empty");

    enum rc rc = pem_decode(&der, &file->block, why);
    if (rc == RC_OK && file->is_encrypted && file->form != KEYFILE_PKCS8_ENCRYPTED)
        rc = decrypt_pem(&der, file, passphrase, why);
    if (rc == RC_OK)
        rc = read_key(&key->evp, file, bytes_span(&der), passphrase, why);
    if (rc == RC_OK)
        rc = read_pubkey(&key->pubkey, key->evp, why);
    if (rc == RC_OK)
        rc = check(key, why);
    if (rc)
        return rc;

    *ret = steal(key);
    return RC_OK;
}

void
privkey_free(struct privkey *key)
{
    if (!key)
        return;

    EVP_PKEY_free(key->evp);
    pubkey_unref(key->pubkey);
    free(key);
}

struct pubkey *
privkey_pubkey(const struct privkey *key)
{
    return key->pubkey;
}
