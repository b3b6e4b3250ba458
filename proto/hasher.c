/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hasher.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct hasher {
    EVP_MD_CTX *context;
    EVP_MD_CTX *spare; /* to end with, so that the other can go on */
};

/* OpenSSL fails here only where its caller is wrong, or a hash is gone from the library, which
 * making the hasher has seen. */
static void
must(int is_done)
{
    assert(is_done == 1);
    (void)is_done;
}

static enum rc
make(struct hasher **ret, const EVP_MD *hash, struct why *why)
{
    closing(hasher_freep) struct hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return fail_memory(why);

    hasher->context = EVP_MD_CTX_new();
    hasher->spare = EVP_MD_CTX_new();
    if (!hasher->context || !hasher->spare || EVP_DigestInit_ex(hasher->context, hash, NULL) != 1)
        return fail_memory(why);

    *ret = steal(hasher);
    return RC_OK;
}

enum rc
hasher_new(struct hasher **ret, struct why *why)
{
    return make(ret, EVP_sha256(), why);
}

enum rc
hasher_new_long(struct hasher **ret, struct why *why)
{
    return make(ret, EVP_sha512(), why);
}

void
hasher_free(struct hasher *hasher)
{
    if (!hasher)
        return;

    EVP_MD_CTX_free(hasher->context);
    EVP_MD_CTX_free(hasher->spare);
    free(hasher);
}

void
hasher_add(struct hasher *hasher, struct span piece)
{
    must(EVP_DigestUpdate(hasher->context, piece.p, piece.len));
}

static void
end(uint8_t *ret, unsigned want_len, struct hasher *hasher)
{
    uint8_t value[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    must(EVP_MD_CTX_copy_ex(hasher->spare, hasher->context));
    must(EVP_DigestFinal_ex(hasher->spare, value, &len));
    assert(len == want_len);
    memcpy(ret, value, want_len);
}

void
hasher_digest(struct digest *ret, struct hasher *hasher)
{
    end(ret->b, sizeof ret->b, hasher);
}

void
hasher_digest_long(uint8_t ret[HASHER_LONG_BYTES], struct hasher *hasher)
{
    end(ret, HASHER_LONG_BYTES, hasher);
}

void
hasher_reset(struct hasher *hasher)
{
    must(EVP_DigestInit_ex(hasher->context, NULL, NULL));
}

void
hasher_copy(struct hasher *hasher, const struct hasher *from)
{
    must(EVP_MD_CTX_copy_ex(hasher->context, from->context));
}
