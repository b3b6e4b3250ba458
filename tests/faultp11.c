/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faultp11.h"

#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <p11-kit/pkcs11.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SESSION    0x5e55 /* there is one at a time, and its number */
#define SLOT       7
#define COORDINATE 32 /* bytes of P-256 */

/* Made for this file, and used nowhere else. */
static const char *const pems[] = {
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzOJ2aZvFhfSsYblR\n"
    "mUE/2L82Tsz0TXvRM/pTklnEDumhRANCAAS8Eco16EeSLms4O6sIySmfWwz3RzHa\n"
    "eKSqdpTwHf4jk/h68fZUNs+003R+JznZxLoZx8QK36eGCcz/HT7hWPYS\n"
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpSASvxBhCsWLWEwf\n"
    "sL6eCP1iciorh7Ypo9Ww88SyHAyhRANCAASa3MDXpTTJt3KdA0LZ16g0bN2yYdUR\n"
    "FpCKY4HaTv1oxNWhggsuk0X+XyNihOSKy/w76bOAWWt9jRO7heto8iGN\n"
    "-----END PRIVATE KEY-----\n",
};

static const CK_BYTE parameters[] = {
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}; /* prime256v1 */

enum { PRIVATE_KEY = 1, PUBLIC_KEY };

static struct {
    struct faultp11 *control;
    EVP_PKEY *key;
    bool is_running, has_session, is_logged_in, is_signing;
    unsigned n_logins; /* handles of private objects are of one login */
    CK_OBJECT_HANDLE found[2];
    size_t n_found;
} token;

static CK_OBJECT_HANDLE
handle_of(int object)
{
    return (CK_OBJECT_HANDLE)object + 0x10 * (object == PRIVATE_KEY ? token.n_logins : 0);
}

static void
open_control(void)
{
    const char *path = getenv("FAULTP11");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = mmap(NULL, sizeof *token.control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED)
        abort();
    close(fd);
    token.control = map;
}

/* Every call begins so. What is not CKR_OK is its answer. */
static CK_RV
enter(enum faultp11_call call, enum faultp11_kind *ret_special)
{
    if (!token.control)
        open_control();

    struct faultp11_fault *fault = &token.control->faults[call];
    token.control->n_calls[call]++;
    *ret_special = FAULT_NONE;
    if (fault->kind == FAULT_NONE)
        return CKR_OK;

    if (fault->n_before > 0) {
        fault->n_before--;
        return CKR_OK;
    }

    enum faultp11_kind kind = (enum faultp11_kind)fault->kind;
    if (fault->n_times > 0 && --fault->n_times == 0)
        fault->kind = FAULT_NONE;

    switch (kind) {
    case FAULT_RETURN:
        return fault->value;
    case FAULT_DELAY:
        (void)poll(NULL, 0, (int)fault->value);
        break;
    case FAULT_HANG:
        for (;;)
            pause();
    case FAULT_CRASH:
        signal(SIGSEGV, SIG_DFL); /* no report of a sanitizer: it is meant so */
        raise(SIGSEGV);
        break;
    case FAULT_LOSE_SESSIONS:
        token.has_session = token.is_logged_in = false;
        break;
    case FAULT_LOSE_LOGIN:
        token.is_logged_in = false;
        break;
    case FAULT_NONE:
    case FAULT_WRONG:
    case FAULT_SHORT:
    case FAULT_LONG:
        *ret_special = kind;
        break;
    }

    return CKR_OK;
}

#define ENTER(call)                                                                                \
    enum faultp11_kind special;                                                                    \
    CK_RV entered = enter(call, &special);                                                         \
    if (entered != CKR_OK)                                                                         \
        return entered;                                                                            \
    if (call != CALL_INITIALIZE && !token.is_running)                                              \
    return CKR_CRYPTOKI_NOT_INITIALIZED

