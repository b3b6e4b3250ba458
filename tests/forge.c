/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/forge.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "proto/tuf_hashes.h"
#include "tests/softkey.h"

static void
sound(const struct bytes *b)
{
    assert_int_equal(bytes_check(b, NULL), RC_OK);
}

void
forge_key_init(struct forge_key *k, const char *algorithm)
{
    k->evp = softkey_new(algorithm);
    k->key = softkey_pubkey(k->evp);
}

static void
add_common_name(X509 *x, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x);

    assert_true(X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0));
    assert_true(X509_set_issuer_name(x, name));
}

static void
add_basic_constraints(X509 *x)
{
    BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

    assert_non_null(constraints);
    assert_true(
        X509_add1_ext_i2d(x, NID_basic_constraints, constraints, 1, X509V3_ADD_DEFAULT) == 1);
    BASIC_CONSTRAINTS_free(constraints);
}

void
forge_key_certify(struct forge_key *k, const char *common_name, int64_t start, int64_t end)
{
    X509 *x = X509_new();
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;

    assert_non_null(x);
    assert_non_null(out);
    assert_true(X509_set_version(x, X509_VERSION_3));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
    assert_true(ASN1_TIME_set(X509_getm_notBefore(x), start));
    assert_true(ASN1_TIME_set(X509_getm_notAfter(x), end));
    assert_true(X509_set_pubkey(x, k->evp));
    add_common_name(x, common_name);
    add_basic_constraints(x);
    assert_true(X509_sign(x, k->evp, EVP_sha256()));
    assert_true(PEM_write_bio_X509(out, x));

    long len = BIO_get_mem_data(out, &text);
    pubkey_unref(steal(k->key));
    enum rc rc = pubkey_from_pem(&k->key, (struct span){(const uint8_t *)text, (size_t)len}, NULL);
    assert_int_equal(rc, RC_OK);
    BIO_free(out);
    X509_free(x);
}

void
forge_key_done(struct forge_key *k)
{
    EVP_PKEY_free(k->evp);
    pubkey_unref(k->key);
    *k = (struct forge_key){0};
}

const char *
forge_key_id(const struct forge_key *k)
{
    return pubkey_id(k->key)->hex;
}

void
forge_file(
    struct bytes *file, struct span message, const struct forge_key *const signers[FORGE_KEYS_MAX])
{
    struct verify_signature signatures[FORGE_KEYS_MAX];
    struct bytes raw[FORGE_KEYS_MAX];
    size_t n = 0;

    for (; n < FORGE_KEYS_MAX && signers[n]; n++) {
        raw[n] = BYTES_INIT(SIGNATURE_MAX_BYTES);
        softkey_sign(&raw[n], signers[n]->evp, verify_method_of(signers[n]->key), message);
        signatures[n].keyid = *pubkey_id(signers[n]->key);
        signatures[n].method = verify_method_of(signers[n]->key);
        signatures[n].signature = bytes_span(&raw[n]);
    }

    bytes_clear(file);
    tuf_file_format(file, message, signatures, n);
    sound(file);
    while (n > 0)
        bytes_done(&raw[--n]);
}

static int
key_order(const void *a, const void *b)
{
    struct pubkey *const *x = a, *const *y = b;

    return strcmp(pubkey_id(*x)->hex, pubkey_id(*y)->hex);
}

/* The keys of all roles, each once. */
static void
put_keys(struct bytes *b, const struct forge_role *roles, size_t n_roles)
{
    struct pubkey *keys[FORGE_KEYS_MAX * 64];
    size_t n = 0;

    assert_true(n_roles <= 64);
    for (size_t i = 0; i < n_roles; i++)
        for (size_t k = 0; k < FORGE_KEYS_MAX && roles[i].keys[k]; k++)
            keys[n++] = roles[i].keys[k]->key;
    qsort(keys, n, sizeof(struct pubkey *), key_order);

    bytes_putc(b, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !key_order(&keys[i - 1], &keys[i]))
            continue;

        bytes_printf(b, "%s\"%s\":", i == 0 ? "" : ",", pubkey_id(keys[i])->hex);
        pubkey_format(b, keys[i]);
    }
    bytes_putc(b, '}');
}

static void
put_keyids(struct bytes *b, const struct forge_role *role)
{
    bytes_puts(b, "{\"keyids\":[");
    for (size_t i = 0; i < FORGE_KEYS_MAX && role->keys[i]; i++)
        bytes_printf(b, "%s\"%s\"", i == 0 ? "" : ",", forge_key_id(role->keys[i]));
    bytes_putc(b, ']');
}

void
forge_root(
    struct bytes *message, int64_t version, const char *expires, const struct forge_role roles[4])
{
    bytes_clear(message);
    bytes_printf(message,
        "{\"_type\":\"Root\",\"consistent_snapshot\":false,\"expires\":\"%s\",\"keys\":", expires);
    put_keys(message, roles, 4);
    bytes_puts(message, ",\"roles\":{");
    for (size_t i = 0; i < 4; i++) {
        bytes_printf(message, "%s\"%s\":", i == 0 ? "" : ",", roles[i].name);
        put_keyids(message, &roles[i]);
        bytes_printf(message, ",\"threshold\":%" PRId64 "}", roles[i].threshold);
    }
    bytes_printf(message, "},\"version\":%" PRId64 "}", version);
    sound(message);
}

void
forge_targets(struct bytes *message, int64_t version, const char *expires,
    const struct forge_role *roles, size_t n_roles, const char *targets)
{
    bytes_clear(message);
    bytes_puts(message, "{\"_type\":\"Targets\",\"delegations\":{\"keys\":");
    put_keys(message, roles, n_roles);
    bytes_puts(message, ",\"roles\":[");
    for (size_t i = 0; i < n_roles; i++) {
        bytes_puts(message, i == 0 ? "" : ",");
        put_keyids(message, &roles[i]);
        bytes_printf(message, ",\"name\":\"%s\"", roles[i].name);
        if (roles[i].paths)
            bytes_printf(message, ",\"paths\":%s", roles[i].paths);
        bytes_printf(message, ",\"threshold\":%" PRId64 "}", roles[i].threshold);
    }
    bytes_printf(message, "]},\"expires\":\"%s\",\"targets\":%s,\"version\":%" PRId64 "}", expires,
        targets, version);
    sound(message);
}

static void
put_listed(struct bytes *b, const char *role, struct span file)
{
    struct tuf_hashes hashes;

    tuf_hashes_of(&hashes, file);
    bytes_printf(b, "\"%s\":{\"hashes\":", role);
    tuf_hashes_format(b, &hashes);
    bytes_printf(b, ",\"length\":%zu}", file.len);
}

void
forge_snapshot(struct bytes *message, int64_t version, const char *expires,
    const struct forge_listed *files, size_t n_files)
{
    bytes_clear(message);
    bytes_printf(message, "{\"_type\":\"Snapshot\",\"expires\":\"%s\",\"meta\":{", expires);
    for (size_t i = 0; i < n_files; i++) {
        bytes_puts(message, i == 0 ? "" : ",");
        put_listed(message, files[i].role, files[i].file);
    }
    bytes_printf(message, "},\"version\":%" PRId64 "}", version);
    sound(message);
}

void
forge_timestamp(struct bytes *message, int64_t version, const char *expires, struct span snapshot)
{
    bytes_clear(message);
    bytes_printf(message, "{\"_type\":\"Timestamp\",\"expires\":\"%s\",\"meta\":{", expires);
    put_listed(message, "snapshot", snapshot);
    bytes_printf(message, "},\"version\":%" PRId64 "}", version);
    sound(message);
}
