/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token/keypair.h"

#include <assert.h>
#include <sys/random.h>

#define ID_BYTES 20 /* as many as the SHA-1 that others take for it */

/* DER of the parameters: the curve's object identifier (RFC 5480 §2.1.1.1, RFC 8410 §3). */
static const uint8_t p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static const uint8_t p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23};
static const uint8_t ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static const struct kind {
    const char *name;
    CK_KEY_TYPE type;
    CK_MECHANISM_TYPE mechanism;
    const uint8_t *params;
    size_t params_len;
    size_t point_len; /* at the end of SubjectPublicKeyInfo */
    CK_ULONG bits;    /* RSA */
} kinds[] = {
    {"ec-p256", CKK_EC, CKM_EC_KEY_PAIR_GEN, p256, sizeof p256, 65, 0},
    {"ec-p384", CKK_EC, CKM_EC_KEY_PAIR_GEN, p384, sizeof p384, 97, 0},
    {"ec-p521", CKK_EC, CKM_EC_KEY_PAIR_GEN, p521, sizeof p521, 133, 0},
    {"rsa-2048", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 0, 2048},
    {"rsa-3072", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 0, 3072},
    {"rsa-4096", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 0, 4096},
    {"ed25519", CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, ed25519, sizeof ed25519, 32, 0},
};

/* An RSA key that is brought may have any size. */
static const struct kind any_rsa = {"rsa", CKK_RSA, CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0, 0, 0};

static const struct kind *
find_kind(struct span name)
{
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        if (span_is(name, kinds[i].name))
            return &kinds[i];

    return NULL;
}

bool
keypair_is_algorithm(struct span name)
{
    return find_kind(name);
}

void
keypair_put_algorithms(struct bytes *b)
{
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++)
        bytes_printf(b, "%s%s", i > 0 ? ", " : "", kinds[i].name);
}

/* A list of attributes that grows; values are borrowed. */
struct template
{
    CK_ATTRIBUTE a[24];
    CK_ULONG n;
};

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY, public_class = CKO_PUBLIC_KEY;

static void
add(struct template *t, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    assert(t->n < N_ELEMENTS(t->a));
    t->a[t->n++] = (CK_ATTRIBUTE){type, (void *)value, len};
}

/* What the private half may do and be. */
static void
begin_private(struct template *t, struct span label, struct span id)
{
    add(t, CKA_TOKEN, &yes, sizeof yes);
    add(t, CKA_PRIVATE, &yes, sizeof yes);
    add(t, CKA_SENSITIVE, &yes, sizeof yes);
    add(t, CKA_EXTRACTABLE, &no, sizeof no);
    add(t, CKA_SIGN, &yes, sizeof yes);
    add(t, CKA_LABEL, label.p, label.len);
    add(t, CKA_ID, id.p, id.len);
}

static void
begin_public(struct template *t, struct span label, struct span id)
{
    add(t, CKA_TOKEN, &yes, sizeof yes);
    add(t, CKA_PRIVATE, &no, sizeof no);
    add(t, CKA_VERIFY, &yes, sizeof yes);
    add(t, CKA_LABEL, label.p, label.len);
    add(t, CKA_ID, id.p, id.len);
}

/* What neither half is for. */
static void
forbid_the_rest(struct template *private_half, struct template *public_half)
{
    static const CK_ATTRIBUTE_TYPE of_private[] = {CKA_DECRYPT, CKA_UNWRAP, CKA_DERIVE};
    static const CK_ATTRIBUTE_TYPE of_public[] = {CKA_ENCRYPT, CKA_WRAP};

    for (size_t i = 0; i < N_ELEMENTS(of_private); i++)
        add(private_half, of_private[i], &no, sizeof no);
    for (size_t i = 0; i < N_ELEMENTS(of_public); i++)
        add(public_half, of_public[i], &no, sizeof no);
}

/* Make it with these templates, which begin alike for all kinds. */
static CK_RV
generate(struct keypair *ret, const struct session *s, const struct kind *kind,
    struct template *private_half, struct template *public_half)
{
    static const uint8_t exponent[] = {0x01, 0x00, 0x01};
    CK_MECHANISM mechanism = {kind->mechanism, NULL, 0};
    struct keypair pair = {0};

    if (kind->type == CKK_RSA) {
        add(public_half, CKA_MODULUS_BITS, &kind->bits, sizeof kind->bits);
        add(public_half, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    } else {
        add(public_half, CKA_EC_PARAMS, kind->params, kind->params_len);
    }

    CK_RV rv = GUARDED_FOR(GENERATE_TIMEOUT_S,
        s->p11->C_GenerateKeyPair(s->handle, &mechanism, public_half->a, public_half->n,
            private_half->a, private_half->n, &pair.public_key, &pair.private_key));
    if (rv == CKR_OK)
        *ret = pair;
    return rv;
}

CK_RV
keypair_generate(
    struct keypair *ret, const struct session *s, struct span algorithm, struct span label)
{
    const struct kind *kind = find_kind(algorithm);
    uint8_t id[ID_BYTES];
    CK_RV rv = CKR_GENERAL_ERROR;