#define ENTER_SESSION(call)                                                                        \
    ENTER(call);                                                                                   \
    if (token.control->is_absent)                                                                  \
        return CKR_DEVICE_REMOVED;                                                                 \
    if (!token.has_session || session != SESSION)                                                  \
    return CKR_SESSION_HANDLE_INVALID

static CK_RV
initialize(void *arguments)
{
    (void)arguments;
    ENTER(CALL_INITIALIZE);
    BIO *bio = BIO_new_mem_buf(pems[token.control->has_other_key ? 1 : 0], -1);
    EVP_PKEY_free(token.key);
    token.key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!token.key)
        return CKR_HOST_MEMORY;

    token.is_running = true;
    return CKR_OK;
}

static CK_RV
finalize(void *reserved)
{
    (void)reserved;
    ENTER(CALL_FINALIZE);
    EVP_PKEY_free(token.key);
    token.key = NULL;
    token.is_running = token.has_session = token.is_logged_in = false;
    return CKR_OK;
}

static CK_RV
get_slot_list(CK_BBOOL wants_tokens, CK_SLOT_ID *ret, CK_ULONG *n)
{
    ENTER(CALL_GET_SLOT_LIST);
    CK_ULONG have = token.control->is_absent && wants_tokens ? 0 : 1 + token.control->n_more;
    if (ret && *n < have)
        return CKR_BUFFER_TOO_SMALL;

    for (CK_ULONG i = 0; ret && i < have; i++)
        ret[i] = SLOT + i;
    *n = have;
    return CKR_OK;
}

static CK_RV
get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *ret)
{
    (void)slot;
    ENTER(CALL_GET_SLOT_INFO);
    *ret = (CK_SLOT_INFO){
        .flags = (token.control->is_absent ? 0 : CKF_TOKEN_PRESENT) | CKF_REMOVABLE_DEVICE |
                 (token.control->is_hardware ? CKF_HW_SLOT : 0),
    };
    return CKR_OK;
}

static void
put_field(CK_UTF8CHAR *field, size_t len, const char *text)
{
    memset(field, ' ', len);
    memcpy(field, text, strnlen(text, len));
}

static CK_RV
get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *ret)
{
    ENTER(CALL_GET_TOKEN_INFO);
    if (token.control->is_absent)
        return CKR_TOKEN_NOT_PRESENT;
    if (slot < SLOT || slot > SLOT + token.control->n_more)
        return CKR_SLOT_ID_INVALID;

    *ret = (CK_TOKEN_INFO){
        .flags = CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED | CKF_TOKEN_INITIALIZED | CKF_RNG |
                 token.control->token_flags,
    };
    put_field(ret->label, sizeof ret->label, "fault");
    put_field(ret->manufacturerID, sizeof ret->manufacturerID, "countersign");
    put_field(ret->model, sizeof ret->model, "faultp11");
    put_field(ret->serialNumber, sizeof ret->serialNumber,
        token.control->serial[0] ? token.control->serial : "0001");
    return CKR_OK;
}

static CK_RV
get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *ret, CK_ULONG *n)
{
    (void)slot;
    ENTER(CALL_GET_MECHANISM_LIST);
    if (ret && *n < 1)
        return CKR_BUFFER_TOO_SMALL;
    if (ret)
        ret[0] = CKM_ECDSA;
    *n = 1;
    return CKR_OK;
}

static CK_RV
open_session(
    CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *ret)
{
    (void)slot;
    (void)flags;
    (void)application;
    (void)notify;
    ENTER(CALL_OPEN_SESSION);
    if (token.control->is_absent)
        return CKR_TOKEN_NOT_PRESENT;
    if (token.has_session || token.control->n_sessions_left == 1)
        return CKR_SESSION_COUNT;
    if (token.control->n_sessions_left > 1)
        token.control->n_sessions_left--;

    token.has_session = true;
    token.is_signing = false;
    *ret = SESSION;
    return CKR_OK;
}

