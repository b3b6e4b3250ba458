/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/hasher.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

struct hasher {
    EVP_MD_CTX *context;
    EVP_MD_CTX *spare; /* to end with, so that the other can go on */
};

/* OpenSSL fails here only where its caller is wrong, or SHA-256 is gone from the library, which
 * hasher_new() has seen. */
static void
must(int is_done)
{
    assert(is_done == 1);
    (void)is_done;
}

enum rc
hasher_new(struct hasher **ret, struct why *why)
{
    closing(hasher_freep) struct hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return fail_memory(why);

    hasher->context = EVP_MD_CTX_new();
    hasher->spare = EVP_MD_CTX_new();
    if (!hasher->context || !hasher->spare ||
        EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1)
        return fail_memory(why);

    *ret = steal(hasher);
    return RC_OK;
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

void
hasher_digest(struct digest *ret, struct hasher *hasher)
{
    unsigned len = 0;

    must(EVP_MD_CTX_copy_ex(hasher->spare, hasher->context));
    must(EVP_DigestFinal_ex(hasher->spare, ret->b, &len));
    assert(len == sizeof ret->b);
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
