/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A public key out of the pieces that a token keeps: what is put together of them is one key for
 * OpenSSL, or none.
 */
#include "agent/token/spki.h"

#include <openssl/x509.h>

#include "proto/pubkey.h"
#include "tests/fuzz.h"

static void
check(const struct bytes *spki)
{
    closing(pubkey_unrefp) struct pubkey *key = NULL;
    const unsigned char *at = spki->p;

    if (bytes_check(spki, NULL) || pubkey_from_spki(&key, bytes_span(spki), NULL))
        return;

    assert(span_eq(pubkey_spki(key), bytes_span(spki)));
    EVP_PKEY *evp = d2i_PUBKEY(NULL, &at, (long)spki->len);
    assert(evp && at == spki->p + spki->len);
    assert(EVP_PKEY_eq(evp, pubkey_evp(key)) == 1);
    EVP_PKEY_free(evp);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    closing(bytes_done) struct bytes ec = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes edwards = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes rsa = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    closing(bytes_done) struct bytes certified = BYTES_INIT(PUBLIC_KEY_MAX_BYTES);
    struct span rest = {data, len};
    struct span first = fuzz_part(&rest);

    spki_put_ec(&ec, first, rest);
    check(&ec);
    spki_put_ed25519(&edwards, first, rest);
    check(&edwards);
    spki_put_rsa(&rsa, first, rest);
    check(&rsa);
    if (spki_put_certificate(&certified, (struct span){data, len}, NULL))
        assert(certified.len == 0);
    else
        check(&certified);

    return 0;
}