static CK_RV
close_session(CK_SESSION_HANDLE session)
{
    ENTER_SESSION(CALL_CLOSE_SESSION);
    token.has_session = token.is_logged_in = false;
    return CKR_OK;
}

static CK_RV
get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *ret)
{
    ENTER_SESSION(CALL_GET_SESSION_INFO);
    *ret = (CK_SESSION_INFO){SLOT, token.is_logged_in ? CKS_RO_USER_FUNCTIONS : 0, 0, 0};
    return CKR_OK;
}

static CK_RV
login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
    (void)user;
    ENTER_SESSION(CALL_LOGIN);
    if (token.is_logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (len != 4 || memcmp(pin, "1234", 4) != 0)
        return CKR_PIN_INCORRECT;

    token.is_logged_in = true;
    token.n_logins++;
    return CKR_OK;
}

static CK_RV
find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG n)
{
    CK_OBJECT_CLASS class = n == 1 ? *(CK_OBJECT_CLASS *)wanted->pValue : CKO_DATA;

    ENTER_SESSION(CALL_FIND_OBJECTS_INIT);
    token.n_found = 0;
    if (class == CKO_PRIVATE_KEY && token.is_logged_in)
        token.found[token.n_found++] = handle_of(PRIVATE_KEY);
    if (class == CKO_PUBLIC_KEY)
        token.found[token.n_found++] = handle_of(PUBLIC_KEY);
    return CKR_OK;
}

static CK_RV
find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *ret, CK_ULONG max, CK_ULONG *n)
{
    ENTER_SESSION(CALL_FIND_OBJECTS);
    *n = token.n_found < max ? token.n_found : max;
    memcpy(ret, token.found, *n * sizeof *ret);
    token.n_found -= *n;
    return CKR_OK;
}

static CK_RV
find_objects_final(CK_SESSION_HANDLE session)
{
    ENTER_SESSION(CALL_FIND_OBJECTS_FINAL);
    return CKR_OK;
}

/* CK_UNAVAILABLE_INFORMATION where it does not fit. */
static CK_RV
give(CK_ATTRIBUTE *a, const void *value, size_t len)
{
    if (a->pValue && a->ulValueLen < len) {
        a->ulValueLen = (CK_ULONG)-1;
        return CKR_BUFFER_TOO_SMALL;
    }

    if (a->pValue)
        memcpy(a->pValue, value, len);
    a->ulValueLen = len;
    return CKR_OK;
}

static CK_RV
give_attribute(CK_ATTRIBUTE *a, int object)
{
    CK_KEY_TYPE type = CKK_EC;
    CK_BBOOL is_signing = object == PRIVATE_KEY, no = CK_FALSE;
    CK_BYTE point[2 + 1 + 2 * COORDINATE] = {0x04, 1 + 2 * COORDINATE};
    size_t len = 0;

    switch (a->type) {
    case CKA_ID:
        return give(a, "\x01", 1);
    case CKA_LABEL:
        return give(a, "key", 3);
    case CKA_KEY_TYPE:
        return give(a, &type, sizeof type);
    case CKA_SIGN:
        return give(a, &is_signing, sizeof is_signing);
    case CKA_ALWAYS_AUTHENTICATE:
    case CKA_EXTRACTABLE:
    case CKA_LOCAL:
        return give(a, &no, sizeof no);
    case CKA_EC_PARAMS:
        return give(a, parameters, sizeof parameters);
    case CKA_EC_POINT:
        if (!EVP_PKEY_get_octet_string_param(token.key, "pub", point + 2, sizeof point - 2, &len))
            return CKR_GENERAL_ERROR;
        return give(a, point, sizeof point);
    default:
        a->ulValueLen = (CK_ULONG)-1;
        return CKR_ATTRIBUTE_TYPE_INVALID;
    }
}