    if (getrandom(id, sizeof id, 0) != sizeof id)
        return CKR_FUNCTION_FAILED;

    /* tpm2-pkcs11 1.9 takes the mere mention of what a key is not for as a wish, and then
     * contradicts itself. */
    for (int is_plain = 0; is_plain < 2 && rv == CKR_GENERAL_ERROR; is_plain++) {
        struct template private_half = {0}, public_half = {0};
        begin_private(&private_half, label, (struct span){id, sizeof id});
        begin_public(&public_half, label, (struct span){id, sizeof id});
        if (!is_plain)
            forbid_the_rest(&private_half, &public_half);
        rv = generate(ret, s, kind, &private_half, &public_half);
    }
    return rv;
}

/* Numbers of one private key. */
struct numbers {
    uint8_t b[PRIVKEY_PART_MAX_][PRIVKEY_PART_BYTES];
    size_t len[PRIVKEY_PART_MAX_];
};

static const CK_ATTRIBUTE_TYPE part_types[PRIVKEY_PART_MAX_] = {
    [PRIVKEY_VALUE] = CKA_VALUE,
    [PRIVKEY_MODULUS] = CKA_MODULUS,
    [PRIVKEY_PUBLIC_EXPONENT] = CKA_PUBLIC_EXPONENT,
    [PRIVKEY_PRIVATE_EXPONENT] = CKA_PRIVATE_EXPONENT,
    [PRIVKEY_PRIME_1] = CKA_PRIME_1,
    [PRIVKEY_PRIME_2] = CKA_PRIME_2,
    [PRIVKEY_EXPONENT_1] = CKA_EXPONENT_1,
    [PRIVKEY_EXPONENT_2] = CKA_EXPONENT_2,
    [PRIVKEY_COEFFICIENT] = CKA_COEFFICIENT,
};

static CK_RV
create_private(CK_OBJECT_HANDLE *ret, const struct session *s, const struct kind *kind,
    const struct privkey *key, struct template *t)
{
    struct numbers numbers = {0};
    bool is_rsa = kind->type == CKK_RSA;
    size_t last = is_rsa ? PRIVKEY_COEFFICIENT : PRIVKEY_VALUE;
    CK_RV rv = CKR_OK;

    add(t, CKA_CLASS, &private_class, sizeof private_class);
    add(t, CKA_KEY_TYPE, &kind->type, sizeof kind->type);
    if (!is_rsa)
        add(t, CKA_EC_PARAMS, kind->params, kind->params_len);
    for (size_t i = is_rsa ? PRIVKEY_MODULUS : PRIVKEY_VALUE; i <= last && rv == CKR_OK; i++) {
        if (privkey_get(numbers.b[i], &numbers.len[i], key, (enum privkey_part)i, NULL))
            rv = CKR_KEY_TYPE_INCONSISTENT;
        add(t, part_types[i], numbers.b[i], numbers.len[i]);
    }

    if (rv == CKR_OK)
        rv = GUARDED(s->p11->C_CreateObject(s->handle, t->a, t->n, ret));
    explicit_bzero(&numbers, sizeof numbers);
    return rv;
}

static CK_RV
create_public(CK_OBJECT_HANDLE *ret, const struct session *s, const struct kind *kind,
    const struct privkey *key, struct template *t)
{
    struct span spki = pubkey_spki(privkey_pubkey(key));
    uint8_t first[PRIVKEY_PART_BYTES], second[PRIVKEY_PART_BYTES], point[3 + 133];
    size_t first_len = 0, second_len = 0, header_len = kind->point_len < 0x80 ? 2 : 3;

    add(t, CKA_CLASS, &public_class, sizeof public_class);
    add(t, CKA_KEY_TYPE, &kind->type, sizeof kind->type);
    if (kind->type == CKK_RSA) {
        if (privkey_get(first, &first_len, key, PRIVKEY_MODULUS, NULL) ||
            privkey_get(second, &second_len, key, PRIVKEY_PUBLIC_EXPONENT, NULL))
            return CKR_KEY_TYPE_INCONSISTENT;

        add(t, CKA_MODULUS, first, first_len);
        add(t, CKA_PUBLIC_EXPONENT, second, second_len);
    } else {
        /* PKCS#11 2.20 §12.3.3: within an OCTET STRING */
        point[0] = 0x04;
        point[1] = 0x81;
        point[header_len - 1] = (uint8_t)kind->point_len;
        memcpy(point + header_len, spki.p + spki.len - kind->point_len, kind->point_len);
        add(t, CKA_EC_PARAMS, kind->params, kind->params_len);
        add(t, CKA_EC_POINT, point, header_len + kind->point_len);
    }

    return GUARDED(s->p11->C_CreateObject(s->handle, t->a, t->n, ret));
}

CK_RV
keypair_import(
    struct keypair *ret, const struct session *s, const struct privkey *key, struct span label)
{
    struct pubkey *pubkey = privkey_pubkey(key);
    const struct kind *kind =
        pubkey_type(pubkey) == PUBKEY_RSA ? &any_rsa : find_kind(span_of(pubkey_algorithm(pubkey)));
    struct template private_half = {0}, public_half = {0};
    struct keypair pair = {0};
    struct digest id;

    if (!kind)
        return CKR_KEY_TYPE_INCONSISTENT;

    digest_of(&id, pubkey_spki(pubkey));
    begin_private(&private_half, label, (struct span){id.b, ID_BYTES});
    begin_public(&public_half, label, (struct span){id.b, ID_BYTES});
    forbid_the_rest(&private_half, &public_half);
    CK_RV rv = create_private(&pair.private_key, s, kind, key, &private_half);
    if (rv != CKR_OK)
        return rv;

    rv = create_public(&pair.public_key, s, kind, key, &public_half);
    if (rv != CKR_OK) {
        (void)keypair_destroy(&pair, s);
        return rv;
    }

    *ret = pair;
    return CKR_OK;
}

bool
keypair_destroy(const struct keypair *pair, const struct session *s)
{
    CK_RV rv = CKR_OK, other = CKR_OK;

    if (pair->private_key != CK_INVALID_HANDLE)
        rv = GUARDED(s->p11->C_DestroyObject(s->handle, pair->private_key));
    if (pair->public_key != CK_INVALID_HANDLE)
        other = GUARDED(s->p11->C_DestroyObject(s->handle, pair->public_key));
    return rv == CKR_OK && other == CKR_OK;
}

#define NOT_TAKEN                                                                                  \
    "it takes no such keys; choose another algorithm, or use the token's own tools (of a TPM: "    \
    "tpm2_ptool; of a YubiKey: yubico-piv-tool, ykman piv), then name the key in the policy"

/* What modules say where they mean more than the code does. */
static const struct {
    CK_RV rv;
    const char *means;
} refusals[] = {
    /* ykcs11 wants the management key, which is the PIN of the security officer there. */
    {CKR_USER_TYPE_INVALID,
        "it lets only its security officer do that; use the token's own tools (of a YubiKey: "
        "yubico-piv-tool, ykman piv), then name the key in the policy"},
    {CKR_USER_NOT_LOGGED_IN,
        "it lets only its security officer do that; use the token's own tools (of a YubiKey: "
        "yubico-piv-tool, ykman piv), then name the key in the policy"},
    /* OpenSC with PIV cards */
    {CKR_FUNCTION_NOT_SUPPORTED,
        "its module cannot do that; use the token's own tools (of a PIV card: yubico-piv-tool, "
        "piv-tool), then name the key in the policy"},
    {CKR_MECHANISM_INVALID, "it has no such keys; choose another algorithm"},
    {CKR_CURVE_NOT_SUPPORTED, "it has no such keys; choose another algorithm"},
    {CKR_KEY_SIZE_RANGE, "it has no such keys; choose another algorithm"},
    {CKR_KEY_TYPE_INCONSISTENT, "such keys are not for tokens"},
    /* tpm2-pkcs11: of private keys, and of RSA with 4096 bits; ykcs11: of both */
    {CKR_ATTRIBUTE_VALUE_INVALID, NOT_TAKEN},
    {CKR_TEMPLATE_INCONSISTENT, NOT_TAKEN},
    {CKR_ATTRIBUTE_TYPE_INVALID, NOT_TAKEN},
    {CKR_TOKEN_WRITE_PROTECTED,
        "it is write-protected; use the token's own tools, then name the key in the policy"},
    {CKR_SESSION_READ_ONLY,
        "it is write-protected; use the token's own tools, then name the key in the policy"},
    {CKR_DEVICE_MEMORY, "it is full; remove keys that no policy names"},
};

bool
keypair_is_refusal(CK_RV rv)
{
    for (size_t i = 0; i < N_ELEMENTS(refusals); i++)
        if (rv == refusals[i].rv)
            return true;

    return false;
}

enum rc
keypair_fail(CK_RV rv, const char *call, struct span algorithm, struct why *why)
{
    for (size_t i = 0; i < N_ELEMENTS(refusals); i++)
        if (rv == refusals[i].rv)
            return fail(why, RC_REFUSED, "the token refuses a key of '%.*s': %s (%s: 0x%lx)",
                (int)algorithm.len, (const char *)algorithm.p, refusals[i].means, call, rv);

    return fail(why, RC_TOKEN, "the token makes no key of '%.*s': %s: 0x%lx (%s)",
        (int)algorithm.len, (const char *)algorithm.p, call, rv, p11_kit_strerror(rv));
}