static CK_RV
get_attribute_value(
    CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE *wanted, CK_ULONG n)
{
    CK_RV rv = CKR_OK;

    ENTER_SESSION(CALL_GET_ATTRIBUTE_VALUE);
    bool is_private = handle == handle_of(PRIVATE_KEY) && token.is_logged_in;
    if (!is_private && handle != handle_of(PUBLIC_KEY))
        return CKR_OBJECT_HANDLE_INVALID;

    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV one = give_attribute(&wanted[i], is_private ? PRIVATE_KEY : PUBLIC_KEY);
        rv = one != CKR_OK ? one : rv;
    }
    return rv;
}

static CK_RV
sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    ENTER_SESSION(CALL_SIGN_INIT);
    if (!token.is_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    if (token.is_signing)
        return CKR_OPERATION_ACTIVE;
    if (key != handle_of(PRIVATE_KEY))
        return CKR_KEY_HANDLE_INVALID;
    if (mechanism->mechanism != CKM_ECDSA)
        return CKR_MECHANISM_INVALID;

    token.is_signing = true;
    return CKR_OK;
}

/* r and s beside each other. */
static bool
sign_digest(CK_BYTE raw[2 * COORDINATE], const CK_BYTE *digest, size_t len)
{
    CK_BYTE der[128];
    const CK_BYTE *at = der;
    size_t der_len = sizeof der;

    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(token.key, NULL);
    bool has_signed = context && EVP_PKEY_sign_init(context) == 1 &&
                      EVP_PKEY_sign(context, der, &der_len, digest, len) == 1;
    EVP_PKEY_CTX_free(context);
    ECDSA_SIG *signature = has_signed ? d2i_ECDSA_SIG(NULL, &at, (long)der_len) : NULL;
    has_signed =
        signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE) == COORDINATE &&
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE, COORDINATE) == COORDINATE;
    ECDSA_SIG_free(signature);
    return has_signed;
}

static CK_RV
sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *ret, CK_ULONG *ret_len)
{
    CK_BYTE digest[64] = {0};

    token.is_signing = false;
    ENTER_SESSION(CALL_SIGN);
    if (!token.is_logged_in)
        return CKR_USER_NOT_LOGGED_IN;
    if (len > sizeof digest || *ret_len < 2 * COORDINATE)
        return CKR_DATA_LEN_RANGE;

    memcpy(digest, data, len);
    if (special == FAULT_WRONG)
        digest[0] ^= 1;
    if (!sign_digest(ret, digest, len))
        return CKR_FUNCTION_FAILED;

    token.control->n_signatures++;
    *ret_len = special == FAULT_SHORT  ? COORDINATE
               : special == FAULT_LONG ? *ret_len + 1
                                       : 2 * COORDINATE;
    return CKR_OK;
}

static CK_RV
generate_random(CK_SESSION_HANDLE session, CK_BYTE *ret, CK_ULONG len)
{
    ENTER_SESSION(CALL_GENERATE_RANDOM);
    memset(ret, 4, len);
    return CKR_OK;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret);

__attribute__((visibility("default"))) CK_RV
C_GetFunctionList(CK_FUNCTION_LIST **ret)
{
    static CK_FUNCTION_LIST functions = {
        .version = {2, 40},
        .C_Initialize = initialize,
        .C_Finalize = finalize,
        .C_GetFunctionList = C_GetFunctionList,
        .C_GetSlotList = get_slot_list,
        .C_GetSlotInfo = get_slot_info,
        .C_GetTokenInfo = get_token_info,
        .C_GetMechanismList = get_mechanism_list,
        .C_OpenSession = open_session,
        .C_CloseSession = close_session,
        .C_GetSessionInfo = get_session_info,
        .C_Login = login,
        .C_FindObjectsInit = find_objects_init,
        .C_FindObjects = find_objects,
        .C_FindObjectsFinal = find_objects_final,
        .C_GetAttributeValue = get_attribute_value,
        .C_SignInit = sign_init,
        .C_Sign = sign,
        .C_GenerateRandom = generate_random,
    };

    *ret = &functions;
    return CKR_OK;
}
